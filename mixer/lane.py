"""A lane: the rows of one sampling rate, and the mixes at that rate.

A bridge has a lane for each of `mixer.frame.RATES_HZ`. A row says its sound in one lane and hears in one, nearly always
the same. What it says is brought to the other lanes where somebody listens (`mixer.carry`), so that every room is mixed
at each rate at which it is heard, and at no other. Memory of rows that a lane does not have is never touched.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mixer.comfort import hiss_of, white_noise
from mixer.dtmf_detector import Detector
from mixer.frame import RATES_HZ
from mixer.rate import Rates, rate_record, rates_of
from mixer.resample import stretch_taps
from mixer.struct import struct

PAST = 3
"""Frames kept per row: the one being made and the two before it, for concealment."""

Samples = NDArray[np.int16]


@struct
class LaneArrays:
    """What kernels need of a lane."""

    number: int
    rates: Rates  # of all lanes
    rings: Samples
    taps: NDArray[np.float32]
    noise: NDArray[np.float32]
    past: Samples
    kept: Samples
    ahead: Samples
    made: NDArray[np.float32]
    heard: Samples
    leaving: Samples
    wide: NDArray[np.int32]
    sums: NDArray[np.int32]
    limits: NDArray[np.float32]
    frames: Samples
    hiss: Samples
    softened: NDArray[np.bool_]
    silence_at: NDArray[np.int64]
    without: NDArray[np.int32]
    recorded: Samples
    recorded_limits: NDArray[np.float32]
    left_out: NDArray[np.bool_]


class Lane:
    """
    The arrays of one rate.

    Parameters
    ----------
    number : int
        Its place among the lanes of the bridge.
    rate_hz : int
        One of `mixer.frame.RATES_HZ`.
    capacity : int
        Number of rows; as many rooms can exist.
    max_delay_s : float
        The longest a party's audio may wait in its playout ring.
    noise_dbov : float
        How loud the noise is that is heard where nothing sounds; -127: none.

    Attributes
    ----------
    rate : record
        Of dtype `mixer.rate.RATE`.
    rings : ndarray of int16, shape (capacity, ring + reach)
        Where packets wait (`mixer.ring`).
    past : ndarray of int16, shape (PAST, capacity, samples)
        What each row said, as it came; `past[tick % PAST]` is that of this tick.
    heard : ndarray of int16, shape (capacity, samples)
        What others hear of each row, those of other lanes too, where it is wanted here.
    leaving : ndarray of int16, shape (capacity, samples)
        What is heard of it in the room that it leaves.
    frames : ndarray of int16, shape (frames, samples)
        The different mixes of this tick, limited, ready to encode: first the private mixes (talkers hear all but
        themselves), then one frame per room, last one frame of silence.
    first_room : int
        Index into `frames` of the frame of room 0.
    recorded, left_out : ndarray of int16, shape (rooms, samples); ndarray of bool, shape (rooms,)
        The frame to record of each room in which something sounds that is not to be recorded, and which these are.
    silence_at : ndarray of int64, shape (1,)
        Index into `frames` of that of silence.
    softened : ndarray of bool, shape (rooms,)
        The rooms whose frame holds comfort noise and nothing else.
    """

    def __init__(self, number: int, rate_hz: int, capacity: int, max_delay_s: float, noise_dbov: float) -> None:
        self.number, self.rate_hz, self.capacity = number, rate_hz, capacity
        self._max_delay_s, self._noise_dbov = max_delay_s, noise_dbov
        self.rate = rate = rate_record(rate_hz, max_delay_s, number)
        self.samples = samples = int(rate.samples)
        self.rings: Samples = np.zeros((capacity, rate.ring + rate.reach), np.int16)
        self.past: Samples = np.zeros((PAST, capacity, samples), np.int16)
        self.heard: Samples = np.zeros((capacity, samples), np.int16)
        self.leaving: Samples = np.zeros((capacity, samples), np.int16)
        self.kept: Samples = np.zeros((capacity, 2 * samples), np.int16)
        self.ahead, self.made = np.zeros(samples, np.int16), np.zeros((2, samples), np.float32)
        self.wide = np.zeros((2, samples), np.int32)
        self.sums, self.without = np.zeros((2, capacity, samples), np.int32)
        self._whispered = np.zeros((0, samples), np.int32)
        self.recorded: Samples = np.zeros((capacity, samples), np.int16)
        self.left_out, self.softened = np.zeros((2, capacity), np.bool_)
        self.silence: Samples = np.zeros(samples, np.int16)
        self.limits, self.recorded_limits = np.ones((2, capacity), np.float32)
        self.room_for_frames: Samples = np.zeros((2 * capacity + 1, samples), np.int16)
        self.frames, self.first_room = self.room_for_frames[:1], 0
        self.silence_at = np.zeros(1, np.int64)

    @cached_property
    def arrays(self) -> LaneArrays:
        """What kernels need of it, as one argument."""
        return LaneArrays(
            number=self.number,
            rates=rates_of([rate_record(hz, self._max_delay_s, number) for number, hz in enumerate(RATES_HZ)]),
            rings=self.rings,
            taps=self.taps,
            noise=self.noise,
            past=self.past,
            kept=self.kept,
            ahead=self.ahead,
            made=self.made,
            heard=self.heard,
            leaving=self.leaving,
            wide=self.wide,
            sums=self.sums,
            limits=self.limits,
            frames=self.room_for_frames,
            hiss=self.hiss,
            softened=self.softened,
            silence_at=self.silence_at,
            without=self.without,
            recorded=self.recorded,
            recorded_limits=self.recorded_limits,
            left_out=self.left_out,
        )

    @cached_property
    def taps(self) -> NDArray[np.float32]:
        """The weights of its stretches."""
        return stretch_taps(self.samples, int(self.rate.most))

    @cached_property
    def noise(self) -> NDArray[np.float32]:
        """White noise of level 1."""
        return white_noise(self.rate_hz)

    @cached_property
    def hiss(self) -> Samples:
        """What is heard where nothing sounds; int16, shape (samples,)."""
        return hiss_of(self.noise, self._noise_dbov, self.samples)

    @cached_property
    def keys(self) -> Detector:
        """What finds keys in its sound."""
        return Detector(self.capacity, self.rate_hz)

    def said(self, tick: int) -> Samples:
        """Give what its rows said in a tick, as it came."""
        now: Samples = self.past[tick % PAST]
        return now

    def forget(self, row: int) -> None:
        """Forget what a row has said; memory that was never written is not touched."""
        if "keys" in self.__dict__:
            self.keys.reset(np.array([row]))
        if self.past[:, row].any():
            self.past[:, row] = 0

    def ears(self, circles: int) -> NDArray[np.int32]:
        """Give room for what is whispered to so many circles, or more; int32, shape (circles, samples)."""
        if len(self._whispered) < circles:
            self._whispered = np.zeros((2 * circles, self.samples), np.int32)
        return self._whispered

    def serve(self, first_room: int, rooms_end: int) -> None:
        """Note where the frames of this tick lie."""
        self.first_room, self.frames = first_room, self.room_for_frames[: first_room + rooms_end + 1]
