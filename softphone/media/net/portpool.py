"""The worker's UDP ports: the shared pair, and pairs for legs that need their own."""

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from softphone.address import family_of
from softphone.errors import MediaError, MediaFull
from softphone.media.net.batch import OpenPorts, Port
from softphone.media.net.port import OpenPort, UdpPort

__all__ = ["PortPair", "PortPool"]

# Where the system picks, every second port is odd and some upper neighbours are taken; so many tries do not all fail.
TRIES = 64
# Sixteen bits of `Slots.keys` name the port.
INDEX_MAX = 0xFFFF
# What the system says when the process, or all of them together, may open no more: another port will not help.
NO_DESCRIPTOR = (errno.EMFILE, errno.ENFILE)


@dataclass(frozen=True, slots=True)
class PortPair:
    """A port for RTP (and RTCP of peers that multiplex) and the one above it for RTCP, of one address family."""

    rtp: UdpPort
    rtcp: UdpPort
    shared: bool
    family: int = 4


class PortPool:
    """Opens ports in pairs, an even one for RTP and the next for RTCP (RFC 3550 section 11).

    Parameters
    ----------
    hosts
        Addresses to bind to, one for each family that is spoken.
    shared_port
        RTP port that legs with an unambiguous peer share, the same of each family; 0: the system picks.
    own_ports
        First and last port for legs that need their own; None: the system picks.
    open_port
        Opens a port; None: one of the system.

    Raises
    ------
    OSError
        When the shared port or the one above it is taken.

    Attributes
    ----------
    shared
        The pair that legs share; `of_family`: that of each family.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        shared_port: int = 0,
        own_ports: tuple[int, int] | None = None,
        open_port: OpenPort | None = None,
    ) -> None:
        self._hosts, self._given = {family_of(host) or 4: host for host in hosts}, open_port
        self.usual = family_of(hosts[0]) or 4
        self._own_ports = own_ports
        self._next_own = own_ports[0] + own_ports[0] % 2 if own_ports else 0
        self._free: list[int] = []
        self._next_index = 0
        self.ports = OpenPorts()
        self.of_family = {pair.family: pair for pair in self._shared(shared_port)}
        self.shared = self.of_family[self.usual]

    def shared_with(self, host: str) -> PortPair:
        """Give the shared pair of the family of an address; raises MediaError when that is not spoken."""
        if (pair := self.of_family.get(family_of(host))) is None:
            raise MediaError(f"no media can be sent to {host} from here: IPv{family_of(host)} is not spoken")
        return pair

    def open_own(self, family: int = 0) -> PortPair:
        """Open a pair for one leg, of one address family; 0: the usual one.

        Raises
        ------
        MediaFull
            When no port is left.
        """
        host = self._hosts.get(family) or self._hosts[self.usual]
        if len(self.ports) + 2 > INDEX_MAX:
            raise MediaFull("no port is left: too many are open")
        try:
            return self._picked(host) if self._own_ports is None else self._of_range(host, *self._own_ports)
        except OSError as error:
            mend = "; a leg takes two descriptors: raise ulimit -n" if error.errno in NO_DESCRIPTOR else ""
            raise MediaFull(f"no port can be opened: {error}{mend}") from error

    def close_own(self, pair: PortPair) -> None:
        """Close a pair of `open_own`; the shared pair stays."""
        if pair.shared:
            return
        for port in (pair.rtp, pair.rtcp):
            self._forget(port)

    def close(self) -> None:
        """Close all ports."""
        for port in list(self.ports.by_index.values()):
            self._forget(port)

    def _of_range(self, host: str, first: int, last: int) -> PortPair:
        """Open the next pair of the range that is free."""
        for number in self._candidates(first, last):
            if (pair := self._try(host, number)) is not None:
                return pair
        raise MediaFull(f"no port is left between {first} and {last}")

    def _candidates(self, first: int, last: int) -> Iterator[int]:
        """Give the even ports of the range, beginning after the last given, so that none is reused soon."""
        count = (last + 1 - first - first % 2) // 2
        for _ in range(count):
            port = self._next_own
            self._next_own = port + 2 if port + 3 <= last else first + first % 2
            yield port

    def _shared(self, number: int) -> list[PortPair]:
        """Open the shared pairs; the ports of sound are the first of all ports."""
        if number:
            pairs = self._pairs(number)
        else:
            found = (self._try_all(self._even(next(iter(self._hosts.values())))) for _ in range(TRIES))
            pairs = next(filter(None, found), [])
        if not pairs:
            raise MediaFull("no pair of free UDP ports was found")
        for port in (*(pair.rtp for pair in pairs), *(pair.rtcp for pair in pairs)):
            self.ports.add(port)
        return pairs

    def _pairs(self, number: int) -> list[PortPair]:
        """Open `number` and the port above it of each family."""
        pairs: list[PortPair] = []
        try:
            for host in self._hosts.values():
                pairs.append(self._pair(host, number, shared=True))
        except OSError:
            for port in (each for pair in pairs for each in (pair.rtp, pair.rtcp)):
                self._free.append(port.index)
                port.close()
            raise
        return pairs

    def _try_all(self, number: int) -> list[PortPair]:
        """Open shared pairs; none when one is taken, OSError when no other would be open either."""
        try:
            return self._pairs(number)
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                raise
            return []

    def _picked(self, host: str) -> PortPair:
        """Open a pair of a leg where the system picks the even port."""
        for _ in range(TRIES):
            if (pair := self._try(host, self._even(host))) is not None:
                return pair
        raise MediaFull("no pair of free UDP ports was found")

    def _even(self, host: str) -> int:
        """Give an even port that has just been free, or follows one that has."""
        probe = (self._given or Port)(host, 0, 0)
        number = probe.port & ~1
        probe.close()
        return number

    def _try(self, host: str, number: int) -> PortPair | None:
        """Open a pair of a leg; None when it is taken, OSError when no other would be open either."""
        try:
            pair = self._pair(host, number, shared=False)
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                raise
            return None
        self.ports.add(pair.rtp)
        self.ports.add(pair.rtcp)
        return pair

    def _pair(self, host: str, number: int, *, shared: bool) -> PortPair:
        """Open `number` and the port above it."""
        rtp = self._open(host, number)
        try:
            rtcp = self._open(host, number + 1)
        except OSError:
            self._free.append(rtp.index)
            rtp.close()
            raise
        return PortPair(rtp, rtcp, shared, family_of(host) or 4)

    def _open(self, host: str, number: int) -> UdpPort:
        """Open one port under an index of its own."""
        index = self._index()
        try:
            return (self._given or Port)(host, number, index)
        except OSError:
            self._free.append(index)
            raise

    def _forget(self, port: UdpPort) -> None:
        """Close a port and give its index back."""
        self.ports.remove(port)
        self._free.append(port.index)
        port.close()

    def _index(self) -> int:
        """Give an index that no open port has."""
        if self._free:
            return self._free.pop()
        self._next_index += 1
        return self._next_index - 1
