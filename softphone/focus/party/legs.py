"""The legs that are open on this node: whose each is, which has a port, and which are sent to a telephone.

A media address says something about them: it is ours, or that of an older leg.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from softphone.address import host_port, is_loopback
from softphone.errors import OwnAddress
from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress

if TYPE_CHECKING:
    from softphone.focus.party.member import Member

__all__ = ["OpenLegs", "check_foreign"]

# Who only wants to be called names the discard port: many do, and none of them is there.
DISCARD = 9

K = TypeVar("K")
V = TypeVar("V")

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


class OpenLegs(Mapping[int, "Member"]):
    """Whose each leg is, by its number; what is asked costs the same however many there are."""

    def __init__(self) -> None:
        self._members: dict[int, Member] = {}
        self._ports: dict[int, dict[int, LegInfo]] = {}
        self._telephones: dict[Telephone, dict[int, Member]] = {}
        self._seen: dict[int, tuple[LegInfo | None, Telephone | None]] = {}

    def __getitem__(self, leg: int) -> "Member":
        return self._members[leg]

    def __iter__(self) -> Iterator[int]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def opened(self, leg: int, member: "Member") -> None:
        """Have one more."""
        info = member.media.info
        self._members[leg], self._seen[leg] = member, (info, None)
        if info is not None:
            for port in _ports(info):
                self._ports.setdefault(port, {})[leg] = info

    def agreed(self, member: "Member") -> None:
        """Take notice of where a member's telephone takes media, or of whose it is, after either has changed."""
        leg = member.media.number
        if leg is None or leg not in self._seen:
            return
        info, before = self._seen[leg]
        remote, extension = member.media.spec.remote, member.party.extension_id
        now = None
        if extension is not None and remote is not None and remote.port != DISCARD:
            now = extension, remote
        if now != before:
            _strike(self._telephones, before, leg)
            if now is not None:
                self._telephones.setdefault(now, {})[leg] = member
            self._seen[leg] = info, now

    def closed(self, leg: int) -> "Member | None":
        """Have one no more; gives whose it was."""
        info, telephone = self._seen.pop(leg, (None, None))
        for port in _ports(info):
            _strike(self._ports, port, leg)
        _strike(self._telephones, telephone, leg)
        return self._members.pop(leg, None)

    def check(self, spec: LegSpec, listening: Iterable[MediaAddress]) -> None:
        """Refuse where a peer wants media and reports, when it is an address of this node; raises OwnAddress."""
        for named in (spec.remote, spec.remote_rtcp):
            if named is not None:
                check_foreign(named, self._ports.get(named.port, {}).values(), listening)

    def older(self, newcomer: "Member") -> list["Member"]:
        """Give the earlier legs of the newcomer's extension at its media address.

        Its telephone has begun anew and knows nothing of them: it would go on to play the old stream.
        """
        _, telephone = self._seen.get(newcomer.media.number or -1, (None, None))
        latch = newcomer.media.spec.latch_host
        same = self._telephones.get(telephone, {}).values() if telephone is not None else ()
        return [
            other
            for other in same
            if other is not newcomer and other.media.spec.latch_host == latch and not other.media.held
        ]


def _ports(info: LegInfo | None) -> set[int]:
    return set() if info is None else {info.port, info.rtcp_port}


def _strike(index: dict[K, dict[int, V]], key: K | None, leg: int) -> None:
    """Strike a leg out of what is found by a key."""
    if key is None:
        return
    those = index[key]
    del those[leg]
    if not those:
        del index[key]
