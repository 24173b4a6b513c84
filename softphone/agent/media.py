"""The media half of one call: a room with two members, the peer's leg and the application.

Offers and answers are written and read here, because they are the only thing that tells the leg where its peer is.
"""

from collections.abc import Callable, Sequence

import msgspec

from softphone import sdp
from softphone.agent.plane import Planes, Seated, SharedPlane
from softphone.agent.voice import Voice
from softphone.calls.leg import Agreement, Describer
from softphone.calls.names import Lookup, located
from softphone.errors import MediaError
from softphone.media.contract.leg import LegStats
from softphone.media.contract.messages import UpdateLeg

__all__ = ["CallMedia"]

# An agent asks only for G.711: everything it can speak today, mu-law first because every phone has it.
CODECS = ("PCMU", "PCMA")


class CallMedia:
    """One call's room, leg and application leg. Made by :meth:`open`.

    Parameters
    ----------
    planes
        Where there is a seat for it.
    codecs
        Names in order of preference, see :func:`softphone.sdp.offer`.
    timeout_s
        After so long without a packet the engine says so; 0 = never.
    lookup
        Knows the addresses of host names, for those who are known.

    Attributes
    ----------
    known
        Whether names that the peer gives in the place of addresses are looked up.
    signalled
        The address that the peer's signalling comes from, see :mod:`softphone.calls.nat`; None while it is not known.
    on_quiet
        Told whether nothing is to be heard of the peer, since it is held: its silence does not show that it is gone.
    """

    def __init__(
        self,
        planes: Planes,
        codecs: Sequence[str] = CODECS,
        timeout_s: float = 30.0,
        lookup: Lookup | None = None,
    ) -> None:
        self._planes = planes
        self._plane: SharedPlane | None = None
        self._agreement = Agreement.none(timeout_s)
        self._describer = Describer(codecs)
        self._agreed = False
        self._lookup = lookup
        self.known = False
        self.signalled: str | None = None
        self.on_quiet: Callable[[bool], object] | None = None
        self._room = -1
        self._closed: LegStats | None = None
        self.leg = -1

    async def open(self, who: str = "") -> Voice:
        """Take a port, and join leg and application in a room of their own; returns the application's side.

        `who` is the other side, for the log.

        Raises
        ------
        MediaError
            No port is left.
        """
        try:
            self._plane = self._planes.roomy()
        except OSError as error:
            raise MediaError(f"there is no port for another call: {error}") from error
        self._media = self._plane.media
        self._info = await self._media.open_leg(self._agreement.spec)
        self.leg = self._info.leg
        self._room = await self._media.create_room()
        await self._media.join(self.leg, self._room)
        self._app = self._media.open_app(self._room)
        return Voice(self._app, self._plane.rate_hz, who)

    def seat(self, call: Seated) -> None:
        """Tell a call what becomes of its leg."""
        if self._plane is not None:
            self._plane.seat(self.leg, call)

    @property
    def sends_events(self) -> bool:
        """Whether the peer takes keys as RFC 4733 events."""
        return self._agreed and self._agreement.spec.event_payload_type is not None

    def offer(self, direction: str = "sendrecv") -> str:
        """Write an offer (RFC 3264 section 5, or 8 when one was made before)."""
        return self._describer.offer(self._info, direction)

    async def accept(self, answer: str) -> None:
        """Take the peer's answer to the latest offer.

        Raises
        ------
        SdpError
            It is no answer to it.
        """
        await self._change(self._agreement.after(self._describer.accept(await self._read(answer)), self.signalled))

    async def answer(self, offer: str, direction: str = "sendrecv") -> str:
        """Take the peer's offer and write the answer (RFC 3264 section 6).

        Raises
        ------
        SdpError
            It is no offer, or has nothing in common with us (:class:`softphone.errors.NoCommonCodec`).
        """
        remote = await self._read(offer)
        await self._change(self._agreement.after(self._describer.choose(remote, direction), self.signalled))
        return self._describer.answer(remote, self._info, direction)

    async def send_keys(self, keys: str) -> None:
        """Press keys by RFC 4733 events."""
        await self._media.send_keys(self.leg, keys)

    def look(self) -> None:
        """Tell at once what of the peer's packets no tick has looked at yet."""
        if self.leg >= 0 and self._closed is None:
            self._media.look()

    def hush(self) -> None:
        """Send no sound from now on."""
        spec = self._agreement.spec
        spec = msgspec.structs.replace(spec, direction="recvonly" if spec.receives else "inactive")
        self._media.engine.handle(UpdateLeg(self.leg, spec), self._media.clock())

    async def stats(self) -> LegStats:
        """Return what was counted so far; after :meth:`close` what was counted until then."""
        return self._closed or await self._media.stats(self.leg)

    async def close(self) -> None:
        """Give everything back; the second time does nothing."""
        if self.leg < 0 or self._closed is not None:
            return
        if self._plane is not None:
            self._plane.unseat(self.leg)
        self._closed = await self._media.close_leg(self.leg)
        self._app.close()
        await self._media.remove_room(self._room)

    async def _read(self, description: str) -> sdp.SessionDescription:
        return await located(sdp.parse(description), self._lookup if self.known else None)

    async def _change(self, agreement: Agreement) -> None:
        """Let the engine do what was agreed; when it cannot, all is as before (RFC 3261 section 14.2)."""
        self._info = await self._media.update_leg(self.leg, agreement.spec)
        self._agreement, self._agreed = agreement, True
        if self.on_quiet is not None:
            self.on_quiet(agreement.held or not agreement.spec.receives)
