"""The media half of one call: a room with two members, the peer's leg and the application.

Offers and answers are written and read here, because they are the only thing that tells the leg where its peer is.
"""

import secrets
from collections.abc import Sequence

from softphone import sdp
from softphone.agent.plane import Plane, Planes, Seated
from softphone.agent.voice import Voice
from softphone.errors import MediaError
from softphone.media.leg import Address, LegSpec, LegStats

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
    """

    def __init__(self, planes: Planes, codecs: Sequence[str] = CODECS, timeout_s: float = 30.0) -> None:
        self._planes = planes
        self._plane: Plane | None = None
        self._codecs = tuple(codecs)
        self._timeout_s = timeout_s
        self._session_id = secrets.randbits(31)
        self._version = 0
        self._offered: sdp.SessionDescription | None = None
        self._remote: sdp.Negotiated | None = None
        self._heard = False
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
        self._info = await self._media.open_leg(LegSpec(timeout_s=self._timeout_s))
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
        return self._remote is not None and self._remote.event_payload_type is not None

    def offer(self, direction: str = "sendrecv") -> str:
        """Write an offer (RFC 3264 section 5, or 8 when one was made before)."""
        self._version += 1
        self._offered = sdp.offer(
            self._info.host,
            self._info.port,
            codecs=self._codecs,
            direction=direction,
            session_id=self._session_id,
            version=self._version,
            rtcp_port=self._info.rtcp_port,
        )
        return str(self._offered)

    async def accept(self, answer: str) -> None:
        """Take the peer's answer to the latest offer.

        Raises
        ------
        SdpError
            It is no answer to it.
        """
        assert self._offered is not None, "an answer follows an offer"
        await self._apply(sdp.accept(self._offered, sdp.parse(answer)))

    async def answer(self, offer: str, direction: str = "sendrecv") -> str:
        """Take the peer's offer and write the answer (RFC 3264 section 6).

        Raises
        ------
        SdpError
            It is no offer, or has nothing in common with us (:class:`softphone.errors.NoCommonCodec`).
        """
        self._version += 1
        answer, agreed = sdp.answer(
            sdp.parse(offer),
            self._info.host,
            self._info.port,
            codecs=self._codecs,
            session_id=self._session_id,
            version=self._version,
            direction=direction,
            rtcp_port=self._info.rtcp_port,
        )
        await self._apply(agreed)
        return str(answer)

    async def send_keys(self, keys: str) -> None:
        """Press keys by RFC 4733 events."""
        await self._media.send_keys(self.leg, keys)

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

    async def _apply(self, agreed: sdp.Negotiated) -> None:
        self._remote = agreed
        held = agreed.is_hold(heard=self._heard)
        self._heard |= agreed.sends
        rtcp_port = agreed.remote_rtcp_port
        spec = LegSpec(
            codec=agreed.codec,
            payload_type=agreed.payload_type,
            event_payload_type=agreed.event_payload_type,
            other_payload_type=agreed.other_payload_type,
            remote=Address(agreed.remote_host, agreed.remote_port),
            remote_rtcp=Address(agreed.remote_host, rtcp_port) if rtcp_port else None,
            rtcp_mux=agreed.rtcp_mux,
            direction=agreed.direction,
            timeout_s=0.0 if held else self._timeout_s,
        )
        self._info = await self._media.update_leg(self.leg, spec)
