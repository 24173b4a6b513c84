"""Agents of one event loop share one media plane; what it could not do in time is told."""

import asyncio
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from softphone import Agent, Call, Frame
from softphone.agent import plane as plane_module
from softphone.agent.plane import Planes, SharedPlane
from softphone.media.contract.leg import KeyPressed, LegSpec
from softphone.media.contract.messages import OpenLeg
from tests.agent.test_agent import Answering, listen, talking, until_heard
from tests.support.tones import sine


async def test_twenty_agents_have_one_plane_with_one_timer() -> None:
    agents = [Agent(f"sip:bot{number}@127.0.0.1") for number in range(20)]
    async with Answering() as callee:
        for agent in agents:
            await agent.__aenter__()
        planes = {id(agent._planes) for agent in (callee, *agents)}
        await asyncio.gather(*(agent.invite(callee.contact) for agent in agents))
        assert len(planes) == 1 and len(callee._planes._planes) == 1
        for agent in agents:
            await agent.__aexit__(None, None, None)
        assert callee._planes._planes  # still there for whoever is left
    assert not Planes._of_loop[asyncio.get_running_loop()]


async def test_the_end_of_one_agent_takes_nobody_elses_call() -> None:
    async with Answering() as callee, Agent("sip:stays@127.0.0.1") as staying:
        call = await staying.invite(callee.contact)
        end = await callee.answered.get()
        async with Agent("sip:leaves@127.0.0.1") as leaving:
            await leaving.invite(callee.contact)
        async with talking(call, sine(440, 60.0)):
            await until_heard(end, 440)
        assert callee.calls == [end] and staying.calls == [call]


async def test_a_full_plane_gets_a_neighbour_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane_module, "CALLS", 2)
    async with Answering() as callee, Agent("sip:caller@127.0.0.1") as caller:
        calls = [await caller.invite(callee.contact) for _ in range(3)]
        ends = [await callee.answered.get() for _ in range(3)]
        assert len(caller._planes._planes) >= 3
        for call, end in zip(calls, ends, strict=True):
            async with talking(call, sine(440, 60.0)):
                await until_heard(end, 440)


async def test_calls_that_begin_at_the_same_time_each_have_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane_module, "CALLS", 3)
    async with Answering() as callee, Agent("sip:caller@127.0.0.1") as caller:
        for _ in range(2):  # the second time in places that were left
            calls = await asyncio.gather(*(caller.invite(callee.contact) for _ in range(7)))
            planes = [plane._taken for plane in caller._planes._planes]
            assert sum(planes) == 14 and max(planes) <= 3
            await asyncio.gather(*(call.hangup() for call in calls))
            while sum(plane._taken for plane in caller._planes._planes):
                await asyncio.sleep(0.01)


async def test_agents_of_other_loops_have_planes_of_their_own() -> None:
    def elsewhere() -> bool:
        async def work() -> bool:
            async with Agent() as agent:
                return agent._planes is not ours

        return asyncio.run(work())

    async with Agent() as agent:
        ours = agent._planes
        assert await asyncio.to_thread(elsewhere)


class Noting:
    def __init__(self) -> None:
        self.noted: list[object] = []

    def heard(self, event: object) -> None:
        self.noted.append(event)

    def skipped(self, ticks: int) -> None:
        self.noted.append(ticks)


async def test_events_go_to_whose_leg_it_is_and_to_nobody_after_it_left() -> None:
    plane = SharedPlane("127.0.0.1")
    legs = [(await plane.media.ask(OpenLeg(LegSpec()))).leg for _ in range(2)]
    calls = [Noting(), Noting()]
    for leg, call in zip(legs, calls, strict=True):
        plane.seat(leg, call)
    plane.media.on_event(KeyPressed(legs[1], "5"))
    plane.unseat(legs[1])
    plane.media.on_event(KeyPressed(legs[1], "6"))
    plane.media.close()
    assert (calls[0].noted, calls[1].noted) == ([], [KeyPressed(legs[1], "5")])


