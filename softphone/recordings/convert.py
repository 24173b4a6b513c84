"""The WAV of a recording into FLAC or Opus: ``python -m softphone.recordings.convert mix.wav mix.opus``.

A program of its own, at the lowest priority, so that nothing else has to wait for it. The result appears under its name
when it is whole. Opus is in Ogg (RFC 7845); libsndfile takes care of the pre-skip, so samples stay where they were.
"""

import os
import sys
from pathlib import Path

import soundfile
import soxr

__all__ = ["convert", "main"]

FORMATS = {".flac": ("FLAC", "PCM_16"), ".opus": ("OGG", "OPUS")}
# What Opus can be given (RFC 6716 section 2); other rates become the highest.
OPUS_RATES_HZ = (8000, 12000, 16000, 24000, 48000)
# Samples at a time: a second or less, whatever the length of the file.
BLOCK = 8000
# Of the file, as of the one it is made from.
FILE_MODE = 0o640
# The least urgent.
NICENESS = 19


def convert(source: Path, target: Path) -> None:
    """Write the sound of `source` in the format that the name of `target` ends with.

    Raises
    ------
    ValueError
        The ending is neither .flac nor .opus.
    OSError, soundfile.SoundFileError
        A file cannot be read or written.
    """
    if target.suffix not in FORMATS:
        raise ValueError(f"{target}: not .flac or .opus")
    kind, subtype = FORMATS[target.suffix]
    part = target.with_name(target.name + ".part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE))
    with soundfile.SoundFile(source) as wav:
        direct = kind != "OGG" or wav.samplerate in OPUS_RATES_HZ
        rate_hz = wav.samplerate if direct else OPUS_RATES_HZ[-1]
        resampler = soxr.ResampleStream(wav.samplerate, rate_hz, wav.channels, dtype="int16")
        with soundfile.SoundFile(part, "w", rate_hz, wav.channels, subtype, format=kind) as out:
            while len(block := wav.read(BLOCK, dtype="int16")):
                last = wav.tell() == wav.frames
                out.write(block if direct else resampler.resample_chunk(block, last=last))
    os.replace(part, target)


def main(arguments: list[str]) -> int:
    """Convert one file; what goes wrong is said on stderr."""
    os.nice(NICENESS)
    source, target = map(Path, arguments)
    try:
        convert(source, target)
    except (OSError, ValueError, soundfile.SoundFileError) as error:
        target.with_name(target.name + ".part").unlink(missing_ok=True)
        sys.stderr.write(f"{source}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
