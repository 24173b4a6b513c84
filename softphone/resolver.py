"""Questions to the DNS, addresses of names above all: the one place that asks, IPv4 for signalling and media.

Nothing here blocks the loop or takes a thread of others, and a name server that never answers costs its own names only:
each look-up is a datagram and a time limit. Names of the hosts file and ``localhost`` are not asked for at all.
"""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softphone.errors import UnresolvedName

__all__ = ["Pointer", "Resolver", "Service", "is_address", "own_address"]

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
ONLY_IPV6 = "it has IPv6 addresses only, which are not spoken here"


def is_address(host: str) -> bool:
    """Whether a host is an IP address, and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


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
"""Of an A record the address."""


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
    ipv6
        Whether to give the IPv6 addresses of a name that has no other; otherwise it has none.
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
        ipv6: bool = False,
        timeout_s: float = TIMEOUT_S,
        limit: int = LIMIT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._nameservers, self._port, self._ipv6 = nameservers, port, ipv6
        self._timeout_s, self._limit, self._clock = timeout_s, limit, clock
        self._hosts = _Hosts(hosts)
        self._known: dict[tuple[str, str], _Known] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[_Known]] = {}

    async def addresses(self, name: str) -> tuple[str, ...]:
        """Return the IPv4 addresses of a host, at least one; an address comes back as it is.

        Raises
        ------
        UnresolvedName
            There is none, or nobody said so in time; the message names the host and the reason.
        """
        if is_address(name):
            return (name,)
        return tuple(str(address) for address in await self.records("A", name))

    async def records(self, kind: str, name: str) -> tuple[Record, ...]:
        """Return the records of a name, at least one: ``A``, ``SRV`` or ``NAPTR``; raises as :meth:`addresses`."""
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
            return _Known(("127.0.0.1",) if kind == "A" else (), NO_RECORD, 0.0)
        if host == "invalid" or host.endswith(".invalid"):  # section 6.4
            return _Known((), NO_NAME, 0.0)
        if (listed := self._hosts.find(_owner(host))) is not None:
            return _Known(listed, ONLY_IPV6, 0.0) if kind == "A" else _Known((), NO_RECORD, 0.0)
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
            found: Any = await ask(kind)
            records = tuple(_READ[kind](each) for each in found)
            return records, "", min(max(float(found.rrset.ttl), SHORTEST_S), LONGEST_S)
        except dns.resolver.NoAnswer:
            return await self._instead(ask("AAAA")) if kind == "A" else ((), NO_RECORD, NONE_S)
        except (dns.exception.Timeout, TimeoutError):
            raise TimeoutError from None
        except (dns.exception.DNSException, OSError, UnicodeError) as error:
            return (), _short(error), FAILED_S

    async def _instead(self, asked: Coroutine[Any, Any, Any]) -> tuple[tuple[Record, ...], str, float]:
        """Take the IPv6 addresses of a name that has no others, or say why there are none."""
        there = await _ipv6(asked)
        if self._ipv6 and there:
            return there, "", SHORTEST_S
        return (), ONLY_IPV6 if there else "it has no address", FAILED_S


def _owner(name: str) -> str:
    """Give the host of a service name (RFC 2782): ``_sip._udp.pbx.example`` is of ``pbx.example``."""
    labels = name.split(".")
    return ".".join(labels[sum(label.startswith("_") for label in labels) :])


def _host(name: Any) -> str:
    return str(name).rstrip(".").lower()


_READ: dict[str, Callable[[Any], Record]] = {
    "A": lambda each: str(each.address),
    "SRV": lambda each: Service(each.priority, each.weight, each.port, _host(each.target)),
    "NAPTR": lambda each: Pointer(
        each.order,
        each.preference,
        each.flags.decode("ascii", "replace").lower(),
        each.service.decode("ascii", "replace").upper(),
        _host(each.replacement),
    ),
}


async def _ipv6(asked: Coroutine[Any, Any, Any]) -> tuple[str, ...]:
    """Return the IPv6 addresses of an answer, none when there is no answer."""
    try:
        return tuple(str(each.address) for each in await asked)
    except Exception:
        return ()


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
        """Return the IPv4 addresses of a host; None: it is not in there; empty: only with others."""
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
            kept = (address,) if ipaddress.ip_address(address).version == 4 else ()
            for host in hosts:
                names[host.lower()] = names.get(host.lower(), ()) + kept
    return names


# RFC 5737: an address of documentation, which no packet is sent to; only the route to it is asked for.
ANYWHERE = ("192.0.2.1", 9)


def own_address(host: str) -> str:
    """Give `host`, or for a wildcard (``0.0.0.0`` or empty) the address of the default route.

    Without such a route that is ``127.0.0.1``, which nobody elsewhere can reach.
    """
    if host not in ("0.0.0.0", ""):
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ANYWHERE)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
