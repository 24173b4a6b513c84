import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from softphone.focus.voice.prompts import OWN_SOUNDS
from tests.support.peers import VOICES

ROOT = Path(__file__).parent.parent.parent
FOLDER = OWN_SOUNDS / "en"
TEXTS = tomllib.loads((ROOT / "tools" / "prompts.en.toml").read_text())
SPOKEN = {*TEXTS["names"], *TEXTS["ours"], *(f"digits/{name}" for name in TEXTS["digits"])}
MUSIC = "music-on-hold"
TONES = {"beep", "beeperr", "confbridge-join", "confbridge-leave", "recording-tone"}
NAMES = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.flac"))


def read(name: str) -> NDArray[np.float64]:
    samples, rate_hz = soundfile.read(FOLDER / f"{name}.flac", dtype="float64", always_2d=True)
    assert (rate_hz, samples.shape[1]) == (16_000, 1), name
    return np.asarray(samples[:, 0])


def levels_dbfs(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each 10 ms."""
    blocks = samples[: samples.size // 160 * 160].reshape(-1, 160)
    return np.asarray(10 * np.log10((blocks**2).mean(axis=1) + 1e-12))


def active_dbfs(samples: NDArray[np.float64]) -> float:
    levels = levels_dbfs(samples)
    return float(10 * np.log10((10 ** (levels[levels > -50] / 10)).mean()))


def longest_silence_s(samples: NDArray[np.float64]) -> float:
    runs = "".join("x" if level > -50 else " " for level in levels_dbfs(samples)).split("x")
    return max(map(len, runs)) / 100


def test_the_set_is_what_the_texts_and_tones_say() -> None:
    assert set(NAMES) == SPOKEN | TONES | {MUSIC}


def test_the_set_is_small() -> None:
    assert sum((FOLDER / f"{name}.flac").stat().st_size for name in NAMES) < 1_500_000


@pytest.mark.parametrize("name", NAMES)
def test_a_sound_is_as_loud_as_speech_without_clipping_or_long_silence(name: str) -> None:
    samples = read(name)
    wanted = -28 if name == MUSIC else -23 if name in TONES else -20.5
    assert active_dbfs(samples) == pytest.approx(wanted, abs=1.5)
    assert np.abs(samples).max() < 10 ** (-0.9 / 20)
    assert longest_silence_s(samples) < 0.3
    assert samples.size / 16_000 < (30 if name == MUSIC else 15 if name.endswith("menu") else 4)


def test_prompts_say_different_things() -> None:
    said = {f"digits/{name}": text for name, text in TEXTS["digits"].items()} | TEXTS["names"] | TEXTS["ours"]
    contents = {(FOLDER / f"{name}.flac").read_bytes() for name in said}
    assert len(contents) == len(set(said.values()))


def test_the_music_loops_without_a_seam() -> None:
    samples = read(MUSIC)
    steps = np.abs(np.diff(samples))
    assert abs(samples[0] - samples[-1]) <= steps.max()


@pytest.mark.peer("voices")
def test_names_are_those_of_asterisk() -> None:
    foreign = {path.relative_to(VOICES).with_suffix("").as_posix() for path in VOICES.rglob("*.wav")}
    theirs = {name for name in NAMES if name not in TEXTS["ours"]} - {MUSIC, "recording-tone"}
    assert theirs <= foreign


def test_every_prompt_of_the_rules_is_there() -> None:
    """What the rules and the menus say, found as strings that have the shape of a prompt's name."""
    sources = [*(ROOT / "mixer" / "rules").glob("*.py")]
    sources += (ROOT / "mixer" / "rules" / "menus").glob("*.toml")
    pattern = re.compile(r'"((?:conf|confbridge|vm|pls|one)-[a-z-]+)"')
    used = {name for source in sources for name in pattern.findall(source.read_text())}
    assert len(used) > 20
    assert used <= set(NAMES)
