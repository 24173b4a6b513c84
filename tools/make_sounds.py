"""Makes the default sounds: what espeak-ng says and what numpy plays, into ``softphone/sounds/<language>``.

::

    apt-get install espeak-ng
    python tools/make_sounds.py tools/prompts.en.toml softphone/sounds/en

The same espeak-ng and numpy give the same files. They are committed, so this runs only when a text or tone changes.
"""

import io
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float64]

RATE_HZ = 16_000

# As loud as telephone speech is meant to be, with room for another voice above it.
SPEECH_DBFS = -20.0
TONE_DBFS = -23.0
# Music is background: somebody may wait in it for an hour.
MUSIC_DBFS = -28.0
PEAK_DBFS = -1.0

# Below this a stretch counts as silent. Pauses are kept to what a phrase needs: callers press keys meanwhile.
SILENT_DBFS = -50.0
PAUSE_S = 0.25
EDGE_S = 0.02

# Eleven bits are finer than what a telephone makes of speech at this level (G.711: 38 dB), and FLAC does not store bits
# that are always zero: half the size.
STEP = 32


def main() -> int:
    """Write every sound; tell the names that were written."""
    if len(sys.argv) != 3:
        sys.stderr.write("usage: make_sounds.py TEXTS.toml FOLDER\n")
        return 2
    texts = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    folder = Path(sys.argv[2])
    sounds = {name: spoken(text, texts) for name, text in phrases(texts).items()} | tones()
    for name, samples in sounds.items():
        write(folder / f"{name}.flac", samples)
    seconds = sum(samples.size for samples in sounds.values()) / RATE_HZ
    size = sum(path.stat().st_size for path in folder.rglob("*.flac"))
    sys.stderr.write(f"{len(sounds)} sounds, {seconds:.0f} s, {size / 1e6:.2f} MB\n")
    return 0


def phrases(texts: Mapping[str, Any]) -> dict[str, str]:
    """Name of the file -> what it says."""
    digits = {f"digits/{name}": text for name, text in texts["digits"].items()}
    return {**texts["names"], **texts["ours"], **digits}


def spoken(text: str, texts: Mapping[str, Any]) -> Samples:
    """Say `text`: 16 kHz, without long pauses, at the level of speech."""
    command = ["espeak-ng", "-v", texts["voice"], "-s", str(texts["words_per_minute"]), "--stdout", text]
    wav = subprocess.run(command, check=True, capture_output=True).stdout
    samples, rate_hz = soundfile.read(io.BytesIO(wav), dtype="float64")
    resampled: Samples = soxr.resample(samples, rate_hz, RATE_HZ)
    return faded(levelled(tightened(resampled), SPEECH_DBFS))


