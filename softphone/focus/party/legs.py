"""The legs that are open on this node: whose each is, which has a port, and which are sent to a telephone.

A media address says something about them: it is ours, or that of an older leg. What a leg is like is told as values.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from softphone.address import host_port, is_loopback
from softphone.errors import OwnAddress
from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress

__all__ = ["OpenLegs", "check_foreign"]

# Who only wants to be called names the discard port: many do, and none of them is there.
DISCARD = 9

K = TypeVar("K")
V = TypeVar("V")

H = TypeVar("H")
"""Who has legs."""

# An extension, and where its telephone takes media.
Telephone = tuple[str, MediaAddress]


def check_foreign(remote: MediaAddress | None, ours: Iterable[LegInfo], listening: Iterable[MediaAddress] = ()) -> None:
    """Refuse media that would come back to us: a leg would be its own echo, or a room that of another.

    Parameters
    ----------
    remote
        Where media or reports are to be sent.
    ours
        The legs that there are.
    listening
        Where this node takes what is no media, such as SIP.

    Raises
    ------
    OwnAddress
        When `remote` is one of these, or where one of our legs takes media or reports.
    """
    if remote is None or remote.port == DISCARD:
        return
    legs = ((host, port) for info in ours for host in (info.host, *info.others) for port in (info.port, info.rtcp_port))
    for host, port in (*legs, *((each.host, each.port) for each in listening)):
        if remote.port != port:
            continue
        if remote.host == host or (is_loopback(remote.host) and not is_loopback(host)):
            raise OwnAddress(f"media cannot be sent to {host_port(remote.host, remote.port)}: that is our own address")


class _Seen(NamedTuple):
    """What is known of a leg."""

    info: LegInfo
    telephone: Telephone | None = None
    "None: nobody is known to be sent to."
    latch_host: str | None = None
    held: bool = False


class OpenLegs(Mapping[int, H], Generic[H]):
    """Whose each leg is, by its number; what is asked costs the same however many there are.

    Attributes
    ----------
    listening
        Where this node takes what is no media; whoever listens there enters it.
    """

    def __init__(self) -> None:
        self.listening: set[MediaAddress] = set()
        self._holders: dict[int, H] = {}
        self._ports: dict[int, dict[int, LegInfo]] = {}
        self._telephones: dict[Telephone, dict[int, H]] = {}
        self._seen: dict[int, _Seen] = {}

    def __getitem__(self, leg: int) -> H:
        return self._holders[leg]

    def __iter__(self) -> Iterator[int]:
        return iter(self._holders)

    def __len__(self) -> int:
        return len(self._holders)

    def opened(self, info: LegInfo, holder: H) -> None:
        """Have one more."""
        self._holders[info.leg], self._seen[info.leg] = holder, _Seen(info)
        for port in _ports(info):
            self._ports.setdefault(port, {})[info.leg] = info

    def agreed(self, leg: int | None, extension_id: str | None, spec: LegSpec, *, held: bool) -> None:
        """Note where a telephone takes media, whose it is, and whether it holds us; without a leg there is nothing."""
        if leg is None or leg not in self._seen:
            return
        before = self._seen[leg]
        now = None
        if extension_id is not None and spec.remote is not None and spec.remote.port != DISCARD:
            now = extension_id, spec.remote
        if now != before.telephone:
            _strike(self._telephones, before.telephone, leg)
            if now is not None:
                self._telephones.setdefault(now, {})[leg] = self._holders[leg]
        self._seen[leg] = _Seen(before.info, now, spec.latch_host, held)

    def closed(self, leg: int) -> H | None:
        """Have one no more; gives whose it was."""
        if (seen := self._seen.pop(leg, None)) is not None:
            for port in _ports(seen.info):
                _strike(self._ports, port, leg)
            _strike(self._telephones, seen.telephone, leg)
        return self._holders.pop(leg, None)

    def check(self, spec: LegSpec) -> None:
        """Refuse where a peer wants media and reports, when it is an address of this node; raises OwnAddress."""
        for named in (spec.remote, spec.remote_rtcp):
            if named is not None:
                check_foreign(named, self._ports.get(named.port, {}).values(), self.listening)

    def older(self, newcomer: int | None) -> list[H]:
        """Give who has earlier legs of a newcomer's extension at its media address, and is not held by it.

        Its telephone has begun anew and knows nothing of them: it would go on to play the old stream.
        """
        new = self._seen.get(newcomer or -1)
        same = {} if new is None or new.telephone is None else self._telephones.get(new.telephone, {})
        return [holder for leg, holder in same.items() if leg != newcomer and self._is_like(leg, new)]

    def _is_like(self, leg: int, new: _Seen | None) -> bool:
        seen = self._seen[leg]
        return new is not None and seen.latch_host == new.latch_host and not seen.held


def _ports(info: LegInfo) -> set[int]:
    return {info.port, info.rtcp_port}


def _strike(index: dict[K, dict[int, V]], key: K | None, leg: int) -> None:
    """Strike a leg out of what is found by a key."""
    if key is None:
        return
    those = index[key]
    del those[leg]
    if not those:
        del index[key]
