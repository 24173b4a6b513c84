"""WAV files that play whatever happens to their writer: killed, out of disk, past 4 GiB."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mixer import recording
from mixer.errors import FrameError, RecordingError
from mixer.recording import WavFile, mend
from mixer.tone import sine
from tests.support.signals import Pcm

SECOND = sine(440, 8000)


def by_wave(path: Path) -> Pcm:
    """What the standard library reads."""
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        return np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)


def by_soundfile(path: Path) -> Pcm:
    """What libsndfile reads."""
    samples: Pcm = soundfile.read(path, dtype="int16")[0]
    return samples


def write_ticks(file: WavFile, count: int) -> Pcm:
    """`count` frames of 20 ms, as the recorder writes them; what they were."""
    audio = sine(440, 160 * count)
    for frame in audio.reshape(count, 160):
        file.write(frame)
    return audio


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with WavFile(path, 8000) as file:
        audio = write_ticks(file, 70)
    assert np.array_equal(by_wave(path), audio)
    assert np.array_equal(by_soundfile(path), audio)
    assert file.seconds == pytest.approx(1.4)


def test_each_second_is_on_disk_while_it_runs(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    file = WavFile(path, 8000)
    assert len(by_wave(path)) == 0
    audio = write_ticks(file, 74)
    assert np.array_equal(by_wave(path), audio[:8000])
    file.flush()
    assert np.array_equal(by_wave(path), audio)
    assert file.frames == len(audio)
    file.close()


def test_two_channels(tmp_path: Path) -> None:
    audio = np.stack([sine(440, 400), sine(880, 400)], axis=1)
    with WavFile(tmp_path / "two.wav", 48_000, channels=2) as file:
        file.write(audio[:100])
        file.write(audio[100:])
    samples, rate_hz = soundfile.read(tmp_path / "two.wav", dtype="int16")
    assert rate_hz == 48_000
    assert np.array_equal(samples, audio)


KILLED = """
import os, sys, time
import numpy as np
from mixer.recording import WavFile, mend
file, tick = WavFile(sys.argv[1], 8000), 0
while True:
    file.write(np.full(160, tick % 30000 + 1, np.int16))
    tick += 1
    if tick == 175:
        os.write(1, b"x")
        os.read(0, 1)
"""


@pytest.mark.parametrize("at_once", [False, True])
def test_kill_9_loses_at_most_the_last_second(tmp_path: Path, at_once: bool) -> None:
    path = tmp_path / "killed.wav"
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.read(1) == b"x"
        if not at_once:  # killed in the middle of writing as fast as it can
            writer.stdin.write(b"x")
            writer.stdin.flush()
            while path.stat().st_size < 1_000_000:
                pass
        writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
    samples = by_wave(path)
    assert np.array_equal(by_soundfile(path), samples)
    assert len(samples) == 24_000 if at_once else len(samples) >= 480_000
    assert np.array_equal(samples, np.arange(len(samples)) // 160 % 30_000 + 1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(disk)]
    if mount is None or os.geteuid() or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("may not mount a file system here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_disk_full(small_disk: Path) -> None:
    path = small_disk / "full.wav"
    file = WavFile(path, 8000)
    with pytest.raises(RecordingError, match="full.wav: No space left") as caught:
        write_ticks(file, 1000)
    assert isinstance(caught.value.__cause__, OSError)
    assert file.frames > 40_000
    assert np.array_equal(by_wave(path), sine(440, file.frames))
    assert np.array_equal(by_soundfile(path), sine(440, file.frames))
    with pytest.raises(RecordingError, match="No space left"):
        file.write(SECOND)
    with pytest.raises(RecordingError, match="No space left"):
        file.flush()
    file.close()


def test_disk_full_while_closing(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 88_000)
    file = WavFile(small_disk / "a.wav", 8000)
    file.write(SECOND[:7999])
    with pytest.raises(RecordingError, match="No space left"):
        file.close()
    assert np.array_equal(by_wave(small_disk / "a.wav"), SECOND[: file.frames])
    assert file.frames > 1000


LIMITED = """
import resource, sys
import numpy as np
from mixer.errors import RecordingError
from mixer.recording import WavFile, mend
resource.setrlimit(resource.RLIMIT_FSIZE, (50_001, 50_001))
file = WavFile(sys.argv[1], 8000)
try:
    for _ in range(10):
        file.write(np.full(8000, 7, np.int16))
except RecordingError as error:
    sys.exit(f"{file.frames} {error}")
