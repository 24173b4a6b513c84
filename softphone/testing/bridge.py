"""A focus without network and media, whose calls are answered at once.

A change at the media worker is in force at once, as in the order of a worker's socket; its answer takes a moment.
"""

import asyncio
import itertools
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from msgspec.structs import asdict

from softphone.config import DEV_PATH, Config, load
from softphone.errors import CallEnded, NoSuchLeg, SoftphoneError
from softphone.focus.control import Control
from softphone.focus.focus import Focus
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.dialplan import DialTarget
from softphone.focus.room.admission import Admission
from softphone.focus.room.arriving import enter
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.session import SessionOrigin, TelephonySession
from softphone.focus.token import new_session_id
from softphone.focus.voice.names import Names
from softphone.focus.voice.prompts import SoundLibrary
from softphone.media.contract.leg import LegInfo, PlaybackEnded, RecordingEnded
from softphone.media.contract.messages import (
    CloseLeg,
    Configure,
    CreateRoom,
    Done,
    JoinRoom,
    LeaveRoom,
    Number,
    OpenLeg,
    Play,
    RecordLeg,
    RemoveRoom,
    StopPlayback,
    UpdateLeg,
    Whisper,
)
from softphone.media.workers.client import Media
from softphone.recordings.library import Library as Recordings
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.address_proof import AddressProof
from softphone.sip.ua.call import InviteState
from softphone.sip.ua.edge_profile import ORDINARY
from softphone.srtp import Encryption
from softphone.store.accounts import Accounts

ANSWER_S = 0.01


def offer(codec: str = "0 101", direction: str = "sendrecv") -> str:
    """Write the offer of a phone whose sound nobody listens to (port 9 is `discard`)."""
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        f"m=audio 9 RTP/AVP {codec}",
        "a=rtpmap:101 telephone-event/8000",
        f"a={direction}",
        "",
    ]
    return "\r\n".join(lines)


