import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone import Agent, AudioError, Call, CallEnded, CallRefused, CallState, FrameStream, SipTimeout
from softphone.sip.driver import StackSettings
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from tests.support.tones import amplitude_of, mostly, read_wav, sine

pytestmark = pytest.mark.realtime

Pcm = NDArray[np.int16]


class Answering(Agent):
    """Answers every call and hands it to the test."""

    def __init__(self) -> None:
        super().__init__("sip:callee@127.0.0.1", on_call=self.answer)
        self.answered: asyncio.Queue[Call] = asyncio.Queue()

    async def answer(self, call: Call) -> None:
        await call.accept()
        self.answered.put_nowait(call)


@asynccontextmanager
async def conversation() -> AsyncIterator[tuple[Call, Call]]:
    """Two agents in a call: the caller's end and the callee's."""
    async with Answering() as callee, Agent("sip:caller@127.0.0.1") as caller:
        call = await caller.invite(callee.contact)
        yield call, await callee.answered.get()


async def listen(call: Call, frames: int) -> Pcm:
    heard = []
    async for frame in call.frames():
        heard.append(frame)
        if len(heard) == frames:
            break
    return np.concatenate(heard)


async def until_heard(call: Call, hz: float) -> None:
    """Return when `hz` has been heard for a tenth of a second; the test's time limit is the limit."""
    while amplitude_of(await listen(call, 5), hz) < 0.1:
        pass


@asynccontextmanager
async def talking(call: Call, sound: Pcm) -> AsyncIterator[None]:
    """Say this meanwhile."""
    task = asyncio.create_task(call.play(sound))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_two_agents_hear_each_other_and_not_themselves() -> None:
    async with conversation() as (caller, callee), talking(caller, sine(440, 60.0)), talking(callee, sine(700, 60.0)):
        await asyncio.gather(until_heard(caller, 700), until_heard(callee, 440))
        at_caller, at_callee = await asyncio.gather(listen(caller, 50), listen(callee, 50))
    assert mostly(at_caller, 700) == pytest.approx(0.25, rel=0.1)
    assert mostly(at_callee, 440) == pytest.approx(0.25, rel=0.1)
    assert mostly(at_caller, 440) < 0.005
    assert mostly(at_callee, 700) < 0.005


