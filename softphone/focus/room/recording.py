"""The recorder of a room: begun, paused and ended as the rules want it; and the notice of it, said when it is true."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog

from mixer.rules import roles
from mixer.rules.effects import Say
from mixer.rules.roles import RecordingState
from mixer.rules.room_events import SetRecording
from mixer.rules.session import Session
from softphone.errors import MediaError
from softphone.focus.errors import WrongState
from softphone.focus.feed import EventType
from softphone.focus.party.context import Context
from softphone.focus.party.member import Member
from softphone.focus.party.prompt_player import PromptPlayer
from softphone.media.contract.leg import RecordingEnded
from softphone.recordings.active import ActiveRecording, Speaker
from softphone.recordings.entry import Entry
from softphone.tasks import Tasks
from softphone.text import without_paths

__all__ = ["NOT_RECORDING", "Recorder", "RecordingControl", "RecordingStatus", "follow_library"]

log = structlog.get_logger()

NOT_RECORDING = "The conference is not being recorded"


@dataclass(frozen=True, slots=True)
class RecordingStatus:
    """What is told about a recording."""

    active: bool
    path: str
    "Absolute, of a WAV file; another format takes its place when it is converted, see the library."
    seconds: float
    "Since it began, pauses included; 0 in the answers to what is done to a recording that runs."
    id: str = ""
    "In the library of recordings."
    paused: bool = False


class Recorder:
    """Records a room, one recording after the other.

    Parameters
    ----------
    context
        The focus's side.
    session_id, room
        What is recorded.
    members
        Gives those who are there.
    """

    def __init__(self, context: Context, session_id: str, room: int, members: Callable[[], Iterable[Member]]) -> None:
        self._context = context
        self.session_id = session_id
        self._room = room
        self._members = members
        self.mailbox = ""
        "Id of the extension that what is recorded is a message for; empty: it is none."
        self.dictated = False
        "Whether a message is taken: nobody else begins, pauses or ends the recording meanwhile."
        self._running: ActiveRecording | None = None
        self._lock = asyncio.Lock()

    @property
    def running(self) -> bool:
        """Whether a recording is being made, paused or not."""
        return self._running is not None

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._running is not None and self._running.paused

    @property
    def state(self) -> RecordingStatus | None:
        """What is told about the recording that is being made; None: there is none."""
        running = self._running
        return None if running is None else _state(running, round(running.seconds, 3))

    async def change(self, state: roles.RecordingState) -> RecordingStatus | None:
        """Begin or go on with a recording, leave silence in it, or end it.

        Returns
        -------
        RecordingState
            Of the recording that was changed; its WAV file is complete when it has ended. None: there was none to end.

        Raises
        ------
        WrongState
            None can be made, none is there to be paused, or its worker is gone.
        """
        async with self._lock:
            match state:
                case roles.RecordingState.RUNNING:
                    return await self._start()
                case roles.RecordingState.PAUSED:
                    return await self._pause()
                case roles.RecordingState.OFF:
                    return await self._stop()

    async def _start(self) -> RecordingStatus:
        try:
            running = self._running or await self._begin()
            if running.paused:
                await running.resume()
                self._context.history.recording_resumed(running.id)
                self._tell(EventType.RECORDING_RESUMED, running)
        except MediaError as error:
            raise self._failed(error, "The conference cannot be recorded") from error
        return _state(running)

    def _failed(self, error: MediaError, message: str) -> WrongState:
        """Tell of what could not be done; where files are is for the log."""
        log.error("recording_failed", session=self.session_id, error=str(error))
        self._context.feed.publish(EventType.RECORDING_FAILED, self.session_id, reason=without_paths(str(error)))
        return WrongState(message)

    async def _pause(self) -> RecordingStatus:
        running = self._running
        if running is None:
            raise WrongState(NOT_RECORDING)
        if not running.paused:
            try:
                await running.pause()
            except MediaError as error:
                raise self._failed(error, "The recording is lost") from error
            self._context.history.recording_paused(running.id)
            self._tell(EventType.RECORDING_PAUSED, running)
        return _state(running)

    async def _stop(self) -> RecordingStatus | None:
        running = self._running
        if running is None:
            return None
        entry = await running.stop()
        self._ended(running)
        return RecordingStatus(False, str(running.path), entry.seconds, running.id)

    async def finish(self) -> None:
        """End the recording, if one is being made."""
        await self.change(roles.RecordingState.OFF)

    def owns(self, number: int) -> bool:
        """Tell whether a recording of the workers is this recorder's."""
        return self._running is not None and self._running.number == number

    async def ended(self, event: RecordingEnded) -> bool:
        """Take notice that the worker has ended it; whether nobody had asked for it."""
        async with self._lock:
            running = self._running
            if running is None or running.number != event.recording:
                return False
            log.warning("recording_ended", session=self.session_id, reason=event.reason, seconds=event.seconds)
            await running.ended(event)
            self._ended(running)
            return True

    def joined(self, member: Member) -> None:
        """Take notice that somebody is in the room now."""
        if self._running is not None and member.leg is not None:
            self._running.joined(_speaker(member, member.leg))
            self._talk(self._running, member)

    def left(self, party: str) -> None:
        """Take notice that somebody is in the room no more."""
        if self._running is not None:
            self._running.left(party)

    def talking(self, party: str, on: bool) -> None:
        """Take notice that somebody began or ceased to talk."""
        if self._running is not None:
            self._running.talking(party, on)

    async def _begin(self) -> ActiveRecording:
        """Record all who are there; who comes or goes in the meantime is not forgotten."""
        context = self._context
        parties = self._speakers()
        running = await context.recordings.start(
            context.media, self._room, conference=self.session_id, parties=parties, mailbox=self.mailbox
        )
        self._running = running
        now = self._speakers()
        for speaker in now:
            if speaker not in parties:
                running.joined(speaker)
        for speaker in parties:
            if speaker not in now:
                running.left(speaker.party)
        for member in self._members():
            self._talk(running, member)
        context.history.recording_started(running.id, self.session_id, str(running.path))
        self._tell(EventType.RECORDING_STARTED, running)
        return running

    @staticmethod
    def _talk(running: ActiveRecording, member: Member) -> None:
        """Note somebody who was talking already."""
        if member.inside and member.party.talking and not member.party.group:
            running.talking(member.party.id, True)

    def _speakers(self) -> list[Speaker]:
        # A hidden listener says nothing, and nobody learns from a recording that it was there.
        there = [each for each in self._members() if each.inside and not each.party.hidden and not each.party.group]
        return [_speaker(member, member.leg) for member in there if member.leg is not None]

    def _ended(self, running: ActiveRecording) -> None:
        self._running = None
        entry = running.entry
        folder = running.path.parent
        tracks = [str(folder / name) for name in entry.tracks.values()]
        if entry.state != "lost":
            self._context.history.recording_ended(
                entry.id, seconds=entry.seconds, reason=entry.reason, path=str(folder / entry.mix), tracks=tracks
            )
        self._tell(EventType.RECORDING_ENDED, running, seconds=entry.seconds, reason=entry.reason)

    def _tell(self, kind: EventType, running: ActiveRecording, **data: Any) -> None:
        self._context.feed.publish(kind, self.session_id, recording=running.id, path=str(running.path), **data)


