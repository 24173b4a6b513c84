"""Media of one call: a room with two members, the peer's leg and the application."""

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from softphone.agent.plane import Planes, Seated, SharedPlane
from softphone.agent.terms import MediaTerms
from softphone.agent.voice import Voice
from softphone.calls.leg import CallLeg
from softphone.codec import codec
from softphone.errors import MediaError, NoSuchLeg
from softphone.media.contract.leg import LegStats
from softphone.media.contract.messages import CreateRoom, GetStats, JoinRoom, RemoveRoom, SendKeys, UpdateLeg
from softphone.media.workers.client import Media
from softphone.media.workers.local import AppLeg
from softphone.tasks import Tasks

if TYPE_CHECKING:
    from softphone.agent.webrtc import WebrtcCall
    from softphone.media.workers.handshakes import DtlsMedia

__all__ = ["CallMedia"]


class CallMedia:
    """One call's room, leg and application leg. Made by :meth:`open`.

    Parameters
    ----------
    planes
        Where there is a seat for it.
    tasks
        What goes on without anybody waiting for it.
    terms
        What its media is to be.

    Attributes
    ----------
    leg
        The peer's; there is one once the call is open.
    """

    leg: CallLeg

    def __init__(self, planes: Planes, tasks: Tasks, terms: MediaTerms) -> None:
        self._planes = planes
        self._tasks = tasks
        self._terms = terms
        self._rate_hz = max(codec(name).rate_hz for name in terms.codecs)
        self._webrtc: WebrtcCall | None = None
        self._handshakes: DtlsMedia | None = None
        self._stats: LegStats | None = None

    async def open(self, who: str, write_ahead_s: float) -> Voice:
        """Take a port, and join leg and application in a room of their own; returns the application's side.

        `who` is the other side, for the log; `write_ahead_s` as of `Voice`.

        Raises
        ------
        MediaError
            No port is left.
        """
        try:
            self._plane: SharedPlane = self._planes.roomy()
        except OSError as error:
            raise MediaError(f"there is no port for another call: {error}") from error
        self._media = self._plane.media
        try:
            self.leg = self._leg(await self._able())
        except BaseException:
            self._plane.give_back()
            raise
        try:
            self._app = await self._sit_down()
        except BaseException:
            self._plane.give_back()
            with suppress(MediaError):
                await self.leg.close()
            raise
        return Voice(self._app, self._rate_hz, who, write_ahead_s)

    async def _able(self) -> Media:
        """Give media that can do what the terms say."""
        if self._terms.dtls:
            self._handshakes = await self._plane.handshakes()
        inner = self._handshakes or self._media
        if self._terms.webrtc is None:
            return inner
        from softphone.agent.handshakes import identity  # these load DTLS and ICE, which few calls go by
        from softphone.agent.webrtc import WebrtcCall

        self._webrtc = WebrtcCall(inner, self._planes.host, identity(), self._terms.webrtc, self._tasks)
        return self._webrtc

    def _leg(self, media: Media) -> CallLeg:
        terms = self._terms
        leg = CallLeg(media, self._tasks, codecs=terms.codecs, timeout_s=terms.timeout_s, lookup=terms.lookup)
        if self._webrtc is not None:
            leg.on_description, leg.session.new_side = self._webrtc.read, self._webrtc.side
        leg.session.encryption = terms.encryption
        leg.on_close = self._plane.unseat
        return leg

    async def _sit_down(self) -> AppLeg:
        await self.leg.open()
        self._room = (await self._media.ask(CreateRoom())).value
        await self._media.ask(JoinRoom(self._number, self._room))
        return self._media.open_app(self._room, self._rate_hz)

    async def offer(self) -> str:
        """Write our offer: to a peer of WebRTC, if that is spoken. Raises as `CallLeg.answer`."""
        if self._webrtc is not None:
            self.leg.session.webrtc = True
            await self._webrtc.prepare(controlling=True)
        return await self.leg.answer(None)

    async def carried(self) -> None:
        """Wait until a peer of WebRTC is reached, and one of DTLS has keys, or the call is over.

        Raises
        ------
        MediaError
            It is not reached, or has no keys.
        """
        if self._webrtc is not None:
            await self._webrtc.carried()
        if self._handshakes is not None:
            with suppress(NoSuchLeg):
                await self._handshakes.keyed(self._number)

    @property
    def left(self) -> bool:
        """Whether a peer of WebRTC has said goodbye by DTLS."""
        return self._webrtc is not None and self._webrtc.left

    def seat(self, call: Seated) -> None:
        """Tell a call what becomes of its leg."""
        self._plane.seat(self._number, call)

    async def send_keys(self, keys: str) -> None:
        """Press keys by RFC 4733 events."""
        await self._media.ask(SendKeys(self._number, keys))

    def look(self) -> None:
        """Tell at once what of the peer's packets no tick has looked at yet."""
        if not self.leg.closed:
            self._media.look()

    def hush(self) -> None:
        """Send no sound from now on."""
        spec = (self._handshakes and self._handshakes.told(self._number)) or self.leg.spec
        spec = msgspec.structs.replace(spec, direction="recvonly" if spec.receives else "inactive")
        spec = self._webrtc.carried_out(spec) if self._webrtc is not None else spec
        self._media.engine.handle(UpdateLeg(self._number, spec), self._media.clock())

    async def stats(self) -> LegStats:
        """Return what was counted so far; after :meth:`close` what was counted until then."""
        if self._stats is not None:
            return self._stats
        return await self._media.ask(GetStats(self._number))

    async def close(self) -> None:
        """Give everything back; again, or when the plane is closed with its agent, there is nothing to do."""
        if self.leg.closed:
            return
        self._plane.give_back()
        with suppress(NoSuchLeg):
            self._stats = await self.leg.close()
            self._app.close()
            await self._media.ask(RemoveRoom(self._room))

    @property
    def _number(self) -> int:
        """The number of the leg; raises NoSuchLeg when there is none."""
        if self.leg.number is None:
            raise NoSuchLeg("the call is over")
        return self.leg.number