async def test_what_a_late_loop_leaves_out_is_told_to_every_call_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plane = SharedPlane("127.0.0.1")
    calls = [Noting(), Noting()]
    with caplog.at_level(logging.WARNING, "softphone"):
        plane.media.on_skip(11)  # there is nobody yet who could miss it
        for leg, call in enumerate(calls):
            plane.seat(leg, call)
        for ticks in (7, 8, 9):
            plane.media.on_skip(ticks)
    plane.media.close()
    assert [call.noted for call in calls] == [[7, 8, 9], [7, 8, 9]]
    assert len(caplog.records) == 1 and "7 frames" in caplog.text


async def test_a_callback_that_blocks_the_loop_leaves_a_gap_that_is_marked_and_counted() -> None:
    async with Answering() as callee, Agent("sip:caller@127.0.0.1") as caller:
        call = await caller.invite(callee.contact)
        await callee.answered.get()
        frames = call.frames()
        await anext(frames)
        before = caller.late_ticks
        pacer = caller._planes._planes[0].media._pacer
        assert pacer.deadline is not None
        pacer.deadline -= 0.5  # as if nothing had run for half a second
        gaps: list[int] = []
        while not any(gaps):
            frame = await anext(frames)
            assert isinstance(frame, Frame)
            gaps.append(frame.gap)
        assert gaps[-1] == call.dropped == frames.dropped >= 15
        assert caller.late_ticks >= before + gaps[-1]


async def test_a_recording_keeps_the_time_of_what_was_left_out(tmp_path: object) -> None:
    async with Answering() as callee, Agent("sip:caller@127.0.0.1") as caller:
        call = await caller.invite(callee.contact)
        end = await callee.answered.get()
        end.record(f"{tmp_path}/a.wav")
        end._control.skipped(50)
        await listen(end, 5)
        assert end.stop_recording() >= 1.1 - 1e-9
        assert call.dropped == 0 and end.dropped == 50


async def test_a_reader_that_is_too_slow_is_told_where(caplog: pytest.LogCaptureFixture) -> None:
    async with Answering() as callee, Agent("sip:caller@127.0.0.1") as caller:
        call = await caller.invite(callee.contact)
        await callee.answered.get()
        frames = call.frames()
        with caplog.at_level(logging.WARNING, "softphone"):
            for number in range(60):
                call._voice.heard(np.full(160, number, np.int16))
        assert frames.dropped >= 10 and call.dropped >= 10
        first = await anext(frames)
        assert first.gap == frames.dropped
        assert (await anext(frames)).gap == 0
        assert sum("more than a second behind" in each.message for each in caplog.records) == 1


def test_an_array_computed_from_a_frame_is_behind_no_gap() -> None:
    frame = np.arange(160, dtype=np.int16).view(Frame)
    frame.gap = 3
    derived: list[Any] = [frame + 1, frame[10:], frame.copy(), -frame]
    assert frame.gap == 3 and [each.gap for each in derived] == [0, 0, 0, 0]


async def test_calls_share_no_sound_with_calls_of_other_agents() -> None:
    """Rooms of one plane are apart."""
    async with Answering() as callee, Agent("sip:a@127.0.0.1") as a, Agent("sip:b@127.0.0.1") as b:
        calls: list[Call] = [await a.invite(callee.contact), await b.invite(callee.contact)]
        ends = [await callee.answered.get() for _ in calls]
        async with talking(calls[0], sine(440, 60.0)):
            await until_heard(ends[0], 440)
            assert not (await listen(ends[1], 10)).any()


AFTER_ANOTHER = """
import asyncio
from softphone import Agent

async def main() -> None:
    for number in range(30):
        async with Agent("sip:bot@127.0.0.1"):
            pass
        if number in (9, 29):
            with open("/proc/self/statm") as pages:
                print(int(pages.read().split()[1]) * 4096)

asyncio.run(main())
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory of a process is read as Linux tells it")
def test_a_process_that_opens_many_agents_one_after_the_other_does_not_grow() -> None:
    told = subprocess.run([sys.executable, "-c", AFTER_ANOTHER], capture_output=True, text=True, check=True, timeout=60)
    ten, thirty = map(int, told.stdout.split())
    assert thirty - ten < 120 << 20  # 580 MB where the library keeps what is freed, 40 where it gives it back
