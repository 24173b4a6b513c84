"""Questions to the DNS, addresses of names above all: the one place that asks, for signalling and media.

Nothing here blocks the loop or takes a thread of others, and a name server that never answers costs its own names only:
each look-up is a datagram and a time limit. Names of the hosts file and ``localhost`` are not asked for at all.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softphone.address import family_of, is_address
from softphone.errors import UnresolvedName

__all__ = ["Pointer", "Resolver", "Service"]

# A name server that takes longer is as good as none for a call that somebody waits for; the library asks twice in it.
TIMEOUT_S = 4.0
# Look-ups at a time; one more fails at once. 64 names that nobody answers make a socket each, for four seconds.
LIMIT = 64
# Names that are remembered, and for how long at least and at most; what failed is asked again soon.
REMEMBERED = 1_000
SHORTEST_S, LONGEST_S, FAILED_S = 5.0, 300.0, 5.0
# For how long a domain that names no servers of its own is not asked for them again.
NONE_S = 60.0

HOSTS = Path("/etc/hosts")

NO_NAME = "there is no such name"
NO_RECORD = "it has no such record"
NO_ADDRESS = "it has no address"
OTHERS = {family: f"it has IPv{10 - family} addresses only, which are not spoken here" for family in (4, 6)}
# Records of addresses, by family, and what localhost has.
KINDS = {4: "A", 6: "AAAA"}
LOCALHOST = {4: "127.0.0.1", 6: "::1"}


@dataclass(frozen=True, slots=True)
class Service:
    """A server of a service (SRV, RFC 2782)."""

    priority: int
    weight: int
    port: int
    host: str
    """Without a dot at the end; empty: the service is not offered."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where more is to be asked for (NAPTR, RFC 3403)."""

    order: int
    preference: int
    flags: str
    """In lower case."""
    service: str
    """In upper case."""
    replacement: str
    """Without a dot at the end."""


Record = str | Service | Pointer
"""Of records of addresses the address."""


@dataclass(frozen=True, slots=True)
class _Known:
    records: tuple[Record, ...]
    error: str
    until: float


