"""What waits to be said in a call, tick by tick: bursts, back-pressure, barge-in, rates; no sound leaves this file."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softphone import CallEnded, WriteQueueFull, audio
from softphone.agent.playback import Playback, pieces
from softphone.agent.speech import SpeechQueue, checked_ahead
from softphone.agent.turn import Turn
from softphone.tasks import Tasks
from softphone.testing.clock import run
from tests.support.tones import Pcm, amplitude_of, sine

RATE = 8000
TICK = 160


class PaperMouth:
    """Keeps what is written; a tick takes 160 samples of it, silence where there are none."""

    def __init__(self) -> None:
        self.waiting = np.zeros(0, np.int16)

    def write(self, pcm: Pcm) -> int:
        self.waiting = np.concatenate((self.waiting, pcm))
        assert self.queued <= 2048, "more than the mixer takes"
        return self.queued

    def flush(self) -> int:
        dropped, self.waiting = self.queued, np.zeros(0, np.int16)
        return dropped

    @property
    def queued(self) -> int:
        return len(self.waiting)


class Stage:
    """A speech, and the ticks that take from it."""

    def __init__(self, ahead_s: float = 0.06) -> None:
        self.mouth = PaperMouth()
        self.speech = SpeechQueue(self.mouth, RATE, ahead_s)
        self.tasks = Tasks()
        self.frames: list[Pcm] = []

    async def tick(self, count: int = 1) -> None:
        await settled()
        for _ in range(count):
            part, self.mouth.waiting = self.mouth.waiting[:TICK], self.mouth.waiting[TICK:]
            self.frames.append(np.pad(part, (0, TICK - len(part))))
            self.speech.tick()
            await settled()

    @property
    def said(self) -> Pcm:
        """All that the ticks took, without the silence around it."""
        sound = np.concatenate([np.zeros(0, np.int16), *self.frames])
        loud = np.flatnonzero(sound)
        return sound[loud[0] : loud[-1] + 1] if loud.size else sound[:0]

    def speak(self, sound: Any, rate_hz: int = RATE) -> Playback:
        return Playback(self.speech, pieces(sound, RATE), rate_hz, self.tasks)


async def settled() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


def on_stage(ahead_s: float = 0.06) -> Callable[[Callable[[Stage], Awaitable[None]]], Callable[[], None]]:
    """Make a test of a scene."""

    def made(scene: Callable[[Stage], Awaitable[None]]) -> Callable[[], None]:
        def test() -> None:
            async def act() -> None:
                await scene(Stage(ahead_s))

            run(act())

        test.__doc__ = scene.__doc__
        return test

    return made


def ramp(samples: int, first: int = 1) -> Pcm:
    """Samples that are all different, none of them silence."""
    return ((np.arange(samples) + first - 1) % 30000 + 1).astype(np.int16)


@on_stage(ahead_s=30.0)
async def test_a_burst_of_ten_seconds_is_taken_at_once_and_said_in_ten(stage: Stage) -> None:
    sound = ramp(10 * RATE)
    await stage.speech.write(sound, RATE)
    assert stage.speech.queued_s() == pytest.approx(10.0) and stage.mouth.queued <= 2048
    await stage.tick(100)
    assert stage.speech.heard_s() == pytest.approx(2.0) and stage.speech.queued_s() == pytest.approx(8.0)
    await stage.tick(401)
    assert np.array_equal(stage.said, sound) and stage.speech.queued_s() == 0.0


@on_stage(ahead_s=1.0)
async def test_a_writer_waits_until_no_more_waits_than_may(stage: Stage) -> None:
    writing = asyncio.ensure_future(stage.speech.write(ramp(3 * RATE), RATE))
    await stage.tick(99)
    assert not writing.done()
    await stage.tick(1)
    assert writing.done()


@on_stage()
async def test_a_loop_of_writes_runs_at_the_speed_of_the_call(stage: Stage) -> None:
    async def loop() -> None:
        for k in range(100):
            await stage.speech.write(ramp(TICK, first=k * TICK + 1), RATE)

    looping = asyncio.ensure_future(loop())
    await settled()
    for done in range(1, 90):
        await stage.tick()
        assert stage.speech.queued_s() == pytest.approx(0.08), done  # 60 ms were left when this was written
    await stage.tick(13)
    assert looping.done() and np.array_equal(stage.said, ramp(100 * TICK))


@on_stage(ahead_s=2.0)
async def test_what_does_not_fit_is_refused_whole_and_what_was_there_goes_on(stage: Stage) -> None:
    stage.speech.write_nowait(ramp(RATE), RATE)
    with pytest.raises(WriteQueueFull, match=r"1\.50 s do not fit: 1\.00 s wait .* 2$") as refused:
        stage.speech.write_nowait(np.ones(36000, np.int16), 24000)
    assert (refused.value.seconds, refused.value.queued_s, refused.value.ahead_s) == (1.5, 1.0, 2.0)
    stage.speech.write_nowait(ramp(RATE, first=RATE + 1), RATE)
    await stage.tick(101)
    assert np.array_equal(stage.said, ramp(2 * RATE))
    stage.speech.write_nowait(ramp(2 * RATE), RATE)


@on_stage(ahead_s=30.0)
async def test_clear_is_silent_with_the_next_tick_and_says_how_much_was_heard(stage: Stage) -> None:
    await stage.speech.write(ramp(10 * RATE), RATE)
    await stage.tick(73)
    assert stage.speech.clear() == pytest.approx(73 * 0.02, abs=1e-9)
    await stage.tick(20)
    assert np.array_equal(stage.said, ramp(73 * TICK))
    assert stage.speech.queued_s() == 0.0 and stage.speech.heard_s() == stage.speech.clear() == pytest.approx(1.46)


@on_stage(ahead_s=30.0)
async def test_what_is_heard_is_counted_from_the_last_pause_or_clear(stage: Stage) -> None:
    assert stage.speech.heard_s() == stage.speech.clear() == 0.0
    for _ in range(3):  # 200 ms without a word are no pause
        await stage.speech.write(ramp(RATE), RATE)
        await stage.tick(60)
    assert stage.speech.heard_s() == pytest.approx(3.0)
    await stage.tick(30)
    assert stage.speech.clear() == pytest.approx(3.0), "what was said last"
    await stage.speech.write(ramp(RATE), RATE)
    await stage.tick(5)
    assert stage.speech.clear() == pytest.approx(0.1)
    await stage.speech.write(ramp(RATE), RATE)
    await stage.tick(10)
    assert stage.speech.heard_s() == pytest.approx(0.2), "a clear ends it, pause or not"


@on_stage()
async def test_a_cleared_writer_goes_on_and_a_cancelled_one_takes_back_the_rest(stage: Stage) -> None:
    writing = [asyncio.ensure_future(stage.speech.write(ramp(5 * RATE), RATE)) for _ in range(3)]
    await stage.tick(10)
    writing[1].cancel()
    await settled()
    assert stage.speech.queued_s() == pytest.approx(10.0 - 0.2)
    writing[0].cancel()
    await settled()
    assert stage.speech.queued_s() <= 5.0 + 0.2
    stage.speech.clear()
    await settled()
    assert [each.cancelled() for each in writing] == [True, True, False] and writing[2].done()


@on_stage()
async def test_speakers_take_turns_as_they_come(stage: Stage) -> None:
    first = stage.speak(ramp(2 * RATE))
    writing = asyncio.ensure_future(stage.speech.write(ramp(RATE, first=20001), RATE))
    await settled()
    second = stage.speak(ramp(RATE, first=1001))
    third = stage.speak(ramp(RATE))
    await stage.tick(50)
    assert first.heard_s == pytest.approx(1.0) and second.heard_s == 0.0 and not writing.done()
    assert second.clear() == 0.0 and second.done
    await stage.tick(151)
    assert first.done and writing.done() and third.heard_s == pytest.approx(1.0)
    assert await first == pytest.approx(2.0) and await third == pytest.approx(1.0) and await second == 0.0
    assert np.array_equal(stage.said, np.concatenate((ramp(2 * RATE), ramp(RATE, first=20001), ramp(RATE))))


@on_stage()
async def test_the_cut_of_one_playback_is_the_turn_of_the_next(stage: Stage) -> None:
    first, second = stage.speak(ramp(2 * RATE)), stage.speak(ramp(RATE))
    await stage.tick(7)
    assert first.clear() == pytest.approx(0.14)
    await stage.tick(51)
    assert second.done and second.heard_s == pytest.approx(1.0) and first.heard_s == pytest.approx(0.14)


@on_stage()
async def test_a_slow_synthesiser_keeps_its_turn(stage: Stage) -> None:
    may = asyncio.Event()

    async def synthesiser() -> AsyncIterator[Pcm]:
        yield ramp(RATE)
        await may.wait()
        yield ramp(RATE)

    slow, next_one = stage.speak(synthesiser()), stage.speak(ramp(RATE))
    await stage.tick(100)
    assert slow.heard_s == pytest.approx(1.0) and not slow.done and next_one.heard_s == 0.0
    may.set()
    await settled()
    await stage.tick(60)
    assert slow.heard_s == stage.speech.heard_s(None) == pytest.approx(2.0) or next_one.heard_s > 0
    assert await slow == pytest.approx(2.0)


@on_stage()
async def test_a_buffer_that_is_used_again_is_said_as_it_was(stage: Stage) -> None:
    buffer = ramp(RATE)

    async def synthesiser() -> AsyncIterator[Pcm]:
        for _ in range(2):
            yield buffer
            buffer[:] = 5

    stage.speech.ahead_s = 30.0
    stage.speak(synthesiser())
    await settled()
    await stage.tick(100)
    assert np.array_equal(stage.said, np.concatenate((ramp(RATE), np.full(RATE, 5))))


@on_stage()
async def test_the_end_is_told_to_whoever_waits(stage: Stage) -> None:
    playback = stage.speak(ramp(RATE))
    waiting = [
        asyncio.ensure_future(work)
        for work in (stage.speech.write(ramp(RATE), RATE), stage.speech.drain(), playback.wait())
    ]
    await stage.tick(5)
    stage.speech.end()
    for each in waiting:
        with pytest.raises(CallEnded):
            await each
    assert playback.heard_s == stage.speech.heard_s() == pytest.approx(0.1) and playback.clear() == pytest.approx(0.1)
    with pytest.raises(CallEnded):
        stage.speech.write_nowait(ramp(1), RATE)


@on_stage()
async def test_drained_is_what_was_sent_and_its_last_sample_is_told_in_its_tick(stage: Stage) -> None:
    told: list[int] = []
    await stage.speech.drain(lambda: told.append(-1))
    stage.speech.ahead_s = 30.0
    await stage.speech.write(ramp(RATE + 80), RATE)
    draining = asyncio.ensure_future(stage.speech.drain(lambda: told.append(len(stage.frames))))
    await settled()
    await stage.tick(50)
    assert told == [-1] and not draining.done()
    await stage.tick()
    assert told == [-1, 51] and draining.done()


@pytest.mark.parametrize("rate_hz", [audio.RATES_HZ[0], 11025, 16000, 22050, 24000, 44100, 48000])
def test_a_burst_of_another_rate_comes_out_whole_without_being_drained(rate_hz: int) -> None:
    @on_stage(ahead_s=30.0)
    async def scene(stage: Stage) -> None:
        await stage.speech.write(sine(440, 2.0, rate_hz=rate_hz), rate_hz)
        await stage.tick(110)
        assert stage.said.size == pytest.approx(2 * RATE, abs=12)
        assert amplitude_of(stage.said, 440) == pytest.approx(0.25, rel=0.01)
        gaps = np.diff(np.flatnonzero(stage.said))
        assert gaps.max() <= 2, "no silence within"

    scene()


@on_stage()
async def test_frames_written_one_by_one_at_another_rate_have_no_seam(stage: Stage) -> None:
    sound = sine(440, 2.0, rate_hz=16000)
    for k in range(100):  # as they come from elsewhere, one each tick
        stage.speech.write_nowait(sound[320 * k : 320 * (k + 1)], 16000)
        await stage.tick()
    heard = stage.said[TICK:15800].astype(np.float64)  # in the first tick the resampler had no whole frame yet
    at = np.arange(heard.size) / RATE
    basis = np.column_stack((np.sin(2 * np.pi * 440 * at), np.cos(2 * np.pi * 440 * at)))
    fit, *_ = np.linalg.lstsq(basis, heard, rcond=None)
    assert np.abs(heard - basis @ fit).max() < 0.02 * np.hypot(*fit)


@pytest.mark.parametrize(
    ("kind", "scale"),
    [(np.int16, 1), (">i2", 1), (np.float32, 1 / 32768), (np.float64, 1 / 32768), (np.float16, 1 / 32768)],
)
@pytest.mark.parametrize("channels", [0, 1, 2])
def test_every_kind_of_sample_is_the_same_sound(kind: Any, scale: float, channels: int) -> None:
    @on_stage(ahead_s=30.0)
    async def scene(stage: Stage) -> None:
        sound = (16 * np.arange(1, 2000)[::-1]).astype(np.int16)
        given = (sound * scale).astype(kind)
        given = given if not channels else np.repeat(given[:, None], channels, axis=1)
        await stage.speech.write(audio.checked(given), RATE)
        await stage.tick(20)
        assert np.abs(stage.said - sound.astype(np.int32)).max() <= (16 if kind is np.float16 else 0)

    scene()


@pytest.mark.parametrize("seconds", [0.0, 0.019, 3601, -1, float("nan"), float("inf")])
def test_how_much_may_wait_has_limits(seconds: float) -> None:
    with pytest.raises(ValueError, match="write_ahead_s"):
        checked_ahead(seconds)


ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 4000)),
        st.tuples(st.just("nowait"), st.integers(1, 12000)),
        st.tuples(st.just("speak"), st.integers(1, 4000)),
        st.tuples(st.just("tick"), st.integers(1, 30)),
        st.tuples(st.just("cut"), st.integers(0, 3)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=25)
@given(ACTS)
def test_what_is_counted_as_heard_is_what_the_ticks_took(acts: list[tuple[str, int]]) -> None:
    """Nothing is said twice, nothing is lost but what was cut, and each turn knows how much of it was heard."""

    @on_stage(ahead_s=1.0)
    async def scene(stage: Stage) -> None:
        actors = Actors(stage)
        for act, number in acts:
            await getattr(actors, act)(number)
            await settled()
            actors.look()
        await stage.tick(50 + sum(2 + number // TICK for _, number in acts))
        assert stage.speech.queued_s() == 0.0 and all(each.done() for each in actors.work)
        heard = sum(stage.speech.heard_s(turn) for turn in actors.turns)
        assert round(heard * RATE) == np.count_nonzero(np.concatenate([np.zeros(1), *stage.frames]))
        await asyncio.gather(*actors.work, return_exceptions=True)

    scene()


class Actors:
    """What applications do, in any order."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.turns: list[Turn] = []
        self.work: list[asyncio.Future[Any]] = []

    def look(self) -> None:
        """Note a turn that writers began."""
        writing = self.stage.speech._writing
        if writing is not None and writing not in self.turns:
            self.turns.append(writing)

    async def tick(self, count: int) -> None:
        await self.stage.tick(count)

    async def speak(self, samples: int) -> None:
        playback = self.stage.speak(np.ones(samples, np.int16))
        self.turns.append(playback._turn)
        self.work.append(asyncio.ensure_future(playback.wait()))

    async def cut(self, number: int) -> None:
        if number < len(self.turns):
            self.stage.speech.cut(self.turns[number])

    async def clear(self, _: int) -> None:
        self.stage.speech.clear()

    async def write(self, samples: int) -> None:
        self.work.append(asyncio.ensure_future(self.stage.speech.write(np.ones(samples, np.int16), RATE)))

    async def nowait(self, samples: int) -> None:
        with suppress(WriteQueueFull):
            self.stage.speech.write_nowait(np.ones(samples, np.int16), RATE)
