"""The worker's UDP ports: the shared pair, and pairs for legs that need their own."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass

from softphone.errors import MediaFull
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
    """A port for RTP (and RTCP of peers that multiplex) and the one above it for RTCP."""

    rtp: UdpPort
    rtcp: UdpPort
    shared: bool


class PortPool:
    """Opens ports in pairs, an even one for RTP and the next for RTCP (RFC 3550 section 11).

    Parameters
    ----------
    host
        Address to bind to.
    shared_port
        RTP port that legs with an unambiguous peer share; 0: the system picks.
    own_ports
        First and last port for legs that need their own; None: the system picks.
    open_port
        Opens a port; None: one of the system.

    Raises
    ------
    OSError
        When the shared port or the one above it is taken.
    """

    def __init__(
        self,
        host: str,
        shared_port: int = 0,
        own_ports: tuple[int, int] | None = None,
        open_port: OpenPort | None = None,
    ) -> None:
        self._host, self._given = host, open_port
        self._own_ports = own_ports
        self._next_own = own_ports[0] + own_ports[0] % 2 if own_ports else 0
        self._free: list[int] = []
        self._next_index = 0
        self.ports = OpenPorts()
        self.shared = self._pair(shared_port, shared=True) if shared_port else self._picked(shared=True)

    def open_own(self) -> PortPair:
        """Open a pair for one leg.

        Raises
        ------
        MediaFull
            When no port is left.
        """
        if len(self.ports) + 2 > INDEX_MAX:
            raise MediaFull("no port is left: too many are open")
        try:
            return self._picked(shared=False) if self._own_ports is None else self._of_range(*self._own_ports)
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

    def _of_range(self, first: int, last: int) -> PortPair:
        """Open the next pair of the range that is free."""
        for number in self._candidates(first, last):
            if (pair := self._try(number, shared=False)) is not None:
                return pair
        raise MediaFull(f"no port is left between {first} and {last}")

    def _candidates(self, first: int, last: int) -> Iterator[int]:
        """Give the even ports of the range, beginning after the last given, so that none is reused soon."""
        count = (last + 1 - first - first % 2) // 2
        for _ in range(count):
            port = self._next_own
            self._next_own = port + 2 if port + 3 <= last else first + first % 2
            yield port

    def _picked(self, shared: bool) -> PortPair:
        """Open a pair where the system picks the even port."""
        for _ in range(TRIES):
            probe = (self._given or Port)(self._host, 0, 0)
            number = probe.port & ~1
            probe.close()
            if (pair := self._try(number, shared)) is not None:
                return pair
        raise MediaFull("no pair of free UDP ports was found")

    def _try(self, number: int, shared: bool) -> PortPair | None:
        """Open a pair; None when it is taken, OSError when no other would be open either."""
        try:
            return self._pair(number, shared)
        except OSError as error:
            if error.errno in NO_DESCRIPTOR:
                raise
            return None

    def _pair(self, number: int, shared: bool) -> PortPair:
        """Open `number` and the port above it."""
        rtp = self._open(number)
        try:
            rtcp = self._open(number + 1)
        except OSError:
            self._free.append(rtp.index)
            rtp.close()
            raise
        self.ports.add(rtp)
        self.ports.add(rtcp)
        return PortPair(rtp, rtcp, shared)

    def _open(self, number: int) -> UdpPort:
        """Open one port under an index of its own."""
        index = self._index()
        try:
            return (self._given or Port)(self._host, number, index)
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
