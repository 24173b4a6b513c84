"""Real speech: what talkers say instead of their words, and how well it came through (ITU-T P.862)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from softphone.audio import load, to_pcm
from softphone.errors import ConfigError
from softphone.load.media.alignment import align
from softphone.load.media.kept import HeardSound
from softphone.load.report import SpeechLine

__all__ = ["SPEECH_LEVEL_DBOV", "judge", "levelled", "needs_pesq", "spoken"]

PROMPT = Path(__file__).parents[1] / "sounds" / "en" / "conf-hostmenu.flac"
SPEECH_LEVEL_DBOV = -26.0
"""Of active speech, the nominal level of ITU-T P.56 and P.862."""
LONGEST_S, JUDGED_S = 120.0, 10.0
PESQ_MODES = {8000: "nb", 16000: "wb"}
FOUND = 0.12
"""Likeness from which on speech was heard: a playout buffer that follows a late sender leaves no more.

Ten seconds of a prompt are found in other speech, in themselves backwards and in noise with 0.06 at most."""
SOFT = 0.02


def levelled(pcm: NDArray[np.int16], dbov: float) -> NDArray[np.int16]:
    """Give the same sound at another level, measured over what is not silent."""
    active = np.abs(pcm.astype(np.float64))
    active = active[active > SOFT * active.max(initial=0.0)]
    power = float(np.mean(active**2)) if active.size else 1.0
    made: NDArray[np.int16] = (pcm * (32768 * 10 ** (dbov / 20) / np.sqrt(power))).clip(-32767, 32767).astype(np.int16)
    return made


def spoken(path: str, rate_hz: int) -> NDArray[np.int16]:
    """Read what is to be said, at `SPEECH_LEVEL_DBOV`: int16, shape (samples,); "" and "prompt": one of our own.

    Raises
    ------
    AudioError
        There is no such file, or it is no audio.
    """
    pcm = load(PROMPT if path in ("", "prompt") else path, rate_hz)[: round(LONGEST_S * rate_hz)]
    return levelled(pcm, SPEECH_LEVEL_DBOV)


def needs_pesq() -> None:
    """Raise ConfigError where there is no PESQ."""
    try:
        import pesq  # noqa: F401
    except ImportError as error:
        raise ConfigError("--pesq needs PESQ: pip install 'softphone[sound]'") from error


def judge(
    bot: int, talker: int, said: NDArray[np.int16], left_s: float, heard: HeardSound | None, rate_hz: int
) -> SpeechLine:
    """Judge what one bot has heard of another one's speech.

    Parameters
    ----------
    said
        int16, shape (samples,).
    left_s
        When its first frame left, by the clock of `heard`.
    rate_hz
        Of both: of 8 kHz the narrow-band score is given, of all others the wide-band one.
    """
    nothing = SpeechLine(bot=bot, talker=talker, likeness=0.0, delay_ms=None, pesq=None)
    if heard is None or heard.pcm.size < said.size:
        return nothing
    place, likeness = align(said, heard.pcm)
    if likeness < FOUND:
        return nothing
    delay_s = heard.began_s + place / rate_hz - left_s
    return SpeechLine(
        bot=bot,
        talker=talker,
        likeness=round(likeness, 3),
        delay_ms=round(1000 * delay_s, 1),
        pesq=_pesq(said, heard.pcm[place : place + said.size], rate_hz),
    )


def _pesq(said: NDArray[np.int16], heard: NDArray[np.int16], rate_hz: int) -> float | None:
    try:
        from pesq import PesqError, pesq
    except ImportError:
        return None
    if rate_hz not in PESQ_MODES:
        said, heard, rate_hz = to_pcm(said, rate_hz, 16000), to_pcm(heard, rate_hz, 16000), 16000
    try:
        return round(float(pesq(rate_hz, said, heard, PESQ_MODES[rate_hz])), 3)
    except PesqError:  # there is no speech in it
        return None
