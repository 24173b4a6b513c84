"""The mixing desk: from what everybody says to what everybody hears.

Who talks hears a mix of their own, the room without them; so does who wants it louder or softer. All the others in a
room hear the same frame, made once. Deaf parties share one frame of silence. Who is whispered to hears that on top of
the room, or alone when deaf; those who hear the very same share one frame here, too.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mixer.limit import Limiter
from mixer.mix import room_sums, sums_by
from mixer.roster import Roster


class Ears(NamedTuple):
    """Who is whispered to, and with which of the first frames."""

    rows: NDArray[np.intp]
    frame: NDArray[np.intp]
    frames: int


NO_EARS = Ears(np.zeros(0, np.intp), np.zeros(0, np.intp), 0)


class Desk:
    """
    Arrays for the mixes of one tick.

    Parameters
    ----------
    capacity : int
        Number of rows, and of rooms.
    rate_hz : int
        Samples per second.
    samples : int
        Samples per frame.
    """

    def __init__(self, capacity: int, rate_hz: int, samples: int) -> None:
        self._capacity = capacity
        self._frames = np.zeros((2 * capacity + 1, samples), np.int16)
        self.frames = self._frames[:1]
        self.frame_of_row = np.full(capacity, -1, np.int32)
        self.first_room = 0
        self.recorded: dict[int, NDArray[np.int16]] = {}
        # Streams of the limiter: one per row, then one per room, then one per room for the recorder.
        self._limiter = Limiter(3 * capacity, rate_hz, samples)
        self._sums = np.zeros((capacity, samples), np.int32)
        self._own = np.zeros((capacity, samples), np.int32)

    def mix(self, heard: NDArray[np.int16], voiced: NDArray[np.bool_], roster: Roster) -> None:
        """
        Mix one tick into `frames`, `frame_of_row` and `recorded`.

        Parameters
        ----------
        heard : ndarray of int16, shape (capacity, samples)
            What each row said.
        voiced : ndarray of bool, shape (capacity,)
            Whose voice counts; of those, who does not whisper is in a room.
        roster : Roster
            Who sits where and how, and whispers to whom.
        """
        rooms = roster.rooms_end
        sums = self._sums[:rooms]
        aloud = voiced & ~roster.whispers.private if roster.whispers else voiced
        room_sums(heard, np.flatnonzero(aloud), roster.room, sums)
        self._record(heard, aloud, roster)
        served = roster.active & roster.send & (roster.room >= 0)
        own = np.flatnonzero(served & ~roster.deaf & (aloud | (roster.gain_out != 1)))
        ears = self._mix_whispers(heard, voiced, aloud, roster) if roster.whispers else NO_EARS
        if len(ears.rows):
            own = np.setdiff1d(own, ears.rows, assume_unique=True)
        self.first_room = first = ears.frames + len(own)
        self.frames = self._frames[: first + rooms + 1]
        self._mix_own(own, self.frames[ears.frames : first], heard, aloud, roster)
        streams = np.arange(self._capacity, self._capacity + rooms)
        self._limiter.narrow(sums, streams, self.frames[first : first + rooms])
        self._address(served, own, ears, roster)

    def _mix_own(
        self,
        own: NDArray[np.intp],
        out: NDArray[np.int16],
        heard: NDArray[np.int16],
        aloud: NDArray[np.bool_],
        roster: Roster,
    ) -> None:
        """Make the private mixes: the room's sum, minus the own voice if it is in there."""
        if not len(own):
            return
        mix, place = self._own[: len(own)], roster.room[own]
        voice = heard[own]
        voice[~aloud[own]] = 0
        if (place == place[0]).all():
            np.subtract(self._sums[place[0]], voice, out=mix)
        else:
            np.subtract(self._sums[place], voice, out=mix)
        self._narrow(mix, own, out, roster)

    def _narrow(self, mix: NDArray[np.int32], rows: NDArray[np.intp], out: NDArray[np.int16], roster: Roster) -> None:
        """Scale mixes as the rows want them, and limit them."""
        if len(scaled := np.flatnonzero(roster.gain_out[rows] != 1)):
            mix[scaled] = np.rint(mix[scaled] * roster.gain_out[rows[scaled], None].astype(np.float64))
        self._limiter.narrow(mix, rows, out)

    def _mix_whispers(
        self, heard: NDArray[np.int16], voiced: NDArray[np.bool_], aloud: NDArray[np.bool_], roster: Roster
    ) -> Ears:
        """Make the first frames: what those hear who are whispered to, once for all who hear the same."""
        rows, circle, whispered = roster.whispers.gather(heard, voiced)
        reached = roster.active[rows] & roster.send[rows]
        rows, circle = rows[reached], circle[reached]
        room = np.where(roster.deaf[rows], -1, roster.room[rows])
        speaks = aloud[rows] & (room >= 0)
        alone = speaks | (roster.gain_out[rows] != 1)
        key = np.where(alone, -1 - rows, circle * (roster.room_limit + 1) + room + 1)
        _, first, frame = np.unique(key, return_index=True, return_inverse=True)
        mix = whispered[circle[first]]
        seated = np.flatnonzero(room[first] >= 0)
        mix[seated] += self._sums[room[first[seated]]]
        own = np.flatnonzero(speaks[first])
        mix[own] -= heard[rows[first[own]]]
        if len(first):
            self._narrow(mix, rows[first], self._frames[: len(first)], roster)
        self._limiter.gain[rows] = self._limiter.gain[rows[first]][frame]
        return Ears(rows, frame, len(first))

    def _record(self, heard: NDArray[np.int16], aloud: NDArray[np.bool_], roster: Roster) -> None:
        """Mix for the recorder the rooms in which somebody is heard who is not to be recorded."""
        before, self.recorded = self.recorded, {}
        rows = roster.unrecorded[aloud[roster.unrecorded]]
        if not len(rows):
            return
        rooms, place = np.unique(roster.room[rows], return_inverse=True)
        left_out = np.zeros((len(rooms), heard.shape[1]), np.int32)
        sums_by(heard, rows, place, left_out)
        streams, gain = (2 * self._capacity + rooms).astype(np.intp), self._limiter.gain
        new = np.array([room not in before for room in rooms.tolist()])
        gain[streams[new]] = gain[self._capacity + rooms[new]]
        frames = np.empty(left_out.shape, np.int16)
        self._limiter.narrow(self._sums[rooms] - left_out, streams, frames)
        self.recorded = dict(zip(rooms.tolist(), frames, strict=True))

    def _address(self, served: NDArray[np.bool_], own: NDArray[np.intp], ears: Ears, roster: Roster) -> None:
        """Tell each row its frame, and let the limiters of listeners follow that of their room."""
        frame, gain, room = self.frame_of_row, self._limiter.gain, roster.room
        end, silence = roster.rows_end, len(self.frames) - 1
        self.frames[-1] = 0
        frame[:] = -1
        if roster.whispers:
            # Between two whispers they hear silence, in no room too, so that their stream does not stop and go.
            waiting = roster.whispers.listeners
            frame[waiting[roster.active[waiting] & roster.send[waiting]]] = silence
        listeners = np.flatnonzero(served[:end])
        frame[listeners] = self.first_room + room[listeners]
        frame[np.flatnonzero(served & roster.deaf)] = silence
        frame[own] = np.arange(ears.frames, self.first_room)
        frame[ears.rows] = ears.frame
        follow = np.ones(end, bool)
        follow[own] = follow[ears.rows] = False
        rows = np.flatnonzero(follow)
        gain[rows] = np.where(room[rows] >= 0, gain[self._capacity + room[rows]], 1)
