"""Which requests to a UDP peer go by a stream: large ones (RFC 3261 section 18.1.1), where the peer takes streams."""

from softphone.sip.transport.hop import Hop

__all__ = ["LARGEST_DATAGRAM", "StreamChoice"]

# RFC 3261 section 18.1.1: a larger request may not fit the path's MTU and goes over a stream.
LARGEST_DATAGRAM = 1300
# A peer that has refused is not asked again for so long: waiting for a connection that nobody takes costs seconds.
REFUSED_S = 1800.0
# Peers whose refusal is remembered; then the oldest is forgotten.
REFUSALS = 10_000


class StreamChoice:
    """Chooses between datagram and stream, and remembers who refused the stream.

    Parameters
    ----------
    above
        Requests to a UDP target larger than this many bytes go over TCP. None: never.
    """

    def __init__(self, above: int | None) -> None:
        self.above = above
        self._until: dict[tuple[str, int], float] = {}

    def wanted(self, size: int, target: Hop, now: float) -> bool:
        """Whether a request of `size` bytes to a target goes by a stream first."""
        if target.reliable or self.above is None or size <= self.above:
            return False
        return self._until.get((target.host, target.port), now) <= now

    def refused(self, target: Hop, now: float) -> None:
        """Take note that a peer takes no stream."""
        peer = target.host, target.port
        self._until.pop(peer, None)
        self._until[peer] = now + REFUSED_S
        while len(self._until) > REFUSALS:
            del self._until[next(iter(self._until))]