async def test_frames_are_20_ms_of_int16() -> None:
    async with conversation() as (caller, _):
        frame = await anext(caller.frames())
    assert frame.dtype == np.int16
    assert frame.shape == (caller.rate // 50,)


async def test_what_is_quiet_is_heard_too() -> None:
    async with conversation() as (caller, callee), talking(caller, sine(440, 60.0, amplitude=0.002)):
        while amplitude_of(await listen(callee, 5), 440) < 0.001:
            pass
        heard = await listen(callee, 50)
    assert mostly(heard, 440) == pytest.approx(0.002, rel=0.2)


async def test_the_call_says_who_and_which_way() -> None:
    async with conversation() as (caller, callee):
        assert (caller.direction, callee.direction) == ("out", "in")
        assert callee.remote_uri == "sip:caller@127.0.0.1"
        assert caller.remote_uri == "sip:callee@127.0.0.1"
        assert caller.state is callee.state is CallState.CONNECTED


async def test_a_display_name_arrives() -> None:
    async with Answering() as callee, Agent('"Ada Bot" <sip:ada@127.0.0.1>') as caller:
        await caller.invite(callee.contact)
        assert (await callee.answered.get()).remote_name == "Ada Bot"


async def test_hanging_up_ends_both_ends_once() -> None:
    reasons: list[str] = []
    async with conversation() as (caller, callee):
        caller.on_hangup = callee.on_hangup = reasons.append
        streams = [caller.frames(), callee.frames()]
        await caller.hangup()
        assert await callee.wait_ended() == "bye"
        assert await caller.wait_ended() == "hangup"
        await caller.hangup()
        for stream in streams:
            async for _ in stream:
                pass
        assert caller.state is callee.state is CallState.ENDED
    assert sorted(reasons) == ["bye", "hangup"]


async def test_after_the_end_there_is_nothing_to_do() -> None:
    async with conversation() as (caller, _):
        await caller.hangup()
        assert [frame async for frame in caller.frames()] == []
        for work in (caller.write(sine(440, 0.02)), caller.send_keys("1"), caller.hold(), caller.accept()):
            with pytest.raises(CallEnded):
                await work
        with pytest.raises(CallEnded):
            caller.record("never.wav")
        assert (await caller.stats()).packets_sent >= 0


async def test_a_writer_is_told_when_the_call_ends_under_it() -> None:
    async with conversation() as (caller, callee):
        writing = asyncio.create_task(caller.write(sine(440, 60.0)))
        await until_heard(callee, 440)
        await callee.hangup()
        with pytest.raises(CallEnded):
            await writing


@pytest.mark.parametrize("method", ["rfc4733", "info"])
async def test_keys_arrive(method: str) -> None:
    keys: asyncio.Queue[str] = asyncio.Queue()
    async with conversation() as (caller, callee):
        callee.on_key = keys.put_nowait
        await caller.send_keys("1*#d", method=method)  # type: ignore[arg-type]
        assert [await keys.get() for _ in range(4)] == ["1", "*", "#", "D"]


async def test_what_is_no_key_is_refused() -> None:
    async with conversation() as (caller, _):
        for wrong in ("12x", "", "1 2"):
            with pytest.raises(ValueError, match="keys"):
                await caller.send_keys(wrong)
        with pytest.raises(ValueError, match="rfc4733, info, inband, not 'rfc2833'"):
            await caller.send_keys("1", "rfc2833")  # type: ignore[arg-type]


async def test_an_answer_without_telephone_events_gets_keys_by_info() -> None:
    sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
    bodies: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def answer(call: InviteSession) -> None:
        call.on_info = lambda kind, body: bodies.put_nowait((kind, body))
        await call.answer(sdp)

    phone = Stack(StackSettings(), on_invite=answer)
    await phone.start()
    try:
        async with Agent() as agent:
            call = await agent.invite(f"sip:phone@{phone.host}:{phone.port}")
            await call.send_keys("7")
            kind, body = await bodies.get()
    finally:
        await phone.stop()
    assert kind == "application/dtmf-relay"
    assert b"Signal=7" in body


async def test_hold_and_back() -> None:
    async with conversation() as (caller, callee):
        playing = asyncio.create_task(callee.play(sine(440, 60.0)))
        await until_heard(caller, 440)
        await caller.hold()
        await listen(caller, 10)
        assert amplitude_of(await listen(caller, 10), 440) < 0.001
        assert caller.held
        await caller.unhold()
        await until_heard(caller, 440)
        assert not caller.held
        await caller.hangup()
        with pytest.raises(CallEnded):
            await playing


async def test_a_recording_of_what_we_hear(tmp_path: Path) -> None:
    async with conversation() as (caller, callee):
        callee.record(tmp_path / "heard.wav", rate_hz=16000)
        with pytest.raises(AudioError, match="already"):
            callee.record(tmp_path / "other.wav")
        async with talking(caller, sine(440, 60.0)):
            await until_heard(callee, 440)
            await listen(callee, 55)
        seconds = callee.stop_recording()
        assert callee.stop_recording() == 0.0
    pcm, rate_hz = read_wav(tmp_path / "heard.wav")
    assert rate_hz == 16000
    assert pcm.size / rate_hz == pytest.approx(seconds)
    assert seconds > 1.0
    assert mostly(pcm[-rate_hz:], 440, rate_hz) > 0.1


async def test_the_hang_up_closes_a_recording(tmp_path: Path) -> None:
    async with conversation() as (_, callee):
        callee.record(tmp_path / "heard.wav")
        await listen(callee, 10)
    assert read_wav(tmp_path / "heard.wav")[0].size >= 10 * 160


async def test_statistics_count() -> None:
    async with conversation() as (caller, callee):
        await listen(caller, 50)
        during = await callee.stats()
        await caller.hangup()
        await callee.wait_ended()
        after = await callee.stats()
    assert during.packets_received > 40
    assert (during.lost, during.loss_percent) == (0, 0.0)
    assert during.jitter_ms >= 0.0
    assert after.packets_received >= during.packets_received


async def test_several_calls_at_once_stay_apart() -> None:
    async with Answering() as callee, Agent() as agent:
        calls = [await agent.invite(callee.contact) for _ in range(3)]
        ends = [await callee.answered.get() for _ in range(3)]
        tones = [440.0, 700.0, 1100.0]
        playing = [asyncio.create_task(call.play(sine(hz, 60.0))) for call, hz in zip(calls, tones, strict=True)]
        await asyncio.gather(*(until_heard(end, hz) for end, hz in zip(ends, tones, strict=True)))
        heard = await asyncio.gather(*(listen(end, 25) for end in ends))
        assert len(agent.calls) == 3
        for task in playing:
            task.cancel()
    found = [[mostly(pcm, hz) > 0.01 for hz in tones] for pcm in heard]
    assert found == np.eye(3, dtype=bool).tolist()
    assert agent.calls == []


async def test_a_refusal_is_told() -> None:
    async def refuse(call: Call) -> None:
        await call.reject(603, "Not With Me")
        with pytest.raises(CallEnded):
            await call.accept()

    async with Agent("sip:callee@127.0.0.1", on_call=refuse) as callee, Agent() as caller:
        with pytest.raises(CallRefused, match="603 Not With Me") as refusal:
            await caller.invite(callee.contact)
        assert refusal.value.status == 603


async def test_an_agent_that_takes_no_calls_says_so() -> None:
    async with Agent() as callee, Agent() as caller:
        with pytest.raises(CallRefused, match="480"):
            await caller.invite(callee.contact)


async def test_giving_up_reaches_the_other_side() -> None:
    ringing: asyncio.Queue[Call] = asyncio.Queue()

    async def ring(call: Call) -> None:
        ringing.put_nowait(call)

    async with Agent("sip:callee@127.0.0.1", on_call=ring) as callee, Agent() as caller:
        calling = asyncio.create_task(caller.invite(callee.contact))
        call = await ringing.get()
        assert call.state is CallState.RINGING
        calling.cancel()
        assert await call.wait_ended() == "cancelled"
        with pytest.raises(asyncio.CancelledError):
            await calling


async def test_ringing_has_an_end() -> None:
    async def never(call: Call) -> None:
        await call.wait_ended()

    async with Agent("sip:callee@127.0.0.1", on_call=never) as callee, Agent() as caller:
        with pytest.raises(SipTimeout):
            await caller.invite(callee.contact, timeout_s=0.2)


async def test_a_failing_callback_harms_nobody() -> None:
    async def fail(_: str) -> None:
        raise RuntimeError("in the application")

    async with conversation() as (caller, callee):
        callee.on_key = callee.on_hangup = fail
        caller.on_hangup = lambda _: 1 / 0
        await caller.send_keys("1", method="info")
        await caller.hangup()
        assert await callee.wait_ended() == "bye"


async def test_leaving_hangs_up_and_leaves_nothing_behind() -> None:
    before = asyncio.all_tasks()
    async with Answering() as callee:
        async with Agent() as caller:
            await caller.invite(callee.contact)
            await caller.invite(callee.contact)
            ends = [await callee.answered.get() for _ in range(2)]
        assert [await end.wait_ended() for end in ends] == ["bye", "bye"]
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_silence_of_the_line_ends_the_call() -> None:
    sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"

    async def answer(call: InviteSession) -> None:
        await call.answer(sdp)

    phone = Stack(StackSettings(), on_invite=answer)
    await phone.start()
    try:
        async with Agent(media_timeout_s=0.3) as agent:
            call = await agent.invite(f"sip:phone@{phone.host}:{phone.port}")
            assert await call.wait_ended() == "no-media"
    finally:
        await phone.stop()


async def test_a_stream_keeps_the_newest() -> None:
    stream = FrameStream(limit=3)
    for number in range(5):
        stream.put(np.full(4, number, np.int16))
    stream.end()
    assert [frame[0] async for frame in stream] == [2, 3, 4]
    assert stream.dropped == 2


async def test_a_stream_does_not_share_its_frames() -> None:
    stream = FrameStream()
    frame = np.ones(4, np.int16)
    stream.put(frame)
    frame[:] = 9
    assert (await anext(stream)).tolist() == [1, 1, 1, 1]
