"""Speech instead of words: said by talkers, and judged where one says it alone."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from softphone.load.lines import unknown
from softphone.load.media.kept import HeardSound, KeptSound
from softphone.load.plan import LoadPlan, Objectives
from softphone.load.play import play
from softphone.load.report import SpeechLine
from softphone.load.scenario import load_scenario
from softphone.load.speech import judge, levelled, spoken
from tests.load.paper import Table
from tests.load.reports import line as counted
from tests.load.reports import report
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.signals import noise
from tests.support.sounding import CONFERENCES
from tests.support.tones import write_wav

PESQ = find_spec("pesq") is not None
SCENE = """
title = "Speech"
[[step]]
do = "join"
[[step]]
do = "talk"
bots = "talkers"
[[step]]
do = "measure"
seconds = 2
"""


@pytest.mark.realtime
@pytest.mark.parametrize("codec", ["PCMA", "OPUS"])
async def test_talkers_say_a_file_and_what_is_heard_of_it_is_judged(
    server: ServerProcess, rest: Rest, tmp_path: Path, codec: str
) -> None:
    token = rest.http.post(CONFERENCES, json={}).raise_for_status().json()["token"]
    uri = f"sip:{token}@127.0.0.1:{server.sip_address[1]}"
    said, scene = write_wav(tmp_path / "said.wav", spoken("", 8000)[: 3 * 8000]), tmp_path / "scene.toml"
    scene.write_text(SCENE)
    plan = LoadPlan(uri=(uri,), parties=3, talkers=2, rate=20, codec=codec, speech=str(said), pesq=True)
    found = await play(plan, load_scenario(str(scene), {}))
    assert (found.joined, found.failures, found.hearing) == (3, {}, None)
    assert any("talkers say speech" in note for note in found.notes)
    level = max(line.level_dbov or -127.0 for line in found.bots)
    assert level > -45, "they have talked"
    held_up = any("held up" in note for note in found.notes)
    assert [(line.talker, line.bot) for line in found.speech] == ([] if held_up else [(0, 1), (0, 2)])
    for line in found.speech:
        assert line.likeness > 0.0  # as much of it as a late machine leaves
        assert line.delay_ms is not None and 0 < line.delay_ms < 1000
        assert (line.pesq is not None) == PESQ


@pytest.mark.parametrize(
    ("files", "words", "said"),
    [
        (("prompt",), False, "talkers say speech"),
        ((), False, "nobody heard any talker"),
        (("prompt",), True, ""),
    ],
)
def test_where_bots_of_a_scenario_say_files_alone_that_is_why_nobody_is_known(
    files: tuple[str, ...], words: bool, said: str
) -> None:
    table, plan = Table(3, [0, 1]), LoadPlan(uri=("sip:a@h",), parties=3, talkers=2, sayings=files)
    for bot in (0, 1):
        table.truth.talking(bot, words, 0.0)
    table.run(5.5 if words else 0.5)
    notes = unknown(table.plane, table.truth, [counted(bot) for bot in range(3)], plan)
    assert [said in note for note in notes if "round-trip" not in note] == [True] * bool(said)


def heard_late(said: np.ndarray[tuple[int], np.dtype[np.int16]], samples: int) -> HeardSound:
    """What a bot has that hears it so much later, and noise before."""
    return HeardSound(np.concatenate([noise(samples, dbov=-66.0, seed=1), said]), 10.0)


def test_the_delay_of_speech_is_found_and_its_quality_by_pesq() -> None:
    said = spoken("", 8000)[: 4 * 8000]
    line = judge(1, 0, said, 9.9, heard_late(said // 3, 1234), 8000)
    assert line.delay_ms == pytest.approx(100 + 1234 / 8, abs=0.1)
    assert line.likeness > 0.95
    assert (line.pesq is None) if not PESQ else (line.pesq is not None and line.pesq > 4)
    assert judge(1, 0, said, 9.9, HeardSound(noise(40_000, dbov=-40.0, seed=2), 0.0), 8000).likeness == 0.0
    assert judge(1, 0, said, 9.9, None, 8000).delay_ms is None


def test_frames_are_kept_where_their_timestamps_say() -> None:
    kept = KeptSound()
    assert kept.heard() is None
    frames = [np.full(160, k, np.int16) for k in range(6)]
    for k in (0, 1, 4, 3, 1):
        kept.add(0xFFFFFF00 + 160 * k & 0xFFFFFFFF, 160, 5.0 + 0.02 * k + 0.001 * k, frames[k])
    found = kept.heard()
    assert found is not None
    assert found.pcm.reshape(-1, 160)[:, 0].tolist() == [0, 1, 0, 3, 4]
    assert found.began_s == pytest.approx(5.002)


def test_speech_has_the_level_that_it_is_to_have_pauses_left_out() -> None:
    pcm = np.concatenate([noise(8000, dbov=-40.0, seed=3), np.zeros(16_000, np.int16)])
    power = float(np.mean(levelled(pcm, -26.0)[:8000].astype(np.float64) ** 2))
    assert 10 * np.log10(power / 32768**2) == pytest.approx(-26.0, abs=0.3)


def test_the_worst_score_is_an_objective() -> None:
    heard = SpeechLine(bot=1, talker=0, likeness=0.9, delay_ms=40.0, pesq=4.1)
    deaf = SpeechLine(bot=2, talker=0, likeness=0.0, delay_ms=None, pesq=None)
    plan = LoadPlan(uri=("sip:a@h",), parties=3, objectives=Objectives(min_pesq=3.5))
    assert report(3, plan=plan, speech=[heard]).exit_code == 0
    assert report(3, plan=plan, speech=[heard, deaf]).exit_code == 1
    assert report(3, plan=plan).exit_code == 1, "what is not known does not hold"
