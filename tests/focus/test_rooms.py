"""What happens to a conference that runs; over real SIP, with real workers."""

import asyncio
import os
import signal
import wave
from pathlib import Path

import pytest

from mixer.tone import sine
from softphone.agent import Agent
from softphone.api.control.models import party_view
from softphone.calls.dtmf import SAME_KEY_S
from softphone.errors import CallRefused
from softphone.focus.errors import NoSuchParty, NoSuchSession, NotAllowed, Overloaded, WrongState
from softphone.focus.room.recording import RecordingStatus
from softphone.focus.session import PartyStatus, TelephonySession
from softphone.media.contract.leg import KeyPressed, LegDominant, LegEchoing, LegInVain, LegTalking
from softphone.recordings.entry import Entry
from softphone.server import Server
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, bridge, conference, extension
from tests.focus.table import until
from tests.support.raw import RawPhone
from tests.support.raw import offer as raw_offer

pytestmark = pytest.mark.asyncio(loop_scope="module")


def frames(recording: RecordingStatus) -> int:
    """How much sound its file has so far."""
    with wave.open(recording.path) as file:
        return int(file.getnframes())


def impatient(server: Server) -> None:
    """Let nobody be silent for long, from its next description on: all the time in the world to get so far."""
    for member in server.focus.context.legs.values():
        member.media.timeout_s = 0.3


def muted(session: TelephonySession) -> list[bool]:
    return [party.muted for party in session.parties.values()]


async def test_star_one_toggles_the_own_microphone(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared) as phone:
        call, other = await phone.call(session.token), await phone.call(session.token)
        await phone.keys(call, "*1")
        assert muted(session) == [True, False]
        await phone.keys(call, "*1")
        assert muted(session) == [False, False]
        await phone.keys(other, "*91")
        assert muted(session) == [False, False]
        await shared.control.end(session.id)


async def test_the_host_mutes_and_unmutes_all_others(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared, "101") as host, Phone(shared) as guest:
        chair, first = await host.call(session.token), await guest.call(session.token)
        await host.keys(chair, "*91")
        assert muted(session) == [False, True]
        late = await guest.call(session.token)
        assert muted(session) == [False, True, True]
        await host.keys(chair, "*90")
        assert muted(session) == [False, False, False]
        for call in (first, late, chair):
            await call.bye()
        await until(lambda: not session.parties)


async def test_keys_and_talking_from_the_media_worker(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared) as phone:
        await phone.call(session.token)
        room = shared.focus.room(session.id)
        (member,) = room.members.values()
        assert member.leg is not None
        for key in "*1":
            shared.focus.on_media_event(KeyPressed(member.leg, key))
        shared.focus.on_media_event(LegTalking(member.leg, True))
        assert (member.party.muted, member.party.talking) == (True, True)
        shared.focus.on_media_event(LegTalking(member.leg, False))
        assert not member.party.talking
        watching = shared.focus.context.feed.subscribe()
        for on in (True, False):
            shared.focus.on_media_event(LegEchoing(member.leg, on))
            assert member.party.echoing is party_view(member.party).echoing is on
            told = await anext(watching)
            assert (told.type, told.party, told.data) == ("party.echoing", member.party.id, {"on": on})
        leg = member.leg
        await shared.control.end(session.id)
        shared.focus.on_media_event(KeyPressed(leg, "1"))


async def test_the_floor_and_talk_in_vain_are_told(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared) as first, Phone(shared) as second:
        for phone in (first, second):
            await phone.call(session.token)
        ada, ben = shared.focus.room(session.id).members.values()
        assert ada.leg is not None and ben.leg is not None
        watching = shared.focus.context.feed.subscribe()
        shared.focus.on_media_event(LegDominant(ada.leg, True))
        assert (session.dominant, party_view(ada.party).dominant) == (ada.party.id, True)
        shared.focus.on_media_event(LegDominant(ada.leg, False))
        shared.focus.on_media_event(LegDominant(ben.leg, True))
        shared.focus.on_media_event(LegDominant(ada.leg, False))
        assert (session.dominant, ada.party.dominant, ben.party.dominant) == (ben.party.id, False, True)
        told = [await anext(watching) for _ in range(3)]
        assert [(each.type, each.party, each.data["on"]) for each in told] == [
            ("party.dominant", ada.party.id, True),
            ("party.dominant", ada.party.id, False),
            ("party.dominant", ben.party.id, True),
        ]
        await shared.control.mute(session.id, ada.party.id, True)
        shared.focus.on_media_event(LegInVain(ada.leg))
        await anext(watching)
        assert ((told_ := await anext(watching)).type, told_.party) == ("party.talking_while_muted", ada.party.id)
        await shared.control.kick(session.id, ben.party.id)
        assert session.dominant is None
    await shared.control.end(session.id)


async def test_keys_and_voice_by_rtp(shared: Server) -> None:
    session = await conference(shared)
    host, port = shared.focus.node
    async with Agent("sip:bot@127.0.0.1") as agent:
        call = await agent.invite(f"sip:{session.token}@{host}:{port}")
        (party,) = session.parties.values()
        speaking = asyncio.create_task(call.play(sine(440.0, 40_000)))
        await until(lambda: party.talking)
        await call.send_keys("*1")
        await until(lambda: party.muted)
        await asyncio.sleep(SAME_KEY_S)  # a key that comes by another way within this time is the same key
        await call.send_keys("*1", method="info")
        await until(lambda: not party.muted)
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        await until(lambda: not party.talking)
        await call.hangup()
        await until(lambda: not session.parties)


