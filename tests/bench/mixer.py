"""Benchmark (a): what a tick of the mixer costs, alone: packets in, everybody's frame out, no network.

    python -m tests.bench.mixer

One room; every party sends one 20 ms packet per tick and its kernel would have stamped it at a phase of its own.
`talkers` of them speak, the others send silence, as telephones without voice detection do. No clock drifts, so nobody
is stretched, and the filter that does it costs nothing here.
"""

import json
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixer import Bridge

PARTIES = (10, 100, 500, 1000, 2000, 3000, 5000)
TICKS, WARM_UP = 150, 25
FEW = 3
SPEECH_AMPLITUDE = 1500.0  # about -27 dBov


def measure(parties: int, talkers: int, rate_hz: int = 8000) -> dict[str, Any]:
    """Time of `TICKS` ticks, as one line of the table."""
    bridge = Bridge(parties, rate_hz)
    room = bridge.roster.add_room()
    rows = np.array([bridge.add_party(room) for _ in range(parties)])
    voices = _voices(parties, talkers, bridge.usual.samples)
    phase_s = np.random.default_rng(2).uniform(0, 0.0199, parties)
    spent = [_one_tick(bridge, rows, voices[k % len(voices)], phase_s, k) for k in range(TICKS + WARM_UP)]
    times_ms = np.array(spent[WARM_UP:]) * 1000
    receive_ms, tick_ms = np.median(times_ms, axis=0)
    total = times_ms.sum(axis=1)
    return {
        "benchmark": "mixer",
        "parties": parties,
        "talkers": talkers,
        "receive_ms": round(float(receive_ms), 3),
        "tick_ms": round(float(tick_ms), 3),
        "median_ms": round(float(np.median(total)), 3),
        "p99_ms": round(float(np.percentile(total, 99)), 3),
        "us_per_party": round(float(np.median(total)) / parties * 1000, 3),
    }


def _voices(parties: int, talkers: int, samples: int) -> list[NDArray[np.int16]]:
    rng = np.random.default_rng(1)
    voices = []
    for _ in range(4):
        voice = np.zeros((parties, samples), np.int16)
        voice[:talkers] = rng.normal(0, SPEECH_AMPLITUDE, (talkers, samples)).clip(-32767, 32767)
        voices.append(voice)
    return voices


def _one_tick(
    bridge: Bridge, rows: NDArray[np.intp], voice: NDArray[np.int16], phase_s: NDArray[np.float64], k: int
) -> tuple[float, float]:
    n, due = len(rows), k * 0.02
    seq = np.full(n, k & 0xFFFF, np.uint16)
    timestamp = np.full(n, k * bridge.usual.samples, np.uint32)
    ssrc, marker = rows.astype(np.uint32), np.full(n, k == 0)
    start = time.perf_counter()
    bridge.receive(rows, seq, timestamp, ssrc, marker, voice, due - phase_s, due)
    received = time.perf_counter()
    bridge.tick(due)
    return received - start, time.perf_counter() - received


def run() -> list[dict[str, Any]]:
    """All lines of the table."""
    lines = []
    for parties in PARTIES:
        lines += [measure(parties, parties), measure(parties, FEW)]
    return lines


if __name__ == "__main__":
    for line in run():
        sys.stdout.write(json.dumps(line) + "\n")
