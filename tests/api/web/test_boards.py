"""What those are told who have joined by HTTP, and what they may command; calls and media on paper, time that jumps."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixer.rules.roles import Role
from mixer.rules.settings import Settings
from softphone.api.web import commands
from softphone.api.web.boards import QUEUE, SLOW, Boards, Follower
from softphone.config import ConferenceConfig
from softphone.errors import OtherWorker, SoftphoneError
from softphone.focus.feed import EventType
from softphone.focus.quality import QualityWatch, quality_of
from softphone.media.contract.leg import LegStats, LegTalking
from softphone.media.contract.messages import GetStats, JoinRoom
from softphone.testing.bridge import offer
from softphone.testing.clock import run
from tests.support.web import GUEST, HOST, WebBridge

Scene = Callable[["Watched"], Awaitable[None]]
Play = Callable[..., None]


class Viewer:
    """What a client knows that applies whatever it is told."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.said: list[dict[str, Any]] = []
        self.you = ""
        self.conference: dict[str, Any] = {}
        self.parties: dict[str, dict[str, Any]] = {}

    def read(self) -> "Viewer":
        """Take what waits."""
        while self.follower.waiting:
            message = json.loads(self.follower.waiting.popleft())
            self.said.append(message)
            match message:
                case {"event": "roster", "you": you, "conference": conference, "parties": parties}:
                    self.you, self.conference = you, conference
                    self.parties = {each["id"]: each for each in parties}
                case {"event": "party", "party": party}:
                    self.parties[party["id"]] = self.parties.get(party["id"], {}) | party
                case {"event": "left", "party": party}:
                    del self.parties[party]
                case {"event": "conference", "conference": conference}:
                    self.conference |= conference
        return self

    @property
    def names(self) -> list[str]:
        return [each["name"] for each in self.parties.values()]

    def events(self) -> list[str]:
        return [each["event"] for each in self.said]


