"""Conference state from RFC 4575 documents, full and partial."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from softphone.errors import SoftphoneError
from softphone.markup import BadMarkup, Bounds, Element, parse
from softphone.sip.services.conference_event import NAMESPACE
from softphone.text import shown

__all__ = ["ConferenceDocument", "ConferenceReader", "ConferenceState", "ConferenceUser"]

IN = f"{{{NAMESPACE}}}"

BOUNDS = Bounds(4_000_000, elements=100_000, depth=16)
"""Of a roster of some 5,000 users; nobody has us read more."""
USERS_MAX = 20_000
URI_MAX = 1_000


class ConferenceDocument(SoftphoneError):
    """A document of a conference's state that cannot be read, or that says what changed of one that was never seen."""


@dataclass(frozen=True, slots=True)
class ConferenceUser:
    """Somebody in a conference, by one call (an endpoint, RFC 4575 section 5.7).

    Attributes
    ----------
    uri, name
        Who it is; the name is "" when none was told.
    roles
        As the focus names them, for example ``("host",)``.
    status
        ``connected``, ``on-hold``, ``muted-via-focus``, ``pending``, ``alerting``, ``dialing-in``, ``dialing-out``,
        ``disconnecting`` or ``disconnected``; "" when it was not told.
    media
        What its audio is, as it sees it: ``sendrecv``, ``recvonly`` (it is not heard), ``sendonly``, ``inactive``; ""
        when it was not told.
    """

    uri: str
    name: str = ""
    roles: tuple[str, ...] = ()
    status: str = ""
    media: str = ""

    @property
    def muted(self) -> bool:
        """Whether it is in, and not heard by the others."""
        return self.status == "muted-via-focus" or (
            self.status == "connected" and self.media in ("recvonly", "inactive")
        )


@dataclass(frozen=True, slots=True)
class ConferenceState:
    """A conference at one moment.

    Attributes
    ----------
    uri, title
        Of the conference; the title is "" when none was told.
    locked
        Whether nobody comes in any more; None when it was not told.
    users
        Who is in it, in the order in which they were told of first.
    """

    uri: str
    title: str = ""
    locked: bool | None = None
    users: tuple[ConferenceUser, ...] = ()


@dataclass
class _User:
    name: str = ""
    roles: tuple[str, ...] = ()
    endpoints: dict[str, tuple[str, str]] = field(default_factory=dict)
    "Status and media, by entity."


class ConferenceReader:
    """Reads the documents of one subscription, one after the other."""

    def __init__(self) -> None:
        self._version = -1
        self._uri, self._title = "", ""
        self._locked: bool | None = None
        self._users: dict[str, _User] = {}

    def read(self, document: bytes) -> ConferenceState:
        """Take the next document, and give what is so now.

        Raises
        ------
        ConferenceDocument
            It cannot be read, or one before it has not come: all has to be told anew (RFC 4575 section 4.6).
        """
        root = _root(document)
        version, whole = _number(root.get("version")), _is_whole(root)
        if version <= self._version and not whole:
            return self.state  # one that was told before
        if not whole and version != self._version + 1:
            raise ConferenceDocument(f"document {version} came after {self._version}")
        self._version, self._uri = version, _uri(root.get("entity"))
        self._describe(root)
        self._take_users(root.find(f"{IN}users"), whole=whole)
        return self.state

    @property
    def state(self) -> ConferenceState:
        """What was read last."""
        users = tuple(
            ConferenceUser(uri, user.name, user.roles, *endpoint)
            for uri, user in self._users.items()
            for endpoint in user.endpoints.values()
        )
        return ConferenceState(self._uri, self._title, self._locked, users)

    def _describe(self, root: Element) -> None:
        title = root.findtext(f"{IN}conference-description/{IN}display-text")
        locked = root.findtext(f"{IN}conference-state/{IN}locked")
        self._title = self._title if title is None else _words(title)
        self._locked = self._locked if locked is None else locked.strip() in ("true", "1")

    def _take_users(self, users: Element | None, *, whole: bool) -> None:
        if whole or (users is not None and _is_whole(users)):
            self._users.clear()
        for element, entity in _entities(users, "user"):
            if element.get("state") == "deleted":
                self._users.pop(entity, None)
            elif entity in self._users or len(self._users) < USERS_MAX:
                _take(self._users.setdefault(entity, _User()), element)


def _take(user: _User, element: Element) -> None:
    """Take what is told of a user: all of it, or what has changed."""
    if _is_whole(element):
        user.name, user.roles = "", ()
        user.endpoints.clear()
    if (name := element.findtext(f"{IN}display-text")) is not None:
        user.name = _words(name)
    if (roles := element.find(f"{IN}roles")) is not None:
        user.roles = tuple(_words(each.text) for each in roles.iterfind(f"{IN}entry"))
    for endpoint, entity in _entities(element, "endpoint"):
        if endpoint.get("state") == "deleted":
            user.endpoints.pop(entity, None)
            continue
        before = ("", "") if _is_whole(endpoint) else user.endpoints.get(entity, ("", ""))
        told = (endpoint.findtext(f"{IN}status"), _audio(endpoint))
        status, media = (old if new is None else _words(new) for old, new in zip(before, told, strict=True))
        user.endpoints[entity] = status, media


def _audio(endpoint: Element) -> str | None:
    """Give the status of the audio stream of an endpoint: of the one that says so, else of its only one."""
    streams = endpoint.findall(f"{IN}media")
    sound = [each for each in streams if (each.findtext(f"{IN}type") or "audio").strip() == "audio"]
    return sound[0].findtext(f"{IN}status") if sound else None


def _root(document: bytes) -> Element:
    try:
        root = parse(document, BOUNDS)
    except BadMarkup as error:
        raise ConferenceDocument(f"no document of a conference's state: {error}") from error
    if root.tag != f"{IN}conference-info":
        raise ConferenceDocument(f"no document of a conference's state: {root.tag[:64]}")
    return root


def _entities(parent: Element | None, name: str) -> Iterator[tuple[Element, str]]:
    """Give the children of a name, with what tells each from the others."""
    for element in () if parent is None else parent.iterfind(f"{IN}{name}"):
        yield element, _uri(element.get("entity"))


def _is_whole(element: Element) -> bool:
    """Whether an element says all there is of it (RFC 4575 section 4.4)."""
    return element.get("state", "full") == "full"


def _number(text: str | None) -> int:
    said = (text or "").strip()
    if not (said.isascii() and said.isdigit() and len(said) < 20):
        raise ConferenceDocument(f"a document without a version: {said[:32]!r}")
    return int(said)


def _uri(text: str | None) -> str:
    return (text or "").strip()[:URI_MAX]


def _words(text: str | None) -> str:
    return shown(text or "")
