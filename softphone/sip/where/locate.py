"""Location of SIP servers (RFC 3263), without a socket: the hops of a URI from DNS answers.

:func:`locate` is a generator: it yields the questions that it has, is sent their answers in the same order, and returns
the hops, the best one first. A URI that holds an address has no questions.
"""

import secrets
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from softphone.address import canonical, is_address
from softphone.errors import SipNetworkError, UnresolvedName
from softphone.resolver import Pointer, Record, Service
from softphone.sip.message.uri import Uri
from softphone.sip.transport.hop import KINDS, LOCATED, TCP, TLS, UDP, WS, WSS, Hop, TransportKind

__all__ = ["Answer", "Question", "Target", "hop_of", "locate", "spoken"]

Target = Uri | Hop
"""Where a request is to go: what a URI leads to, or one place."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the DNS: ``NAPTR``, ``SRV`` or ``A`` of a name."""

    kind: str
    name: str


Answer = Sequence[Record] | UnresolvedName
"""Records of the kind that was asked for; why there are none."""

R = TypeVar("R")

Located = Generator[list[Question], list[Answer], list[Hop]]


@dataclass(frozen=True, slots=True)
class _Server:
    kind: TransportKind
    host: str
    port: int
    name: str = ""


# What the transport that a URI names is, by its scheme; what sips: names is encrypted (RFC 3261 section 26.2.2).
SPOKEN: dict[str, dict[str, TransportKind | None]] = {
    "sip": {"": None, **KINDS},
    "sips": {"": TLS, TCP.name: TLS, TLS.name: TLS, WS.name: WSS, WSS.name: WSS},
}


def spoken(uri: Uri) -> TransportKind | None:
    """Say which transport a URI asks for; None: it leaves that open.

    Raises
    ------
    SipNetworkError
        It is no sip URI, or asks for a transport that we do not speak: what was to be private is not sent in clear.
    """
    asked = (uri.params.get("transport") or "").lower()
    kinds = SPOKEN.get(uri.scheme, {})
    if asked not in kinds:
        what = f"transport={asked}" if asked and kinds else f"{uri.scheme}:"
        raise SipNetworkError(f"{uri}: {what} is not spoken here, only sip: and sips: over UDP, TCP, TLS and WebSocket")
    return kinds[asked]


def hop_of(uri: Uri) -> Hop:
    """Read the place that a URI names by itself, its host perhaps a name still. Raises as :func:`spoken`."""
    kind = spoken(uri) or UDP
    return Hop(kind.name, _host(uri), uri.port or kind.port, name=_host(uri) if kind.secure else "")


def locate(target: Target, choose: Callable[[int], int] = secrets.randbelow) -> Located:
    """Find the hops of a target; `choose` draws a number below its argument.

    Raises
    ------
    SipNetworkError
        As :func:`spoken`.
    UnresolvedName
        There are none.
    """
    if isinstance(target, Uri):
        kind, host = spoken(target), _host(target)
        if is_address(host):
            return [hop_of(target)]
        kinds = [each for each in ([kind] if kind is not None else LOCATED[target.scheme]) if each.service]
        asks = kinds and not target.port and "." in host.rstrip(".")
        servers = (yield from _servers(host, kinds, choose)) if asks else []
        return (yield from _addresses(servers or [_Server(kind or UDP, host, hop_of(target).port, host)]))
    if is_address(target.host):
        return [target]
    return (yield from _addresses([_Server(target.kind, target.host, target.port, target.name)]))


def _host(uri: Uri) -> str:
    return canonical(uri.params.get("maddr") or uri.host)


def _servers(
    host: str, kinds: Sequence[TransportKind], choose: Callable[[int], int]
) -> Generator[list[Question], list[Answer], list[_Server]]:
    """Find the servers of a domain (RFC 3263 sections 4.1 and 4.2); none: the host of that name is the server."""
    asked = {f"{each.service}.{host}": each for each in kinds}
    pointers, *found = yield [Question("NAPTR", host), *(Question("SRV", name) for name in asked)]
    answers = dict(zip(asked, found, strict=True))
    named = _named(pointers, kinds) or asked
    if missing := [name for name in named if name not in answers]:
        answers |= dict(zip(missing, (yield [Question("SRV", name) for name in missing]), strict=True))
    services = [(each, _records(answers[name], Service)) for name, each in named.items()]
    servers = [_Server(each, one.host, one.port, host) for each, some in services for one in _in_turn(some, choose)]
    if not servers and any(some for _, some in services):  # a record whose target is the root says so (RFC 2782)
        raise UnresolvedName(f"{host} offers no SIP by a transport that is spoken here")
    return servers


def _named(pointers: Answer, kinds: Iterable[TransportKind]) -> dict[str, TransportKind]:
    """Read which SRV records a domain wants to be asked for (RFC 3263 section 4.1), by its preference."""
    by_service = {each.naptr: each for each in kinds}
    usable = [each for each in _records(pointers, Pointer) if each.flags == "s" and each.service in by_service]
    usable.sort(key=lambda each: (each.order, each.preference))
    return {each.replacement: by_service[each.service] for each in usable}


def _records(answer: Answer, kind: type[R]) -> list[R]:
    return [] if isinstance(answer, UnresolvedName) else [each for each in answer if isinstance(each, kind)]


def _in_turn(services: list[Service], choose: Callable[[int], int]) -> list[Service]:
    """Order by priority, and within one by chance according to the weights (RFC 2782)."""
    turn: list[Service] = []
    left = sorted((each for each in services if each.host), key=lambda each: (each.priority, each.weight))
    while left:
        first = [each for each in left if each.priority == left[0].priority]
        drawn = choose(sum(each.weight for each in first) + 1)
        for each in first:
            drawn -= each.weight
            if drawn <= 0:
                break
        left.remove(each)
        turn.append(each)
    return turn


def _addresses(servers: list[_Server]) -> Located:
    """Find the addresses of servers, in their order; one that has none is passed over."""
    hosts = list(dict.fromkeys(each.host for each in servers))
    names = [host for host in hosts if not is_address(host)]
    answers: dict[str, Answer] = {host: [host] for host in hosts}
    answers |= dict(zip(names, (yield [Question("A", name) for name in names]), strict=True)) if names else {}
    hops = [
        Hop(each.kind.name, address, each.port, name=each.name if each.kind.secure else "")
        for each in servers
        for address in _records(answers[each.host], str)
    ]
    for answer in answers.values():
        if not hops and isinstance(answer, UnresolvedName):
            raise answer
    return list(dict.fromkeys(hops))
