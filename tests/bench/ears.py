"""What the ear minds besides PESQ: soft speech that a gate cuts off, and gains that change by a step.

Both in the engine's own clock, on a clean line: no figure depends on the machine.
"""

import itertools
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softphone.load.media.alignment import align
from softphone.load.speech import levelled
from softphone.media.contract.leg import LegSpec, MediaAddress
from softphone.media.contract.messages import (
    Configure,
    JoinRoom,
    LeaveRoom,
    MediaRequest,
    Number,
    Play,
    StopPlayback,
    UpdateLeg,
)
from tests.bench.codecs import CODECS, JudgedCodec, Pcm
from tests.bench.speech import clips
from tests.bench.studio import Studio
from tests.bench.wire import Wire
from tests.media.peer import decoded
from tests.support.tones import write_wav

LEVELS_DBOV = (-26.0, -36.0, -42.0, -46.0)
SIZES = (2, 3, 6, 7, 30)
# Noise of the talker's line, and of the others': theirs add up, and must not hide soft frames from the judge.
FLOOR_DBOV, OTHERS_DBOV = -66.0, -76.0
FRAME, RATE_HZ = 160, 8000
# A frame is speech when it is this far below the active level at most (ITU-T P.56 has 15.9 dB), or, for consonants,
# SOFT_DB and within so many frames of such a one; it is cut when CUT_DB of it is missing.
LOUD_DB, SOFT_DB, BESIDE, CUT_DB = 16.0, 25.0, 3, 6.0
TONE_HZ, AMPLITUDE, EDGE_HZ = 200.0, 8000.0, 1000.0
SETTLED = 25  # ticks before a change, and after it
Frames = NDArray[np.float64]
# A telephone whose codec changes no sample.
LINEAR = JudgedCodec(
    name="L16",
    leg={"codec": "L16/8000", "payload_type": 114},
    rate_hz=RATE_HZ,
    clock_hz=RATE_HZ,
    encode=lambda pcm: [frame.tobytes() for frame in pcm.astype(">i2").reshape(-1, FRAME)],
    decode=lambda payloads: np.frombuffer(b"".join(payloads), ">i2").astype(np.int16),
    mode="nb",
)


def cuts(
    sizes: Sequence[int] = SIZES, levels_dbov: Sequence[float] = LEVELS_DBOV, pieces: int | None = None
) -> list[dict[str, Any]]:
    """One row per size of the room: speech frames that a listener misses, for each level of the talker.

    The others send the noise of a quiet line. All rooms are in one engine. `pieces`: of speech; None: all.
    """
    codec, studio = CODECS[0], Studio(capacity=512)
    speech = {
        level: np.concatenate([levelled(clip, level) for clip in clips(RATE_HZ)[:pieces]]) for level in levels_dbov
    }
    ears = {}
    for size, level in itertools.product(sizes, levels_dbov):
        room = studio.room()
        ends = [studio.phone(room, codec)[1] for _ in range(size)]
        ears[size, level] = ends[1]
        for i, end in enumerate(ends):
            _speak(studio, end, speech[level] * (i == 0), FLOOR_DBOV if i == 0 else OTHERS_DBOV, i)
    ticks = len(speech[levels_dbov[0]]) // FRAME
    studio.run(ticks + SETTLED)
    rows = []
    for size in sizes:
        row: dict[str, Any] = {"parties": size}
        for level in levels_dbov:
            share, longest = cut(speech[level], studio.heard(ears[size, level], codec), level)
            row |= {f"{level:.0f} dBov: % cut": round(100 * share, 2), f"{level:.0f}: longest ms": longest}
        rows.append(row)
    return rows


