import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from structlog.testing import capture_logs

from mixer.rules.effects import Sound
from softphone.config import PromptsConfig
from softphone.errors import ConfigError
from softphone.focus.errors import NoSuchSound
from softphone.focus.voice.prompts import ENGLISH, KNOWN, OWN_SOUNDS, NumberRule, SoundLibrary, spoken
from tests.support.peers import VOICES

EN = OWN_SOUNDS / "en"

GERMAN = (
    NumberRule(0, 1, ("digits/{n}",)),
    NumberRule(20, 10, ("digits/{tens}",)),
    NumberRule(21, 10, ("digits/{ones}-and", "digits/{tens}")),
    NumberRule(30, 10, ("digits/{tens}",)),
    NumberRule(31, 10, ("digits/{ones}-and", "digits/{tens}")),
    NumberRule(100, 100, ("digits/hundred", "{rest}")),
    NumberRule(200, 100, ("{high}", "digits/hundred", "{rest}")),
)


def sound(path: Path, seconds: float = 0.5, rate_hz: int = 8000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(int(seconds * rate_hz), np.int16), rate_hz)
    return path


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (7, "7"),
        (19, "19"),
        (20, "20"),
        (21, "20 1"),
        (90, "90"),
        (100, "1 hundred"),
        (101, "1 hundred 1"),
        (999, "9 hundred 90 9"),
        (1000, "1 thousand"),
        (1001, "1 thousand 1"),
        (12_345, "12 thousand 3 hundred 40 5"),
        (300_000, "3 hundred thousand"),
        (999_999, "9 hundred 90 9 thousand 9 hundred 90 9"),
    ],
)
def test_english_numbers(number: int, words: str) -> None:
    assert spoken(number) == tuple(f"digits/{word}" for word in words.split())


def test_every_number_has_its_files() -> None:
    words = {word for number in (*range(1001), *range(1000, 1_000_000, 997)) for word in spoken(number, ENGLISH)}
    assert all((EN / f"{word}.flac").is_file() for word in words)


def test_another_language_is_another_table() -> None:
    assert spoken(25, GERMAN) == ("digits/5-and", "digits/20")
    assert spoken(20, GERMAN) == ("digits/20",)
    assert spoken(130, GERMAN) == ("digits/hundred", "digits/30")
    assert spoken(231, GERMAN) == ("digits/2", "digits/hundred", "digits/1-and", "digits/30")


@pytest.mark.parametrize("number", [-1, 1_000_000])
def test_a_number_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"cannot say {number}"):
        spoken(number)


def test_our_own_set_is_found_without_any_setting() -> None:
    assert SoundLibrary.from_config(PromptsConfig()).path("conf-getpin") == EN / "conf-getpin.flac"


def test_a_language_without_a_set_of_ours_has_the_english_one() -> None:
    assert SoundLibrary(language="nl").path("conf-getpin") == EN / "conf-getpin.flac"


def test_the_first_folder_that_has_it_wins(tmp_path: Path) -> None:
    second = sound(tmp_path / "b" / "conf-muted.flac")
    sound(tmp_path / "b" / "conf-getpin.ogg", rate_hz=16000)
    first = sound(tmp_path / "a" / "conf-getpin.wav")
    library = SoundLibrary([tmp_path / "a", tmp_path / "b"])
    assert library.path("conf-getpin") == first
    assert library.path("conf-muted") == second
    assert library.path("conf-unmuted") == EN / "conf-unmuted.flac"


def test_an_ogg_file_is_found(tmp_path: Path) -> None:
    path = sound(tmp_path / "beep.ogg", rate_hz=16000)
    assert SoundLibrary([tmp_path]).path("beep") == path


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prompts\.folders: no folder .*nowhere"):
        SoundLibrary.from_config(PromptsConfig(folders=(str(tmp_path / "nowhere"),)))


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/../../secret", "a//b", "", ".", "a.wav", "a\n", "a\0", "a/", "a\\b", "ä"]
)
def test_a_name_does_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    sound(tmp_path / "secret.wav")
    sound(tmp_path / "in" / "a" / "b.wav")
    library = SoundLibrary([tmp_path / "in"], sounds=[tmp_path / "in"])
    for asked in (name, Sound(name)):
        with pytest.raises(NoSuchSound):
            library.path(asked)


