"""A sender as a table: which packets come when. Feeds a bridge and collects what one row says."""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mixer import Bridge

Pcm = NDArray[np.int16]


@dataclass(frozen=True)
class Packet:
    """One RTP packet of one row."""

    at_s: float
    seq: int
    timestamp: int
    pcm: Pcm = field(repr=False)
    row: int = 0
    ssrc: int = 1
    marker: bool = False


def packets_of(
    pcm: Pcm,
    samples: int = 160,
    *,
    rate_hz: int = 8000,
    start_s: float = 0.005,
    seq: int = 100,
    timestamp: int = 1000,
    ppm: float = 0.0,
    delay_s: Callable[[int], float] = lambda k: 0.0,
    row: int = 0,
    ssrc: int = 1,
) -> list[Packet]:
    """Cut audio into packets; the sender's clock is `ppm` fast, packet k is `delay_s(k)` late. In order of arrival."""
    cut = pcm[: len(pcm) // samples * samples].reshape(-1, samples)
    period_s = samples / rate_hz / (1 + ppm * 1e-6)
    made = [
        Packet(start_s + k * period_s + delay_s(k), seq + k & 0xFFFF, timestamp + k * samples & 0xFFFFFFFF, part)
        for k, part in enumerate(cut)
    ]
    return sorted(
        (Packet(p.at_s, p.seq, p.timestamp, p.pcm, row, ssrc, k == 0) for k, p in enumerate(made)),
        key=lambda p: p.at_s,
    )


def deliver(bridge: Bridge, packets: Iterable[Packet], now_s: float) -> None:
    """Hand packets over in order; one call per run of equal length."""
    batch: list[Packet] = []
    for packet in packets:
        if batch and len(batch[0].pcm) != len(packet.pcm):
            _hand_over(bridge, batch, now_s)
            batch = []
        batch.append(packet)
    if batch:
        _hand_over(bridge, batch, now_s)


def _hand_over(bridge: Bridge, batch: list[Packet], now_s: float) -> None:
    bridge.receive(
        np.array([p.row for p in batch]),
        np.array([p.seq for p in batch], np.uint16),
        np.array([p.timestamp for p in batch], np.uint32),
        np.array([p.ssrc for p in batch], np.uint32),
        np.array([p.marker for p in batch]),
        np.array([p.pcm for p in batch], np.int16),
        np.array([p.at_s for p in batch]),
        now_s,
    )


def play(bridge: Bridge, packets: list[Packet], ticks: int, *, row: int = 0, first: int = 0) -> Pcm:
    """Run ticks at k * 20 ms; gives what the row said, in one piece."""
    said: Pcm = play_all(bridge, packets, ticks, first=first)[row]
    return said


def play_all(bridge: Bridge, packets: list[Packet], ticks: int, *, first: int = 0) -> Pcm:
    """As `play`; gives what each row said."""
    said, come, pending = [], 0, sorted(packets, key=_at_s)
    for k in range(first, first + ticks):
        due_s = k * 0.02
        before, come = come, bisect_right(pending, due_s, come, key=_at_s)
        deliver(bridge, pending[before:come], due_s)
        bridge.tick(due_s)
        said.append(bridge.usual.heard.copy())
    return np.concatenate(said, axis=1)


def _at_s(packet: Packet) -> float:
    return packet.at_s


def bridge_of(parties: int = 1, rate_hz: int = 8000, capacity: int | None = None) -> Bridge:
    """Make a bridge without voice gate whose parties sit in one room."""
    bridge = Bridge(capacity or parties, rate_hz, gate=None)
    room = bridge.roster.add_room()
    for _ in range(parties):
        bridge.add_party(room)
    return bridge