def tightened(samples: Samples) -> Samples:
    """Cut silence at both ends, and shorten what is longer than a pause between them."""
    block = RATE_HZ // 100
    blocks = samples[: samples.size // block * block].reshape(-1, block)
    loud = np.sqrt((blocks**2).mean(axis=1)) > amplitude(SILENT_DBFS)
    first, last = np.flatnonzero(loud)[[0, -1]]
    blocks, loud = blocks[first : last + 1], loud[first : last + 1]
    silent_for = np.zeros(loud.size, int)
    for k in range(1, loud.size):
        silent_for[k] = 0 if loud[k] else silent_for[k - 1] + 1
    kept: Samples = blocks[silent_for <= PAUSE_S * 100].ravel()
    return np.pad(kept, int(EDGE_S * RATE_HZ))


def levelled(samples: Samples, dbfs: float) -> Samples:
    """Bring the level of what is not silence to `dbfs`, the highest peak staying below full scale."""
    active = samples[np.abs(samples) > amplitude(SILENT_DBFS)]
    gain = amplitude(dbfs) / np.sqrt((active**2).mean())
    return samples * float(min(gain, amplitude(PEAK_DBFS) / np.abs(samples).max()))


def faded(samples: Samples, seconds: float = 0.005) -> Samples:
    """Let the ends rise from and fall to nothing, so that they do not click."""
    edge = np.sin(np.linspace(0, np.pi / 2, int(seconds * RATE_HZ))) ** 2
    shape = np.ones(samples.size)
    shape[: edge.size] = edge
    shape[-edge.size :] = edge[::-1]
    return samples * shape


def amplitude(dbfs: float) -> float:
    """Decibels below full scale as a factor."""
    return float(10 ** (dbfs / 20))


def tones() -> dict[str, Samples]:
    """Everything that is not speech."""
    return {
        "beep": tone((1000.0, 0.25)),
        "beeperr": tone((480.0, 0.15), (0.0, 0.05), (380.0, 0.25)),
        "confbridge-join": chime(659.26, 987.77),
        "confbridge-leave": chime(987.77, 659.26),
        "recording-tone": tone((1400.0, 0.4)),
        "music-on-hold": levelled(music(), MUSIC_DBFS),
    }


def tone(*parts: tuple[float, float]) -> Samples:
    """Sines one after the other, each (hertz, seconds); 0 Hz is a pause."""
    made = [faded(np.sin(2 * np.pi * hz * np.arange(int(s * RATE_HZ)) / RATE_HZ), 0.01) for hz, s in parts]
    return levelled(np.concatenate(made), TONE_DBFS)


def chime(*notes_hz: float) -> Samples:
    """Two struck bars, the second while the first still sounds."""
    samples = np.zeros(int(0.55 * RATE_HZ))
    for index, hz in enumerate(notes_hz):
        add(samples, pluck(hz, 0.4, 9.0), int(index * 0.13 * RATE_HZ))
    return faded(levelled(samples, TONE_DBFS), 0.02)


def pluck(hz: float, seconds: float, decay: float) -> Samples:
    """Sound one note: three partials, the higher ones weaker and sooner gone."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    partials = sum(np.sin(2 * np.pi * k * hz * t) * np.exp(-decay * k * t) / k**2 for k in (1, 2, 3))
    note: Samples = faded(np.asarray(partials), 0.008)
    return note


def add(track: Samples, note: Samples, start: int) -> None:
    """Lay a note onto a loop; what reaches beyond its end sounds at its beginning."""
    np.add.at(track, (start + np.arange(note.size)) % track.size, note)


# The music: eight bars of four beats at 75 to the minute, a chord for each bar, in semitones above the keynote.
KEYNOTE_HZ = 293.66
BEAT_S = 0.8
CHORDS = (
    (0, 7, 12, 16),  # I
    (-3, 4, 9, 12),  # vi
    (5, 9, 12, 17),  # IV
    (-5, 2, 7, 11),  # V
    (4, 7, 11, 16),  # iii
    (5, 9, 12, 17),  # IV
    (2, 5, 9, 14),  # ii
    (-5, 2, 7, 11),  # V
)
# A slow voice above, two notes for each bar.
MELODY = (19, 16, 21, 16, 17, 21, 19, 23, 16, 19, 21, 17, 14, 17, 19, 14)


def music() -> Samples:
    """Play the chords broken, up and down again, and the melody above, as a loop without a seam."""
    track = np.zeros(int(len(CHORDS) * 4 * BEAT_S * RATE_HZ))
    for bar, (low, middle, high, top) in enumerate(CHORDS):
        for step, note in enumerate((low, middle, high, top, high, middle, high, middle)):
            add(track, 0.6 * pluck(pitch_hz(note), 1.6, 2.2), at(4 * bar + step / 2))
    for index, note in enumerate(MELODY):
        add(track, 0.5 * pluck(pitch_hz(note), 2.4, 1.4), at(2 * index))
    return track


def at(beat: float) -> int:
    """Find the sample at which a beat begins."""
    return int(beat * BEAT_S * RATE_HZ)


def pitch_hz(above: int) -> float:
    """Hertz of the note so many semitones above the keynote, equally tempered."""
    return KEYNOTE_HZ * float(2 ** (above / 12))


def write(path: Path, samples: Samples) -> None:
    """Write mono FLAC, 16 bits of which eleven are used."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = (np.rint(samples * 32768 / STEP) * STEP).astype(np.int16)
    soundfile.write(path, rounded, RATE_HZ, subtype="PCM_16", format="FLAC", compression_level=1.0)


if __name__ == "__main__":
    sys.exit(main())