def _speak(studio: Studio, end: MediaAddress, said: Pcm, floor_dbov: float, seed: int) -> None:
    """Let a telephone say this over the noise of its line."""
    floor = np.random.default_rng(seed).normal(0, 32768 * 10 ** (floor_dbov / 20), len(said))
    pcm = (said + floor).clip(-32767, 32767).astype(np.int16)
    studio.talk(end, CODECS[0], pcm, Wire(name="clean").arrivals(len(said) // FRAME, seed))


def cut(pcm: Pcm, heard: Pcm, level_dbov: float) -> tuple[float, int]:
    """The share of speech frames of which a listener misses half or more, and the longest such gap in milliseconds."""
    lag, _ = align(pcm, heard, RATE_HZ)
    count = min(len(pcm), len(heard) - lag) // FRAME
    said, got = (part[: count * FRAME].reshape(-1, FRAME).astype(np.float64) for part in (pcm, heard[lag:]))
    power = np.mean(said**2, axis=1)
    speech = _speech(10 * np.log10(power / 32768**2 + 1e-12) - level_dbov)
    gone = speech & (np.mean(said * got, axis=1) < power * 10 ** (-CUT_DB / 20))
    edges = np.flatnonzero(np.diff(np.concatenate(([0], gone.astype(int), [0]))))
    return float(gone.sum() / speech.sum()), 20 * int(max(edges[1::2] - edges[::2], default=0))


def _speech(relative_db: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which frames are speech, by their level over the active one: loud ones, and soft ones right beside them."""
    near = np.convolve(relative_db > -LOUD_DB, np.ones(2 * BESIDE + 1), "same") > 0.5
    speech: NDArray[np.bool_] = near & (relative_db > -SOFT_DB)
    return speech


class _Tone:
    """A talker and a listener without a codec between, so that nothing but the bridge is heard."""

    def __init__(self) -> None:
        self.studio, self.frames = Studio(16), list[Pcm]()
        self.room, self.other = self.studio.room(), self.studio.room()
        engine = self.studio.engine
        self.talker = engine.open_app(self.room, lambda pcm: None)
        self.listener = engine.open_app(self.room, lambda pcm: self.frames.append(pcm.copy()))
        at = np.arange(4 * SETTLED * FRAME)
        self.wave = (AMPLITUDE * np.cos(2 * np.pi * TONE_HZ / RATE_HZ * at)).round().astype(np.int16)

    def ask(self, request: MediaRequest[Any]) -> None:
        """Carry this out now."""
        self.studio.ask(request)

    def changed(self, change: Callable[[], None], talks: bool = True) -> float:
        """The loudest sample above 1 kHz around a change, in dB of the tone's peak."""
        for k in range(3 * SETTLED):
            if talks:
                self.studio.engine.push(self.talker, self.wave[k * FRAME : (k + 1) * FRAME])
            if k == 2 * SETTLED:
                change()
            self.studio.run(1)
        return splatter(np.concatenate(self.frames[SETTLED:]).astype(np.float64))


def splatter(pcm: Frames) -> float:
    """The loudest sample above 1 kHz in dB of the tone's peak: a high-pass of linear phase, its own ends left out."""
    at = np.arange(-256, 257)
    low = 2 * EDGE_HZ / RATE_HZ * np.sinc(2 * EDGE_HZ / RATE_HZ * at) * np.blackman(513)
    above = np.convolve(pcm, (at == 0) - low, "valid")
    return float(20 * np.log10(max(np.abs(above).max(), 1e-3) / AMPLITUDE))


def steps() -> list[dict[str, Any]]:
    """One row per change that a gain may make."""
    return [{"change": name, "dB": round(made(_Tone()), 1)} for name, made in CHANGES.items()]


def _configured(**settings: Any) -> Callable[[_Tone], float]:
    return lambda tone: tone.changed(lambda: tone.ask(Configure(tone.talker, **settings)))


def _unmuted(tone: _Tone) -> float:
    tone.ask(Configure(tone.talker, muted=True))
    return tone.changed(lambda: tone.ask(Configure(tone.talker, muted=False)))


def _listener(**settings: Any) -> Callable[[_Tone], float]:
    return lambda tone: tone.changed(lambda: tone.ask(Configure(tone.listener, **settings)))


def _moved(tone: _Tone) -> float:
    return tone.changed(lambda: tone.ask(JoinRoom(tone.talker, tone.other)))


def _came(tone: _Tone) -> float:
    tone.ask(JoinRoom(tone.talker, tone.other))
    return tone.changed(lambda: tone.ask(JoinRoom(tone.talker, tone.room)))


def _left(tone: _Tone) -> float:
    return tone.changed(lambda: tone.ask(LeaveRoom(tone.talker)))


def _played(tone: _Tone) -> float:
    """A playback to the room that is stopped."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_wav(Path(folder) / "tone.wav", tone.wave)
        made = tone.studio.ask(Play([str(path)], room=tone.room))
        assert isinstance(made, Number)
        decoded(tone.studio.engine)
        return tone.changed(lambda: tone.ask(StopPlayback(made.value)), talks=False)


def _held(tone: _Tone) -> float:
    """A telephone that speaks on when it is put on hold by an offer."""
    tone.ask(LeaveRoom(tone.talker))
    leg, address = tone.studio.phone(tone.room, LINEAR)
    tone.studio.talk(address, LINEAR, tone.wave, Wire(name="clean").arrivals(len(tone.wave) // FRAME, 0))
    hold = LegSpec(remote=address, rtcp_mux=False, timeout_s=0.0, direction="sendonly", **LINEAR.leg)
    return tone.changed(lambda: tone.ask(UpdateLeg(leg, hold)), talks=False)


CHANGES: dict[str, Callable[[_Tone], float]] = {
    "none": lambda tone: tone.changed(lambda: None),
    "mute": _configured(muted=True),
    "unmute": _unmuted,
    "volume of a talker halved": _configured(gain_in=0.5),
    "volume of a listener halved": _listener(gain_out=0.5),
    "deafened": _listener(deaf=True),
    "moved away": _moved,
    "moved here": _came,
    "left the room": _left,
    "playback stopped": _played,
    "hold": _held,
}
