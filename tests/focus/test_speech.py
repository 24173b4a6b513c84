"""Text made speech by a program: which one, how often, how long, and what is kept."""

import asyncio
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile

from softphone.config import SpeechConfig, from_table
from softphone.errors import AudioError, ConfigError
from softphone.focus.errors import NotOffered, Overloaded, SpeechFailed
from softphone.focus.voice import speech as module
from softphone.focus.voice.prompts import SoundLibrary
from softphone.focus.voice.speech import Synthesiser

# Makes 20 ms of sound for each character, and notes its arguments and what it read.
SPEAKER = """
import json, sys, wave
text = sys.stdin.read()
with open(sys.argv[1], "a") as log:
    log.write(json.dumps([sys.argv[2:], text]) + "\\n")
with wave.open(sys.stdout.buffer, "wb") as made:
    made.setparams((1, 2, 8000, 0, "NONE", ""))
    made.writeframes(bytes(320 * len(text.strip())))
"""


def speaker(tmp_path: Path, *arguments: str, **settings: Any) -> Synthesiser:
    """Speech by our script, which gets these arguments."""
    command = (sys.executable, "-c", SPEAKER, str(tmp_path / "log"), *arguments)
    return Synthesiser(SpeechConfig(command=command, **settings), tmp_path / "speech")


def said(tmp_path: Path) -> list[str]:
    """What the script was asked, a line each."""
    log = tmp_path / "log"
    return log.read_text().splitlines() if log.exists() else []


async def test_a_text_is_made_once_and_found_by_the_library(tmp_path: Path) -> None:
    speech = speaker(tmp_path, "{language}", "{voice}", voice="ann")
    sound = await speech.sound(" Hello,\n you ")
    assert said(tmp_path) == ['[["en", "ann"], "Hello, you\\n"]']
    path = SoundLibrary(sounds=[tmp_path / "none", speech.folder]).path(sound)
    assert soundfile.info(path).duration == pytest.approx(0.02 * len("Hello, you"))
    assert stat.S_IMODE(speech.folder.stat().st_mode) == 0o700
    assert await speech.sound("Hello, you") == sound and len(said(tmp_path)) == 1
    again = speaker(tmp_path, "{language}", "{voice}", voice="ann")
    assert await again.sound("Hello, you", "ann", "en") == sound and len(said(tmp_path)) == 1
    others = {await speech.sound("Hello, you", *chosen) for chosen in (("bob",), ("ann", "de"))}
    assert len(others | {sound}) == 3 and len(said(tmp_path)) == 3
    clip = await speech.clip("Hello, you")
    assert clip.flac == path.read_bytes() and clip.seconds == pytest.approx(0.2)
    assert [each.name for each in speech.folder.iterdir() if not each.name.startswith("say-")] == []


async def test_many_who_want_the_same_cost_one(tmp_path: Path) -> None:
    speech = speaker(tmp_path)
    first = asyncio.create_task(speech.sound("once"))
    await asyncio.sleep(0)
    first.cancel()  # and who gives up takes it from nobody
    assert len(set(await asyncio.gather(*(speech.sound("once") for _ in range(20))))) == 1
    assert len(said(tmp_path)) == 1


@pytest.mark.parametrize(
    "text", ["$(touch pwned)", "; touch pwned #", "--help", "{text_file}", "`touch pwned`", "a'b\"c"]
)
async def test_a_text_is_read_and_never_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    copy = "import sys; open(sys.argv[1], 'w').write(open(sys.argv[2]).read()); exec(sys.argv[3])"
    tail = "import shutil; shutil.copy(sys.argv[4], sys.argv[5])"
    sample = tmp_path / "sample.wav"
    soundfile.write(sample, [0.0] * 800, 8000)
    command = (sys.executable, "-c", copy, str(tmp_path / "got"), "{text_file}", tail, str(sample), "{sound_file}")
    await Synthesiser(SpeechConfig(command=command), tmp_path / "speech").sound(text)
    assert (tmp_path / "got").read_text() == f"{text}\n"
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("text", "voice", "language", "why"),
    [
        ("", "", "", "1 to 20 characters"),
        (" \u200b\u202e ", "", "", "1 to 20 characters"),
        ("x" * 21, "", "", "1 to 20 characters"),
        ("hi", "eve", "", "only ann"),
        ("hi", "ann", "de", "no language can be chosen"),
        ("hi", "--help", "", "no voice"),
        ("hi", "../x", "", "no voice"),
    ],
)
async def test_what_cannot_be_said_is_told(tmp_path: Path, text: str, voice: str, language: str, why: str) -> None:
    speech = speaker(tmp_path, "{voice}", voice="usual", voices={"ann": "en+f3"}, max_chars=20)
    with pytest.raises(AudioError, match=why):
        await speech.sound(text, voice, language)
    assert said(tmp_path) == []
    await speech.sound("hi", "ann")
    assert said(tmp_path) == ['[["en+f3"], "hi\\n"]']