class PaperMedia(Media):
    """Which leg is in which room, and what it may.

    Attributes
    ----------
    serve
        Who carries out which request; what is in nobody's hands is done.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rooms: set[int] = set()
        self.legs: dict[int, int | None] = {}
        self.settings: dict[int, dict[str, Any]] = {}
        self.trust: dict[int, str] = {}
        self.whispers: dict[int, list[int] | None] = {}
        self.recorded: dict[int, int] = {}
        self._numbers = itertools.count(1)
        self.serve: dict[type, Callable[[Any], Awaitable[Any]]] = {
            CreateRoom: self._create_room,
            RemoveRoom: self._remove_room,
            OpenLeg: self._open_leg,
            UpdateLeg: self._update_leg,
            CloseLeg: self._close_leg,
            JoinRoom: self._move,
            LeaveRoom: self._move,
            Configure: self._configure,
            Whisper: self._whisper,
            Play: self._play,
            StopPlayback: self._stop_playback,
            RecordLeg: self._record_leg,
        }

    async def ask(self, request: Any) -> Any:
        """Carry out a request, without any sound."""
        serve = self.serve.get(type(request))
        return Done() if serve is None else await serve(request)

    async def _create_room(self, request: CreateRoom) -> Number:
        self.rooms.add(number := next(self._numbers))
        return Number(number)

    async def _remove_room(self, request: RemoveRoom) -> None:
        self.rooms.discard(request.room)

    async def _open_leg(self, request: OpenLeg) -> LegInfo:
        await asyncio.sleep(ANSWER_S)
        self.legs[number := next(self._numbers)] = None
        self.settings[number] = {}
        self.trust[number] = request.spec.trust
        return LegInfo(number, "127.0.0.1", 9, 9)

    async def _update_leg(self, request: UpdateLeg) -> LegInfo:
        self.trust[request.leg] = request.spec.trust
        await self._there(request.leg)
        return LegInfo(request.leg, "127.0.0.1", 9, 9)

    async def _close_leg(self, request: CloseLeg) -> None:
        self.legs.pop(request.leg, None)
        if request.leg in self.recorded:
            self.on_event(RecordingEnded(self.recorded.pop(request.leg), "", 1.0, "leg closed"))

    async def _move(self, request: JoinRoom | LeaveRoom) -> None:
        if request.leg in self.legs:
            self.legs[request.leg] = request.room if isinstance(request, JoinRoom) else None
        await self._there(request.leg)

    async def _configure(self, request: Configure) -> None:
        changed = {name: value for name, value in asdict(request).items() if name != "leg" and value is not None}
        self.settings.setdefault(request.leg, {}).update(changed)
        await self._there(request.leg)

    async def _whisper(self, request: Whisper) -> None:
        self.whispers[request.leg] = request.to
        await self._there(request.leg)

    async def _play(self, request: Play) -> Number:
        playback = next(self._numbers)
        if not request.loop:
            asyncio.get_running_loop().call_later(1.0, self.on_event, PlaybackEnded(playback, "finished"))
        return Number(playback)

    async def _stop_playback(self, request: StopPlayback) -> None:
        self.on_event(PlaybackEnded(request.playback, "stopped"))

    async def _record_leg(self, request: RecordLeg) -> Number:
        """Put a second of silence into the file; the recording goes on until it is stopped or its leg closed."""
        with wave.open(request.path, "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(16000))
        self.recorded[request.leg] = number = next(self._numbers)
        return Number(number)

    async def _there(self, leg: int) -> None:
        await asyncio.sleep(ANSWER_S)
        if leg not in self.legs:
            raise NoSuchLeg(str(leg))


class PaperCall:
    """A call; `direction` as of `softphone.sip.ua.call.InviteSession`."""

    def __init__(self, direction: str = "in") -> None:
        self.direction, self.known, self.dialog = direction, True, SimpleNamespace(call_id="paper")
        self.edge = ORDINARY
        self.remote_sdp: str | None = offer()
        self.pending = None
        self.source, self.invite = Hop("udp", "127.0.0.1", 5060), SimpleNamespace(vias=())
        self.proof, self.proved = AddressProof(None, shown=True), True
        self.state = InviteState.EARLY if direction == "in" else InviteState.CONFIRMED
        self.on_ended: Callable[[str], object] = lambda _reason: None
        self.watch = SimpleNamespace(on_refresh=None, quiet=lambda _on: None)
        self.on_reinvite = self.on_answer = self.on_info = self.on_refer = None

    @property
    def is_confirmed(self) -> bool:
        return self.state is InviteState.CONFIRMED

    async def ring(self, *_response: Any) -> None:
        if self.state is InviteState.ENDED:
            raise CallEnded("cancelled")

    async def answer(self, *_response: Any) -> None:
        await self.ring()
        self.state = InviteState.ANSWERED
        await asyncio.sleep(ANSWER_S)
        await self.ring()
        self.state = InviteState.CONFIRMED

    async def bye(self, _headers: Any = ()) -> None:
        self.end("hangup")

    def end(self, reason: str = "bye") -> None:
        """End the call: the telephone hangs up, or we do."""
        if self.state is not InviteState.ENDED:
            self.state = InviteState.ENDED
            self.on_ended(reason)


class PaperDialer(Dialer):
    """Whoever is called answers after a moment with a call that `answer` makes."""

    def __init__(self) -> None:
        self.answer: Callable[[], PaperCall] = lambda: PaperCall("out")
        self.talks = lambda _extension: False

    def find(self, number: str) -> None:
        return None

    @property
    def ring_stage_s(self) -> float:
        return 0.0

    def targets(self, number: str, caller: Any) -> list[DialTarget]:
        return [DialTarget(f"sip:{number}@paper")]

    def focus(self, session: TelephonySession, target: DialTarget) -> str:
        return ""

    def spelled(self, called: str, known_as: str = "") -> str:
        return called

    def found(self, target: DialTarget) -> None: ...

    def encryption(self, call: Any) -> Encryption:
        return "optional"

    async def ring(self, member: Any, target: DialTarget, caller: Any, **_options: Any) -> Any:
        try:
            await member.open(None)
            await asyncio.sleep(1.0)
            call = self.answer()
            member.listen(call)
            await member.confirm(call.remote_sdp)
        except BaseException:
            member.hang_up()
            await member.close()
            raise
        return member


class Nothing:
    """Takes every note, and keeps none."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_args, **_named: None


class PaperBridge:
    """The focus and what it stands on; `dialer` makes who places its calls, on paper unless said otherwise."""

    def __init__(
        self,
        folder: Path,
        *,
        media: Any = None,
        node: tuple[str, int] = ("127.0.0.1", 5060),
        config: Config | None = None,
        dialer: Callable[[Accounts], Dialer] | None = None,
    ) -> None:
        config, self.media, self.dialer = config or load(DEV_PATH), PaperMedia(), PaperDialer()
        media = media or self.media
        history: Any = Nothing()
        self.accounts = accounts = Accounts.from_config(config)
        self.focus = Focus(
            config,
            media,
            node,
            accounts=accounts,
            dialer=dialer(accounts) if dialer is not None else self.dialer,
            history=history,
            library=SoundLibrary(sounds=(folder / "names",)),
            names=Names(folder / "names", media),
            recordings=Recordings(folder / "recordings", config.recording),
            clock=asyncio.get_running_loop().time,
        )
        self.control = Control(self.focus, accounts)
        self.calls: list[PaperCall] = []

    async def room(self, settings: Any) -> ConferenceRoom:
        """Open a conference held by these rules."""
        session = TelephonySession(new_session_id(), SessionOrigin.CONFERENCE, None)
        return await self.focus._open(session, settings)

    async def call(self, room: ConferenceRoom, number: str = "102", **admission: Any) -> PaperCall:
        """Somebody calls a room."""
        self.calls.append(call := PaperCall())
        paper: Any = call
        try:
            await enter(room, paper, Admission(number, **admission))
        except SoftphoneError:
            call.end("rejected")
            raise
        return call
