"""Real speech for judging: Debian's `asterisk-core-sounds-en-wav`, and prompts of ours for wide band."""

from pathlib import Path

import numpy as np

from softphone.audio import load
from softphone.load.speech import SPEECH_LEVEL_DBOV, levelled
from tests.bench.codecs import Pcm

ALLISON = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
PROMPTS = ("demo-nogo", "tt-allbusy", "vm-review", "queue-periodic-announce", "dir-intro", "conf-usermenu")
OWN = Path(__file__).parents[2] / "softphone" / "sounds" / "en"
CLIP_S = 8.0


def clips(rate_hz: int) -> list[Pcm]:
    """Pieces of real speech, int16 at a level of -26 dBov; where there is no Allison, or for wide band, our prompts."""
    files = [ALLISON / f"{name}.wav" for name in PROMPTS]
    if rate_hz == 8000 and all(file.exists() for file in files):
        found = [load(file, rate_hz) for file in files]
    else:
        whole = np.concatenate([load(file, rate_hz) for file in sorted(OWN.glob("conf-*.flac"))])
        found = np.array_split(whole, len(whole) // int(CLIP_S * rate_hz))
    return [levelled(clip[: int(CLIP_S * rate_hz)], SPEECH_LEVEL_DBOV) for clip in found[: len(PROMPTS)]]
