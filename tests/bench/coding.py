"""What decoding and encoding 20 ms costs per row, in batches of many sizes, beside PyAV one row at a time."""

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import av
import numpy as np

from softphone.codec import TABLE, Codec
from softphone.media.codecs.coders import decoder, encoder
from softphone.media.codecs.payloads import Payloads
from tests.media.codecs.lines import Samples, frames, speech

BATCHES = (1, 100, 1000)
ROUNDS = 2000  # rows in all, and ten rounds at least
PEERS = {"G722": "g722", "OPUS": "libopus"}
ROOM = 2000


def run() -> list[dict[str, Any]]:
    """Microseconds of processor time per row."""
    return [_row(spoken, rate_hz) for spoken in TABLE if spoken.name in ("G722", "OPUS") for rate_hz in spoken.rates_hz]


def _row(spoken: Codec, rate_hz: int) -> dict[str, Any]:
    sound = frames(speech(rate_hz), rate_hz // 50)
    row: dict[str, Any] = {"codec": f"{spoken.name} {rate_hz // 1000}k"}
    for rows in BATCHES:
        row[f"enc {rows}"], row[f"dec {rows}"] = _ours(spoken, rate_hz, sound, rows)
    row["PyAV enc"], row["PyAV dec"] = _theirs(PEERS[spoken.encoding.upper()], rate_hz, sound)
    return row


def _ours(spoken: Codec, rate_hz: int, sound: Samples, count: int) -> tuple[float, float]:
    speaking, listening = encoder(spoken, count, rate_hz), decoder(spoken, count, rate_hz)
    rows, out, pcm = np.arange(count), np.zeros((count, ROOM), np.uint8), np.zeros((count, rate_hz // 50), np.int16)
    encoding, decoding = [], []
    for k in range(max(ROUNDS // count, 10)):
        frame = np.ascontiguousarray(sound[(rows * 7 + k) % len(sound)])
        start = time.thread_time_ns()
        size = speaking.encode(rows, frame, out)
        middle = time.thread_time_ns()
        listening.decode(rows, Payloads(out.reshape(-1), rows * ROOM, size), pcm)
        encoding.append(middle - start)
        decoding.append(time.thread_time_ns() - middle)
    return round(median(encoding) / count / 1000, 2), round(median(decoding) / count / 1000, 2)


def _theirs(name: str, rate_hz: int, sound: Samples) -> tuple[float, float]:
    speaking, listening = _context(name, "w", rate_hz), _context(name, "r", rate_hz)
    packets: list[bytes] = []
    encoding, decoding = [], []

    def encode(frame: av.AudioFrame) -> None:
        packets.extend(bytes(each) for each in speaking.encode(frame))

    def decode(packet: bytes) -> list[Samples]:
        return [each.to_ndarray() for each in listening.decode(av.Packet(packet))]

    for k in range(min(len(sound), 200)):
        frame = av.AudioFrame.from_ndarray(sound[k][None], "s16", "mono")
        frame.sample_rate, frame.pts = rate_hz, k * len(sound[k])
        encoding.append(_timed(partial(encode, frame)))
    for packet in packets:
        decoding.append(_timed(partial(decode, packet)))
    return round(median(encoding) / 1000, 2), round(median(decoding) / 1000, 2)


def _timed(work: Callable[[], object]) -> int:
    start = time.thread_time_ns()
    work()
    return time.thread_time_ns() - start


def _context(name: str, mode: str, rate_hz: int) -> Any:
    create: Any = av.CodecContext.create
    context = create(name, mode)
    context.sample_rate, context.layout, context.format = rate_hz, "mono", "s16"
    if name == "libopus" and mode == "w":
        context.bit_rate, context.options = 24_000, {"application": "voip", "compression_level": "5"}
    context.open()
    return context
