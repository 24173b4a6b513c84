"""What the parties of the load say, and when their packets leave: speech or the noise of a quiet line, one schedule.

All G.711 mu-law at 8 kHz, 20 ms a packet. Talkers speak prompts of ours, each from a place and at a level of its own;
the others send noise, as telephones without voice detection do. A rough line loses packets, delays each by a time of
its own, and its talkers pause.
"""

from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mixer import g711
from mixer.frame import TICK_S
from softphone.audio import load

SAMPLES = 160
STEPS = 25  # of one tick: a packet leaves in one of them
VOICES = sorted((Path(__file__).parents[2] / "softphone" / "sounds" / "en").glob("conf-*.flac"))
TALK_DBOV = (-20.0, -26.0, -32.0)
NOISE_DBOV = (-70.0, -64.0, -58.0)
NOISES = 100  # frames of each level
LOSS, JITTER_MEAN_S, JITTER_MAX_S = 0.02, 0.008, 0.06
# ITU-T P.59: how long people talk and pause
SPURT_S, PAUSE_S = 1.0, 1.59


class Scene(Struct, frozen=True, kw_only=True):
    """How many parties there are, how many of each `room` of them talk (None: all), and whether the line is rough."""

    parties: int
    talkers: int | None = None
    room: int | None = None
    rough: bool = False

    def talking(self) -> NDArray[np.bool_]:
        """Whether each party is one of the talkers, shape (parties,)."""
        seat = np.arange(self.parties) % (self.room or self.parties)
        talks: NDArray[np.bool_] = seat < (self.parties if self.talkers is None else self.talkers)
        return talks


class Schedule:
    """
    All packets of `ticks` ticks in the order in which they leave.

    Attributes
    ----------
    party, tick, frame
        int64, shape (packets,): the sender, the tick of its sound, the row of `Sounds.codes` that it is.
    bounds
        int64, shape (ticks * STEPS + 1,): the first packet of each step, and the end.
    """

    def __init__(self, scene: Scene, sounds: "Sounds", first: int, ticks: int) -> None:
        rng = np.random.default_rng(first + 1)
        n = scene.parties
        phase = np.random.default_rng(n).permutation(n) * STEPS // n
        step = phase + STEPS * np.arange(ticks)[:, None]
        speaks = np.broadcast_to(scene.talking(), step.shape)
        kept = np.ones(step.shape, np.bool_)
        if scene.rough:
            late = np.minimum(rng.exponential(JITTER_MEAN_S, step.shape), JITTER_MAX_S) / TICK_S
            step = np.minimum(step + (late * STEPS).astype(int), ticks * STEPS - 1)
            kept, speaks = rng.random(step.shape) >= LOSS, speaks & spurts(rng, ticks, n)
        order = np.argsort(step[kept], kind="stable")
        tick, party = (index[order] for index in np.nonzero(kept))
        self.party, self.tick = party, tick
        self.frame = sounds.row(party, first + tick, speaks[tick, party])
        self.bounds = np.searchsorted(step[kept][order], np.arange(ticks * STEPS + 1))


def spurts(rng: np.random.Generator, ticks: int, parties: int) -> NDArray[np.bool_]:
    """Whether each party talks in each tick, shape (ticks, parties): each pauses as people do."""
    mean = np.array([SPURT_S, PAUSE_S]) / TICK_S
    turns = rng.exponential(mean, (parties, ticks // 20 + 2, 2)).reshape(parties, -1)
    ends = np.cumsum(np.ceil(turns), axis=1) - rng.uniform(0, mean.sum(), (parties, 1))
    at = np.arange(ticks)
    passed = (ends[:, :, None] <= at).sum(axis=1)
    talks: NDArray[np.bool_] = passed % 2 == 0
    return talks.T


class Sounds:
    """
    All frames that there are.

    Attributes
    ----------
    codes
        uint8, shape (frames, SAMPLES): speech at each level, then noise at each level.
    speech
        How many frames of speech each level has.
    """

    def __init__(self) -> None:
        speech = np.concatenate([spoken(load(path, 8000)) for path in VOICES]).astype(np.float64)
        self.speech = len(speech) // SAMPLES
        speech = speech[: self.speech * SAMPLES] / rms(speech)
        noise = np.random.default_rng(1).normal(0, 1, NOISES * SAMPLES)
        all_of = [speech * linear(level) for level in TALK_DBOV] + [noise * linear(level) for level in NOISE_DBOV]
        pcm = np.concatenate(all_of).clip(-32767, 32767).astype(np.int16)
        self.codes = g711.encode(pcm.reshape(-1, SAMPLES), g711.ENCODE_ULAW)

    def row(self, party: NDArray[np.int64], tick: NDArray[np.int64], speaks: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The frame of each party in a tick; all arrays of one shape."""
        level, place = party % 3, party * 7919 + tick
        quiet = 3 * self.speech + level * NOISES + place % NOISES
        found: NDArray[np.int64] = np.where(speaks, level * self.speech + place % self.speech, quiet)
        return found


def spoken(pcm: NDArray[np.int16]) -> NDArray[np.int16]:
    """A prompt without the silence at its ends."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 300)
    return pcm[loud[0] : loud[-1]]


def linear(dbov: float) -> float:
    """RMS amplitude of a level."""
    return float(32768 * 10 ** (dbov / 20))


def rms(pcm: NDArray[np.float64]) -> float:
    """RMS amplitude."""
    return float(np.sqrt(np.mean(pcm**2)))