class Resolver:
    """Looks names up, each once at a time, and remembers them for a while.

    Parameters
    ----------
    nameservers, port
        Addresses of name servers; None: those of the system.
    hosts
        The hosts file.
    families
        Of the addresses that are wanted, 4 and 6: those of the first that a name has.
    timeout_s
        Of one look-up.
    limit
        Look-ups at a time. Names that strangers give should have a resolver of their own.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        nameservers: Sequence[str] | None = None,
        port: int = 53,
        *,
        hosts: Path = HOSTS,
        families: Sequence[int] = (4,),
        timeout_s: float = TIMEOUT_S,
        limit: int = LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nameservers, self._port, self.families = nameservers, port, tuple(families)
        self._timeout_s, self._limit, self._clock = timeout_s, limit, clock
        self._hosts = _Hosts(hosts)
        self._known: dict[tuple[str, str], _Known] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[_Known]] = {}

    async def addresses(self, name: str) -> tuple[str, ...]:
        """Return the addresses of a host, at least one; an address comes back as it is.

        Raises
        ------
        UnresolvedName
            There is none, or nobody said so in time; the message names the host and the reason.
        """
        if is_address(name):
            return (name,)
        return tuple(str(address) for address in await self.records("A", name))

    async def records(self, kind: str, name: str) -> tuple[Record, ...]:
        """Return the records of a name, at least one: ``SRV``, ``NAPTR``, or ``A``, of the families that are wanted.

        Raises as :meth:`addresses`.
        """
        host = name.rstrip(".").lower()
        found = self._here(kind, host) or await self._asked(kind, host)
        if not found.records:
            raise UnresolvedName(f"cannot resolve {name!r}: {found.error}")
        return found.records

    async def close(self) -> None:
        """Give up what is being looked up."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _here(self, kind: str, host: str) -> _Known | None:
        """Say what is known without asking anybody."""
        if host == "localhost" or host.endswith(".localhost"):  # RFC 6761 section 6.3
            return _Known((LOCALHOST[self.families[0]],) if kind == "A" else (), NO_RECORD, 0.0)
        if host == "invalid" or host.endswith(".invalid"):  # section 6.4
            return _Known((), NO_NAME, 0.0)
        if (listed := self._hosts.find(_owner(host))) is not None:
            return _Known(*self._wanted(listed), 0.0) if kind == "A" else _Known((), NO_RECORD, 0.0)
        known = self._known.get((kind, host))
        return known if known is not None and self._clock() < known.until else None

    async def _asked(self, kind: str, host: str) -> _Known:
        """Ask, or wait for the answer that another one has asked for; who stops waiting stops no other one."""
        question = kind, host
        task = self._asking.get(question)
        if task is None:
            if len(self._asking) >= self._limit:
                return _Known((), "too many names are being looked up", 0.0)
            task = self._asking[question] = asyncio.get_running_loop().create_task(self._look_up(kind, host))
            task.add_done_callback(lambda _: self._asking.pop(question, None))
        return await asyncio.shield(task)

    async def _look_up(self, kind: str, host: str) -> _Known:
        try:
            records, error, lives_s = await self._query(kind, host)
        except TimeoutError:
            records, error, lives_s = (), "no name server answered in time", FAILED_S
        known = _Known(records, error, self._clock() + lives_s)
        self._known.pop((kind, host), None)
        while len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[kind, host] = known
        return known

    async def _query(self, kind: str, host: str) -> tuple[tuple[Record, ...], str, float]:
        """Ask the name servers: records, or why there are none, and for how long that holds."""
        import dns.asyncresolver  # takes 0.1 s and 5 MB: only where there are names to look up
        import dns.exception
        import dns.resolver

        async def ask(kind: str) -> Any:
            asked: Any = dns.asyncresolver.Resolver(configure=self._nameservers is None)
            if self._nameservers is not None:
                asked.port = self._port
                asked.nameservers = list(self._nameservers)
            async with asyncio.timeout(self._timeout_s):
                return await asked.resolve(host, kind, search=True, lifetime=self._timeout_s)

        try:
            if kind == "A":
                return await self._addresses(ask)
            found: Any = await ask(kind)
            return tuple(_READ[kind](each) for each in found), "", _lives_s(found)
        except dns.resolver.NoAnswer:
            return (), NO_RECORD, NONE_S
        except (dns.exception.Timeout, TimeoutError):
            raise TimeoutError from None
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            return (), _short(error), FAILED_S

    async def _addresses(self, ask: Callable[[str], Coroutine[Any, Any, Any]]) -> tuple[tuple[Record, ...], str, float]:
        """Ask for the families that are wanted, one after the other; of the others only whether there are any."""
        import dns.resolver

        for family in self.families:
            with suppress(dns.resolver.NoAnswer):
                answer = await ask(KINDS[family])
                return tuple(str(each.address) for each in answer), "", _lives_s(answer)
        others = [each for each in KINDS if each not in self.families]
        there = [str(each.address) for family in others for each in await _any_of(ask(KINDS[family]))]
        return (), self._wanted(there)[1], FAILED_S

    def _wanted(self, addresses: Sequence[str]) -> tuple[tuple[str, ...], str]:
        """Give the addresses that are wanted, and why there are none."""
        found = [tuple(each for each in addresses if family_of(each) == family) for family in self.families]
        return next(filter(None, found), ()), OTHERS[self.families[0]] if addresses else NO_ADDRESS


def _owner(name: str) -> str:
    """Give the host of a service name (RFC 2782): ``_sip._udp.pbx.example`` is of ``pbx.example``."""
    labels = name.split(".")
    return ".".join(labels[sum(label.startswith("_") for label in labels) :])


def _host(name: Any) -> str:
    return str(name).rstrip(".").lower()


_READ: dict[str, Callable[[Any], Record]] = {
    "SRV": lambda each: Service(each.priority, each.weight, each.port, _host(each.target)),
    "NAPTR": lambda each: Pointer(
        each.order,
        each.preference,
        each.flags.decode("ascii", "replace").lower(),
        each.service.decode("ascii", "replace").upper(),
        _host(each.replacement),
    ),
}


async def _any_of(asked: Coroutine[Any, Any, Any]) -> list[Any]:
    """Return the records of an answer, none when there is no answer."""
    try:
        return list(await asked)
    except Exception:
        return []


def _lives_s(answer: Any) -> float:
    return min(max(float(answer.rrset.ttl), SHORTEST_S), LONGEST_S)


def _short(error: Exception) -> str:
    if type(error).__name__ == "NXDOMAIN":
        return NO_NAME
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__


class _Hosts:
    """The hosts file, read anew when it has changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = -1
        self._names: dict[str, tuple[str, ...]] = {}

    def find(self, host: str) -> tuple[str, ...] | None:
        """Return the addresses of a host; None: it is not in there."""
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._read_at:
                self._names = _names(self._path.read_text("utf-8", "replace"))
                self._read_at = changed
        except OSError:
            self._names = {}
        return self._names.get(host)


def _names(text: str) -> dict[str, tuple[str, ...]]:
    names: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        address, *hosts = line.partition("#")[0].split() or [""]
        if is_address(address):
            for host in hosts:
                names[host.lower()] = (*names.get(host.lower(), ()), address)
    return names
