"""Opus: its parameters in ``a=fmtp``, and the location of its library.

The wheel of PyAV has libopus as a library of its own, which ffmpeg in that wheel uses as well; where PyAV is built
otherwise, ffmpeg uses the system's. Two of them in one process would take each other's functions, so it is the same one
here.
"""

import ctypes.util
import re
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

__all__ = ["OpusParameters", "library"]

BITRATES = range(6000, 510_001)
PLAYBACK_RATES_HZ = range(8000, 48_001)
FULL_BAND_HZ = 48_000


# Where wheels of Linux and Windows, and of macOS, keep the libraries that they bring.
PLACES = (("av.libs", "*opus*"), ("av/.dylibs", "libopus*"))


@cache
def library() -> str | None:
    """Return where libopus is; None: there is none."""
    spec = find_spec("av")
    if spec is not None and spec.origin:
        packages = Path(spec.origin).parent.parent
        for folder, pattern in PLACES:
            if files := sorted((packages / folder).glob(pattern)):
                return str(files[0])
    return ctypes.util.find_library("opus")


@dataclass(frozen=True)
class OpusParameters:
    """What a receiver of Opus says of itself (RFC 7587 section 6.1): how it likes to be sent it.

    Attributes
    ----------
    max_playback_hz
        It plays no more of the spectrum than this rate can hold (``maxplaybackrate``).
    max_bitrate
        Bits per second on average that it takes at most (``maxaveragebitrate``); None: it does not say.
    cbr
        It wants packets of equal size (``cbr``).
    fec
        It uses what a packet says of the one before it (``useinbandfec``).
    dtx
        It wants few packets while nobody speaks (``usedtx``).
    """

    max_playback_hz: int = FULL_BAND_HZ
    max_bitrate: int | None = None
    cbr: bool = False
    fec: bool = False
    dtx: bool = False

    @classmethod
    def read(cls, text: str) -> "OpusParameters":
        """Read the parameters of an ``a=fmtp`` line; what is unknown, or out of range, says nothing."""
        pairs = re.findall(r"([a-z-]+)\s*=\s*([0-9]{1,6})(?![^;\s])", text.lower())
        said = {name: int(value) for name, value in reversed(pairs)}
        rate, bitrate = said.get("maxplaybackrate", 0), said.get("maxaveragebitrate", 0)
        return cls(
            rate if rate in PLAYBACK_RATES_HZ else FULL_BAND_HZ,
            bitrate if bitrate in BITRATES else None,
            said.get("cbr") == 1,
            said.get("useinbandfec") == 1,
            said.get("usedtx") == 1,
        )

    def __str__(self) -> str:
        said = {
            "maxplaybackrate": self.max_playback_hz if self.max_playback_hz != FULL_BAND_HZ else 0,
            "maxaveragebitrate": self.max_bitrate or 0,
            "cbr": int(self.cbr),
            "useinbandfec": int(self.fec),
            "usedtx": int(self.dtx),
        }
        return ";".join(f"{name}={value}" for name, value in said.items() if value)
