"""Ways in: the code is asked, typed and judged; who waits hears music; over real SIP and RTP."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest

from mixer.rules.roles import Place
from softphone.agent.call import KeyMethod
from softphone.demo.party import DemoParty
from softphone.errors import CallRefused
from softphone.focus.session import ConferenceRole, RoomKind
from softphone.sdp import MediaSession
from softphone.server import Server
from tests.focus.phone import Phone, extension
from tests.focus.table import (
    CONFNO,
    GOODBYE,
    MUSIC,
    PIN,
    TONES,
    Table,
    expect,
    only_session,
    sounding_bridge,
    stages,
    tones_in,
    until,
    write_tone,
)
from tests.support.tones import read_wav

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.realtime]


# What events say that is nobody's choice.
CHANCE = ("recording", "path", "seconds")


def half_seconds(heard: Path) -> list[set[float]]:
    """The tones of each half second of a file."""
    pcm, rate = read_wav(heard)
    return tones_in([pcm[start : start + rate // 2] for start in range(0, len(pcm) - rate // 2, rate // 4)])


def without_events(text: str) -> str:
    """An offer of a telephone that presses its keys in the sound."""
    lines = [line for line in text.splitlines() if not line.startswith(("a=rtpmap:101", "a=fmtp:101"))]
    return "\r\n".join(line.removesuffix(" 101") if line.startswith("m=audio") else line for line in lines) + "\r\n"


async def test_a_code_opens_the_room_of_a_conference_extension(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table:
        guest = await table.call("102", "201")
        await table.expect([{PIN}])
        assert not server.control.conferences()
        await guest.call.send_keys("1234#")
        await until(server.control.conferences)
        await table.expect([{MUSIC}])
        assert stages(server) == [Place.WAITING]
        host = await table.call("101", "201")
        await table.expect([{MUSIC}, {PIN}])
        await host.call.send_keys("9876#")
        await until(lambda: stages(server) == [Place.JOINED] * 2)
        await table.expect([{TONES[1]}, {TONES[0]}])
        session = only_session(server)
        assert session.kind is RoomKind.EXTENSION
        assert [party.role for party in session.parties.values()] == [ConferenceRole.PARTICIPANT, ConferenceRole.HOST]
        await guest.call.hangup()
        table.parties.remove(guest)
        await until(lambda: len(session.parties) == 1)
        await table.expect([{MUSIC}])


@pytest.mark.parametrize("method", ["rfc4733", "info", "inband"])
async def test_codes_of_the_bridge_number_lead_to_the_room_of_a_user(
    tmp_path: Path, method: KeyMethod, monkeypatch: pytest.MonkeyPatch
) -> None:
    if method == "inband":
        offer = MediaSession.write_offer
        monkeypatch.setattr(
            MediaSession, "write_offer", lambda session, *here, **how: without_events(offer(session, *here, **how))
        )
    async with sounding_bridge(tmp_path, conference={"code_tries": 20}) as server, Table(server) as table:
        ada, ben = (server.accounts.codes(extension(server, number).id) for number in ("101", "102"))
        assert ada is not None
        assert ben is not None
        for number, code in (("+16505550100", ada.host), ("16505550100", ada.participant), ("16505550100", ben.host)):
            party = await table.call("15550001111", number, speak=False)
            await enter(server, party, code, method)
            party.speak()
        rooms = {each.extension: each for each in server.control.conferences()}
        assert [(each.kind, len(each.parties)) for each in rooms.values()] == [
            (RoomKind.BRIDGE, 2),
            (RoomKind.BRIDGE, 1),
        ]
        roles = [party.role for party in rooms["101"].parties.values()]
        assert roles == [ConferenceRole.HOST, ConferenceRole.PARTICIPANT]
        await table.expect([{TONES[1]}, {TONES[0]}, {MUSIC}])


async def enter(server: Server, party: DemoParty, code: str, method: KeyMethod) -> None:
    """Type a code at the bridge number, and come in.

    A tone that a stalled machine cuts in two is two keys for any ear. So a code of such keys may be wrong, and is typed
    again, but only if ticks were left out or late at either end.
    """
    there = len(occupied(server))
    while len(occupied(server)) == there:
        before = await stalled(server, party)
        await expect(party.call, {CONFNO})
        await party.call.send_keys(f"{code}#", method=method)
        if method != "inband":
            await until(lambda: len(occupied(server)) > there)
            return
        with suppress(TimeoutError):
            # The pause that ends a code without its # is 5 s.
            async with asyncio.timeout(8.0):
                await until(lambda: len(occupied(server)) > there)
        assert len(occupied(server)) > there or await stalled(server, party) > before, "a key was not heard"


async def stalled(server: Server, party: DemoParty) -> int:
    """Ticks that were late or left out, at the bridge and at a telephone."""
    workers = await server.media.metrics()
    return party._agent.late_ticks + sum(each.late_ticks + each.skipped_ticks for each in workers)


async def test_three_wrong_codes_and_goodbye(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table:
        write_tone(tmp_path / "pack" / "vm-goodbye.wav", GOODBYE, 3.0)
        party = await table.call("102", "201")
        codes = ("471147", "471148", "471149")
        for code in codes[:2]:
            await party.call.send_keys(f"{code}#")
            await table.expect([{PIN}])
        party.call.record(tmp_path / "heard.wav")
        await party.call.send_keys(f"{codes[2]}#")
        assert await party.call.wait_ended() == "bye"
        assert {GOODBYE} in half_seconds(tmp_path / "heard.wav")
        assert not server.control.conferences()
        await until(lambda: server.focus.parties == 0)
    out, err = capfd.readouterr()
    assert "caller_turned_away" in out + err
    # All digits of one: four of them are in a port, or in somebody's id, now and then.
    assert not [code for code in codes if code in out + err]


def occupied(server: Server) -> list[str]:
    return [each.extension or "" for each in server.control.conferences() for _ in each.parties]


async def test_a_room_without_a_code_is_entered_at_once(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table:
        await table.call("101", "202")
        await table.expect([{MUSIC}])
        await table.call("102", "202")
        await table.expect([{TONES[1]}, {TONES[0]}])
        async with Phone(server) as stranger:
            with pytest.raises(CallRefused, match="407"):
                await stranger.call("202")


async def test_only_the_moderator_speaks(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table:
        for who, code in (("101", "9876#"), ("102", "1234#")):
            await (await table.call(who, "203")).call.send_keys(code)
            await until(lambda: len(occupied(server)) == len(table.parties))
        await table.expect([set(), {TONES[0]}])
        await table.parties[1].call.send_keys("*1")
        await table.expect([set(), {TONES[0]}])
        await server.store.set_properties(extension(server, "203").id, {"mute_non_moderator": False})
        await table.expect([{TONES[1]}, {TONES[0]}])


async def test_recording_begins_with_the_host_and_history_tells_it(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table:
        await server.store.set_properties(extension(server, "201").id, {"record_enabled": True})
        for who, code in (("102", "1234#"), ("101", "9876#")):
            await (await table.call(who, "201")).call.send_keys(code)
            await until(lambda: len(occupied(server)) == len(table.parties))
        room = server.focus.room(only_session(server).id)
        await until(lambda: room.recorder.running)
        await table.parties[0].call.send_keys("*1")
        await until(lambda: [party.muted for party in room.session.parties.values()] == [True, False])
        await server.control.end(room.session.id)
        await until(lambda: not room.recorder.running)
        assert await server.history.flush(30.0)
        (record,) = [each for each in (await server.store.archive.conferences()).items if each.id == room.session.id]
        assert (record.kind, record.reason) == ("extension", "requested")
        parties = await server.store.archive.participations(room.session.id)
        told = sorted((each.number, bool(each.mutes), each.left is not None) for each in parties)
        assert told == [("101", False, True), ("102", True, True)]
        events = [each.data.items() for each in server.focus.feed._events.values()]
        # Ids, paths and times have any digits now and then.
        said = json.dumps([value for data in events for key, value in data if key not in CHANCE])
        assert "9876" not in said
        assert "1234" not in said