async def test_without_a_command_there_is_no_speech(tmp_path: Path) -> None:
    with pytest.raises(NotOffered, match=r"\[speech\]"):
        await Synthesiser(SpeechConfig(), tmp_path).sound("hi")


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("/no/such/program",), "program"),
        (("false",), "status 1"),
        (("true",), "no audio file"),
        (("echo", "hello"), "no audio file"),
        ((sys.executable, "-c", "import time; time.sleep(600)"), "not done in 0.2 s"),
    ],
)
async def test_a_command_that_fails_is_told_and_leaves_nothing(
    tmp_path: Path, command: tuple[str, ...], why: str
) -> None:
    speech = Synthesiser(SpeechConfig(command=command, timeout_s=0.2), tmp_path / "speech")
    with pytest.raises(SpeechFailed, match=why) as failed:
        await speech.sound("hi")
    assert "/" not in str(failed.value), "no path of the server is told"
    assert list(speech.folder.iterdir()) == []
    with pytest.raises(SpeechFailed):  # it is tried again
        await speech.sound("hi")


async def test_what_is_kept_has_a_bound_and_what_was_used_last_stays(tmp_path: Path) -> None:
    # 10 s of white noise, as FLAC 0.3 MB, whatever the text is.
    noise = (
        "import random, sys, wave; made = wave.open(sys.stdout.buffer, 'wb');"
        "made.setparams((1, 2, 16000, 0, 'NONE', '')); made.writeframes(random.randbytes(320000))"
    )
    speech = Synthesiser(SpeechConfig(command=(sys.executable, "-c", noise), cache_mb=1), tmp_path)
    library = SoundLibrary(sounds=[tmp_path])
    first = await speech.sound("text 0")
    for number in range(1, 6):
        await speech.sound(f"text {number}")
        assert await speech.sound("text 0") == first
    kept = list(tmp_path.glob("say-*.flac"))
    assert 2 <= len(kept) <= 3 and sum(each.stat().st_size for each in kept) <= 1_000_000
    assert library.path(first) in kept


async def test_more_than_so_many_do_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    speech = speaker(tmp_path)
    done = await asyncio.gather(*(speech.sound(f"text {n}") for n in range(5)), return_exceptions=True)
    assert sum(isinstance(each, Overloaded) for each in done) == 2
    assert len(said(tmp_path)) == 3
    await speech.sound("text 9")


@pytest.mark.parametrize(
    ("speech", "why"),
    [
        ({"command": ["espeak-ng", "{text}"]}, "there is no {text}"),
        ({"command": ["espeak-ng", "-v", "{voice}"]}, "set speech.voice"),
        ({"command": ["espeak-ng"], "voice": "-v"}, "voice"),
        ({"voices": {"ann": "a b"}}, "voices"),
    ],
)
def test_settings_that_cannot_be_are_refused(speech: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        from_table({"speech": speech})


@pytest.mark.peer("espeak-ng")
async def test_espeak_speaks_by_the_line_of_the_documentation(tmp_path: Path) -> None:
    command = ("espeak-ng", "--stdin", "--stdout", "-v", "{language}")
    speech = Synthesiser(SpeechConfig(command=command), tmp_path)
    english, german = [await speech.clip("One hundred people, 42!", language=each) for each in ("en", "de")]
    assert 1 < english.seconds < 5 and 1 < german.seconds < 5
    assert english.flac != german.flac
    with pytest.raises(SpeechFailed):
        await speech.sound("hello", language="tlh-nowhere")
