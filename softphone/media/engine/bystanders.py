"""Streams from addresses that no leg has, and since when each has been going on.

What a call that is over still sends, and what was there before a leg was opened, is not the stream of that leg: only
one that begins after it may be. Age is counted in legs here: a stream is as old as the number of legs that had been
opened when it began.
"""

import secrets

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bystanders"]

# Who has been quiet for so long begins anew. A pause in an ended call's talk is mostly shorter than the call lives on.
QUIET_S = 1.0
# Of streams, each in a place that a secret number gives it. One that finds its place taken takes it: a flood of more
# makes old streams look new, which costs a leg nothing that is heard from the address that it named.
PLACES_BITS = 12
# In the place of an SSRC, which has 32 bits: whatever it is.
ANY_SSRC = 1 << 32
# Older than any leg.
EVER = -1


class Bystanders:
    """A table of fixed size; all work is on whole batches."""

    def __init__(self) -> None:
        places = 1 << PLACES_BITS
        self._key = np.zeros(places, np.uint64)
        self._ssrc = np.zeros(places, np.uint64)
        self._since = np.zeros(places, np.int64)
        self._seen_s = np.full(places, -np.inf)
        self._odd = np.array([secrets.randbits(64) | 1, secrets.randbits(64) | 1], np.uint64)

    def note(self, keys: NDArray[np.uint64], ssrc: NDArray[np.uint32], legs: int, now: float) -> NDArray[np.int64]:
        """Note that packets have come from strangers.

        Parameters
        ----------
        keys
            uint64, shape (n,), as `Slots.keys` gives them.
        ssrc
            uint32, shape (n,).
        legs
            How many have been opened so far.
        now
            Seconds.

        Returns
        -------
        NDArray
            int64, shape (n,): `legs` as it was when the stream of each packet began; -1: before any leg.
        """
        sources = ssrc.astype(np.uint64)
        at = self._places(keys, sources)
        since = np.where(self._goes_on(at, keys, sources, now), self._since[at], legs)
        whatever = np.full(len(keys), ANY_SSRC, np.uint64)
        since[self._goes_on(self._places(keys, whatever), keys, whatever, now)] = EVER
        self._write(at, keys, sources, since, now)
        return since

    def ended(self, key: int, ssrc: int, now: float) -> None:
        """Note that a leg takes nothing any more from an address, and from one source there (-1: whichever)."""
        keys = np.array([key], np.uint64)
        source = np.array([ssrc if ssrc >= 0 else ANY_SSRC], np.uint64)
        self._write(self._places(keys, source), keys, source, np.array([EVER], np.int64), now)

    def skip(self, seconds: float) -> None:
        """Leave out time in which nobody was looked at: it made nobody quiet."""
        self._seen_s += seconds

    def _places(self, keys: NDArray[np.uint64], sources: NDArray[np.uint64]) -> NDArray[np.int64]:
        mixed = (keys ^ sources * self._odd[0]) * self._odd[1]
        places: NDArray[np.int64] = (mixed >> np.uint64(64 - PLACES_BITS)).astype(np.int64)
        return places

    def _goes_on(
        self, at: NDArray[np.int64], keys: NDArray[np.uint64], sources: NDArray[np.uint64], now: float
    ) -> NDArray[np.bool_]:
        """Tell whose stream is in its place, and was heard of lately."""
        own: NDArray[np.bool_] = (self._key[at] == keys) & (self._ssrc[at] == sources)
        return own & (now - self._seen_s[at] < QUIET_S)

    def _write(
        self,
        at: NDArray[np.int64],
        keys: NDArray[np.uint64],
        sources: NDArray[np.uint64],
        since: NDArray[np.int64],
        now: float,
    ) -> None:
        self._key[at], self._ssrc[at], self._since[at], self._seen_s[at] = keys, sources, since, now
