"""What is to be sent in a tick, a record for each datagram, and how it becomes headers and addresses."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import Int, kernel
from softphone.media.engine.legs import Columns
from softphone.media.net.slots import SOCKADDR_SIZE

__all__ = ["PLAN", "Plan", "address", "enter", "pass_time"]

PLAN = np.dtype(
    [("row", np.int64), ("payload", np.int64), ("length", np.int64), ("timestamp", np.int64), ("marker", np.bool_)],
    align=True,
)
"""A datagram to be sent: its leg, where its payload lies in memory and how many bytes it has, its time and marker."""
Plan: TypeAlias = Any
"""Records of dtype `PLAN`, or one of them, as kernels see them."""


@kernel
def enter(leg: Columns, plan: Plan, row: int, base: int, length: int, timestamp: Int) -> None:
    """Enter a datagram: the payload of `length` bytes at `base`, which begins at `timestamp`."""
    plan.row, plan.payload, plan.length, plan.timestamp = row, base, length, timestamp & 0xFFFFFFFF
    plan.marker, leg.marker = leg.marker, False


@kernel
def pass_time(rows: NDArray[np.int64], legs: Columns, ticks: int) -> None:
    """Let the time of some legs go on, sent or not: timestamps count the clock, not the packets."""
    for row in rows:
        leg = legs[row]
        leg.timestamp = (np.int64(leg.timestamp) + np.int64(leg.ticks) * ticks) & 0xFFFFFFFF


@kernel
def address(
    plan: Plan,
    count: int,
    legs: Columns,
    headers: NDArray[np.uint8],
    addresses: NDArray[np.uint8],
    base: NDArray[np.uint64],
    length: NDArray[np.uint64],
    ports: NDArray[np.int64],
) -> None:
    """Write RTP headers (RFC 3550 5.1), addresses and pointers of planned datagrams, and count them.

    Parameters
    ----------
    plan, count, legs
        What is sent, and of whom.
    headers, addresses, base, length
        Of `SendBuffer`, written.
    ports
        int64, written: the port that each leaves from.
    """
    for i in range(count):
        each, header, to = plan[i], headers[i], addresses[i]
        leg = legs[each.row]
        header[1] = leg.payload_type | np.uint8(each.marker) << np.uint8(7)
        header[2], header[3] = leg.seq >> 8, leg.seq & 0xFF
        for j in range(4):
            header[4 + j] = each.timestamp >> 8 * (3 - j) & 0xFF
            header[8 + j] = np.int64(leg.ssrc) >> 8 * (3 - j) & 0xFF
        for j in range(SOCKADDR_SIZE):
            to[j] = leg.address[j]
        base[i], length[i], ports[i] = each.payload, each.length, leg.port
        leg.seq = (np.int64(leg.seq) + 1) & 0xFFFF
        leg.packets_sent += 1
        leg.octets_sent += each.length
