"""Recording of a message: until a key, silence, its maximum length, or the end of the call."""

import asyncio
import contextlib
from dataclasses import dataclass

from mixer.rules.roles import RecordingState
from mixer.rules.room_events import SetRecording
from softphone.focus.feed import EventType
from softphone.focus.room.recording import RecordingStatus
from softphone.focus.room.ruled import RuledRoom

__all__ = ["Dictation", "Dictated"]


@dataclass(frozen=True, slots=True)
class Dictated:
    """What came of it."""

    recording: str
    "Its id in the library."
    seconds: float
    key: str
    "That ended it; empty: none did."
    spoken: bool
    "Whether anything was said."


@dataclass(frozen=True, slots=True)
class Dictation:
    """How a message is taken."""

    finish: str = "1234567890*#"
    "The keys that end it."
    silence_s: float = 5.0
    "So long without a word end it."
    longest_s: float = 3600.0

    async def take(self, room: RuledRoom, keys: "asyncio.Queue[str]") -> Dictated:
        """Record a room with one party in it, until the end of the call at most; when cancelled what was said is kept.

        Raises
        ------
        WrongState
            It cannot be recorded.
        LibraryError
            The recording is gone by then.
        """
        room.recorder.dictated = True
        try:
            return await self._take(room, keys)
        finally:
            room.recorder.dictated = False

    async def _take(self, room: RuledRoom, keys: "asyncio.Queue[str]") -> Dictated:
        if room.recorder.running:  # that of somebody else, who keeps it
            await _record(room, RecordingState.OFF)
        started = await _record(room, RecordingState.RUNNING)
        heard: asyncio.Queue[str | bool | None] = asyncio.Queue()
        watching = [
            asyncio.ensure_future(each) for each in (_words(room, heard), _keys(keys, heard), _end(room, heard))
        ]
        try:
            key, spoken = await self._until(heard)
        except asyncio.CancelledError:
            room.handle(SetRecording(RecordingState.OFF))
            raise
        finally:
            for each in watching:
                each.cancel()
        if room.ended:
            await room.recorder.finish()  # or wait until that is done
        else:
            await _record(room, RecordingState.OFF)
        entry = await room.context.recordings.get(started.id)
        return Dictated(entry.id, entry.seconds, key, spoken)

    async def _until(self, heard: "asyncio.Queue[str | bool | None]") -> tuple[str, bool]:
        """Wait for the end; gives the key that was it, and whether anything was said."""
        key, spoken, talks = "", False, False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.longest_s):
                while not key:
                    what = await asyncio.wait_for(heard.get(), None if talks else self.silence_s)
                    if what is None:
                        break
                    if isinstance(what, bool):
                        talks, spoken = what, spoken or what
                    elif what in self.finish:
                        key = what
        return key, spoken


async def _words(room: RuledRoom, heard: "asyncio.Queue[str | bool | None]") -> None:
    """Note who begins to talk and ceases to."""
    for party in room.session.parties.values():
        if party.talking:
            heard.put_nowait(True)
    async for event in room.context.feed.subscribe():
        if event.session == room.session.id and event.type is EventType.PARTY_TALKING:
            heard.put_nowait(bool(event.data["on"]))


async def _keys(keys: "asyncio.Queue[str]", heard: "asyncio.Queue[str | bool | None]") -> None:
    while True:
        heard.put_nowait(await keys.get())


async def _end(room: RuledRoom, heard: "asyncio.Queue[str | bool | None]") -> None:
    await room.wound_up.wait()
    heard.put_nowait(None)


async def _record(room: RuledRoom, state: RecordingState) -> RecordingStatus:
    room.command(SetRecording(state))
    return await room.recording.changed()
