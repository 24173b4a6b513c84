"""Delay between two parties, by correlating sent and received sound."""

import asyncio
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE, TICK_S
from softphone.agent import Call, FrameStream
from softphone.load.media.alignment import align

__all__ = ["Capture", "Delay", "chirp", "measure_delays"]

# A rising tone has one sharp correlation peak, where a steady one has many. When its period shrinks evenly (a bat's
# call), it looks the same a little later if a playout buffer that catches up plays it faster; noise would be lost.
CHIRP_S = 0.1
CHIRP_HZ = (400.0, 3000.0)
CHIRP_AMPLITUDE = 0.2

# Long enough for any delay worth reporting.
CAPTURE_S = 0.6

# Of a correlation of 1; silence with codec noise stays below 0.2.
FOUND = 0.5

# The median of three, because a buffer may be catching up during one.
TIMES = 3


@dataclass(frozen=True)
class Delay:
    """How long a sound took, in seconds.

    Attributes
    ----------
    bridge_s
        From the talker's packet to the listener's: what the bridge adds.
    application_s
        From the tick in which it left the talker's application to the tick in which it reached the listener's: the
        listener's own playout buffer as well.
    """

    bridge_s: float
    application_s: float


@dataclass
class Capture:
    """Frames of one stream with the moments they came.

    A tick keeps an absolute cadence, but the reader may wake late. The earliest arrival, counted back to the first
    frame, is therefore taken for all: ``began = min(arrived[k] - k * 20 ms)``.
    """

    frames: list[NDArray[np.int16]] = field(default_factory=list)
    began: float = float("inf")

    def add(self, frame: NDArray[np.int16], now: float) -> None:
        """Append int16, shape (samples,), that came at `now` seconds."""
        self.began = min(self.began, now - len(self.frames) * TICK_S)
        self.frames.append(frame)

    async def follow(self, stream: FrameStream, seconds: float) -> None:
        """Take what comes for so long."""
        loop = asyncio.get_running_loop()
        for _ in range(round(seconds / TICK_S)):
            self.add(await anext(stream), loop.time())


def chirp(rate_hz: int) -> NDArray[np.int16]:
    """Make the sound that is sent: int16, shape (samples,), a tone that rises and swells in and out."""
    instants = np.arange(round(CHIRP_S * rate_hz)) / rate_hz
    low, high = CHIRP_HZ
    rise = (high - low) / (high * CHIRP_S)
    phase = -2 * np.pi * low / rise * np.log1p(-rise * instants)
    wave = CHIRP_AMPLITUDE * FULL_SCALE * np.hanning(instants.size) * np.sin(phase)
    return np.rint(wave).astype(np.int16)


async def measure_delays(talker: Call, listeners: list[Call]) -> list[Delay | None]:
    """Let one party say a chirp, three times, while all others are silent.

    Returns
    -------
    The median for each listener. None: not heard.
    """
    rounds = [await _measure_once(talker, listeners) for _ in range(TIMES)]
    return [_median([delay for delay in each if delay is not None]) for each in zip(*rounds, strict=True)]


def _median(delays: list[Delay]) -> Delay | None:
    if not delays:
        return None
    return Delay(median(each.bridge_s for each in delays), median(each.application_s for each in delays))


async def _measure_once(talker: Call, listeners: list[Call]) -> list[Delay | None]:
    sound = chirp(talker.rate)
    own, captures = Capture(), [Capture() for _ in listeners]
    talking, streams = talker.frames(), [call.frames() for call in listeners]
    following = [asyncio.create_task(c.follow(s, CAPTURE_S)) for c, s in zip(captures, streams, strict=True)]
    await own.follow(talking, CAPTURE_S / 4)
    # A frame has just come: what is written now leaves with the next tick.
    left_after = len(own.frames)
    writing = asyncio.create_task(talker.write(sound))
    await own.follow(talking, CAPTURE_S / 4)
    await asyncio.gather(writing, *following)
    left = own.began + left_after * TICK_S
    waits = [(await call.stats()).delay_ms / 1000 for call in listeners]
    return [_delay(sound, capture, left, wait, talker.rate) for capture, wait in zip(captures, waits, strict=True)]


def _delay(sound: NDArray[np.int16], capture: Capture, left: float, wait_s: float, rate_hz: int) -> Delay | None:
    place, likeness = align(sound, np.concatenate(capture.frames))
    application_s = capture.began + place / rate_hz - left
    return Delay(application_s - wait_s, application_s) if likeness > FOUND else None