class Watched(WebBridge):
    """A bridge with boards."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self.boards = Boards(self.focus, lambda session: session.name or "Conference")
        self.context: Any = SimpleNamespace(control=self.control)

    async def views(self, to: str, **wish: Any) -> Viewer:
        joined = await self.comes(to, **wish)
        return Viewer(self.boards.follow(joined.party))

    async def commands(self, viewer: Viewer, do: str, **more: Any) -> str:
        """Command something; empty: it is done, else why not."""
        try:
            text = json.dumps({"n": 1, "do": do, **more})
            await commands.carry_out(self.context, viewer.follower.party, commands.read(text))
        except SoftphoneError as error:
            return commands.why(error)
        return ""


@pytest.fixture
def play(tmp_path: Path) -> Play:
    async def all_of_it(scene: Scene, options: dict[str, Any]) -> None:
        bridge = Watched(tmp_path, **options)
        await scene(bridge)
        for room in list(bridge.focus.rooms.values()):
            room.close("requested")
        await asyncio.sleep(60.0)
        assert len(bridge.boards) == 0 and bridge.boards._sockets == {}
        assert bridge.focus.rooms == {}

    return lambda scene, **options: run(all_of_it(scene, options))


def test_the_whole_comes_first_and_then_what_changes(play: Play) -> None:
    async def scene(bridge: Watched) -> None:
        host = (await bridge.views(HOST, name="Ada")).read()
        assert host.said[0]["event"] == "roster" and host.names == ["Ada"] and host.you == list(host.parties)[0]
        assert host.conference == {
            "title": "Conference", "locked": False, "muted": False, "recording": False, "paused": False,
        }  # fmt: skip
        guest = await bridge.comes(GUEST, name="Gus")
        call = await bridge.call(bridge.focus.conference(guest.party.session), "102", name="Ben")
        await asyncio.sleep(0.5)
        assert host.read().names == ["Ada", "Gus", "Ben"]
        assert [each["via"] for each in host.parties.values()] == ["browser", "browser", "phone"]
        host.said.clear()
        await bridge.control.mute(guest.party.session, guest.party.id, True)
        await asyncio.sleep(0.5)
        host.read()
        assert host.said == [{"event": "party", "party": {"id": guest.party.id, "muted": True}}]
        await bridge.control.rooms.open_groups(guest.party.session, [""], [[guest.party.id]])
        await asyncio.sleep(0.5)
        assert host.read().said[-1] == {"event": "party", "party": {"id": guest.party.id, "group": 1}}
        await bridge.control.lock(guest.party.session, True)
        await bridge.control.mute_all(guest.party.session, True)
        call.end()
        await asyncio.sleep(0.5)
        host.read()
        assert host.names == ["Ada", "Gus"] and (host.conference["locked"], host.conference["muted"]) == (True, True)

    play(scene)


def test_a_burst_of_talking_is_told_five_times_a_second_at_most(play: Play) -> None:
    async def scene(bridge: Watched) -> None:
        host = (await bridge.views(HOST)).read()
        leg = host.follower.party.member.leg or 0
        host.said.clear()
        for number in range(200):
            bridge.focus.on_media_event(LegTalking(leg, number % 3 == 0))
            await asyncio.sleep(0.01)
        await asyncio.sleep(1.0)
        assert 2 <= len(host.read().said) <= 12
        assert host.parties[host.you]["talking"] is False, "the last word counts"

    play(scene)


def test_who_waits_sees_itself_alone_until_it_is_let_in(play: Play) -> None:
    async def scene(bridge: Watched) -> None:
        host = await bridge.views(HOST, name="Ada")
        guest = (await bridge.views(GUEST, name="Gus")).read()
        assert (guest.names, guest.parties[guest.you]["stage"]) == (["Gus"], "lobby")
        other = await bridge.views(GUEST, name="Eve")
        await asyncio.sleep(0.5)
        assert guest.read().names == ["Gus"] and other.read().names == ["Eve"]
        assert host.read().names == ["Ada", "Gus", "Eve"]
        assert await bridge.commands(guest, "mute_all") == "Only a host of the conference may do that"
        assert await bridge.commands(host, "admit", party=guest.you) == ""
        await asyncio.sleep(0.5)
        assert guest.read().names == ["Ada", "Gus", "Eve"] and guest.parties[guest.you]["stage"] == "joined"
        assert await bridge.commands(host, "reject", party=other.you) == ""
        await asyncio.sleep(10.0)
        assert other.read().said[-1] == {
            "event": "over", "reason": "removed", "message": "You were removed from the conference",
        }  # fmt: skip
        assert other.follower.closing == (1000, "the party is over")

    play(scene, conference=ConferenceConfig(lobby=True))


def test_a_party_commands_itself_and_a_host_all(play: Play) -> None:
    async def scene(bridge: Watched) -> None:
        host, guest = await bridge.views(HOST, name="Ada"), await bridge.views(GUEST, name="Gus")
        other = await bridge.views(GUEST, name="Eve")
        for each in (host, guest, other):
            each.read()
        session = bridge.focus.session(host.follower.party.session)
        for do in ("mute", "unmute"):
            assert await bridge.commands(guest, do) == ""
            assert session.parties[guest.you].muted is (do == "mute")
            assert await bridge.commands(guest, do, party=other.you) == "Only a host of the conference may do that"
            assert await bridge.commands(host, do, party=other.you) == ""
            assert session.parties[other.you].muted is (do == "mute")
        for do in sorted(commands.HOSTS):
            assert await bridge.commands(guest, do, party=guest.you, to="102"), do
        assert not session.locked and not session.muted_all
        assert await bridge.commands(host, "lock") == "" and session.locked
        assert await bridge.commands(host, "mute_all") == "" and session.muted_all
        assert await bridge.commands(guest, "unmute") == "", "the rules of this room let it"
        assert await bridge.commands(guest, "name", name=" Gustav\u202e ") == ""
        assert await bridge.commands(guest, "name", name="\u200b") == "This name shows nothing"
        assert await bridge.commands(other, "name", name="Gustav") == ""
        await asyncio.sleep(0.5)
        assert host.read().names == ["Ada", "Gustav", "Gustav (2)"]
        assert await bridge.commands(host, "kick", party="p-nobody-1") == "This party is no longer there"
        assert await bridge.commands(host, "kick", party=other.you) == ""
        assert await bridge.commands(guest, "leave") == ""
        await asyncio.sleep(10.0)
        assert guest.read().said[-1]["reason"] == "left" and other.read().said[-1]["reason"] == "removed"
        assert host.read().names == ["Ada"]
        assert await bridge.commands(host, "end") == ""
        await asyncio.sleep(10.0)
        assert host.read().said[-1]["reason"] == "ended"

    play(scene)


def test_a_host_calls_somebody_in_and_hears_what_becomes_of_it(play: Play) -> None:
    async def scene(bridge: Watched) -> None:
        host, guest = await bridge.views(HOST, name="Ada"), await bridge.views(GUEST)
        assert await bridge.commands(host, "invite", to=" 1 650 555 0123") == ""
        assert await bridge.commands(host, "invite", to=" ") == "Nobody was named who is to be invited"
        await asyncio.sleep(5.0)
        told = [each for each in host.read().said if each["event"] == "invitation"]
        assert [(each["number"], each["state"]) for each in told] == [
            ("16505550123", "ringing"), ("16505550123", "answered"),
        ]  # fmt: skip
        assert "invitation" not in guest.read().events()

    play(scene)


def test_a_party_that_is_moved_goes_on_with_the_other_roster(play: Play) -> None:
    async def scene(bridge: Watched) -> None:
        there = await bridge.room(Settings())
        await bridge.call(there, "102", name="Ben")
        guest = (await bridge.views(GUEST, name="Gus")).read()
        stays = await bridge.views(GUEST, name="Eve")
        await bridge.control.move(guest.follower.party.session, guest.you, there.session.id)
        await asyncio.sleep(0.5)
        before, guest = guest.you, guest.read()
        assert guest.names == ["Ben", "Gus"] and guest.you != before and guest.you in guest.parties
        assert stays.read().names == ["Eve"]
        await bridge.control.mute(there.session.id, guest.you, True)
        await asyncio.sleep(0.5)
        assert guest.read().parties[guest.you]["muted"]
        assert await bridge.commands(guest, "unmute", party=guest.follower.party.id) == "", "by its first id, too"

    play(scene)


def test_who_reads_too_slowly_is_let_go_and_holds_nothing(play: Play) -> None:
    async def scene(bridge: Watched) -> None:
        host, slow = await bridge.views(HOST), await bridge.views(GUEST)
        session, party = slow.follower.party.session, slow.follower.party.id
        for number in range(QUEUE + 10):
            await bridge.control.mute(session, party, number % 2 == 0)
            await asyncio.sleep(0.25)
            host.read()
        assert slow.follower.closing == SLOW and not slow.follower.waiting
        bridge.boards.leave(slow.follower)
        again = Viewer(bridge.boards.follow(slow.follower.party)).read()
        assert again.parties == host.read().parties

    play(scene)


def test_a_key_has_a_few_connections_and_each_sees_the_same(play: Play) -> None:
    async def scene(bridge: Watched) -> None:
        joined = await bridge.comes(HOST)
        viewers = [Viewer(bridge.boards.follow(joined.party)) for _ in range(5)]
        assert [each.follower.closing is not None for each in viewers] == [True, True, False, False, False]
        await bridge.control.lock(joined.party.session, True)
        await asyncio.sleep(0.5)
        assert [each.read().conference["locked"] for each in viewers] == [False, False, True, True, True]
        for each in viewers:
            bridge.boards.leave(each.follower)
        assert len(bridge.boards) == 0, "nothing is kept of a conference that nobody watches"

    play(scene)


def test_hidden_listeners_are_seen_by_nobody(play: Play) -> None:
    async def scene(bridge: Watched) -> None:
        host = await bridge.views(HOST, name="Ada")
        room = bridge.focus.conference(host.follower.party.session)
        await bridge.call(room, "103", name="Spy", role=Role.LISTENER, hidden=True)
        await asyncio.sleep(1.0)
        assert host.read().names == ["Ada"] and host.events() == ["roster"]

    play(scene)


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "null", "{}", '{"n": "1", "do": "mute"}', '{"n": 1}', '{"n": 1, "do": "dance"}',
     '{"n":1,"do":"__init__"}', '{"n": 1, "do": "mute", "party": 7}',
     json.dumps({"n": 1, "do": "name", "name": "x" * 201})],
)  # fmt: skip
def test_what_is_no_command_is_refused_in_words(text: str) -> None:
    with pytest.raises(commands.BadCommand, match="[A-Z].* "):
        commands.read(text)


@given(
    st.text()
    | st.recursive(st.none() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)).map(json.dumps)
)
def test_any_text_is_a_command_or_refused(text: str) -> None:
    with contextlib.suppress(commands.BadCommand):
        assert commands.read(text).do in commands.COMMANDS


# How sound comes through.


@pytest.mark.parametrize(
    ("came", "lost", "jitter_ms", "remote", "word"),
    [(250, 0, 5.0, None, "good"), (245, 5, 5.0, 1.0, "good"), (240, 10, 5.0, None, "fair"),
     (250, 0, 80.0, None, "fair"),
     (200, 50, 5.0, None, "poor"), (250, 0, 5.0, 20.0, "poor"), (0, 0, 0.0, None, None), (0, 100, 0.0, None, "poor")],
)  # fmt: skip
def test_quality_is_what_was_lost_since_the_last_look(
    came: int, lost: int, jitter_ms: float, remote: float | None, word: str | None
) -> None:
    before = LegStats(packets_received=1000, lost=500)
    now = LegStats(packets_received=1000 + came, lost=500 + lost, jitter_ms=jitter_ms, remote_loss_percent=remote)
    assert quality_of(before, now) == word


def test_quality_is_told_when_it_changes_and_costs_few_questions(play: Play) -> None:
    async def scene(bridge: Watched) -> None:
        asked: list[int] = []

        async def stats(request: GetStats) -> LegStats:
            asked.append(request.leg)
            rounds = asked.count(request.leg)
            return LegStats(packets_received=250 * rounds, lost=100 * max(rounds - 3, 0))

        bridge.media.serve[GetStats] = stats
        host = await bridge.views(HOST)
        for _ in range(60):
            await bridge.comes(GUEST)
        asked.clear()
        watch = QualityWatch(bridge.focus.conference(host.follower.party.session))
        for _ in range(4):
            await watch.look()
        assert len(asked) == 80 and len(set(asked)) == 61
        await asyncio.sleep(300.0)
        seen = [
            each["party"]["quality"]
            for each in host.read().said
            if each["event"] == "party" and "quality" in each["party"]
        ]
        assert "poor" in seen

    play(scene, conference=ConferenceConfig(bridge_max_members=100))


def test_a_recording_is_told(play: Play) -> None:
    async def scene(bridge: Watched) -> None:
        host = await bridge.views(HOST)
        bridge.focus.feed.publish(EventType.RECORDING_STARTED, host.follower.party.session)
        await asyncio.sleep(0.5)
        assert host.read().conference["recording"] is False, "what is told is what is so"

    play(scene)


@pytest.mark.parametrize("listens", [True, False])
def test_who_is_moved_to_another_worker_is_asked_for_a_new_offer(play: Play, listens: bool) -> None:
    async def scene(bridge: Watched) -> None:
        there = await bridge.room(Settings())
        joined = await bridge.comes(GUEST)
        viewer = Viewer(bridge.boards.follow(joined.party)) if listens else None
        member, before, ask = joined.party.member, joined.party.member.leg, bridge.media.ask

        async def other_worker(request: Any) -> Any:
            if isinstance(request, JoinRoom) and (request.leg, request.room) == (before, there.room):
                raise OtherWorker("that room is on another worker")
            return await ask(request)

        bridge.media.ask = other_worker  # type: ignore[method-assign]
        await bridge.control.move(joined.party.session, member.party.id, there.session.id)
        await asyncio.sleep(1.0)
        assert viewer is None or "renew" in viewer.read().events()
        if listens:
            await joined.party.renew(offer())
        await asyncio.sleep(1.0)
        assert member.over is not listens and before not in bridge.media.legs
        assert not listens or bridge.media.legs[member.leg or 0] == there.room

    play(scene)
