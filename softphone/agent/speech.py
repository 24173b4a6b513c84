"""Speech of one call: playbacks in a bounded queue, given to the tick 200 ms at a time."""

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mixer.frame import TICK_S, samples_per_tick
from softphone.agent.turn import Piece, Turn
from softphone.errors import CallEnded, WriteQueueFull

__all__ = ["Mouth", "SpeechQueue", "WRITE_AHEAD_S", "checked_ahead"]

WRITE_AHEAD_S = 0.060
"""What a writer leaves waiting: enough to ride over a busy event loop, short enough to answer in time."""

LONGEST_AHEAD_S = 3600.0

# The tick is given so much, when it has so little left. What it has not sent can be taken back.
FULL_S, LOW_S = 0.200, 0.060

PAUSE_S = 0.5
"""Writes without such a pause between them are one utterance."""

# Who writes frame by frame has the next one there by then; of others the rest in the resampler is said.
REST_TICKS = 3

# Seconds are sums of pieces.
ROUNDING_S = 1e-6


class Mouth(Protocol):
    """Takes samples for the ticks to come, and gives back what no tick has taken."""

    def write(self, pcm: NDArray[np.int16]) -> int:
        """Append samples; give how many wait."""

    def flush(self) -> int:
        """Drop what waits; give how many that were."""

    @property
    def queued(self) -> int:
        """How many samples wait."""


class _Waiter(NamedTuple):
    """Somebody who waits until a turn is the first and so much of it has been sent."""

    turn: Turn
    said_s: float
    future: "asyncio.Future[None]"


