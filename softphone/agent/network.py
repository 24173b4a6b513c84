"""The sockets and the clock of agents: those of the system, or in a test some in memory."""

import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

from softphone.media.net.port import OpenPort
from softphone.sip.driver import TransportMaker
from softphone.sip.transport.sockets import SocketTransport

__all__ = ["NETWORK", "SYSTEM", "Network"]


@dataclass(frozen=True, slots=True)
class Network:
    """What agents reach others by.

    Parameters
    ----------
    transport
        Makes the carrier of SIP messages of a stack.
    open_port
        Opens a UDP port of media; None: one of the system.
    clock
        Monotonic seconds of media.
    """

    transport: TransportMaker = SocketTransport
    open_port: OpenPort | None = None
    clock: Callable[[], float] = time.monotonic


SYSTEM = Network()

NETWORK: ContextVar[Network] = ContextVar("NETWORK", default=SYSTEM)
"""Of the agents that are entered in a context; `softphone.testing` sets it."""
