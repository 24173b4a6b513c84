"""The packets that bots send: a record per bot, and a step's datagrams made of them."""

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel
from softphone.load.media.tally import Bots

__all__ = ["MARKER", "SPEAKER", "STEPS", "compose"]

STEPS = 4
"""Of one tick: a quarter of the bots sends in each, as telephones do that know nothing of each other."""
MARKER = 0x80
SPEAKER = np.dtype(
    [
        ("sends", np.bool_),
        ("marked", np.bool_),  # the first packet has gone out
        ("payload_type", np.uint8),
        ("ssrc", np.uint32),
        ("seq", np.int64),  # of the next packet; steps that are left out take none, and are no loss of the peer's
        ("clock", np.int64),
        ("run", np.int64),  # the first frame of what it says
        ("frames", np.int64),  # how many frames that is, over and over
        ("turn", np.int64),  # which of them it would have said in tick 0
        ("keyed", np.bool_),  # a key goes out instead
        ("sent", np.int64),
        ("octets", np.int64),
    ],
    align=True,
)
"""What is to be known of a bot that sends."""


@kernel
def compose(
    speakers: Bots,
    targets: NDArray[np.uint8],
    frames_at: Int,
    width: Int,
    sizes: NDArray[np.int64],
    tick: Int,
    part: Int,
    headers: NDArray[np.uint8],
    address: NDArray[np.uint8],
    base: NDArray[np.uint64],
    length: NDArray[np.uint64],
    sender: NDArray[np.int64],
) -> Int:
    """Write the packets of a step.

    Parameters
    ----------
    speakers
        Records of dtype `SPEAKER`.
    targets
        uint8, shape (bots, 32): where each sends to.
    frames_at, width, sizes
        Where the table of frames lies in memory, how far they are apart, and how many bytes of each are payload.
    tick, part
        Which tick it is, and which part of the bots has its turn.
    headers, address, base, length
        Of `SendBuffer`, written.
    sender
        int64, written: whose each packet is, ascending.

    Returns
    -------
    int
        How many packets.
    """
    n = 0
    for bot in range(part, len(speakers), STEPS):
        speaker = speakers[bot]
        if not speaker.sends:
            continue
        if speaker.keyed:
            speaker.keyed = False
            continue
        frame = speaker.run + (tick + speaker.turn) % speaker.frames
        second = np.int64(speaker.payload_type) | (0 if speaker.marked else MARKER)
        speaker.marked = True
        _write(headers[n], second << 16 | speaker.seq & 0xFFFF, 1, 3)
        speaker.seq += 1
        _write(headers[n], tick * speaker.clock, 4, 4)
        _write(headers[n], np.int64(speaker.ssrc), 8, 4)
        base[n], length[n] = frames_at + frame * width, sizes[frame]
        address[n] = targets[bot]
        sender[n] = bot
        speaker.sent += 1
        speaker.octets += sizes[frame]
        n += 1
    return n


@kernel
def _write(out: NDArray[np.uint8], value: Int, at: int, size: int) -> None:
    """Write a number in network order."""
    for k in range(size):
        out[at + k] = value >> 8 * (size - 1 - k) & 0xFF
