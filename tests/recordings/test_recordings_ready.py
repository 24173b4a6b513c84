"""What becomes of finished recordings: FLAC, Opus, a command, a webhook."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import soundfile

from mixer.recording import WavFile
from softphone.config import RecordingConfig
from softphone.errors import ConfigError
from softphone.recordings.convert import convert
from softphone.recordings.entry import Entry
from softphone.recordings.files import RecordingFiles
from softphone.recordings.library import Library
from softphone.webhooks import Webhooks, verify
from tests.support.listening import listening
from tests.support.recordings import one_recording, room_of_two, ticks, until
from tests.support.signals import Pcm
from tests.support.tones import RATE_HZ, read_wav, sine, tones_in


def as_json(entry: Entry) -> Any:
    return json.loads(msgspec.json.encode(entry))


def decoded(path: Path, tool: str, folder: Path) -> Pcm:
    """What another program makes of a file, at 8 kHz."""
    out = folder / f"{path.name}.{tool}.wav"
    if tool == "soundfile":
        samples, rate_hz = soundfile.read(path, dtype="int16")
        return np.asarray(samples[:: rate_hz // RATE_HZ], np.int16)
    commands = {
        "ffmpeg": ["ffmpeg", "-v", "error", "-i", str(path), "-ar", "8000", str(out)],
        "sox": ["sox", str(path), "-r", "8000", str(out)],
    }
    subprocess.run(commands[tool], check=True, timeout=120)
    return read_wav(out)[0]


@pytest.mark.peer("ffmpeg", "sox")
@pytest.mark.parametrize("kind", ["flac", "opus"])
async def test_finished_recordings_are_converted(tmp_path: Path, kind: str) -> None:
    settings = msgspec.convert({"format": kind, "tracks": True}, RecordingConfig)
    async with Library(tmp_path, settings) as library:
        entry = await one_recording(library, 1.0)
        await library._finished.join()  # or its JSON may be in the middle of being written
        assert (entry.format, entry.mix, entry.tracks) == (
            kind,
            f"mix.{kind}",
            {"anna": f"anna.{kind}", "boris": f"boris.{kind}"},
        )
        assert entry.size > 0 and not list(tmp_path.glob("*/*.wav")) and not list(tmp_path.glob("*/*.part"))
        assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*/*")} == {0o640}
        stored = library.file(entry.id)
        assert (stored.path.name, stored.filename) == (f"mix.{kind}", f"{entry.id}-mix.{kind}")
        assert stored.media_type == {"flac": "audio/flac", "opus": "audio/ogg"}[kind]
        for tool in ("soundfile", "ffmpeg", "sox"):
            for name, tones in {"mix": {400.0, 1000.0}, "anna": {400.0}, "boris": {1000.0}}.items():
                if tool == "sox" and not can_sox_read(kind):
                    continue
                pcm = decoded(library.file(entry.id, f"{name}.{kind}").path, tool, tmp_path)
                assert len(pcm) / RATE_HZ == pytest.approx(entry.seconds, abs=0.02)
                assert tones_in(pcm, [400, 1000]) == tones


def can_sox_read(kind: str) -> bool:
    formats = subprocess.run(["sox", "--help"], capture_output=True, text=True, timeout=120).stdout
    return f" {kind}" in formats


@pytest.mark.parametrize("tool", ["soundfile", pytest.param("ffmpeg", marks=pytest.mark.peer("ffmpeg"))])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 32000, 48000])
def test_conversion_keeps_every_sound_in_its_place(tmp_path: Path, tool: str, rate_hz: int) -> None:
    burst = sine(700, 0.2, rate_hz=rate_hz)
    with WavFile(tmp_path / "a.wav", rate_hz) as wav:
        wav.silence(3 * rate_hz)
        wav.write(burst)
        wav.silence(2 * rate_hz + 17)
    for kind, tolerance_s in (("flac", 0.001), ("opus", 0.01)):
        target = tmp_path / f"a.{kind}"
        convert(tmp_path / "a.wav", target)
        pcm = decoded(target, tool, tmp_path)
        assert len(pcm) / RATE_HZ == pytest.approx(5.2, abs=0.02)
        loud = np.flatnonzero(np.abs(pcm) > 2000) / RATE_HZ
        assert loud[0] == pytest.approx(3.0, abs=tolerance_s) and loud[-1] == pytest.approx(3.2, abs=tolerance_s)


def test_what_cannot_be_converted(tmp_path: Path) -> None:
    WavFile(tmp_path / "a.wav", 8000).close()
    with pytest.raises(ValueError, match="not .flac or .opus"):
        convert(tmp_path / "a.wav", tmp_path / "a.mp3")
    (tmp_path / "bad.wav").write_bytes(b"nothing")
    command = [
        sys.executable,
        "-m",
        "softphone.recordings.convert",
        str(tmp_path / "bad.wav"),
        str(tmp_path / "b.flac"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "bad.wav" in done.stderr
    assert not list(tmp_path.glob("b.*"))


async def test_a_recording_that_cannot_be_converted_stays_wav(tmp_path: Path) -> None:
    async with Library(tmp_path, RecordingConfig(format="flac")) as library, room_of_two() as (media, room, _):
        running = await library.start(media, room, conference="s-1")
        (running.path.with_suffix(".flac.part")).mkdir()
        await ticks(media, 5)
        await running.stop()
        await library._finished.join()
        (entry,) = library.entries
        assert (entry.state, entry.format, entry.mix) == ("ready", "wav", "mix.wav")
        assert library.file(entry.id).path.exists()


async def test_who_waits_for_it_is_told(tmp_path: Path) -> None:
    got: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.split(": ", 1) for line in head.strip().split("\r\n")[1:])
        got.put_nowait((headers, await reader.readexactly(int(headers["Content-Length"]))))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    script = (
        "import json, os, sys, pathlib;"
        "pathlib.Path(sys.argv[1]).write_text(json.dumps("
        "[json.load(sys.stdin), {k: v for k, v in os.environ.items() if k.startswith('SOFTPHONE_')}]))"
    )
    async with listening(serve) as port, Webhooks() as webhooks:
        settings = RecordingConfig(
            hook=(sys.executable, "-c", script, str(tmp_path / "told; rm -rf x")),
            webhook_url=f"http://127.0.0.1:{port}/",
            webhook_secret="quiet",
        )
        async with Library(tmp_path / "r", settings, webhooks=webhooks) as library:
            entry = await one_recording(library, 0.1)
            headers, body = await asyncio.wait_for(got.get(), 30)
            await library._finished.join()
            entry = await library.get(entry.id)
    assert json.loads(body) == {"event": "recording.ready", "recording": as_json(entry)}
    assert headers["X-Softphone-Event"] == "recording.ready"
    stamp = headers["X-Softphone-Timestamp"]
    assert verify("quiet", stamp, body, headers["X-Softphone-Signature"], float(stamp))
    told, environment = json.loads((tmp_path / "told; rm -rf x").read_text())
    assert told == as_json(entry)
    assert environment == {
        "SOFTPHONE_RECORDING": entry.id,
        "SOFTPHONE_CONFERENCE": "s-1",
        "SOFTPHONE_FOLDER": str(tmp_path / "r" / entry.id),
        "SOFTPHONE_FILE": str(tmp_path / "r" / entry.id / "mix.wav"),
    }


async def test_a_hook_that_a_stop_has_killed_runs_again_and_once_done_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softphone.recordings.library.DRAIN_S", 0.01)
    script = "import sys, time; open(sys.argv[1], 'a').write('x'); time.sleep(float(sys.argv[2]))"
    runs = tmp_path / "runs"

    def settings(seconds: str) -> RecordingConfig:
        return RecordingConfig(hook=(sys.executable, "-c", script, str(runs), seconds))

    async with Library(tmp_path / "recordings", settings("600")) as library:
        entry = await one_recording(library, 0.1)
        await until(runs.exists)
        await until(lambda: runs.read_text() == "x")
    ready: list[str] = []
    async with Library(tmp_path / "recordings", settings("0")) as library:
        library.on_ready = lambda each: ready.append(each.id)
        await library._finished.join()
        assert (runs.read_text(), ready) == ("xx", [entry.id])
    async with Library(tmp_path / "recordings", settings("0")) as library:
        await library._finished.join()
    assert runs.read_text() == "xx"


async def test_what_a_kill_between_conversion_and_tidying_has_left_is_swept(tmp_path: Path) -> None:
    async with Library(tmp_path, msgspec.convert({"format": "flac"}, RecordingConfig)) as library:
        entry = await one_recording(library, 0.1)
        await library._finished.join()
    left = tmp_path / entry.id / "mix.wav"
    left.write_bytes(b"RIFF")
    await asyncio.to_thread(RecordingFiles(tmp_path).save, msgspec.structs.replace(entry, told=False))
    async with Library(tmp_path, RecordingConfig()) as library:
        await library._finished.join()
        assert library.file(entry.id).path.name == "mix.flac"
    assert not left.exists()


def alive(pid: str) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def test_a_hook_that_hangs_is_killed_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[asyncio.Timeout] = []

    def noted(delay_s: float) -> asyncio.Timeout:
        limits.append(asyncio.timeout(delay_s))
        return limits[-1]

    monkeypatch.setattr("softphone.programs.timeout", noted)
    script = (
        "import subprocess, sys; child = subprocess.Popen(['sleep', '600']);"
        "print(child.pid, file=open(sys.argv[1], 'w')); child.wait()"
    )
    pid = tmp_path / "pid"
    settings = RecordingConfig(hook=(sys.executable, "-c", script, str(pid)), hook_timeout_s=600.0)
    async with Library(tmp_path / "recordings", settings) as library:
        await one_recording(library, 0.1)
        await until(lambda: pid.exists() and pid.read_text().endswith("\n"))
        assert alive(pid.read_text().strip()) and limits[0].when() is not None
        limits[0].reschedule(0.0)  # the 600 s are over
        await library._finished.join()
    await until(lambda: not alive(pid.read_text().strip()))


@pytest.mark.parametrize("hook", [("/no/such/program",), ("false",), ("a\0b",)])
async def test_a_hook_that_fails_harms_nothing(tmp_path: Path, hook: tuple[str, ...]) -> None:
    async with Library(tmp_path, RecordingConfig(hook=hook)) as library:
        first = await one_recording(library, 0.1)
        second = await one_recording(library, 0.1)
        assert [entry.id for entry in library.entries] == [second.id, first.id]


def test_a_webhook_that_is_none_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="URL"):
        Library(tmp_path, RecordingConfig(webhook_url="example.com"))
