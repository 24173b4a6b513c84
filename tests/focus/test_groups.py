"""Breakout groups of a running conference: who hears whom, what is played, the recording, and what is given back."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mixer.frame import TICK_S
from mixer.rules.effects import Sound
from softphone.agent import Agent, Call
from softphone.config import DEV_PATH, load
from softphone.errors import MediaFull
from softphone.focus.errors import NoSuchParty, NoSuchSession, NotAllowed, Overloaded, WrongState
from softphone.focus.feed import EventType
from softphone.focus.session import TelephonySession
from softphone.media.contract.messages import CreateRoom
from softphone.media.engine.engine import Engine
from softphone.testing import ConferenceBridge, run
from softphone.testing.bridge import PaperBridge
from tests.focus.switchboard import changed
from tests.focus.table import GOODBYE, TONES, tones_in, write_sounds, write_tone
from tests.support.membership import astray
from tests.support.tones import Pcm, read_wav, sine

HEAR_S, SETTLE_S = 0.4, 0.6
A, B, C, D = TONES
ALL = [{B, C, D}, {A, C, D}, {A, B, D}, {A, B, C}]


class Circle:
    """The host and three others in a ``conf_`` room in memory, each with its tone all the time."""

    def __init__(self, bridge: ConferenceBridge, session: TelephonySession, calls: list[Call]) -> None:
        self.bridge, self.session, self.calls = bridge, session, calls
        self.host, self.b, self.c, self.d = session.parties
        self.rooms, self.control = bridge.control.rooms, bridge.control

    async def heard(self) -> list[set[float]]:
        await asyncio.sleep(SETTLE_S)
        return tones_in(await asyncio.gather(*map(self._listen, self.calls)))

    async def _listen(self, call: Call) -> Pcm:
        stream = call.frames()
        return np.concatenate([await anext(stream) for _ in range(round(HEAR_S / TICK_S))])

    async def open(self, *parties: list[str], **options: Any) -> None:
        await self.rooms.open_groups(self.session.id, [""] * len(parties), parties, **options)

    def told(self, kind: EventType, key: str) -> list[object]:
        feed, last, found = self.bridge.focus.feed, 0, []
        while (event := feed.after(last)) is not None:
            last = event.id
            found += [event.data[key]] if event.type is kind and key in event.data else []
        return found


@asynccontextmanager
async def circle(folder: Path, **sections: dict[str, Any]) -> AsyncIterator[Circle]:
    # Prompts are decoded in a thread, which no clock that jumps waits for: speech could be heard at any time.
    sections = {"prompts": {"folders": (str(write_sounds(folder / "pack")),)}, **sections}
    async with ConferenceBridge(folder, changed(load(DEV_PATH), sections)) as bridge, AsyncExitStack() as stack:
        session, calls = await bridge.conference(), list[Call]()
        for number, tone in zip(("101", "102", "103", "104"), TONES, strict=True):
            agent = Agent(f"sip:{number}@127.0.0.1:5060", password=f"dev-{number}", write_ahead_s=60.0)
            call = await (await stack.enter_async_context(agent)).invite(bridge.uri(session))
            call.write_nowait(sine(tone, 55.0), 8000)
            calls.append(call)
        yield Circle(bridge, session, calls)
        assert astray(bridge.focus) == []


def played(folder: Path, scene: Callable[[Circle], Awaitable[None]], **sections: dict[str, Any]) -> None:
    async def whole() -> None:
        async with circle(folder, **sections) as those:
            await scene(those)

    run(whole())


def test_groups_hear_themselves_alone_and_return(tmp_path: Path) -> None:
    async def scene(those: Circle) -> None:
        assert await those.heard() == ALL
        parties = list(those.session.parties.values())
        await those.open([those.b, those.c], [those.d])
        assert await those.heard() == [set(), {C}, {B}, set()]
        await those.control.rooms.send(those.session.id, those.host, 1)
        assert await those.heard() == [{B, C}, {A, C}, {A, B}, set()]
        await those.calls[1].send_keys("*3")
        assert await those.heard() == [{C}, set(), {A}, set()]
        await those.rooms.end_groups(those.session.id)
        assert await those.heard() == ALL
        assert list(those.session.parties.values()) == parties, "they are who they were, all the time"
        assert those.told(EventType.PARTY_CHANGED, "group") == [1, 1, 2, 1, 0, 0, 0, 0]
        assert those.told(EventType.CONFERENCE_CHANGED, "groups") == [["", ""], []]

    played(tmp_path, scene)


def test_who_hangs_up_in_a_group_is_gone_and_the_end_of_the_conference_is_the_end_of_all(tmp_path: Path) -> None:
    async def scene(those: Circle) -> None:
        await those.open([those.b], [those.c, those.d], ends_in_s=30.0)
        await those.calls[1].hangup()
        await asyncio.sleep(0.5)
        found = those.rooms.groups(those.session.id)
        assert found is not None and found.groups == (("", ()), ("", (those.c, those.d)))
        assert found.ends_in_s is not None and 25.0 < found.ends_in_s < 30.0
        await those.control.end(those.session.id)
        await asyncio.sleep(1.0)
        assert not those.session.parties and not those.bridge.focus.context.legs
        assert rooms_of(those.bridge) == 0

    played(tmp_path, scene)


def rooms_of(bridge: ConferenceBridge) -> int:
    """How many rooms there are on the worker."""
    engine: Engine = bridge._media.engine
    return engine.metrics().rooms


def test_the_time_is_over(tmp_path: Path) -> None:
    async def scene(those: Circle) -> None:
        await those.open([those.b, those.c], [those.d], ends_in_s=5.0)
        assert await those.heard() == [set(), {C}, {B}, set()]
        await asyncio.sleep(5.0)
        assert await those.heard() == ALL
        assert those.rooms.groups(those.session.id) is None
        assert rooms_of(those.bridge) == 1

    played(tmp_path, scene)


def test_what_is_played_to_all_is_heard_in_every_group(tmp_path: Path) -> None:
    async def scene(those: Circle) -> None:
        write_tone(tmp_path / "names" / "announcement.wav", GOODBYE, 1.0)
        sound = [Sound("announcement")]
        await those.open([those.b], [those.c])
        playback = await those.control.play(those.session.id, sound, loop=True)
        assert [GOODBYE in heard for heard in await those.heard()] == [True] * 4
        await those.control.stop_playback(those.session.id, playback)
        for group, expected in enumerate(([True, False, False, True], [False, True, False, False])):
            playback = await those.control.play(those.session.id, sound, loop=True, group=group)
            assert [GOODBYE in heard for heard in await those.heard()] == expected
            await those.control.stop_playback(those.session.id, playback)
        await asyncio.sleep(0.1)
        assert those.told(EventType.PLAYBACK_ENDED, "reason") == ["stopped"] * 3
        with pytest.raises(WrongState, match="no such"):
            await those.control.play(those.session.id, sound, group=3)
        await those.control.play(those.session.id, sound)
        await asyncio.sleep(2.0)
        assert those.told(EventType.PLAYBACK_ENDED, "reason")[3:] == ["finished"], "once, when it is over everywhere"

    played(tmp_path, scene)


def test_the_recording_is_of_the_main_room(tmp_path: Path) -> None:
    async def scene(those: Circle) -> None:
        for name in (those.c, those.d):
            await those.control.mute(those.session.id, name, True)
        await those.heard()
        await those.control.start_recording(those.session.id)
        await asyncio.sleep(1.0)
        await those.open([those.b])
        await asyncio.sleep(3.0)
        await those.rooms.send(those.session.id, those.b, 0)
        await asyncio.sleep(1.0)
        done = await those.control.stop_recording(those.session.id)
        entry = await those.bridge.focus.context.recordings.get(done.id)
        spans = [(span.start_s, span.end_s) for span in entry.parties if span.party == those.b]
        assert len(spans) == 2 and (spans[0][1] or 99.0) < spans[1][0], "it was away in between"
        assert [span.party for span in entry.speech].count(those.b) == 2
        pcm, rate = read_wav(Path(done.path))
        assert [B in tones_in([pcm[round(at * rate) :][: rate // 2]])[0] for at in (0.3, 2.0, 4.4)] == [
            True,
            False,
            True,
        ]

    played(tmp_path, scene)


def test_who_has_the_floor_of_a_group_has_not_that_of_the_conference(tmp_path: Path) -> None:
    async def scene(those: Circle) -> None:
        for name in (those.host, those.c, those.d):
            await those.control.mute(those.session.id, name, True)
        await asyncio.sleep(2.0)
        assert those.session.dominant == those.b
        await those.open([those.b, those.c])
        await asyncio.sleep(2.0)
        assert those.session.dominant is None
        assert those.session.parties[those.b].dominant
        await those.rooms.end_groups(those.session.id)
        await asyncio.sleep(2.0)
        assert those.session.dominant == those.b

    played(tmp_path, scene)


def test_nobody_is_sent_who_is_not_there_and_nobody_returns_who_may_not(tmp_path: Path) -> None:
    async def scene(those: Circle) -> None:
        with pytest.raises(NoSuchParty):
            await those.open(["p-nobody"])
        await those.open([those.b], may_return=False)
        with pytest.raises(WrongState, match="already"):
            await those.open([those.c])
        with pytest.raises(NotAllowed):
            await those.rooms.send(those.session.id, those.b, 0, own=True)
        await those.rooms.send(those.session.id, those.b, 0)
        await asyncio.sleep(0.1)
        assert rooms_of(those.bridge) == 2, "what was made in vain is given back"

    played(tmp_path, scene)


def test_a_worker_without_room_and_a_conference_that_ends_meanwhile(tmp_path: Path) -> None:
    async def scene() -> None:
        paper = PaperBridge(tmp_path)
        session = await paper.control.create(paper.accounts.extensions["101"])
        make, made = paper.media.serve[CreateRoom], list[int | None]()

        async def full(request: CreateRoom) -> Any:
            if len(made) == 2:
                raise MediaFull("full")
            made.append(request.near)
            return await make(request)

        paper.media.serve[CreateRoom] = full
        before = set(paper.media.rooms)
        with pytest.raises(Overloaded):
            await paper.control.rooms.open_groups(session.id, ["", "", ""])
        await asyncio.sleep(0.1)
        assert paper.media.rooms == before
        assert made == [paper.focus.room(session.id).room] * 2, "on the worker of the main room"

        async def ends(request: CreateRoom) -> Any:
            await paper.control.end(session.id)
            return await make(request)

        paper.media.serve[CreateRoom] = ends
        with pytest.raises(NoSuchSession):
            await paper.control.rooms.open_groups(session.id, [""])
        await asyncio.sleep(0.1)
        assert not paper.media.rooms

    run(scene())
