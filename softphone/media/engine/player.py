"""Playing files to legs and rooms: each playback is a source in the bridge, fed from decoded sounds.

What is played to legs is whispered to them: no room hears it, no recording has it, and it follows a leg from room to
room. It ends when the last of its legs is closed. What is played to a room is heard by all in it until it is removed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from mixer.bridge import Bridge
from softphone.errors import MediaError, NoSuchLeg
from softphone.media.contract.leg import PlaybackEnded
from softphone.media.contract.messages import Done, Play, PlayTo, StopPlayback
from softphone.media.engine.sounds import Sounds

__all__ = ["Player"]

# A source is fed this often, for as long, so that hundreds of them cost little; its queue holds 0.25 s.
FEED_TICKS = 10
# It is fed when so much is left.
SPARE_TICKS = 2
# Of many that are asked for at once, so many begin per tick (1 ms); so they are not all fed in the same tick later.
BEGIN_MAX = 32
GAIN_MAX = 16.0
# A sentence with numbers in it has a dozen.
FILES_MAX = 256


@dataclass(slots=True)
class _Playback:
    """One playback; `due` is the tick that feeds it next, none while its files are being read."""

    row: int
    samples: int  # in a tick: it is played at the best rate that somebody hears as it begins
    request: Play
    legs: set[int]
    sounds: list[NDArray[np.int16]] = field(default_factory=list)
    due: float = math.inf
    sound: int = 0
    at: int = 0

    def take(self, samples: int) -> NDArray[np.int16]:
        """Give the next samples; fewer at the end."""
        pieces, missing = [np.zeros(0, np.int16)], samples
        while missing and self.sound < len(self.sounds):
            piece = self.sounds[self.sound][self.at : self.at + missing]
            pieces.append(piece)
            missing -= len(piece)
            self.at += len(piece)
            if self.at == len(self.sounds[self.sound]):
                self.sound, self.at = self.sound + 1, 0
                if self.request.loop:
                    self.sound %= len(self.sounds)
        return np.concatenate(pieces)


class Player:
    """The playbacks of an engine.

    Parameters
    ----------
    bridge
        Where they sound.
    row_of, room_of
        Give a leg's row and a room's number in the bridge; raise NoSuchLeg.
    """

    def __init__(self, bridge: Bridge, row_of: Callable[[int], int], room_of: Callable[[int], int]) -> None:
        self._bridge, self._row_of, self._room_of = bridge, row_of, room_of
        self._sounds = Sounds(bridge.rate_hz)
        self._playbacks: dict[int, _Playback] = {}
        self._ended: list[PlaybackEnded] = []
        self._tick = 0

    @property
    def busy(self) -> bool:
        """Whether anything is played or about to be."""
        return bool(self._playbacks)

    def play(self, number: int, request: Play) -> None:
        """Begin a playback; its sound comes when its files are decoded.

        Raises
        ------
        MediaError
            When the request makes no sense.
        NoSuchLeg
            When a leg or the room is not there.
        mixer.errors.BridgeFull
            When no row is left.
        """
        check(request)
        listeners = [self._row_of(leg) for leg in request.legs]
        room = -1 if request.room is None else self._room_of(request.room)
        roster = self._bridge.roster
        lane = self._bridge.lanes[roster.best_lane(listeners if request.room is None else roster.seated(room))]
        row = self._bridge.add_source(room, lane.rate_hz)
        if request.room is None:
            self._bridge.roster.set_whisper(row, listeners)
        self._bridge.roster.set_recorded(row, request.recorded)
        self._bridge.roster.set_gain_in(row, request.gain)
        self._playbacks[number] = _Playback(row, lane.samples, request, set(request.legs))
        self._sounds.load(number, request.paths, lane.rate_hz)

    def play_to(self, request: PlayTo, now: float) -> Done:
        """Change which legs hear a playback; without any it ends."""
        playback = self._find(request.playback)
        if playback.request.room is not None:
            raise MediaError(f"playback {request.playback} plays to a room")
        self._bridge.roster.set_whisper(playback.row, [self._row_of(leg) for leg in request.legs])
        playback.legs = set(request.legs)
        self._end_unheard()
        return Done()

    def stop(self, request: StopPlayback, now: float) -> Done:
        """End a playback with the next tick."""
        self._find(request.playback)
        self._end(request.playback, "stopped")
        return Done()

    def leg_closed(self, leg: int) -> None:
        """Forget a leg (the bridge has done so)."""
        for playback in self._playbacks.values():
            playback.legs.discard(leg)
        self._end_unheard()

    def room_removed(self, room: int) -> None:
        """End what is played to a room."""
        for number in [n for n, playback in self._playbacks.items() if playback.request.room == room]:
            self._end(number, "room removed")

    def tick(self) -> None:
        """Feed the bridge for its next tick."""
        self._tick += 1
        if not self._playbacks:
            return
        for number, outcome in islice(self._sounds.ready(), BEGIN_MAX):
            self._begin(number, outcome)
        for number in [n for n, playback in self._playbacks.items() if playback.due <= self._tick]:
            self._feed(number, self._playbacks[number])

    def events(self) -> list[PlaybackEnded]:
        """Give the playbacks that have ended since the last call."""
        found, self._ended = self._ended, []
        return found

    def close(self) -> None:
        """End all playbacks."""
        for number in list(self._playbacks):
            self._end(number, "closed")
        self._sounds.close()

    def _begin(self, number: int, outcome: list[NDArray[np.int16]] | str) -> None:
        """Start what has been decoded, unless it was stopped meanwhile."""
        playback = self._playbacks.get(number)
        if playback is None:
            return
        if isinstance(outcome, str):
            self._end(number, outcome)
        elif not any(map(len, outcome)):
            self._end(number, f"no sound in {', '.join(playback.request.paths)}")
        else:
            playback.sounds, playback.due = outcome, self._tick

    def _feed(self, number: int, playback: _Playback) -> None:
        """Give a source its next piece; when there is none, wait until the last has been said, then end it."""
        samples = playback.samples
        piece = playback.take(FEED_TICKS * samples)
        queued = self._bridge.push(playback.row, piece)
        if not queued:
            self._end(number, "finished")
        elif len(piece) == FEED_TICKS * samples:
            playback.due = self._tick + FEED_TICKS - (SPARE_TICKS if queued == len(piece) else 0)
        else:
            playback.due = self._tick - (-queued // samples)

    def _end_unheard(self) -> None:
        for number in [n for n, p in self._playbacks.items() if p.request.room is None and not p.legs]:
            self._end(number, "nobody listens")

    def _end(self, number: int, reason: str) -> None:
        self._bridge.roster.remove(self._playbacks.pop(number).row)
        self._ended.append(PlaybackEnded(number, reason))

    def _find(self, number: int) -> _Playback:
        playback = self._playbacks.get(number)
        if playback is None:
            raise NoSuchLeg(f"there is no playback {number}")
        return playback


def check(request: Play) -> None:
    """Refuse a request that makes no sense.

    Raises
    ------
    MediaError
        When it names no file or too many, not just one target, or a gain that is none.
    """
    if not 1 <= len(request.paths) <= FILES_MAX:
        raise MediaError(f"{len(request.paths)} files to play; 1 to {FILES_MAX} can be")
    if bool(request.legs) == (request.room is not None):
        raise MediaError("play to legs or to a room")
    if request.recorded and request.room is None:
        raise MediaError("only what is played to a room can be recorded")
    if not 0 <= request.gain <= GAIN_MAX:
        raise MediaError(f"a gain is 0 to {GAIN_MAX:g}, not {request.gain}")