def test_sounds_are_found_by_their_id_only(tmp_path: Path) -> None:
    uploaded = sound(tmp_path / "sounds" / "17.flac")
    recorded = sound(tmp_path / "names" / "p-1f.wav")
    library = SoundLibrary(sounds=[tmp_path / "sounds", tmp_path / "names"])
    assert library.path(Sound("17")) == uploaded
    assert library.path(Sound("p-1f")) == recorded
    for absent in ("17", Sound("conf-getpin"), Sound("18")):
        with pytest.raises(NoSuchSound):
            library.path(absent)


def test_prompts_become_files_and_a_duration(tmp_path: Path) -> None:
    sound(tmp_path / "conf-thereare.wav", 0.75)
    sound(tmp_path / "digits" / "20.wav", 0.5)
    sound(tmp_path / "digits" / "1.wav", 0.25)
    mine = sound(tmp_path / "ids" / "17.flac", 2.0)
    made = SoundLibrary([tmp_path], sounds=[tmp_path / "ids"]).resolve(["conf-thereare", 21, Sound("17")])
    assert [path.name for path in made.paths] == ["conf-thereare.wav", "20.wav", "1.wav", mine.name]
    assert made.seconds == pytest.approx(3.5)


def test_a_very_large_number_is_said_digit_by_digit() -> None:
    made = SoundLibrary().resolve([16505550100])
    assert [path.stem for path in made.paths] == list("16505550100")


def test_what_is_missing_or_broken_is_left_out_and_logged_once(tmp_path: Path) -> None:
    (tmp_path / "beep.wav").write_bytes(b"not audio")
    library = SoundLibrary([tmp_path])
    with capture_logs() as logs:
        for _ in range(3):
            made = library.resolve(["no-such-prompt", "beep", "vm-goodbye"])
    assert [path.name for path in made.paths] == ["vm-goodbye.flac"]
    assert [entry["sound"] for entry in logs] == ["no-such-prompt", "beep"]


def test_a_duration_follows_the_file(tmp_path: Path) -> None:
    path = sound(tmp_path / "names" / "me.wav", 1.0)
    library = SoundLibrary(sounds=[tmp_path / "names"])
    assert library.resolve([Sound("me")]).seconds == 1.0
    sound(path, 2.0)
    os.utime(path, ns=(1, 1))
    assert library.resolve([Sound("me")]).seconds == 2.0


@pytest.mark.peer("voices")
def test_an_installed_asterisk_pack_drops_in_by_one_line() -> None:
    library = SoundLibrary.from_config(PromptsConfig(folders=(str(VOICES),)))
    made = library.resolve(["conf-thereare", 42, "conf-otherinparty"])
    assert [path.parent.name for path in made.paths] == [VOICES.name, "digits", "digits", VOICES.name]
    assert all(path.is_relative_to(VOICES) for path in made.paths)
    assert made.seconds > 1
    assert library.path("conf-invited") == EN / "conf-invited.flac"


def test_sounds_that_come_and_go_do_not_pile_up(tmp_path: Path) -> None:
    library = SoundLibrary(sounds=[tmp_path])
    file = sound(tmp_path / "0.wav", 0.01)
    for number in range(KNOWN + 10):
        file = file.rename(tmp_path / f"{number}.wav")
        assert library.resolve([Sound(str(number)), Sound("gone")]).paths == (file,)
        assert library.resolve([Sound(f"missed-{number}")]).paths == ()
    assert (len(library._seconds), len(library._missed)) == (KNOWN, KNOWN)
