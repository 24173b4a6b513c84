"""Event filters: the paths and queries by which a subscription says of what it wants to be told. Values only.

Those that are known::

    /restapi/v1.0/account/~/extension/~/telephony/sessions        of the calls and conferences of one extension
    /restapi/v1.0/account/~/telephony/sessions                    of all
    /restapi/v1.0/account/~/extension/~/presence                  whether an extension is busy
    /restapi/v1.0/account/~/presence                              whether any is

Those of sessions take ``direction`` and ``statusCode``, those of presence ``detailedTelephonyState``, all
``sipData``.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

__all__ = ["BadFilter", "EventFilter", "EventKind", "Meant"]

ACCOUNT = "/restapi/v1.0/account/"
FORM = re.compile(
    re.escape(ACCOUNT)
    + r"(?P<account>[^/?]+)(?:/extension/(?P<extension>[^/?]+))?/(?P<kind>telephony/sessions|presence)/?"
)
LONGEST = 1000

# What a query may say: the words that are known, in any case; none: any word.
FLAG = ("true", "false")
DIRECTIONS = ("Inbound", "Outbound")
STATUSES = ("Setup", "Proceeding", "Answered", "Hold", "Parked", "Disconnected", "Gone")


class EventKind(Enum):
    """What a filter is of; its value is the end of the path."""

    SESSIONS = "telephony/sessions"
    PRESENCE = "presence"


PARAMETERS: Mapping[EventKind, Mapping[str, Collection[str]]] = {
    EventKind.SESSIONS: {"direction": DIRECTIONS, "statusCode": STATUSES, "sipData": FLAG},
    EventKind.PRESENCE: {"detailedTelephonyState": FLAG, "sipData": FLAG},
}


class BadFilter(ValueError):
    """It is none that is known."""


@dataclass(frozen=True, slots=True)
class Meant:
    """Who a filter says it is of: an account, and an extension of it; as written, ``~`` is one's own."""

    account: str
    extension: str | None
    "None: all of the account."


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Of what a subscription wants to be told."""

    kind: EventKind
    meant: Meant
    query: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "EventFilter":
        """Read one; raises BadFilter."""
        path, _, query = text.partition("?")
        match = FORM.fullmatch(path)
        if match is None or len(text) > LONGEST:
            raise BadFilter(text)
        kind = EventKind(match["kind"])
        said = tuple(_known(kind, name, value, text) for name, value in parse_qsl(query, keep_blank_values=True))
        return cls(kind, Meant(match["account"], match["extension"]), said)

    def of(self, account: str, extension: str | None) -> "EventFilter":
        """Give the same of the ids that are meant."""
        return EventFilter(self.kind, Meant(account, extension), self.query)

    @property
    def path(self) -> str:
        """Without what the query says: the event that is delivered."""
        whose = "" if self.meant.extension is None else f"/extension/{quote(self.meant.extension, safe='~')}"
        return f"{ACCOUNT}{quote(self.meant.account, safe='~')}{whose}/{self.kind.value}"

    def __str__(self) -> str:
        """Write it as it is shown."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def detailed(self) -> bool:
        """Whether presence tells each call."""
        return ("detailedTelephonyState", "true") in self.query

    @property
    def sip_data(self) -> bool:
        """Whether each call is told with its SIP dialog."""
        return ("sipData", "true") in self.query

    def takes(self, party: Mapping[str, Any]) -> bool:
        """Whether a change of a party, as it is told, is one of those that are wanted."""
        told = {"direction": party["direction"], "statusCode": party["status"]["code"]}
        return all(value in self._wanted(name) for name, value in told.items() if self._wanted(name))

    def _wanted(self, name: str) -> list[str]:
        return [value for each, value in self.query if each == name]


def _known(kind: EventKind, name: str, value: str, text: str) -> tuple[str, str]:
    """Give a parameter and its word as we spell them; raises BadFilter."""
    for word in PARAMETERS[kind].get(name, ()):
        if word.lower() == value.lower():
            return name, word
    raise BadFilter(text)
