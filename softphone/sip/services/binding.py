"""A binding of the registrar (RFC 3261 section 10): one phone of a user, and its path.

Of ours also what names it over its restarts (RFC 5626 section 4.1), so that a registrar knows it again.
"""

import contextlib
import fcntl
import os
import platform
import tempfile
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from softphone.errors import SipNetworkError
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request
from softphone.sip.message.uri import Uri, number_of
from softphone.sip.transport.hop import WS, WSS, Hop
from softphone.sip.where.locate import hop_of
from softphone.sip.where.route import is_direct, reach

__all__ = ["Binding", "Instance", "by_telephone", "same_address"]

# What makes two URIs different even if only one has it (RFC 3261 section 19.1.4).
TELLING = ("transport", "user", "ttl", "method", "maddr")


@dataclass(frozen=True)
class Binding:
    """One telephone of a user.

    Attributes
    ----------
    user
        Whom its address of record means, as `number_of` spells it.
    contact
        The Contact as it was registered.
    hop
        Where requests for it are sent: its Contact's address, or the flow it registered over if that is not direct.
    expires_at
        End of the registration, on the clock of `Registrar.handle`.
    came
        Where its REGISTER came from.
    refreshed_at
        When, on the same clock.
    direct
        Whether it can be reached where its Contact says; else there is a NAT or a connection.
    failures
        Attempts in a row to reach it that nobody answered.
    path
        The proxies that requests for it go through (RFC 3327), as URIs, the first one first.
    agent
        What the telephone calls itself, its User-Agent.
    """

    user: str
    contact: Address
    hop: Hop
    expires_at: float
    call_id: str
    cseq: int
    came: Hop
    refreshed_at: float
    direct: bool = True
    failures: int = 0
    path: tuple[str, ...] = ()
    agent: str = ""

    @classmethod
    def of(cls, contact: Address, request: Request, source: Hop, now: float, lifetime_s: float) -> "Binding":
        """Make the binding of one Contact of a REGISTER.

        Raises
        ------
        SipNetworkError
            It cannot be reached: it is no SIP URI, or asks for what only a flow could do, and there is none.
        BadMessage
            Its Path is none.
        """
        if contact.uri.scheme not in ("sip", "sips"):
            raise SipNetworkError(f"{contact.uri} is no SIP URI")
        direct = is_direct(request, source)
        path = [each for line in request.get_all("Path") for each in Address.parse_list(line)]
        first = path[0].uri if path else contact.uri
        if direct and hop_of(first).kind in (WS, WSS):
            raise SipNetworkError(f"{first}: clients alone open WebSockets (RFC 7118 section 5)")
        where = reach(first, source, trusted=True) if direct else source
        hop = where if isinstance(where, Hop) else hop_of(where)
        user, cseq = number_of(request.to.uri), request.cseq.number
        proxies = tuple(str(each.uri) for each in path)
        agent = request.get("User-Agent") or ""
        return cls(
            user, contact, hop, now + lifetime_s, request.call_id, cseq, source, now, direct, path=proxies, agent=agent
        )

    @property
    def uri(self) -> str:
        """The Contact URI: Request-URI of requests for it."""
        return str(self.contact.uri)

    @property
    def q(self) -> float:
        """Preference, 0 to 1 (RFC 3261 section 20.10); 1 if not said."""
        try:
            return min(1.0, max(0.0, float(self.contact.params.get("q") or 1.0)))
        except ValueError:
            return 1.0

    @property
    def instance(self) -> str:
        """What names the telephone over changes of its address (RFC 5626 section 4.1), "" if nothing does."""
        return self.contact.params.get("+sip.instance") or ""

    @property
    def flow_id(self) -> str:
        """What names one of the flows of a telephone over changes of its address, "" if nothing does."""
        return self.instance and f"{self.instance};{self.contact.params.get('reg-id') or ''}"

    @property
    def has_flow(self) -> bool:
        """Whether it is reached by a connection."""
        return self.hop.connection is not None

    @property
    def is_behind_nat(self) -> bool:
        """Whether it is reached by UDP through the mapping of a NAT, which is forgotten when it is not used."""
        return not self.direct and not self.hop.reliable

    def without_flow(self) -> "Binding | None":
        """Return what is left of it when its connection is closed: its Contact, if that is where it really was."""
        try:
            where = hop_of(Uri.parse(self.path[0]) if self.path else self.contact.uri)
        except SipNetworkError:
            return None
        return replace(self, hop=where, failures=1) if where.host == self.came.host else None

    def replaces(self, other: "Binding") -> bool:
        """Whether both are the same telephone, by the same of its flows."""
        if self.flow_id or other.flow_id:
            return self.flow_id == other.flow_id
        return same_address(self.contact.uri, other.contact.uri)


def by_telephone(bindings: Iterable[Binding]) -> list[list[Binding]]:
    """Put the flows of one telephone together: only one of them is used at a time (RFC 5626 section 5.3).

    Returns
    -------
    list
        Of each telephone its flows in the order they are tried in: those that failed last, then the latest registered
        first. A binding that names no instance is a telephone of its own.
    """
    telephones: dict[str | int, list[Binding]] = {}
    for number, binding in enumerate(bindings):
        telephones.setdefault(binding.instance or number, []).append(binding)
    return [sorted(flows, key=lambda each: (each.failures, -each.refreshed_at)) for flows in telephones.values()]


def same_address(one: Uri, other: Uri) -> bool:
    """Whether two SIP URIs are equal (RFC 3261 section 19.1.4): host in any case, most parameters if both have them."""
    parts = [(uri.scheme, uri.user, uri.password, uri.host.lower().rstrip("."), uri.port) for uri in (one, other)]
    names = {*TELLING, *(one.params.keys() & other.params.keys())}
    return parts[0] == parts[1] and all(_value(one, name) == _value(other, name) for name in names)


def _value(uri: Uri, name: str) -> str | None:
    value = uri.params.get(name)
    return value.lower() if value is not None else None


MACHINE = Path("/etc/machine-id")
# Telephones of one user on one machine at a time; one more has a name that no restart finds again.
MOST = 1000


class Instance:
    """The name of one telephone of a user, ours until :meth:`release` or the end of the process.

    Two that are there at once, in one process or in several, never have one name: a registrar would take the later one
    for the earlier one. The first to ask has the first name, whatever folder it runs in, so that it has it again after
    a restart; a lock shows which names are taken, and the system gives it up even if the process is killed.
    """

    def __init__(self, aor: Uri, folder: Path | None = None) -> None:
        self._lock: int | None = None
        key = f"{_machine()} {platform.node()} {aor.user}@{aor.host.lower()}"
        names = (uuid.uuid5(uuid.NAMESPACE_URL, f"{key} {number}") for number in range(MOST))
        self.id = str(next((name for name in names if self._take(name, folder or _folder())), uuid.uuid4()))

    def on(self, contact: Address) -> Address:
        """Return a Contact that has this name."""
        return replace(contact, params={**contact.params, "+sip.instance": f'"<urn:uuid:{self.id}>"', "reg-id": "1"})

    def release(self) -> None:
        """Let another telephone have the name."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take(self, name: uuid.UUID, folder: Path) -> bool:
        """Whether nobody has it; from now on we have."""
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(folder / f"{name}.lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                return False
            self._lock = lock
        return self._lock is not None


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"softphone-{os.getuid()}"


def _machine() -> str:
    with contextlib.suppress(OSError):
        if said := MACHINE.read_text().strip():
            return said
    return f"{uuid.getnode():x}"
