"""The conference event package (RFC 4575): the roster as phones show it, whole or what changed of it, in XML."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree import ElementTree as xml

from softphone.sip.services.notifier import Pending

__all__ = ["CONTENT_TYPE", "ConferencePackage", "UserEndpoint", "ConferenceInfo", "User", "document", "sip_uri"]


CONTENT_TYPE = "application/conference-info+xml"
NAMESPACE = "urn:ietf:params:xml:ns:conference-info"

xml.register_namespace("", NAMESPACE)

# What is no Char of XML 1.0 (section 2.2) cannot be written into a document, by no way of escaping.
NO_CHAR = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# What the user part of a SIP URI has unescaped: unreserved and user-unreserved (RFC 3261 section 25.1).
USER = "-_.!~*'()&=+$,;?/"


@dataclass(frozen=True, slots=True)
class UserEndpoint:
    """One call of a user into the conference."""

    entity: str
    "Tells it from the user's other calls: a URI."
    status: str
    "``connected``, ``on-hold``, ``muted-via-focus``, ``pending`` (RFC 4575 section 5.7.2)."
    joined_by: str
    "``dialed-in`` or ``dialed-out`` (section 5.7.3)."
    media: str
    "``sendrecv``, ``recvonly`` (its microphone is off), ``sendonly`` (it hears nothing) or ``inactive``."


@dataclass(frozen=True, slots=True)
class User:
    """A participant; one with two calls has two endpoints."""

    entity: str
    "Its SIP URI."
    name: str
    roles: tuple[str, ...]
    endpoints: tuple[UserEndpoint, ...]


@dataclass(frozen=True, slots=True)
class ConferenceInfo:
    """The state of a conference, as it is told."""

    entity: str
    "URI of the conference."
    title: str
    max_users: int
    locked: bool
    users: tuple[User, ...]


class ConferencePackage:
    """The package as `softphone.sip.services.notifier` wants it.

    Parameters
    ----------
    roster
        Gives the roster of a session id; None when there is no such conference.
    """

    name = "conference"
    content_type = CONTENT_TYPE

    def __init__(self, roster: Callable[[str], ConferenceInfo | Pending | None]) -> None:
        self._roster = roster

    def state(self, resource: str) -> ConferenceInfo | Pending | None:
        """Give the roster of a session id."""
        return self._roster(resource)

    def document(self, state: ConferenceInfo, previous: ConferenceInfo | None, version: int) -> bytes | None:
        """Write the whole roster, or what has changed since `previous`."""
        return document(state, previous, version)


def sip_uri(user: str, host: str, port: int | None = None) -> str:
    """Write a SIP URI, which is one whatever the user is (RFC 3261 section 19.1.2)."""
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    where = quote(host, safe="[]:", errors="replace")
    return f"sip:{quote(user, safe=USER, errors='replace')}@{where}{'' if port is None else f':{port}'}"


def document(roster: ConferenceInfo, previous: ConferenceInfo | None, version: int) -> bytes | None:
    """Write a conference-info document (RFC 4575 section 5).

    Parameters
    ----------
    roster
        The state that it leads to.
    previous
        What the reader knows; None: nothing, so the document holds all.
    version
        Rises by one with each document of a subscription.

    Returns
    -------
    bytes or None
        UTF-8; None when nothing changed.
    """
    if roster == previous:
        return None
    whole = previous is None
    root = xml.Element(_name("conference-info"), entity=_chars(roster.entity), version=str(version), state=_word(whole))
    if previous is None:
        about = xml.SubElement(root, _name("conference-description"))
        _text(about, "display-text", roster.title)
        _text(about, "maximum-user-count", str(roster.max_users))
    if previous is None or _summary(previous) != _summary(roster):
        state = xml.SubElement(root, _name("conference-state"))
        _text(state, "user-count", str(len(roster.users)))
        _text(state, "active", "true" if roster.users else "false")
        _text(state, "locked", "true" if roster.locked else "false")
    users = xml.SubElement(root, _name("users"), state=_word(whole))
    known = {} if previous is None else {user.entity: user for user in previous.users}
    _users(users, (user for user in roster.users if known.get(user.entity) != user))
    for entity in sorted(known.keys() - {user.entity for user in roster.users}):
        xml.SubElement(users, _name("user"), entity=_chars(entity), state="deleted")
    text: bytes = xml.tostring(root, "utf-8", xml_declaration=True)
    return text


def _summary(roster: ConferenceInfo) -> tuple[int, bool]:
    return len(roster.users), roster.locked


def _users(parent: xml.Element, users: Iterable[User]) -> None:
    for user in users:
        element = xml.SubElement(parent, _name("user"), entity=_chars(user.entity), state="full")
        if user.name:
            _text(element, "display-text", user.name)
        roles = xml.SubElement(element, _name("roles"))
        for role in user.roles:
            _text(roles, "entry", role)
        for endpoint in user.endpoints:
            _endpoint(element, endpoint)


def _endpoint(parent: xml.Element, endpoint: UserEndpoint) -> None:
    element = xml.SubElement(parent, _name("endpoint"), entity=_chars(endpoint.entity))
    _text(element, "status", endpoint.status)
    _text(element, "joining-method", endpoint.joined_by)
    media = xml.SubElement(element, _name("media"), id="1")
    _text(media, "type", "audio")
    _text(media, "status", endpoint.media)


def _word(whole: bool) -> str:
    return "full" if whole else "partial"


def _name(tag: str) -> str:
    return f"{{{NAMESPACE}}}{tag}"


def _text(parent: xml.Element, tag: str, text: str) -> None:
    xml.SubElement(parent, _name(tag)).text = _chars(text)


def _chars(text: str) -> str:
    return NO_CHAR.sub("", text)