def _state(running: ActiveRecording, seconds: float = 0.0) -> RecordingStatus:
    return RecordingStatus(True, str(running.path), seconds, running.id, paused=running.paused)


def _speaker(member: Member, leg: int) -> Speaker:
    party = member.party
    return Speaker(party.id, leg, party.address.number, party.address.name)


class RecordingControl:
    """Does to a recorder what effects say, in their order.

    Parameters
    ----------
    recorder, rules, tasks
        What is told, what decides, and where work goes on.
    handle
        Tells the rules.
    voice
        Says a notice.
    """

    def __init__(
        self,
        recorder: Recorder,
        rules: Session,
        tasks: Tasks,
        handle: Callable[[SetRecording], object],
        voice: PromptPlayer,
    ) -> None:
        self._recorder = recorder
        self._rules = rules
        self._tasks = tasks
        self._handle = handle
        self._voice = voice
        self._notices: list[Say] = []
        self._change: asyncio.Task[RecordingStatus | WrongState | None] | None = None

    def change(self, state: RecordingState) -> None:
        """Do what the rules want, soon; they are told when it cannot be done."""
        self._change = self._tasks.start(self._do(state))

    async def changed(self) -> RecordingStatus:
        """Wait until what was last wanted is done; gives the recording that was changed.

        Raises
        ------
        WrongState
            It could not be done, or there was none.
        """
        outcome = None if self._change is None else await asyncio.shield(self._change)
        if isinstance(outcome, WrongState):
            raise outcome
        if outcome is None:
            raise WrongState(NOT_RECORDING)
        return outcome

    async def ended(self, event: RecordingEnded) -> None:
        """Tell the rules of a recording that ended unasked, and the room, which was told that it runs."""
        if await self._recorder.ended(event):
            self._handle(SetRecording(RecordingState.OFF))
            settings = self._rules.settings
            if settings.prompts and settings.record_notice:
                self._voice.tell(Say(None, ("conf-recording-stopped",)))

    def notice(self, notice: Say) -> None:
        """Say that a recording runs: now, or when it does."""
        if self._runs:
            self._voice.tell(notice)
        else:
            self._notices.append(notice)

    @property
    def _runs(self) -> bool:
        return self._recorder.running and not self._recorder.paused

    async def _do(self, state: RecordingState) -> RecordingStatus | WrongState | None:
        outcome: RecordingStatus | WrongState | None
        try:
            outcome = await self._recorder.change(state)
        except WrongState as error:
            outcome = error
            log.warning("not_recording", session=self._recorder.session_id, error=str(error))
            if not self._recorder.running:
                self._handle(SetRecording(RecordingState.OFF))
        self._say_notices()
        return outcome

    def _say_notices(self) -> None:
        """Say what waits, if it is true, and forget what never will be; what is said to all need not be said to one."""
        waiting = self._notices
        if self._runs:
            self._notices = []
            to_all = [each for each in waiting if each.to is None]
            for notice in to_all[:1] or waiting:
                self._voice.tell(notice)
        elif self._rules.recording is not RecordingState.RUNNING:
            self._notices = []


def follow_library(context: Context) -> None:
    """Tell the history and the feed what becomes of recordings that have ended: ready, lost or deleted."""
    library, history, feed = context.recordings, context.history, context.feed

    def ready(entry: Entry) -> None:
        mix, *tracks = map(str, library.paths(entry))
        history.recording_ended(entry.id, seconds=entry.seconds, reason=entry.reason, path=mix, tracks=tracks)
        feed.publish(EventType.RECORDING_READY, entry.conference, recording=entry.id, seconds=entry.seconds)

    def lost(entry: Entry) -> None:
        history.recording_lost(entry.id, entry.reason)
        feed.publish(EventType.RECORDING_LOST, entry.conference, recording=entry.id, reason=entry.reason)

    library.on_ready, library.on_lost = ready, lost
    library.on_deleted = lambda entry: history.recording_deleted(entry.id)
