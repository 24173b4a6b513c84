"""A focus without network and sound: its calls and its media are on paper only, and nobody waits for them.

A change at the media worker is in force at once, as in the order of a worker's socket; its answer takes a moment.
"""

import asyncio
import itertools
import wave
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from softphone.config import DEV_PATH, load
from softphone.errors import CallEnded, NoSuchLeg, SoftphoneError
from softphone.focus.control import Control
from softphone.focus.focus import Focus
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.dialplan import DialTarget
from softphone.focus.room.admission import Admission
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.session import SessionOrigin, TelephonySession
from softphone.focus.token import new_session_id
from softphone.focus.voice.names import Names
from softphone.focus.voice.prompts import SoundLibrary
from softphone.media.contract.leg import LegInfo, PlaybackEnded, RecordingEnded
from softphone.recordings.library import Library as Recordings
from softphone.sip.ua.address_proof import AddressProof
from softphone.sip.ua.call import InviteState
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


class PaperMedia:
    """Which leg is in which room, and what it may."""

    def __init__(self) -> None:
        self.on_event: Callable[[Any], None] = print
        self.rooms: set[int] = set()
        self.legs: dict[int, int | None] = {}
        self.settings: dict[int, dict[str, Any]] = {}
        self.trust: dict[int, str] = {}
        self.whispers: dict[int, list[int] | None] = {}
        self.recorded: dict[int, int] = {}
        self._numbers = itertools.count(1)

    async def create_room(self) -> int:
        self.rooms.add(number := next(self._numbers))
        return number

    async def remove_room(self, room: int) -> None:
        self.rooms.discard(room)

    async def open_leg(self, spec: Any, *, room: int | None = None) -> LegInfo:
        await asyncio.sleep(ANSWER_S)
        self.legs[number := next(self._numbers)] = None
        self.settings[number] = {}
        self.trust[number] = spec.trust
        return LegInfo(number, "127.0.0.1", 9, 9)

    async def update_leg(self, leg: int, spec: Any) -> LegInfo:
        self.trust[leg] = spec.trust
        await self._there(leg)
        return LegInfo(leg, "127.0.0.1", 9, 9)

    async def close_leg(self, leg: int) -> None:
        self.legs.pop(leg, None)
        if leg in self.recorded:
            self.on_event(RecordingEnded(self.recorded.pop(leg), "", 1.0, "leg closed"))

    async def join(self, leg: int, room: int) -> None:
        if leg in self.legs:
            self.legs[leg] = room
        await self._there(leg)

    async def leave(self, leg: int) -> None:
        if leg in self.legs:
            self.legs[leg] = None
        await self._there(leg)

    async def configure(self, leg: int, **settings: Any) -> None:
        self.settings.setdefault(leg, {}).update(settings)
        await self._there(leg)

    async def whisper(self, leg: int, to: list[int] | None) -> None:
        self.whispers[leg] = to
        await self._there(leg)

    async def play(self, paths: Any, *, loop: bool = False, **_to: Any) -> int:
        playback = next(self._numbers)
        if not loop:
            asyncio.get_running_loop().call_later(1.0, self.on_event, PlaybackEnded(playback, "finished"))
        return playback

    async def record_leg(self, leg: int, path: str, max_s: float) -> int:
        """Put a second of silence into the file; the recording goes on until it is stopped or its leg closed."""
        with wave.open(path, "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(bytes(16000))
        self.recorded[leg] = number = next(self._numbers)
        return number

    async def stop_recording(self, recording: int) -> None: ...

    async def stop_playback(self, playback: int) -> None:
        self.on_event(PlaybackEnded(playback, "stopped"))

    async def _there(self, leg: int) -> None:
        await asyncio.sleep(ANSWER_S)
        if leg not in self.legs:
            raise NoSuchLeg(str(leg))


class PaperCall:
    """A call; `direction` as of `softphone.sip.ua.call.InviteSession`."""

    def __init__(self, direction: str = "in") -> None:
        self.direction, self.call_id, self.known = direction, "paper", True
        self.remote_sdp: str | None = offer()
        self.source, self.invite = SimpleNamespace(host="127.0.0.1"), SimpleNamespace(vias=())
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

    def find(self, number: str) -> None:
        return None

    def targets(self, number: str, caller: Any) -> list[DialTarget]:
        return [DialTarget(f"sip:{number}@paper")]

    def focus(self, session: TelephonySession, target: DialTarget) -> str:
        return ""

    def spelled(self, called: str, known_as: str = "") -> str:
        return called

    def found(self, target: DialTarget) -> None: ...

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
    """The focus and what it stands on."""

    def __init__(self, folder: Path, *, media: Any = None, node: tuple[str, int] = ("127.0.0.1", 5060)) -> None:
        config, self.media, self.dialer = load(DEV_PATH), PaperMedia(), PaperDialer()
        media = media or self.media
        history: Any = Nothing()
        self.accounts = accounts = Accounts.from_config(config)
        self.focus = Focus(
            config,
            media,
            node,
            accounts=accounts,
            dialer=self.dialer,
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
            await room.enter(paper, Admission(number, **admission))
        except SoftphoneError:
            call.end("rejected")
            raise
        return call