"""


def test_file_too_large_for_the_system(tmp_path: Path) -> None:
    path = tmp_path / "limited.wav"
    run = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True)
    frames, message = run.stderr.split(" ", 1)
    assert "limited.wav: File too large" in message
    assert int(frames) == (50_001 - 80) // 2
    assert np.array_equal(by_wave(path), np.full(int(frames), 7))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no list of open files here")
def test_no_descriptor_is_left_behind(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        WavFile(tmp_path / f"{number}.wav", 8000).close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_nothing_is_overwritten_by_accident(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with WavFile(path, 8000) as file:
        file.write(SECOND)
    with pytest.raises(RecordingError, match="a.wav: File exists"):
        WavFile(path, 8000)
    assert len(by_wave(path)) == 8000
    with WavFile(path, 8000, replace=True) as file:
        file.write(SECOND[:100])
    assert len(by_wave(path)) == 100
    assert path.stat().st_size == 280


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="No such file or directory"):
        WavFile(tmp_path / "no" / "a.wav", 8000)


@pytest.mark.parametrize(
    "samples", [np.zeros(160), np.zeros((160, 2), np.int16), np.zeros((1, 1, 1), np.int16), np.zeros((), np.int16)]
)
def test_only_int16_of_the_right_shape(tmp_path: Path, samples: Pcm) -> None:
    with WavFile(tmp_path / "a.wav", 8000) as file, pytest.raises(FrameError, match="recording"):
        file.write(samples)


def test_closed_is_closed(tmp_path: Path) -> None:
    file = WavFile(tmp_path / "a.wav", 8000)
    file.close()
    file.close()
    with pytest.raises(RecordingError, match="closed"):
        file.write(SECOND)


def test_past_the_riff_limit_it_becomes_rf64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.wav"
    monkeypatch.setattr(recording, "RIFF_LIMIT", 100_000)
    with WavFile(path, 8000) as file:
        audio = write_ticks(file, 300)
        assert soundfile.info(path).format == "WAV"
        audio = np.concatenate([audio, write_ticks(file, 100)])
    assert soundfile.info(path).format == "RF64"
    assert np.array_equal(by_soundfile(path), audio)


def test_four_gibibytes_and_more(tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    frames = (1 << 31) + 8000
    with WavFile(path, 8000) as file:
        file.write(SECOND)
        file._written += 2 * (frames - 16_000)  # a hole in the file instead of 74 hours
        file.write(SECOND)
    assert path.stat().st_size > 1 << 32
    with soundfile.SoundFile(path) as read:
        assert len(read) == frames
        read.seek(frames - 8000)
        assert np.array_equal(read.read(dtype="int16"), SECOND)


def test_hours_of_silence_take_no_disk(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with WavFile(path, 8000) as file:
        file.write(SECOND)
        file.silence(100)
        file.silence(3600 * 8000)
        assert file.position == 8100 + 3600 * 8000
        file.write(SECOND)
    pcm = by_wave(path)
    assert len(pcm) == 3602 * 8000 + 100
    assert np.array_equal(pcm[:8000], SECOND) and np.array_equal(pcm[-8000:], SECOND)
    assert not pcm[8000:-8000].any()
    assert path.stat().st_blocks * 512 < 200_000


def test_silence_that_the_disk_refuses(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    file = WavFile(tmp_path / "a.wav", 8000)
    file.write(SECOND)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        with pytest.raises(RecordingError, match="File too large"):
            file.silence(8000 * 60)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert np.array_equal(by_wave(tmp_path / "a.wav"), SECOND)


def test_a_mended_file_announces_all_that_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    WavFile(path, 8000).write(SECOND)
    with path.open("ab") as file:
        file.write(SECOND.tobytes()[:-1])  # written, not announced; killed in the middle of a sample
    assert len(by_wave(path)) == 8000
    assert mend(path) == 15_999
    assert np.array_equal(by_wave(path), np.concatenate([SECOND, SECOND[:-1]]))
    assert mend(path, 20_000) == 20_000
    pcm = by_wave(path)
    assert len(pcm) == 20_000 and not pcm[15_999:].any()


@pytest.mark.parametrize("content", [b"", b"RIFF" + bytes(200), b"x" * 100])
def test_what_is_no_recording_is_not_mended(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match="not a recording"):
        mend(path)
    assert path.read_bytes() == content
    with pytest.raises(RecordingError, match="No such file"):
        mend(tmp_path / "none.wav")
