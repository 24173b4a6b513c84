"""Comings and goings: who is in a room, who keeps it, and that nobody is lost on the way; with calls on paper."""

import asyncio
import contextlib
import gc
import random
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from mixer.rules.roles import PartyKind, Place, Role
from mixer.rules.settings import EndWithHost, Settings
from softphone.errors import CallRefused
from softphone.focus.errors import FocusError, WrongState
from softphone.focus.party.invitations import KEPT, InvitationState
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.session import ConferenceRole
from softphone.sip.ua.call import InviteState
from softphone.testing.bridge import PaperBridge, PaperCall
from softphone.testing.clock import run
from tests.support.membership import astray

Scene = Callable[[PaperBridge], Awaitable[None]]

HOST = {"number": "101", "role": Role.MODERATOR}
GUEST = {"number": "guest", "kind": PartyKind.TOKEN}


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scene], None]:
    """Play a scene; nobody is astray at its end, and nothing is left when all is over."""

    async def all_of_it(scene: Scene) -> None:
        bridge = PaperBridge(tmp_path)
        await scene(bridge)
        await asyncio.sleep(10.0)
        assert astray(bridge.focus) == []
        for room in list(bridge.focus.rooms.values()):
            room.close("requested")
        await asyncio.sleep(60.0)
        assert (dict(bridge.focus.context.legs), bridge.media.legs, bridge.media.rooms) == ({}, {}, set())
        assert [call.state for call in bridge.calls if call.state is not InviteState.ENDED] == []
        assert bridge.focus.rooms == {}

    return lambda scene: run(all_of_it(scene))


def heard_in(bridge: PaperBridge, room: ConferenceRoom) -> list[str]:
    """The parties whose legs the worker has in a room."""
    return [member.party.id for leg, member in bridge.focus.context.legs.items() if bridge.media.legs[leg] == room.room]


