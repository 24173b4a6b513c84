"""A recording of a conference: who is in it, the pause, the tracks; what watchers and the history are told."""

from pathlib import Path

import numpy as np
import pytest

from mixer.rules.roles import RecordingState
from softphone.focus.errors import WrongState
from softphone.focus.feed import EventType
from softphone.focus.room.conference import ConferenceRoom
from softphone.load import hearing
from softphone.server import Server
from tests.focus.phone import conference
from tests.focus.table import CONFNO, TONES, Table, expect, sounding_bridge, until, write_tone
from tests.support.tones import Pcm, read_wav

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.realtime]

KINDS = [f"recording.{kind}" for kind in ("started", "paused", "resumed", "ended", "ready", "lost")]


def told(server: Server) -> list[str]:
    """What watchers were told of recordings."""
    feed, last = server.focus.feed, 0
    found: list[str] = []
    while (event := feed.after(last)) is not None:
        last = event.id
        found += [event.type.value] if event.type.value in KINDS else []
    return found


def silent_share(sound: Pcm, rate: int) -> float:
    """How much is nothing at all, by tenths of a second; a busy worker is late with where that begins and ends."""
    tenths = sound[: len(sound) // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
    return float(np.mean(~tenths.any(axis=1)))


async def test_a_recording_with_tracks_and_a_pause(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path, recording={"tracks": True}) as server, Table(server) as table:
        session, control = await conference(server), server.control
        with pytest.raises(WrongState, match="Nobody"):
            await control.start_recording(session.id)
        await table.call("101", session.token)
        with pytest.raises(WrongState):
            await control.pause_recording(session.id)
        # Who was talking before speaks in the recording too.
        await until(lambda: all(party.talking for party in session.parties.values()))
        begun = await control.start_recording(session.id)
        await table.call("guest", session.token)
        await table.expect([{TONES[1]}, {TONES[0]}])
        assert (await control.pause_recording(session.id)).paused
        room = server.focus.room(session.id)
        assert isinstance(room, ConferenceRoom)
        assert room.rules.recording is RecordingState.PAUSED
        await table.expect([{TONES[1]}, {TONES[0]}])
        assert not (await control.resume_recording(session.id)).paused
        await table.expect([{TONES[1]}, {TONES[0]}])
        done = await control.stop_recording(session.id)
        assert (done.id, done.active) == (begun.id, False)
        await until(lambda: EventType.RECORDING_READY.value in told(server))
        assert told(server) == KINDS[:-1]
        entry = await server.recordings.get(done.id)
        assert [party.number for party in entry.parties] == ["101", "guest"]
        assert {speech.party for speech in entry.speech} == set(session.parties)
        assert len(entry.pauses) == 1
        own = [read_wav(Path(done.path).parent / entry.tracks[party])[0] for party in session.parties]
        assert hearing.matrix(own, TONES[:2]) == [[True, False], [False, True]]
        mix, rate = read_wav(Path(done.path))
        pause = entry.pauses[0]
        assert pause.end_s is not None
        assert silent_share(mix[round(rate * pause.start_s) : round(rate * pause.end_s)], rate) > 1 / 3
        assert await server.history.flush(30.0)
        (kept,) = (await server.store.archive.recordings()).items
        assert (kept.id, kept.conference_id, kept.state) == (done.id, session.id, "ready")
        assert kept.tracks == tuple(str(Path(done.path).parent / name) for name in entry.tracks.values())


async def test_a_lost_recording_is_told_and_the_next_one_is_ready(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path) as server, Table(server) as table:
        session, control = await conference(server), server.control
        await table.call("101", session.token)
        lost = await control.start_recording(session.id)
        Path(lost.path).unlink()
        assert (await control.stop_recording(session.id)).id == lost.id
        done = await control.start_recording(session.id)
        await table.expect([set()])
        await control.stop_recording(session.id)
        await until(lambda: EventType.RECORDING_READY.value in told(server))
        assert told(server) == [KINDS[0], KINDS[5], KINDS[3], KINDS[0], KINDS[3], KINDS[4]]
        assert await server.history.flush(30.0)
        states = {each.id: each.state for each in (await server.store.archive.recordings()).items}
        assert states == {lost.id: "lost", done.id: "ready"}


@pytest.mark.parametrize(("notice", "prompts"), [(True, False), (True, True), (False, True)])
async def test_who_is_recorded_hears_so_and_the_recording_has_it_if_asked(
    tmp_path: Path, notice: bool, prompts: bool
) -> None:
    options: dict[str, object] = {"notice": notice, "prompts": prompts}
    async with sounding_bridge(tmp_path, recording=options) as server, Table(server) as table:
        tone = tmp_path / "pack" / "recording-tone.wav"
        write_tone(tone, CONFNO, 3.0)
        session = await conference(server)
        for who in ("101", "guest"):
            await table.call(who, session.token, speak=False)
        await server.control.start_recording(session.id)
        await table.expect([{CONFNO}] * 2 if notice else [set()] * 2)
        done = await server.control.stop_recording(session.id)
        mix, _ = read_wav(Path(done.path))
        assert hearing.matrix([mix], [CONFNO]) == [[notice and prompts]]
        # The room hears nothing this time, so what is heard is said to one alone.
        write_tone(tone, 0.0, 0.02)
        await server.control.start_recording(session.id)
        await table.expect([set()] * 2)
        write_tone(tone, CONFNO, 20.0)
        late = await table.call("other", session.token, speak=False)
        await expect(late.call, {CONFNO} if notice else set())


async def test_somebody_who_records_by_a_key_hears_of_it_as_all_do(tmp_path: Path) -> None:
    async with sounding_bridge(tmp_path, conference={"menu": "host"}) as server, Table(server) as table:
        host = await table.call("101", "201", speak=False)
        await host.call.send_keys("9876#")
        await until(server.control.conferences)
        (session,) = server.control.conferences()
        recorder = server.focus.room(session.id).recorder
        await host.call.send_keys("*#9")
        await until(lambda: recorder.running)
        await host.call.send_keys("*#9")
        await until(lambda: not recorder.running)
        assert [event for event in told(server) if event != KINDS[4]] == [KINDS[0], KINDS[3]]
