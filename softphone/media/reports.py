"""Each leg's RTCP: when to report, what to say, what the peer's reports tell (RFC 3550 section 6)."""

import secrets

import numpy as np

from mixer.playout import PartyCounters
from softphone.media import rtcp
from softphone.media.leg import Address
from softphone.media.legs import Legs

__all__ = ["Reports"]

# RFC 3550 section 6.2: at least 5 s between reports, times 0.5 to 1.5 so that they do not bunch (section 6.3.1)
INTERVAL_S = 5.0
# Reports are built one by one: in a tick no more than this, or a quarter more than fall due on average when the plane
# is full (4,096 legs: 20); the rest go out in the next ones, the longest overdue first.
MOST_PER_TICK, TICKS_PER_ROUND = 16, 200


class Reports:
    """Builds and reads the reports of all legs.

    Parameters
    ----------
    legs
        The legs.
    rate_hz
        Clock of the timestamps.
    unix_offset_s
        What to add to `now` for Unix time.
    """

    def __init__(self, legs: Legs, rate_hz: int, unix_offset_s: float) -> None:
        self._legs, self._rate_hz, self._offset_s = legs, rate_hz, unix_offset_s
        self._cname = secrets.token_hex(12)  # RFC 7022 section 4.2: random, short-term

    def start(self, row: int, now: float) -> None:
        """Begin to report on `row`: the first one soon (section 6.2: half the interval)."""
        self._legs.due_s[row] = now + _spread(INTERVAL_S / 2)

    def due(self, now: float) -> list[int]:
        """Give the rows whose report is due, no more than a tick can build, and set their next time."""
        rows = np.flatnonzero(self._legs.due_s <= now)
        most = max(MOST_PER_TICK, self._legs.capacity // TICKS_PER_ROUND)
        if len(rows) > most:
            rows = rows[np.argsort(self._legs.due_s[rows], kind="stable")[:most]]
        for row in rows:
            self._legs.due_s[row] = now + _spread(INTERVAL_S)
        return [int(row) for row in rows]

    def build(self, row: int, reception: PartyCounters, now: float) -> bytes:
        """Build a compound packet: SR when we have sent since the last one, else RR, and SDES (section 6.4)."""
        legs, state = self._legs, self._legs.records[row].report
        sent = int(legs.packets_sent[row])
        ssrc = int(legs.ssrc[row])
        sender = None
        if sent != state.packets_sent:
            ntp = rtcp.ntp(now + self._offset_s)
            sender = rtcp.SenderInfo(ntp, self._timestamp(row, now), sent, int(legs.octets_sent[row]))
        state.packets_sent = sent
        report = rtcp.Report(ssrc, sender, self._blocks(row, reception, now))
        return bytes(report) + bytes(rtcp.SourceDescription(ssrc, self._cname))

    def _timestamp(self, row: int, now: float) -> int:
        """Give the RTP timestamp of a moment: that of `now` in the stream we send (section 6.4.1)."""
        ahead = round((now - self._legs.frame_s) * self._rate_hz)
        return int(self._legs.timestamp[row]) + ahead & 0xFFFFFFFF

    def _blocks(self, row: int, reception: PartyCounters, now: float) -> tuple[rtcp.ReportBlock, ...]:
        """Say what we know of the peer; nothing while nothing has come."""
        state = self._legs.records[row].report
        if not reception.received:
            return ()
        expected = max(0, reception.expected - state.expected)
        lost = max(0, expected - (reception.received - state.received))
        state.expected, state.received = reception.expected, reception.received
        delay = int((now - state.last_sr_at) * 65536) if state.last_sr else 0
        block = rtcp.ReportBlock(
            int(self._legs.ssrc_in[row]),
            min(255, lost * 256 // expected) if expected else 0,
            reception.expected - reception.received,
            reception.extended_highest_sequence & 0xFFFFFFFF,
            int(reception.jitter_samples),
            state.last_sr,
            max(0, min(delay, 0xFFFFFFFF)),
        )
        return (block,)

    def goodbye(self, row: int, reception: PartyCounters, now: float) -> bytes:
        """Build the last compound packet of a leg (section 6.6)."""
        return self.build(row, reception, now) + bytes(rtcp.Goodbye((int(self._legs.ssrc[row]),)))

    def receive(self, row: int, datagram: bytes, arrival: float) -> bool:
        """Read a peer's compound packet; False when it is none."""
        try:
            packets = rtcp.parse(datagram)
        except rtcp.RtcpError:
            return False
        for packet in packets:
            if isinstance(packet, rtcp.Report):
                self._read(row, packet, arrival)
        return True

    def _read(self, row: int, report: rtcp.Report, arrival: float) -> None:
        """Take in what one report tells."""
        state = self._legs.records[row].report
        if report.sender is not None:
            state.last_sr, state.last_sr_at = report.sender.ntp >> 16 & 0xFFFFFFFF, arrival
        ours = [block for block in report.blocks if block.ssrc == int(self._legs.ssrc[row])]
        for block in ours:
            state.remote_fraction = block.fraction_lost
            rtt = rtcp.round_trip_s(block, rtcp.compact_ntp(arrival + self._offset_s))
            state.rtt_s = state.rtt_s if rtt is None else rtt

    def target(self, row: int) -> Address | None:
        """Where the reports of a leg go."""
        return self._legs.records[row].remote_rtcp


def _spread(interval_s: float) -> float:
    """Give a time between 0.5 and 1.5 intervals."""
    return interval_s * (0.5 + secrets.randbelow(1000) / 1000)
