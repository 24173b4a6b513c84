"""RTCP of all bots (RFC 3550 section 6): what the peer says of our packets, and how long the way there and back is.

A few reports per bot and minute, so they are values, written and read one by one.
"""

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softphone.load.media.doors import Doors
from softphone.media.net.port import Patience
from softphone.media.net.slots import ADDRESS_SIZE, Letters
from softphone.media.rtp.rtcp import (
    Report,
    ReportBlock,
    RtcpError,
    SenderInfo,
    SourceDescription,
    compact_ntp,
    ntp,
    parse,
    round_trip_s,
)
from softphone.media.rtp.vault import TRAILER, Vault

__all__ = ["BotReports"]

EVERY_TICKS = 250
"""Between two reports of a bot: 5 s (RFC 3550 section 6.2)."""
LARGEST = 128 + TRAILER


def _plain(record: Any) -> Any:
    """Give the values of a record as attributes: those of a record itself take a microsecond each."""
    return SimpleNamespace(**dict(zip(record.dtype.names, record.item(), strict=True)))


class BotReports:
    """What is sent to peers that take reports at the port of sound (RFC 5761), and what they say.

    Attributes
    ----------
    rtt_s
        float64, shape (bots,): the last round-trip time; nan: not known.
    remote_lost
        int64, shape (bots,): packets of ours that the peer has lost; -1: it has not said.
    """

    def __init__(self, doors: Doors, count: int, vault: Vault) -> None:
        self._doors, self._vault = doors, vault
        self._targets: list[NDArray[np.uint8] | None] = [None] * count
        self._ssrc = np.zeros(count, np.int64)
        self._clock_hz = np.zeros(count, np.int64)
        self._heard_of = np.zeros((count, 2))  # compact NTP time of the peer's last report, and when it came
        self.rtt_s = np.full(count, np.nan)
        self.remote_lost = np.full(count, -1, np.int64)
        most = count // EVERY_TICKS + 2
        self._letters = Letters(np.zeros((most, LARGEST), np.uint8), np.zeros((most, ADDRESS_SIZE), np.uint8))
        self._patience = Patience()

    def open(self, bot: int, target: NDArray[np.uint8] | None, ssrc: int, clock_hz: int) -> None:
        """Send reports of a bot there; None: nowhere."""
        self._targets[bot], self._ssrc[bot], self._clock_hz[bot] = target, ssrc, clock_hz

    def close(self, bot: int) -> None:
        """Send none any more."""
        self._targets[bot] = None

    def send(self, now_s: float, tick: int, speakers: Any, bots: Any) -> None:
        """Send those that are due in a tick, at `now_s` (Unix seconds); records of dtype `SPEAKER` and `BOT`."""
        rows: list[int] = []
        for bot in range(tick % EVERY_TICKS, len(self._targets), EVERY_TICKS):
            target = self._targets[bot]
            if target is not None and speakers["sent"][bot]:
                self._write(len(rows), bot, now_s, tick, _plain(speakers[bot]), _plain(bots[bot]))
                self._letters.address[len(rows)] = target
                rows.append(bot)
        if rows:
            self._patience.renew()
            self._doors.send(self._letters, np.array(rows), self._patience)

    def _write(self, at: int, bot: int, now_s: float, tick: int, speaker: Any, row: Any) -> None:
        info = SenderInfo(ntp(now_s), tick * int(speaker.clock) & 0xFFFFFFFF, int(speaker.sent), int(speaker.octets))
        blocks = (self._block(bot, now_s, row),) if row.heard else ()
        ssrc = int(self._ssrc[bot])
        data = bytes(Report(ssrc, info, blocks)) + bytes(SourceDescription(ssrc, f"load-{bot}"))
        data = self._vault.seal(bot, data, report=True) or b""
        self._letters.data[at, : len(data)] = np.frombuffer(data, np.uint8)
        self._letters.length[at] = len(data)

    def _block(self, bot: int, now_s: float, row: Any) -> ReportBlock:
        lost = int(row.expected + row.top - row.first + 1 - row.received)
        jitter = int(row.jitter_s * self._clock_hz[bot])
        last, came_s = self._heard_of[bot]
        delay = int((now_s - came_s) * 65536) & 0xFFFFFFFF if last else 0
        return ReportBlock(int(row.ssrc), 0, lost, int(row.top) & 0xFFFFFFFF, jitter, int(last), delay)

    def take(self, bot: int, datagram: bytes, arrival_s: float) -> None:
        """Read a report that came to a bot; what cannot be read says nothing."""
        try:
            packets = parse(self._vault.open(bot, datagram, report=True) or b"")
        except RtcpError:
            return
        for packet in packets:
            if isinstance(packet, Report):
                self._read(bot, packet, arrival_s)

    def _read(self, bot: int, report: Report, arrival_s: float) -> None:
        if report.sender is not None:
            self._heard_of[bot] = report.sender.ntp >> 16 & 0xFFFFFFFF, arrival_s
        for block in report.blocks:
            if block.ssrc == self._ssrc[bot]:
                self.remote_lost[bot] = block.total_lost
                rtt = round_trip_s(block, compact_ntp(arrival_s))
                self.rtt_s[bot] = self.rtt_s[bot] if rtt is None else rtt
