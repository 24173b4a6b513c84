"""What a listener hears of a talker through the bridge: PESQ (ITU-T P.862) beside the limit of the codec itself.

    python -m tests.bench.sound

Real speech (`tests.bench.speech`) goes through the worker's engine on lines of all kinds; the limit is the same
speech encoded and decoded, nothing else. The listener's line is clean.
"""

import statistics
import sys
from collections.abc import Sequence
from typing import Any

from pesq import pesq
from rich.console import Console

from tests.bench.__main__ import table
from tests.bench.codecs import CODECS, JudgedCodec, Pcm
from tests.bench.ears import cuts, steps
from tests.bench.speech import CLIP_S, clips, spoken
from tests.bench.studio import Studio
from tests.bench.wire import WIRES, Wire

TAIL = 25  # ticks


def scores(codec: JudgedCodec, wires: Sequence[Wire] = WIRES) -> dict[str, list[float]]:
    """PESQ of each clip by each line; "limit": by the codec alone, as the bridge has to use it: once in, once out."""
    speech = clips(codec.rate_hz)
    found: dict[str, list[float]] = {
        "coded once": [judged(codec, clip, through(codec, clip)) for clip in speech],
        "limit": [judged(codec, clip, through(codec, through(codec, clip))) for clip in speech],
    }
    for wire in wires:  # one after the other: encoders of many streams at once would not try their best
        heard = conversations(codec, speech, wire)
        found[wire.name] = [judged(codec, said, sound) for said, sound in zip(speech, heard, strict=True)]
    return found


def conversations(codec: JudgedCodec, speech: Sequence[Pcm], wire: Wire) -> list[Pcm]:
    """What a listener hears of a talker in a room for each piece of speech, over lines of one kind."""
    studio, ears = Studio(), []
    for clip, said in enumerate(speech):
        room = studio.room()
        _, talker = studio.phone(room, codec)
        _, listener = studio.phone(room, codec)
        studio.talk(talker, codec, said, wire.arrivals(len(said) // codec.samples, seed=clip))
        ears.append(listener)
    studio.run(int(CLIP_S * 50) + TAIL)
    return [studio.heard(listener, codec) for listener in ears]


def through(codec: JudgedCodec, said: Pcm) -> Pcm:
    """Encode and decode."""
    return codec.decode(codec.encode(said))


def judged(codec: JudgedCodec, said: Pcm, heard: Pcm) -> float:
    """PESQ."""
    return float(pesq(codec.rate_hz, said, heard[: len(said) + TAIL * codec.samples], codec.mode))


def run() -> list[dict[str, Any]]:
    """One row for each line, one column for each codec."""
    found = {codec.name: scores(codec) for codec in CODECS}
    rows = []
    for line in ("coded once", "limit", *(wire.name for wire in WIRES)):
        row: dict[str, Any] = {"line": line}
        for name, each in found.items():
            row |= {name: round(statistics.mean(each[line]), 2), f"{name} worst": round(min(each[line]), 2)}
        rows.append(row)
    return rows


def main() -> int:
    console = Console() if sys.stdout.isatty() else Console(width=120)
    for rate_hz in sorted({codec.rate_hz for codec in CODECS}):
        console.print(f"speech judged at {rate_hz} Hz: {spoken(rate_hz)}")
    console.print(table("PESQ of what a listener hears", run()))
    console.print(table("speech frames cut by the gate, % of 20 ms frames", cuts()))
    console.print(table("steps of gain in a 200 Hz tone: loudest above 1 kHz, dB of the tone", steps()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
