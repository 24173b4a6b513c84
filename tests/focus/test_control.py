"""What the control face commands, by what the parties hear of it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mixer.rules.roles import Place, Role
from softphone.errors import CallRefused
from softphone.focus.control import Control
from softphone.focus.errors import (
    NoSuchExtension,
    NoSuchInvitation,
    NoSuchParty,
    NoSuchPlayback,
    NoSuchSession,
    WrongState,
)
from softphone.focus.feed import EventType, FeedEvent
from softphone.focus.session import ConferenceRole, TelephonySession
from softphone.server import Server
from tests.focus.phone import Phone, conference
from tests.focus.table import GOODBYE, MUSIC, TONES, Table, sounding_bridge, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.realtime]

A, B, C = TONES[:3]
ALL = [{B, C}, {A, C}, {A, B}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with sounding_bridge(tmp_path_factory.mktemp("control")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(server: Server) -> TelephonySession:
    return await conference(server)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def table(server: Server, session: TelephonySession) -> AsyncIterator[Table]:
    """The host and two guests in a ``conf_`` room, all of them talking."""
    async with Table(server) as table:
        for who in ("101", "guest", "other"):
            await table.call(who, session.token)
        yield table


@pytest.fixture
def control(server: Server) -> Control:
    return server.control


def names(session: TelephonySession) -> list[str]:
    return list(session.parties)


async def test_deaf(table: Table, control: Control, session: TelephonySession) -> None:
    host, _, _ = names(session)
    await table.expect(ALL)
    assert (await control.deafen(session.id, host, True)).deaf
    await table.expect([set(), ALL[1], ALL[2]])
    assert not (await control.deafen(session.id, host, False)).deaf
    await table.expect(ALL)


async def test_hold_with_music(table: Table, control: Control, session: TelephonySession) -> None:
    _, guest, _ = names(session)
    assert (await control.hold(session.id, guest, True)).place is Place.HELD
    await table.expect([{C}, {MUSIC}, {A}])
    assert (await control.hold(session.id, guest, False)).place is Place.JOINED
    await table.expect(ALL)


async def test_whisper(table: Table, control: Control, session: TelephonySession) -> None:
    host, guest, _ = names(session)
    assert (await control.whisper(session.id, host, [guest])).whispers_to == (guest,)
    await table.expect([{B, C}, {A, C}, {B}])
    assert (await control.whisper(session.id, host, None)).whispers_to is None
    await table.expect(ALL)


async def test_listener(table: Table, control: Control, session: TelephonySession) -> None:
    _, guest, _ = names(session)
    await control.role(session.id, guest, Role.LISTENER)
    await table.expect([{C}, {A, C}, {A}])
    assert (await control.role(session.id, guest, Role.MODERATOR)).role is ConferenceRole.HOST
    await control.role(session.id, guest, Role.PARTICIPANT)
    await control.mute(session.id, guest, False)
    await table.expect(ALL)


async def test_volume(table: Table, control: Control, session: TelephonySession) -> None:
    host, guest, _ = names(session)
    party = await control.volume(session.id, guest, in_db=-30.0)
    assert (party.volume_in_db, party.volume_out_db) == (-30.0, 0.0)
    await table.expect([{C}, {A, C}, {A}])
    assert (await control.volume(session.id, guest, in_db=0.0)).volume_in_db == 0.0
    await table.expect(ALL)
    with pytest.raises(NoSuchParty):
        await control.volume(session.id, host + "0")


async def test_mute_all_lock_and_notices(table: Table, control: Control, session: TelephonySession) -> None:
    assert (await control.mute_all(session.id, True)).muted_all
    await table.expect([set(), {A}, {A}])
    assert not (await control.mute_all(session.id, False)).muted_all
    assert (await control.notices(session.id, True)).notices
    assert not (await control.notices(session.id, False)).notices
    assert (await control.lock(session.id, True)).locked
    async with Phone(table.server) as late:
        with pytest.raises(CallRefused, match="403"):
            await late.call(session.token)
    assert not (await control.lock(session.id, False)).locked
    await table.expect(ALL)


async def test_play_to_one_and_to_all(table: Table, control: Control, session: TelephonySession) -> None:
    host, _, _ = names(session)
    await control.mute_all(session.id, True)
    await control.mute(session.id, host, True)
    feed = table.server.focus.feed
    watch = feed.subscribe()
    playback = await control.play(session.id, ["vm-goodbye"], party=host, loop=True)
    await table.expect([{GOODBYE}, set(), set()])
    await control.stop_playback(session.id, playback)
    event = await of_type(watch, EventType.PLAYBACK_ENDED)
    assert (event.party, event.data) == (host, {"playback": playback, "reason": "stopped"})
    with pytest.raises(NoSuchPlayback):
        await control.stop_playback(session.id, playback)
    playback = await control.play(session.id, ["vm-goodbye"], loop=True)
    await table.expect([{GOODBYE}] * 3)
    await control.stop_playback(session.id, playback)
    with pytest.raises(WrongState):
        await control.play(session.id, ["no-such-sound"])
    await control.mute_all(session.id, False)
    await control.mute(session.id, host, False)
    await table.expect(ALL)


async def of_type(watch: AsyncIterator[FeedEvent], wanted: EventType) -> FeedEvent:
    async for event in watch:
        if event.type is wanted:
            return event
    raise AssertionError("the feed ended")


async def test_keys_are_pressed_on_a_telephone(table: Table, control: Control, session: TelephonySession) -> None:
    pressed: list[str] = []
    table.parties[0].call.on_key = pressed.append
    await control.send_keys(session.id, names(session)[0], "42#")
    await until(lambda: pressed == ["4", "2", "#"])


async def test_move_between_conferences(table: Table, control: Control, session: TelephonySession) -> None:
    _, guest, other = names(session)
    aside = await conference(table.server, "102")
    party = await control.move(session.id, guest, aside.id)
    assert list(aside.parties.values()) == [party]
    assert guest not in session.parties
    await table.expect([{C}, set(), {A}])
    await control.move(session.id, other, aside.id)
    await table.expect([set(), {C}, {B}])
    with pytest.raises(WrongState):
        await control.lock(session.id, True)
        await control.move(aside.id, party.id, session.id)
    assert len(aside.parties) == 2
    assert aside.parties[party.id] is party
    await table.expect([set(), {C}, {B}])
    await control.lock(session.id, False)
    for name in list(aside.parties):
        await control.move(aside.id, name, session.id)
    await table.expect(ALL)


async def test_what_is_not_there(control: Control, session: TelephonySession) -> None:
    with pytest.raises(NoSuchSession):
        await control.lock("s-0", True)
    with pytest.raises(NoSuchExtension):
        await control.open("999")
    with pytest.raises(NoSuchInvitation):
        await control.cancel_dial(session.id, 1)
    with pytest.raises(WrongState):
        await control.admit(session.id, names(session)[0])


async def test_kick_and_ban(server: Server, control: Control) -> None:
    session = await conference(server)
    async with Phone(server, "102") as phone:
        await phone.call(session.token)
        await control.kick(session.id, names(session)[0])
        assert await phone.hung_up() == "bye"
        await phone.call(session.token)
        await control.kick(session.id, names(session)[0], ban=True)
        assert await phone.hung_up() == "bye"
        with pytest.raises(CallRefused, match="403"):
            await phone.call(session.token)
    await control.end(session.id)
    assert session not in control.conferences()
