"""Real speech for judging: Debian's `asterisk-core-sounds-en-wav`, `-en-g722` for wide band; else prompts of ours."""

from pathlib import Path

import av
import numpy as np
import soxr

from softphone.audio import load
from softphone.load.speech import SPEECH_LEVEL_DBOV, levelled
from tests.bench.codecs import Pcm

ALLISON = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
PROMPTS = ("demo-nogo", "tt-allbusy", "vm-review", "queue-periodic-announce", "dir-intro", "conf-usermenu")
OWN = Path(__file__).parents[2] / "softphone" / "sounds" / "en"
CLIP_S, G722_HZ = 8.0, 16_000


def clips(rate_hz: int) -> list[Pcm]:
    """Pieces of real speech, int16 at a level of -26 dBov, of what `spoken` names."""
    kind = _kind(rate_hz)
    if kind is None:
        whole = np.concatenate([load(file, rate_hz) for file in sorted(OWN.glob("conf-*.flac"))])
        found = np.array_split(whole, len(whole) // int(CLIP_S * rate_hz))
    else:
        found = [_read(ALLISON / f"{name}.{kind}", rate_hz) for name in PROMPTS]
    return [levelled(clip[: int(CLIP_S * rate_hz)], SPEECH_LEVEL_DBOV) for clip in found[: len(PROMPTS)]]


def spoken(rate_hz: int) -> str:
    """Which speech is judged at this rate."""
    kind = _kind(rate_hz)
    return f"our prompts, {OWN}" if kind is None else f"Debian's asterisk-core-sounds-en-{kind}, {ALLISON}"


def _kind(rate_hz: int) -> str | None:
    """The kind of Allison's files that has all of this band; None: they are not here."""
    kind = "wav" if rate_hz == 8000 else "g722"
    return kind if all((ALLISON / f"{name}.{kind}").exists() for name in PROMPTS) else None


def _read(file: Path, rate_hz: int) -> Pcm:
    """A file, at this rate; what is in G.722 has no header."""
    if file.suffix != ".g722":
        return load(file, rate_hz)
    with av.open(str(file), format="g722") as container:
        wide = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    return wide if rate_hz == G722_HZ else soxr.resample(wide, G722_HZ, rate_hz)
