"""What is played when nothing came: the last pitch period again and again, fading to silence.

The way of ITU-T G.711 appendix I, for all rows that lack samples in a tick at once. The pitch is where the recent past
correlates best with itself; the period is made to loop without a step; what is made up starts exactly at the last true
sample and is blended into the true audio when that returns. Other than appendix I it adds no delay.
"""

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from mixer.frame import ABSENT, samples_per_tick

Index = NDArray[np.int64]
Float = NDArray[np.float32]
Frames = NDArray[np.int16]
Flags = NDArray[np.bool_]

# Pitch of human voices: 66 to 400 Hz. Matched over 10 ms; at higher rates coarsely first.
LONGEST_S, SHORTEST_S, MATCH_S, COARSE_HZ = 0.015, 0.0025, 0.010, 8000
# When more rows than this lose a packet in the same tick, it is the network or this machine that stopped; the others
# repeat their last 15 ms, for a late tick would harm everybody.
SEARCHED = 256
# Full level for one period of a deep voice, silence after 80 ms: longer repetition sounds like a buzz.
HOLD_S, SILENT_S = 0.010, 0.080
# Blends: long enough to be no click, short enough not to smear the onset of the next sound.
MERGE_S, LOOP_S = 0.004, 0.0025


class Concealer:
    """
    State per row: how long it has been making up audio, and from which period.

    Parameters
    ----------
    capacity : int
        Number of rows.
    rate_hz : int
        Samples per second.
    """

    def __init__(self, capacity: int, rate_hz: int) -> None:
        self._longest, self._shortest = round(LONGEST_S * rate_hz), round(SHORTEST_S * rate_hz)
        self._match, self._coarse = round(MATCH_S * rate_hz), max(1, rate_hz // COARSE_HZ)
        self._hold, self._silent = round(HOLD_S * rate_hz), round(SILENT_S * rate_hz)
        self._merge, self._loop = round(MERGE_S * rate_hz), round(LOOP_S * rate_hz)
        samples = samples_per_tick(rate_hz)
        at = np.arange(samples, dtype=np.float32)
        self._returning: Float = np.maximum(1 - (at + 1) / np.float32(self._merge + 1), 0)
        self._starting: Float = 1 - (np.arange(self._loop, dtype=np.float32) + 1) / np.float32(self._loop)
        # fades[e + samples]: the levels of one frame that begins e samples after its row ran dry
        elapsed = np.arange(-samples, self._silent + samples, dtype=np.float32)
        fade = np.clip(1 - (elapsed - self._hold) / (self._silent - self._hold), 0, 1).astype(np.float32)
        self._fades = sliding_window_view(fade, samples)
        self._at = np.arange(samples, dtype=np.int16)
        self._age = np.zeros(capacity, np.int64)  # since the beginning of the frame in which it ran dry
        self._first = np.zeros(capacity, np.int64)  # how many samples of that frame were true
        self._merging = False  # some row has made up the end of its last frame
        self._lag = np.ones(capacity, np.int64)
        self._step = np.zeros(capacity, np.float32)  # from the last true sample to the period
        # The period of each row over and over, so that a frame from anywhere in the first one is one copy.
        self._period = np.zeros((capacity, self._longest + samples + self._loop), np.float32)
        self.frames = np.zeros(capacity, np.int64)
        self._latest = np.zeros(capacity, np.int64)  # how many of these since there was something to conceal

    def reset(self, row: int) -> None:
        """Forget a row: a new party sits in it."""
        self._age[row] = self.frames[row] = self._latest[row] = 0

    def forgive(self, rows: Index) -> None:
        """Take back the latest stretch of frames in which rows were made up: as it turned out, nothing was missing."""
        self.frames[rows] -= self._latest[rows]
        self._latest[rows] = 0

    def fill(self, frames: Frames, lacking: Flags, quiet: Flags, older: Frames, newer: Frames) -> None:
        """
        Replace `ABSENT` by sound.

        Parameters
        ----------
        frames : ndarray of int16, shape (rows, samples)
            The frames of the first rows; changed in place.
        lacking : ndarray of bool, shape (rows,)
            Rows with any absent sample.
        quiet : ndarray of bool, shape (rows,)
            Rows that have nothing to conceal (idle, or fed locally): silence instead.
        older, newer : ndarray of int16, shape (rows, samples)
            What was played in the two ticks before.
        """
        if not (self._merging or lacking.any()):
            return
        still = np.flatnonzero(lacking & quiet)
        frames[still] = np.where(frames[still] == ABSENT, 0, frames[still])
        self._age[still] = 0
        age = self._age[: len(frames)]
        fresh = np.flatnonzero(lacking & ~quiet & (age == 0))
        if len(fresh):
            self._latest[fresh] = 0
            self._learn(fresh, older, newer)
        busy = np.flatnonzero(lacking & ~quiet | (age > 0))
        if len(busy):
            self._blend(busy, frames)
        self._merging = bool(self._age.any())

    def _learn(self, rows: Index, older: Frames, newer: Frames) -> None:
        """Find the pitch of the rows and keep one seamless period of each."""
        history = np.empty((len(rows), older.shape[1] + newer.shape[1]), np.float32)
        history[:, : older.shape[1]] = older[rows]
        history[:, older.shape[1] :] = newer[rows]
        self._keep(rows[:SEARCHED], history[:SEARCHED], self._pitch(history[:SEARCHED])[:, None])
        if len(rows) > SEARCHED:
            self._keep(rows[SEARCHED:], history[SEARCHED:], np.array([self._longest]))

    def _keep(self, rows: Index, history: Float, lag: Index) -> None:
        """Keep the last samples as the period of the rows; `lag`: how many, shape (rows, 1), or (1,) for all alike."""
        end, longest = history.shape[1], self._longest
        back = np.arange(longest) - lag
        period = _along(history, np.minimum(end + back, end - 1))
        # The last bit of the period glides into what preceded the period, so that its end fits its beginning.
        glide = np.clip((back + self._loop + 1) / self._loop, 0, 1).astype(np.float32)
        period += (_along(history, np.clip(end + back - lag, 0, end - 1)) - period) * glide
        self._period[rows] = _along(period, np.arange(self._period.shape[1]) % lag)
        self._lag[rows] = lag.ravel()
        self._step[rows] = history[:, -1] - _along(history, end - 1 - lag)[:, 0]

    def _pitch(self, history: Float) -> Index:
        """Lag with the highest normalised correlation; int64, shape (rows,)."""
        thin = history[:, :: -self._coarse][:, ::-1]
        match, first = self._match // self._coarse, self._shortest // self._coarse
        last, end = self._longest // self._coarse, thin.shape[1]
        # Window i begins i samples after the one with the longest lag.
        reach = thin[:, end - match - last : end - first]
        windows = sliding_window_view(reach, match, axis=1)
        score = np.einsum("rlm,rm->rl", windows, thin[:, -match:])
        energy = np.cumsum(reach**2, axis=1, dtype=np.float64)
        power = energy[:, match - 1 :] - np.pad(energy[:, :-match], ((0, 0), (1, 0)))
        coarse = (last - (score / np.sqrt(np.maximum(power, 0) + 1.0)).argmax(axis=1)) * self._coarse
        return self._refine(history, coarse)

    def _refine(self, history: Float, coarse: Index) -> Index:
        """Look for a better lag between the coarse ones."""
        offsets = np.arange(-self._coarse + 1, self._coarse)
        lags = np.clip(coarse[:, None] + offsets, self._shortest, self._longest)
        end, match = history.shape[1], self._match
        index = (end - match + np.arange(match)) - lags[:, :, None]
        windows = np.take_along_axis(history[:, None, :], index, axis=2)
        score = np.einsum("rlm,rm->rl", windows, history[:, -match:])
        power = np.einsum("rlm,rlm->rl", windows, windows)
        best = (score / np.sqrt(power + 1.0)).argmax(axis=1)
        return np.take_along_axis(lags, best[:, None], axis=1)[:, 0]

    def _blend(self, rows: Index, frames: NDArray[np.int16]) -> None:
        true = frames[rows]
        absent = true == ABSENT
        lacking, age = absent.any(axis=1), self._age[rows]
        made = self._make(rows, true, absent, lacking)
        if not absent.all():
            made -= true
            made *= self._weight(absent, lacking, age)
            made += true
        frames[rows] = np.rint(made, out=made).clip(-32767, 32767, out=made)
        silent = self._silent + self._first[rows]
        self.frames[rows] += (made_up := lacking & (age < silent))
        self._latest[rows] += made_up
        self._age[rows] = np.where(absent[:, -1], np.minimum(age + true.shape[1], silent), 0)

    def _weight(self, absent: Flags, lacking: Flags, age: Index) -> Float:
        """How much of what is made up is heard: all where nothing came, then less and less."""
        if not lacking.any():
            return self._returning
        since = np.where(age > 0, -1, -(self._merge + 1)).astype(np.int16)[:, None]
        last = np.maximum.accumulate(np.where(absent, self._at, since), axis=1)
        weight = (last - self._at).astype(np.float32)
        weight *= np.float32(1 / (self._merge + 1))
        weight += np.float32(1)
        return np.maximum(weight, np.float32(0), out=weight)

    def _make(self, rows: Index, true: NDArray[np.int16], absent: Flags, lacking: Flags) -> Float:
        """Continue the periods of the rows; float32, shape (rows, samples)."""
        samples, age, width = true.shape[1], self._age[rows], self._period.shape[1]
        long = samples + self._loop
        made = _windows(self._period, long)[rows * width + age % self._lag[rows]]
        starts = np.flatnonzero((age == 0) & lacking)
        if len(starts):
            self._first[rows[starts]] = first = absent[starts].argmax(axis=1)
            # Start from the last true sample, whatever the period says.
            before = np.maximum(first - 1, 0)
            gap = np.where(first > 0, true[starts, before] - made[starts, before], self._step[rows[starts]])
            _windows(made, self._loop)[starts * long + first] += gap[:, None] * self._starting
        faded: Float = made[:, :samples] * self._fades[age - self._first[rows] + samples]
        return faded


def _along(array: Float, index: Index) -> Float:
    """Pick samples of each row: index of shape (rows, n), or (n,) for the same of all."""
    picked: Float = np.take(array, index, axis=1) if index.ndim == 1 else np.take_along_axis(array, index, axis=1)
    return picked


def _windows(array: Float, length: int) -> Float:
    """View a contiguous array as all the stretches of `length` of its flat values."""
    views: Float = as_strided(array, (array.size - length + 1, length), (array.itemsize, array.itemsize))
    return views
