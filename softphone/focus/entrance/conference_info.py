"""The conference event package (RFC 4575): the roster as phones show it, whole or what changed of it, in XML."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeVar
from urllib.parse import quote
from xml.etree import ElementTree as xml
from xml.sax.saxutils import quoteattr

from softphone.markup import writable
from softphone.sip.services.conference_event import CONTENT_TYPE, NAMESPACE, PACKAGE
from softphone.sip.services.notifier import Pending

__all__ = ["ConferenceInfo", "ConferencePackage", "Told", "User", "UserEndpoint", "sip_uri"]

T = TypeVar("T")

XML = b'<?xml version="1.0" encoding="UTF-8"?>'

# Users who left are remembered for readers that are told later; who knows less than that is told all.
MOST_GONE = 1000
# Documents that are kept as long as nothing changes: one for each version that somebody knows.
MOST_WRITTEN = 4

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


class ConferenceInfo:
    """What is told of a conference, as a log of changes: who changed last stands last.

    Each user is written once for each of its changes, whoever is told of it. A document for who knows an older version
    has what has changed since; one for who knows nothing, or has missed what is forgotten, has all.

    Parameters
    ----------
    entity
        URI of the conference.
    title
        As phones show it.

    Attributes
    ----------
    version
        Rises with each change.
    """

    def __init__(self, entity: str, title: str) -> None:
        self.version = 1
        self._entity, self._title = entity, title
        self._users: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._forgotten = 0
        self._about = self._state = 1
        self._max_users, self._locked = 0, False
        self._written: dict[int, tuple[bytes, bytes]] = {}

    def __len__(self) -> int:
        return len(self._users)

    def be(self, *, max_users: int, locked: bool) -> None:
        """Have room for so many, and be locked or open."""
        if max_users != self._max_users:
            self._max_users, self._about = max_users, self._next()
        if locked != self._locked:
            self._locked, self._state = locked, self._next()

    def put(self, user: User) -> None:
        """Show a user, as it is now."""
        text = _user(user)
        before = self._users.get(user.entity)
        if before is not None and before[1] == text:
            return
        self._gone.pop(user.entity, None)
        self._users[user.entity] = self._next(), text
        self._users.move_to_end(user.entity)
        if before is None:
            self._state = self.version

    def drop(self, entity: str) -> None:
        """Show a user no more; one that is not shown is no error."""
        if self._users.pop(entity, None) is not None:
            self._gone[entity] = self._state = self._next()
            while len(self._gone) > MOST_GONE:
                _, self._forgotten = self._gone.popitem(last=False)

    def document(self, known: int | None, number: int) -> bytes | None:
        """Write a conference-info document (RFC 4575 section 5).

        Parameters
        ----------
        known
            The version that the reader knows; None: it knows nothing.
        number
            Of the document in its subscription, where they rise by one.

        Returns
        -------
        bytes or None
            UTF-8; None when nothing has changed.
        """
        if known == self.version:
            return None
        known = 0 if known is None or known < self._forgotten else known
        if known not in self._written:
            # Readers that are slower than most are few, and what is written for them may be written again.
            if len(self._written) >= MOST_WRITTEN:
                self._written.clear()
            self._written[known] = self._write(known)
        before, after = self._written[known]
        return b"%b%d%b" % (before, number, after)

    def _next(self) -> int:
        self.version += 1
        self._written.clear()
        return self.version

    def _write(self, known: int) -> tuple[bytes, bytes]:
        """Write what has changed since a version, up to the number of the document, and what follows it."""
        word = b"partial" if known else b"full"
        parts = [b'" state="%b">' % word]
        if self._about > known:
            parts.append(_about(self._title, self._max_users))
        if self._state > known:
            parts.append(_state(len(self._users), self._locked))
        parts.append(b'<users state="%b">' % word)
        parts += _since(known, ((version, text) for version, text in reversed(self._users.values())))
        if known:
            gone = ((version, entity) for entity, version in reversed(self._gone.items()))
            parts += [_deleted(entity) for entity in _since(known, gone)]
        parts.append(b"</users></conference-info>")
        start = b'<conference-info xmlns=%b entity=%b version="' % (_value(NAMESPACE), _value(self._entity))
        return XML + start, b"".join(parts)


@dataclass(frozen=True, slots=True)
class Told:
    """What a subscriber knows: a version of what is told of one conference."""

    info: ConferenceInfo
    version: int


class ConferencePackage:
    """The package as `softphone.sip.services.notifier` wants it.

    Parameters
    ----------
    roster
        Gives what is told of a conference by a resource; None when there is no such conference.
    """

    name = PACKAGE
    content_type = CONTENT_TYPE

    def __init__(self, roster: Callable[[str], ConferenceInfo | Pending | None]) -> None:
        self._roster = roster

    def state(self, resource: str) -> Told | Pending | None:
        """Give what is told now."""
        found = self._roster(resource)
        return Told(found, found.version) if isinstance(found, ConferenceInfo) else found

    def document(self, state: Told, previous: Told | None, version: int) -> bytes | None:
        """Write the whole roster, or what has changed since `previous`, which may be of another conference."""
        known = previous.version if previous is not None and previous.info is state.info else None
        return state.info.document(known, version)


def sip_uri(user: str, host: str, port: int | None = None) -> str:
    """Write a SIP URI, which is one whatever the user is (RFC 3261 section 19.1.2)."""
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    where = quote(host, safe="[]:", errors="replace")
    return f"sip:{quote(user, safe=USER, errors='replace')}@{where}{'' if port is None else f':{port}'}"


def _since(known: int, changes: Iterable[tuple[int, T]]) -> list[T]:
    """Give what is newer than a version, of changes with the newest first; the oldest first."""
    newer = [what for version, what in takewhile(lambda change: change[0] > known, changes)]
    return newer[::-1]


def _about(title: str, max_users: int) -> bytes:
    about = xml.Element("conference-description")
    _text(about, "display-text", title)
    _text(about, "maximum-user-count", str(max_users))
    return _bytes(about)


def _state(users: int, locked: bool) -> bytes:
    state = xml.Element("conference-state")
    _text(state, "user-count", str(users))
    _text(state, "active", "true" if users else "false")
    _text(state, "locked", "true" if locked else "false")
    return _bytes(state)


def _user(user: User) -> bytes:
    element = xml.Element("user", entity=_chars(user.entity), state="full")
    if user.name:
        _text(element, "display-text", user.name)
    roles = xml.SubElement(element, "roles")
    for role in user.roles:
        _text(roles, "entry", role)
    for endpoint in user.endpoints:
        _endpoint(element, endpoint)
    return _bytes(element)


def _deleted(entity: str) -> bytes:
    return _bytes(xml.Element("user", entity=_chars(entity), state="deleted"))


def _endpoint(parent: xml.Element, endpoint: UserEndpoint) -> None:
    element = xml.SubElement(parent, "endpoint", entity=_chars(endpoint.entity))
    _text(element, "status", endpoint.status)
    _text(element, "joining-method", endpoint.joined_by)
    media = xml.SubElement(element, "media", id="1")
    _text(media, "type", "audio")
    _text(media, "status", endpoint.media)


def _text(parent: xml.Element, tag: str, text: str) -> None:
    xml.SubElement(parent, tag).text = _chars(text)


def _bytes(element: xml.Element) -> bytes:
    return xml.tostring(element, "unicode").encode()


def _value(text: str) -> bytes:
    """Write the value of an attribute, quotes included."""
    return quoteattr(_chars(text)).encode()


def _chars(text: str) -> str:
    return writable(text)