def test_a_refused_move_changes_nothing(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        here = await bridge.room(Settings(end_with_host=EndWithHost.ANY))
        there = await bridge.room(Settings(max_members=1))
        call = await bridge.call(here, **HOST)
        await bridge.call(here, **GUEST)
        await bridge.call(there)
        host, guest = here.session.parties
        await bridge.control.mute(here.session.id, guest, True)
        await bridge.control.deafen(here.session.id, guest, True)
        await bridge.control.lock(here.session.id, True)
        before = dict(here.session.parties)
        for name in (host, guest):
            with pytest.raises(WrongState, match="full"):
                await bridge.control.move(here.session.id, name, there.session.id)
        assert here.session.parties == before
        await asyncio.sleep(1.0)
        assert astray(bridge.focus) == []
        assert heard_in(bridge, here) == [host, guest]
        assert (before[guest].muted, before[guest].deaf) == (True, True)
        call.end()
        await asyncio.sleep(1.0)
        assert here.ended, "its own end is heard of as before"

    play(scene)


def test_a_move_takes_everything_along(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        here, there = await bridge.room(Settings()), await bridge.room(Settings())
        await bridge.call(here, **HOST)
        await bridge.call(here, **GUEST, spoken="name")
        _, guest = here.session.parties
        control, session = bridge.control, here.session.id
        await control.role(session, guest, Role.LISTENER)
        await control.deafen(session, guest, True)
        await control.volume(session, guest, in_db=-6.0, out_db=3.0)
        await control.level(session, guest, True)
        member, known = here.member(guest), here.rules.parties[guest]
        party = await control.move(session, guest, there.session.id)
        now = there.rules.parties[party.id]
        assert (
            (now.role, now.kind, now.sound)
            == (Role.LISTENER, PartyKind.TOKEN, "name")
            == (known.role, known.kind, "name")
        )
        assert (party.muted, party.deaf, party.volume_in_db, party.volume_out_db) == (True, True, -6.0, 3.0)
        await asyncio.sleep(1.0)
        assert member.leg is not None
        settings = bridge.media.settings[member.leg]
        assert (settings["muted"], settings["deaf"], settings["levelled"]) == (True, True, True)
        assert heard_in(bridge, there) == [party.id]
        await control.role(there.session.id, party.id, Role.PARTICIPANT)
        assert not party.muted

    play(scene)


def test_the_last_host_who_moves_ends_what_ends_with_it(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        here, there = await bridge.room(Settings(end_with_host=EndWithHost.ANY)), await bridge.room(Settings())
        await bridge.call(here, **HOST)
        left = await bridge.call(here, **GUEST)
        moved = await bridge.control.move(here.session.id, next(iter(here.members)), there.session.id)
        await asyncio.sleep(1.0)
        assert here.ended
        assert left.state is InviteState.ENDED
        assert list(there.session.parties) == heard_in(bridge, there) == [moved.id]

    play(scene)


def test_who_cancels_before_the_answer_is_gone(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room = await bridge.room(Settings(prompts=True))
        await bridge.call(room, **HOST)
        coming = asyncio.create_task(bridge.call(room, **GUEST))
        await asyncio.sleep(0.001)
        guest = list(room.members)[-1]
        # It is kicked, with words that it will never hear, and cancels.
        await bridge.control.kick(room.session.id, guest)
        bridge.calls[-1].end("cancelled")
        await asyncio.gather(coming, return_exceptions=True)

    play(scene)


def test_who_answers_and_hangs_up_at_once_never_comes_in(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        def gone() -> PaperCall:
            call = PaperCall("out")
            asyncio.get_running_loop().call_soon(lambda: call.end())
            return call

        room = await bridge.room(Settings())
        await bridge.call(room, **HOST)
        bridge.dialer.answer = gone
        invitation = await bridge.control.dial(room.session.id, "103", confirm=False)
        await asyncio.sleep(5.0)
        assert (invitation.state, invitation.reason) == (InvitationState.FAILED, "no answer")
        assert len(room.session.parties) == 1

    play(scene)


def test_who_is_called_in_is_shown_as_what_it_is(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room = await bridge.room(Settings())
        await bridge.call(room)
        for role in Role:
            await bridge.control.dial(room.session.id, "103", role=role, confirm=False)
            await asyncio.sleep(0.1)  # of those that answer in the same moment, any may be the first
        await asyncio.sleep(5.0)
        shown = [party.role for party in room.session.parties.values()]
        assert shown[1:] == [ConferenceRole.HOST, ConferenceRole.PARTICIPANT, ConferenceRole.LISTENER]

    play(scene)


def test_of_those_called_in_the_last_are_remembered(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room = await bridge.room(Settings())
        await bridge.call(room)
        for number in range(1, KEPT + 20):
            invitation = await bridge.control.dial(room.session.id, "103")
            assert invitation.id == number
            await bridge.control.cancel_dial(room.session.id, number)
        numbers = [each.id for each in bridge.control.invitations(room.session.id)]
        assert numbers == list(range(19, KEPT + 20))

    play(scene)


def test_a_whisper_reaches_who_is_just_coming_in(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room = await bridge.room(Settings())
        await bridge.call(room, **HOST)
        coming = asyncio.create_task(bridge.call(room, **GUEST))
        await asyncio.sleep(0.001)
        host, guest = room.members.values()
        assert guest.leg is None
        await bridge.control.whisper(room.session.id, host.party.id, [guest.party.id])
        await asyncio.sleep(0.005)
        assert bridge.media.whispers == {host.leg: []}, "nobody hears it until then"
        await coming
        await asyncio.sleep(1.0)
        assert host.leg is not None
        assert bridge.media.whispers[host.leg] == [guest.leg or 0]
        await bridge.control.whisper(room.session.id, host.party.id, None)
        await asyncio.sleep(1.0)
        assert bridge.media.whispers == {host.leg: None}

    play(scene)


def test_what_is_begun_in_the_last_moment_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        room = await bridge.room(Settings())
        await bridge.call(room)
        (member,) = room.members.values()
        member.refresh()
        member.hang_up()
        # The loop is closed now, before any of it has begun: a coroutine that nobody ever awaits is a warning.

    with warnings.catch_warnings(record=True) as warned:
        run(scene())
        gc.collect()
    assert not warned


SETTINGS = [
    Settings(max_members=3),
    Settings(max_members=4, end_with_host=EndWithHost.ANY, prompts=True, entry_notices=True),
    Settings(max_members=5, wait_for_host=True, lobby=True, music=True, prompts=True),
]


class Hammer:
    """Somebody who does anything to anybody in any room; what is refused is refused."""

    def __init__(self, bridge: PaperBridge, seed: int) -> None:
        self.bridge, self.dice = bridge, random.Random(seed)
        self.deeds = [self.come, self.come, self.move, self.move, self.kick, self.hang_up, self.switch, self.switch]
        self.deeds += [self.role, self.lock, self.dial, self.admit, self.end]

    async def strike(self) -> None:
        while len(self.bridge.focus.rooms) < len(SETTINGS):
            await self.bridge.room(self.dice.choice(SETTINGS))
        with contextlib.suppress(FocusError, CallRefused):
            await self.dice.choice(self.deeds)()
        # Sometimes before the last deed is through, sometimes long after it.
        await asyncio.sleep(self.dice.choice([0.0, 0.001, 0.02, 1.0]))

    def room(self) -> ConferenceRoom:
        rooms = list(self.bridge.focus.conferences.values())
        return self.dice.choice(rooms)

    def party(self) -> tuple[str, str]:
        room = self.room()
        return room.session.id, self.dice.choice([*room.members, "nobody"])

    async def come(self) -> None:
        who = self.dice.choice([HOST, GUEST, {"number": "102"}])
        coming = self.bridge.focus.context.tasks.start(self.bridge.call(self.room(), **who))
        await asyncio.wait([coming], timeout=self.dice.choice([0.0, 0.015, 1.0]))

    async def move(self) -> None:
        await self.bridge.control.move(*self.party(), self.room().session.id)

    async def kick(self) -> None:
        await self.bridge.control.kick(*self.party())

    async def hang_up(self) -> None:
        if self.bridge.calls:
            self.dice.choice(self.bridge.calls).end()

    async def switch(self) -> None:
        control = self.bridge.control
        session, party = self.party()
        await self.dice.choice([control.mute, control.deafen, control.hold])(session, party, self.dice.random() < 0.5)

    async def role(self) -> None:
        await self.bridge.control.role(*self.party(), self.dice.choice(list(Role)))

    async def lock(self) -> None:
        await self.bridge.control.lock(self.room().session.id, self.dice.random() < 0.3)

    async def admit(self) -> None:
        await self.bridge.control.admit(*self.party())

    async def dial(self) -> None:
        await self.bridge.control.dial(self.room().session.id, "103", confirm=self.dice.random() < 0.5)

    async def end(self) -> None:
        if self.dice.random() < 0.1:
            await self.bridge.control.end(self.room().session.id)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_done_nobody_is_lost(play: Callable[[Scene], None], seed: int) -> None:
    async def scene(bridge: PaperBridge) -> None:
        def called() -> PaperCall:
            bridge.calls.append(call := PaperCall("out"))
            return call

        bridge.dialer.answer = called
        hammer = Hammer(bridge, seed)
        for _ in range(300):
            await hammer.strike()
            assert astray(bridge.focus) == []
        await asyncio.sleep(5.0)
        for room in bridge.focus.rooms.values():
            inside = [m for m in room.members.values() if m.party.place in (Place.JOINED, Place.HELD)]
            assert sorted(heard_in(bridge, room)) == sorted(m.party.id for m in inside)  # type: ignore[arg-type]
            for member in inside:
                held = member.party.place is Place.HELD
                known = bridge.media.settings[member.leg or 0]
                assert (known["muted"], known["deaf"]) == (member.party.muted or held, member.party.deaf or held)

    play(scene)
