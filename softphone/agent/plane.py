"""Media plane of all agents of an event loop: one tick for all of them.

A tick costs half a millisecond or so before anybody is served. One for each of twenty agents would fill a core; shared,
twenty agents with a call each cost what one agent with twenty calls does.
"""

import asyncio
import importlib
import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from weakref import WeakKeyDictionary

from softphone.heap import keep_below
from softphone.media.contract.leg import Event, KeyPressed, RtpTimeout, SrtpRefused, Unclaimed
from softphone.media.net.port import OpenPort
from softphone.media.workers.local import LocalMedia, load
from softphone.sip.driver import TransportMaker
from softphone.sip.transport.sockets import SocketTransport

if TYPE_CHECKING:
    from softphone.media.workers.handshakes import DtlsMedia

__all__ = ["NETWORK", "Network", "Planes", "SYSTEM", "Seated", "SharedPlane"]


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

log = logging.getLogger(__name__)

CALLS = 512
"""Of one plane; the next one opens another plane."""

SEATS = 4
"""For each of them: the peer's leg, the application, and those of a call that has just left, free a tick later."""

KEPT_BYTES = 128 << 10
"""Most arrays of a plane are larger: they go back to the system with it, where a process opens one after the other."""

QUIET_S = 10.0
"""So long after a line about a late event loop there is no other: a loop that is always late must not fill a disk."""


class Seated(Protocol):
    """A call, told of what happens in the plane; neither may raise."""

    def heard(self, event: Event) -> None:
        """Take what the plane noticed of the call's leg."""

    def skipped(self, ticks: int) -> None:
        """Take notice that for so many ticks of 20 ms nothing was heard nor said."""


class SharedPlane:
    """One engine, the calls in it, and what is told when the event loop is late for it."""

    def __init__(self, host: str, network: Network = SYSTEM) -> None:
        keep_below(KEPT_BYTES)
        self.media = LocalMedia(host, capacity=SEATS * CALLS, open_port=network.open_port, clock=network.clock)
        self.media.on_event = self._heard
        self.media.on_skip = self._skipped
        self._handshakes: DtlsMedia | None = None
        self._in_thread = network is SYSTEM
        self._seated: dict[int, Seated] = {}
        self._taken = 0
        self._untold = 0
        self._told_s = float("-inf")

    async def handshakes(self) -> "DtlsMedia":
        """Give the same media, which make keys by DTLS, too; what that needs is loaded for the first call."""
        if self._in_thread:  # the event loop goes on
            await asyncio.to_thread(importlib.import_module, "softphone.agent.handshakes")
        from softphone.agent.handshakes import handshakes

        self._handshakes = self._handshakes or handshakes(self.media)
        return self._handshakes

    def take(self) -> bool:
        """Take a place for a call that is to be opened; False when there is none."""
        if self._taken >= CALLS:
            return False
        self._taken += 1
        return True

    def give_back(self) -> None:
        """Leave the place of a call that is over, or did not come about."""
        self._taken -= 1

    def seat(self, leg: int, call: Seated) -> None:
        """Tell a call what becomes of its leg from now on."""
        self._seated[leg] = call

    def unseat(self, leg: int) -> None:
        """Tell it nothing more."""
        self._seated.pop(leg, None)

    def _heard(self, event: Event) -> None:
        if isinstance(event, KeyPressed | RtpTimeout) and event.leg in self._seated:
            self._seated[event.leg].heard(event)
        elif isinstance(event, Unclaimed):
            log.warning("media from %s could be of several calls; it was taken for none", event.host)
        elif isinstance(event, SrtpRefused):
            log.warning("encrypted media of leg %d is refused, by its %s: it is not heard", event.leg, event.reason)

    def _skipped(self, ticks: int) -> None:
        if not self._seated:
            return  # nobody has missed anything
        for call in list(self._seated.values()):
            call.skipped(ticks)
        self._untold += ticks
        now = asyncio.get_running_loop().time()
        if now - self._told_s >= QUIET_S:
            log.warning(
                "the event loop was busy for too long: %d frames of 20 ms were left out in each of %d calls",
                self._untold,
                len(self._seated),
            )
            self._told_s, self._untold = now, 0


class Planes:
    """The planes of one event loop and local address, for as long as there is an agent that uses them."""

    _of_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, Network], Planes]]" = WeakKeyDictionary()

    def __init__(self, host: str, network: Network) -> None:
        self._at = host, network
        self._planes: list[SharedPlane] = []
        self._users = 0

    @classmethod
    async def enter(cls, host: str, network: Network) -> "Planes":
        """Take part in the planes of the running loop at a local address; each `enter` needs its `leave`.

        Raises
        ------
        OSError
            There is no port left, or the address is not ours.
        """
        if network is SYSTEM:
            await load()
        here = cls._of_loop.setdefault(asyncio.get_running_loop(), {})
        at = host, network
        planes = here.setdefault(at, cls(*at))
        try:
            if not planes._planes:
                planes._planes.append(SharedPlane(*at))
        except BaseException:
            del here[at]
            raise
        planes._users += 1
        return planes

    @property
    def host(self) -> str:
        """The local address."""
        return self._at[0]

    @property
    def late_ticks(self) -> int:
        """Ticks that began more than 20 ms late or were left out, of all planes together."""
        return sum(plane.media.late_ticks for plane in self._planes)

    def leave(self) -> None:
        """Close the planes behind the last one who leaves."""
        self._users -= 1
        if not self._users:
            for plane in self._planes:
                plane.media.close()
            self._planes.clear()
            here = self._of_loop[asyncio.get_running_loop()]
            if here.get(self._at) is self:
                del here[self._at]

    def roomy(self) -> SharedPlane:
        """Give a plane with a place for a call, which is taken; a new one if need be.

        Raises
        ------
        OSError
            No port is left for another one.
        """
        for plane in self._planes:
            if plane.take():
                return plane
        self._planes.append(plane := SharedPlane(*self._at))
        plane.take()
        return plane
