"""One utterance: samples of any type and rate, converted as they are sent."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from softphone import audio

__all__ = ["Piece", "Turn"]

NOTHING = np.zeros(0, np.int16)


@dataclass(slots=True, eq=False)
class Piece:
    """Samples that wait, the first `at` of them taken; they end at `end_s` of all that was put into the turn."""

    samples: NDArray[np.generic]
    rate_hz: int
    end_s: float
    at: int = 0


class Turn:
    """A turn of speaking; made by `SpeechQueue`.

    Parameters
    ----------
    rate_hz
        Of the call.
    open
        Whether more may come than what waits, so that the turn after it has to wait for that.

    Attributes
    ----------
    over
        Whether no more of it will be sent.
    hurried
        Nothing more is written to it: what its resampler holds can be said.
    given
        Samples of it that the tick was given, at the rate of the call.
    left
        How many of them it has not sent, as far as is known.
    then
        Called in the tick that sends the last sample.
    """

    def __init__(self, rate_hz: int, *, open: bool) -> None:
        self._rate_hz = rate_hz
        self.open = open
        self.over = self.hurried = False
        self.given = self.left = 0
        self.then: Callable[[], object] | None = None
        self._pieces: deque[Piece] = deque()
        self._put_s = self._taken_s = 0.0
        self._resampler: audio.Resampler | None = None

    @property
    def heard_s(self) -> float:
        """Seconds of it that were sent."""
        return (self.given - self.left) / self._rate_hz

    @property
    def said_s(self) -> float:
        """Seconds of what was put into it that were sent, or taken back."""
        return self._taken_s - self.left / self._rate_hz

    @property
    def left_s(self) -> float:
        """Seconds of it that wait."""
        return self._put_s - self.said_s

    @property
    def waits(self) -> bool:
        """Whether something of it waits to be taken."""
        return bool(self._pieces)

    @property
    def has_rest(self) -> bool:
        """Whether there may be something in its resampler."""
        return self._resampler is not None

    def put(self, samples: NDArray[np.generic], rate_hz: int) -> Piece:
        """Append a copy of samples that `audio.checked` has passed."""
        self._put_s += len(samples) / rate_hz
        self._pieces.append(piece := Piece(samples.copy(), rate_hz, self._put_s))
        return piece

    def take(self, samples: int) -> NDArray[np.int16]:
        """Give some samples of the first piece, about so many, at the rate of the call."""
        piece = self._pieces[0]
        upto = min(len(piece.samples), piece.at + math.ceil(samples * piece.rate_hz / self._rate_hz))
        part = audio.to_int16(piece.samples[piece.at : upto])
        self._taken_s += (upto - piece.at) / piece.rate_hz
        piece.at = upto
        if upto == len(piece.samples):
            self._pieces.popleft()
        return self._at_our_rate(part, piece.rate_hz)

    def rest(self) -> NDArray[np.int16]:
        """Give what the resampler still holds; what is taken next begins anew."""
        resampler, self._resampler = self._resampler, None
        return NOTHING if resampler is None else resampler.rest()

    def drop(self, piece: Piece) -> None:
        """Take back what waits of a piece."""
        if piece in self._pieces:
            self._taken_s += (len(piece.samples) - piece.at) / piece.rate_hz
            self._pieces.remove(piece)

    def cut(self) -> None:
        """Take back all that waits; the turn is over."""
        self._pieces.clear()
        self._taken_s, self._resampler, self.open, self.over = self._put_s, None, False, True

    def _at_our_rate(self, pcm: NDArray[np.int16], rate_hz: int) -> NDArray[np.int16]:
        """Resample; before samples of another rate comes what the last rate still holds."""
        if rate_hz == self._rate_hz:
            return np.concatenate((self.rest(), pcm)) if self.has_rest else pcm
        before = NOTHING
        if self._resampler is None or self._resampler.from_rate_hz != rate_hz:
            before, self._resampler = self.rest(), audio.Resampler(rate_hz, self._rate_hz)
        return np.concatenate((before, self._resampler.feed(pcm)))