class SpeechQueue:
    """The turns of one call; the first of them is being said.

    Parameters
    ----------
    mouth
        Where samples go.
    rate_hz
        Samples per second.
    ahead_s
        How many seconds may wait: :meth:`write` returns when there is no more than that.

    Attributes
    ----------
    ahead_s
        As given; may be changed at any time.
    """

    def __init__(self, mouth: Mouth, rate_hz: int, ahead_s: float) -> None:
        self._mouth = mouth
        self._rate_hz = rate_hz
        self.ahead_s = ahead_s
        self._samples = samples_per_tick(rate_hz)
        self._full, self._low = round(FULL_S * rate_hz), round(LOW_S * rate_hz)
        self._turns: deque[Turn] = deque()
        self._current: Turn | None = None
        self._writing: Turn | None = None
        self._waiters: list[_Waiter] = []
        self._ticks = self._put_at = self._dry_at = 0
        self._due = math.inf
        self._ended = False

    def heard_s(self, turn: Turn | None = None) -> float:
        """Seconds that were sent of a turn; None: of that which is being said, or was said last."""
        self._measure()
        turn = turn or self._current
        return 0.0 if turn is None else turn.heard_s

    def queued_s(self) -> float:
        """Seconds that wait to be sent."""
        self._measure()
        return sum(turn.left_s for turn in self._turns)

    # --- saying

    async def write(self, samples: NDArray[np.generic], rate_hz: int) -> None:
        """Queue samples; returns when no more than `ahead_s` wait, or they were cleared.

        Cancelled, it takes back what the tick was not given.
        """
        turn = self._turn_of_writers()
        piece = self._put(turn, samples, rate_hz)
        try:
            await self._until_said(turn, piece.end_s - self.ahead_s)
        except asyncio.CancelledError:
            turn.drop(piece)
            raise

    def write_nowait(self, samples: NDArray[np.generic], rate_hz: int) -> None:
        """Queue samples; raises WriteQueueFull, and takes nothing, when more than `ahead_s` would wait."""
        seconds, waiting_s = len(samples) / rate_hz, self.queued_s()
        if waiting_s + seconds > self.ahead_s + ROUNDING_S:
            raise WriteQueueFull(seconds, waiting_s, self.ahead_s)
        self._put(self._turn_of_writers(), samples, rate_hz)

    def begin(self) -> Turn:
        """Queue a turn that is open until it is closed."""
        self._turns.append(turn := Turn(self._rate_hz, open=True))
        self._feed()
        return turn

    async def reached(self, turn: Turn) -> None:
        """Return when the turns before it are over."""
        await self._until_said(turn, -math.inf)

    async def say(self, turn: Turn, samples: NDArray[np.generic], rate_hz: int) -> None:
        """Add samples to an open turn; returns when no more than `ahead_s` of it wait."""
        piece = self._put(turn, samples, rate_hz)
        await self._until_said(turn, piece.end_s - self.ahead_s)

    async def close(self, turn: Turn) -> None:
        """Add nothing more to a turn; returns when it has been sent."""
        turn.open = False
        await self._finish(turn)

    async def drain(self, then: Callable[[], object] | None = None) -> None:
        """Return when all that waits now has been sent; `then` is called in the tick that sends the last sample."""
        if self._turns:
            self._turns[-1].then = then
            await self._finish(self._turns[-1])
        elif then is not None:
            then()

    def clear(self) -> float:
        """Say nothing of what waits; whoever waits for it goes on. Gives `heard_s`."""
        for turn in reversed(self._turns.copy()):
            self.cut(turn)
        return self.heard_s()

    def cut(self, turn: Turn) -> None:
        """Say nothing more of a turn; one that is over stays as it is."""
        if turn.over:
            return
        if turn is self._writing:
            self._writing = None
        if turn is self._turns[0]:
            turn.given -= self._mouth.flush()
            turn.left, self._dry_at = 0, self._ticks
        turn.cut()
        self._turns.remove(turn)
        self._feed()

    def end(self) -> None:
        """Let everybody who waits know that the call is over."""
        if self._ended:
            return
        self._measure()
        self._ended, self._due = True, math.inf
        for turn in self._turns:
            turn.cut()
        self._turns.clear()
        self._wake()

    # --- the tick

    def tick(self) -> None:
        """Let the next ticks have what they need; called when one has taken its samples."""
        self._ticks += 1
        if self._ticks >= self._due:
            self._feed()

    def _feed(self) -> None:
        """Give samples of the first turn, go on to the next when it is over, and tell whom that lets go on."""
        if self._ended:
            return
        self._measure()
        while self._turns:
            turn = self._current = self._turns[0]
            self._fill(turn)
            if turn.open or turn.left or turn.waits or turn.has_rest:
                break
            self._turns.popleft()
            turn.over, self._dry_at = True, self._ticks
            if turn.then is not None:
                turn.then()
        self._wake()
        self._due = self._next_due()

    def _measure(self) -> None:
        """Ask how much of what is being said has been sent."""
        if self._turns and not self._ended:
            self._turns[0].left = self._mouth.queued

    def _fill(self, turn: Turn) -> None:
        if turn.left <= self._low:
            while turn.waits and turn.left < self._full:
                self._give(turn, turn.take(self._full - turn.left))
        if turn.has_rest and not turn.waits and self._has_ended(turn):
            self._give(turn, turn.rest())

    def _has_ended(self, turn: Turn) -> bool:
        """Whether nothing more will be put into a turn, or was for so long that it sounds so."""
        if turn.hurried or (len(self._turns) > 1 and not turn.open):
            return True
        return turn.left <= self._samples and self._ticks - self._put_at >= REST_TICKS

    def _give(self, turn: Turn, pcm: NDArray[np.int16]) -> None:
        if pcm.size:
            turn.left = self._mouth.write(pcm)
            turn.given += pcm.size

    def _next_due(self) -> float:
        """Give the tick in which there is something to do at the earliest: none takes more than its samples."""
        if not self._turns:
            return math.inf
        turn = self._turns[0]
        ticks = (turn.left - (self._low if turn.waits else 0)) // self._samples
        for waiter in self._waiters:
            if waiter.turn is turn and waiter.said_s < math.inf:
                ticks = min(ticks, int((waiter.said_s - turn.said_s) / TICK_S))
        return self._ticks + max(1, ticks)

    def _put(self, turn: Turn, samples: NDArray[np.generic], rate_hz: int) -> Piece:
        if self._ended:
            raise CallEnded("the call is over, nobody hears this")
        piece = turn.put(samples, rate_hz)
        self._put_at = self._ticks
        self._feed()
        return piece

    def _turn_of_writers(self) -> Turn:
        """Give the turn that what is written now goes to: the last one, if it is the writers' and not long over."""
        turn = self._writing
        last = self._turns[-1] if self._turns else self._current
        dry_s = 0.0 if self._turns else (self._ticks - self._dry_at) * TICK_S
        if turn is None or turn is not last or dry_s >= PAUSE_S:
            turn = self._writing = Turn(self._rate_hz, open=False)
        if not (self._turns and turn is last):
            self._turns.append(turn)
        turn.over = turn.hurried = False
        return turn

    # --- waiting

    async def _finish(self, turn: Turn) -> None:
        turn.hurried = True
        self._feed()
        await self._until_said(turn, math.inf)

    async def _until_said(self, turn: Turn, said_s: float) -> None:
        """Wait until a turn is the first and so much of it has been sent, or it is over; raises CallEnded."""
        if not self._ended and not self._is_said(turn, said_s):
            waiter = _Waiter(turn, said_s, asyncio.get_running_loop().create_future())
            self._waiters.append(waiter)
            self._due = self._next_due()
            await waiter.future
        if self._ended:
            raise CallEnded("the call is over, nobody hears this")

    def _is_said(self, turn: Turn, said_s: float) -> bool:
        return turn.over or (turn is self._turns[0] and turn.said_s + ROUNDING_S >= said_s)

    def _wake(self) -> None:
        """Let those go on who may."""
        if not self._waiters:
            return
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.future.done():  # who waited was cancelled
                continue
            if self._ended or self._is_said(waiter.turn, waiter.said_s):
                waiter.future.set_result(None)
            else:
                self._waiters.append(waiter)


def checked_ahead(seconds: float) -> float:
    """Check how much may wait; raises ValueError."""
    if not TICK_S <= seconds <= LONGEST_AHEAD_S:
        raise ValueError(f"write_ahead_s is {TICK_S} to {LONGEST_AHEAD_S:g} seconds, not {seconds!r}")
    return float(seconds)
