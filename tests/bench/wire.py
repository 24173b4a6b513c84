"""A line between a talker and the bridge: what becomes of its packets, and when the others come.

All in seconds of a clock that nobody waits for; random, and the same each time.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mixer.frame import TICK_S

DELAY_S = 0.003


class Wire(Struct, frozen=True, kw_only=True):
    """
    A line.

    Attributes
    ----------
    loss
        Share of packets lost.
    burst
        How many are lost at a time, on average (Gilbert); 1: each by itself.
    jitter_s
        The delay of each packet is anywhere between none and this, so some overtake others.
    drift_ppm
        How much faster than ours the sender's clock is.
    """

    name: str
    loss: float = 0.0
    burst: float = 1.0
    jitter_s: float = 0.0
    drift_ppm: float = 0.0

    def arrivals(self, packets: int, seed: int) -> NDArray[np.float64]:
        """When each packet comes, shape (packets,); infinity: never."""
        rng = np.random.default_rng(seed)
        sent = np.arange(packets) * TICK_S / (1 + self.drift_ppm * 1e-6) + rng.uniform(0, TICK_S)
        found: NDArray[np.float64] = sent + DELAY_S + rng.uniform(0, self.jitter_s, packets)
        found[self._lost(rng, packets)] = np.inf
        return found

    def _lost(self, rng: np.random.Generator, packets: int) -> NDArray[np.bool_]:
        """Whether each packet is lost: bursts of a geometric length, as many as make the share."""
        lost = np.zeros(packets, np.bool_)
        if self.loss:
            starts = np.flatnonzero(
                rng.random(packets) < self.loss / self.burst / (1 - self.loss + self.loss / self.burst)
            )
            for start, length in zip(starts, rng.geometric(1 / self.burst, len(starts)), strict=True):
                lost[start : start + length] = True
        return lost


WIRES = (
    Wire(name="clean"),
    Wire(name="1 % loss", loss=0.01),
    Wire(name="3 % loss", loss=0.03),
    Wire(name="5 % loss", loss=0.05),
    Wire(name="5 % loss in bursts of 3", loss=0.05, burst=3.0),
    Wire(name="20 ms jitter", jitter_s=0.02),
    Wire(name="60 ms jitter", jitter_s=0.06),
    Wire(name="60 ms jitter, 5 % loss", jitter_s=0.06, loss=0.05),
    Wire(name="clock 200 ppm fast", drift_ppm=200.0),
    Wire(name="clock 200 ppm slow", drift_ppm=-200.0),
)
