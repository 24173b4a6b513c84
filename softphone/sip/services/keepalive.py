"""The way to a registrar is kept open and watched (RFC 5626 section 4.4): we are reached by what we registered over."""

import random
from collections.abc import Callable

from softphone.sip.message.message import Response
from softphone.sip.transport.flow import Hold
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.node import Node

__all__ = ["KeepAlive"]

# RFC 5626 section 4.4.1: over TCP; and 4.4.2: what a NAT's mapping of a UDP port lives through.
STREAM_S = (95.0, 120.0)
DATAGRAM_S = (24.0, 29.0)


class KeepAlive:
    """Holds the flow that a registration went by, and pings it.

    Over TCP a ping that is not confirmed ends the connection, and its end is told; over UDP pings keep the mapping of a
    NAT, if there is one.

    Parameters
    ----------
    lost
        Called when the flow is closed.
    """

    def __init__(self, node: Node, lost: Callable[[], object]) -> None:
        self._node = node
        self._lost = lost
        self._target: Hop | None = None
        self._hold: Hold | None = None
        self._every_s: tuple[float, float] | None = None

    def watch(self, target: Hop, answer: Response) -> None:
        """Watch the way to `target`, a registrar that has just given this answer."""
        self.release()
        self._target = target
        if not target.reliable:
            self._every_s = DATAGRAM_S if _is_behind_nat(answer, target.kind.port) else None
            return
        self._every_s = STREAM_S
        flow = self._node.flow(target)
        if flow is None:
            self._lost()
        else:
            self._hold = flow.hold(self._lost)

    def pause_s(self) -> float | None:
        """Seconds until the next ping, another number each time; None: there is none."""
        return random.uniform(*self._every_s) if self._every_s is not None else None

    def ping(self) -> None:
        """Send a ping."""
        if self._target is not None:
            self._node.ping(self._target)

    def release(self) -> None:
        """Watch no more."""
        self._every_s = None
        if self._hold is not None:
            self._hold.release()
            self._hold = None


def _is_behind_nat(answer: Response, default: int) -> bool:
    """Whether the peer has seen another address than the one we gave (RFC 3581 section 4)."""
    via = answer.via
    received, port = via.params.get("received"), via.params.get("rport")
    said = str(via.port or default)
    return (received or via.host, port or said) != (via.host, said)