async def test_mute_and_remove_from_outside(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared) as phone, Phone(shared) as other:
        await phone.call(session.token)
        await other.call(session.token)
        first, second = session.parties
        await shared.control.mute(session.id, first, True)
        assert muted(session) == [True, False]
        await shared.control.remove(session.id, first)
        assert list(session.parties) == [second]
        assert await phone.hung_up() == "bye"
        with pytest.raises(NoSuchParty):
            await shared.control.mute(session.id, first, True)
        await shared.control.end(session.id)
        assert await other.hung_up() == "bye"
        with pytest.raises(NoSuchSession):
            await shared.control.end(session.id)
        await until(lambda: shared.focus.parties == 0)


async def test_who_may_not_make_a_conference(shared: Server) -> None:
    with pytest.raises(NotAllowed):
        await conference(shared, "105")


async def test_a_recording_is_a_wave_file_in_the_data_folder(shared: Server, data: Path) -> None:
    session = await conference(shared)
    with pytest.raises(WrongState):
        await shared.control.stop_recording(session.id)
    async with Phone(shared) as phone:
        await phone.call(session.token)
        begun = await shared.control.start_recording(session.id)
        assert begun.active
        assert await shared.control.start_recording(session.id) == begun
        await until(lambda: frames(begun))
        done = await shared.control.stop_recording(session.id)
        assert (done.active, done.path) == (False, begun.path)
        assert Path(done.path).parent.parent == data / "recordings"
        with wave.open(done.path) as file:
            assert file.getnframes() / file.getframerate() == pytest.approx(done.seconds)
            assert done.seconds > 0.0
        await shared.control.end(session.id)


async def test_an_ended_conference_leaves_a_whole_recording(shared: Server) -> None:
    session = await conference(shared)
    async with Phone(shared) as phone:
        await phone.call(session.token)
        begun = await shared.control.start_recording(session.id)
        await until(lambda: frames(begun))
        await shared.control.end(session.id)
        await phone.hung_up()

    def entry() -> Entry:
        (found,) = (each for each in shared.recordings.entries if each.id == begun.id)
        return found

    await until(lambda: entry().state == "ready")
    with wave.open(begun.path) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(entry().seconds)
        assert len(file.readframes(file.getnframes())) == file.getnframes() * file.getsampwidth() > 0


async def test_nobody_came(tmp_path: Path) -> None:
    async with bridge(tmp_path, conference={"claim_timeout_s": 0.1}) as server:
        session = await conference(server)
        await until(lambda: server.focus.has_ended(session.id))
        async with Phone(server) as phone:
            with pytest.raises(CallRefused, match="410"):
                await phone.call(session.token)


HOLDS = (
    offer(direction="sendonly"),
    offer(direction="inactive"),
    offer().replace("c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0"),
)


async def test_a_party_without_media_is_hung_up_but_not_one_that_holds(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server:
        session = await conference(server)
        async with Phone(server) as silent, Phone(server) as holding:
            calls = [await holding.call(session.token) for _ in HOLDS]
            for call, hold in zip(calls, HOLDS, strict=True):
                await call.reinvite(hold)
            mute = await silent.call(session.token)
            impatient(server)
            await mute.reinvite(offer())
            assert await silent.hung_up() == "bye"
            assert [party.status for party in session.parties.values()] == [PartyStatus.HOLD] * len(HOLDS)
            for call in calls:
                await call.reinvite(offer())
            for _ in calls:
                assert await holding.hung_up() == "bye"


async def test_who_only_speaks_from_the_first_does_not_hold(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server:
        session = await conference(server)
        async with Phone(server) as announcer:
            call = await announcer.call(session.token, offer(direction="sendonly"))
            (party,) = session.parties.values()
            assert party.status is PartyStatus.ANSWERED
            await call.reinvite(offer(direction="sendonly"))
            assert party.status is PartyStatus.ANSWERED
            impatient(server)
            await call.reinvite(offer(direction="sendonly"))
            assert await announcer.hung_up() == "bye"


async def test_a_dead_worker_ends_its_calls_and_is_replaced(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server:
        session = await conference(server)
        async with Phone(server) as phone:
            await phone.call(session.token)
            (pid,) = server.worker_pids
            os.kill(pid, signal.SIGKILL)
            assert await phone.hung_up() == "bye"
            assert server.focus.has_ended(session.id)
            await until(lambda: server.worker_pids not in ([], [pid]))
            after = await conference(server)
            await (await phone.call(after.token)).bye()


async def test_stopping_says_goodbye_to_everybody(tmp_path: Path) -> None:
    async with bridge(tmp_path) as server:
        session = await conference(server)
        phone = await Phone(server).__aenter__()
        await phone.call(session.token)
        await server.focus.drain()
        with pytest.raises(Overloaded):
            await conference(server)
        with pytest.raises(CallRefused, match="503"):
            await phone.call(session.token)
    assert await phone.hung_up() == "bye"
    await phone.stack.stop()


async def test_a_goodbye_that_is_lost_is_said_again_before_the_server_stops(tmp_path: Path) -> None:
    async with bridge(tmp_path, server={"drain_s": 30.0}) as server:
        session = await conference(server)
        with RawPhone(server.focus.node, str(session.token)) as phone:
            await asyncio.to_thread(phone.invite, raw_offer())
            draining = asyncio.create_task(server.focus.drain())
            lost = await asyncio.to_thread(phone.receive, "BYE")
            again = await asyncio.to_thread(phone.receive, "BYE")
            assert again == lost
            assert not draining.done()
            phone.answer(again)
            await draining


async def test_conferences_are_not_without_number(tmp_path: Path) -> None:
    async with bridge(tmp_path, conference={"max_conferences": 1}) as server:
        session = await conference(server)
        with pytest.raises(Overloaded):
            await conference(server)
        await server.control.end(session.id)
        await server.focus.create_conference(extension(server, "102"))
