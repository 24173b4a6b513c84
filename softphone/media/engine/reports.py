"""RTCP of all legs: when to report, what to say, what the peers' reports tell (RFC 3550 section 6).

What reports need of each leg stands in columns, and those that are due are written together: a compound packet has one
of four shapes (with or without a sender's part, with or without a block on the peer), and all of one shape are one
record array.
"""

import secrets

import numpy as np
from numpy.typing import NDArray

from mixer.arrival import ReceptionReport
from mixer.bridge import Bridge
from mixer.frame import TICK_S
from mixer.party import NOBODY
from softphone.media.engine.legs import Legs
from softphone.media.net.slots import ADDRESS_SIZE, Letters
from softphone.media.rtp import rtcp
from softphone.media.rtp.vault import TRAILER

__all__ = ["Reports"]

Rows = NDArray[np.intp]

# RFC 3550 section 6.2: at least 5 s between reports, times 0.5 to 1.5 so that they do not bunch (section 6.3.1)
INTERVAL_S = 5.0
# At once no more than this, or a quarter more than fall due on average in 100 ms when the plane is full (4,096 legs:
# 102); the rest go out the next times, the longest overdue first.
MOST, TIMES_PER_ROUND = 16, 40
# The name in each report: random (RFC 7022 section 4.2).
CNAME_BYTES = 12
NOT_TOLD = -1
NO_ROWS: Rows = np.zeros(0, np.intp)


class Reports:
    """Builds and reads the reports of all legs.

    Parameters
    ----------
    legs
        The legs.
    bridge
        What it has received of each.
    unix_offset_s
        What to add to `now` for Unix time.

    Attributes
    ----------
    letters
        What `write` has written.
    """

    def __init__(self, legs: Legs, bridge: Bridge, unix_offset_s: float) -> None:
        self._legs, self._bridge, self._offset_s = legs, bridge, unix_offset_s
        # Addressed by 2 * (has sent) + (has received).
        names = "0" * (2 * CNAME_BYTES)
        self._shapes = [rtcp.layout(names, sender, block) for sender in (False, True) for block in (False, True)]
        self._names = np.repeat(self._shapes[0]["items"], legs.capacity)
        self._most = max(MOST, legs.capacity // TIMES_PER_ROUND)
        size = max(shape.itemsize for shape in self._shapes) + TRAILER
        self.letters = Letters(np.zeros((self._most, size), np.uint8), np.zeros((self._most, ADDRESS_SIZE), np.uint8))
        self._random = np.random.default_rng()
        # Up to the last report, of the source it told of: what was expected and came; what we had sent (appendix A.3).
        self._told = np.full(legs.capacity, NOBODY, np.int64)
        self._expected, self._received = np.zeros(legs.capacity, np.int64), np.zeros(legs.capacity, np.int64)
        self._sent = np.zeros(legs.capacity, np.int64)
        # Of the peer's last report: whose it was, its time by the peer's clock (compact, 0: none came), when it came.
        self._last_sr_of = np.full(legs.capacity, NOBODY, np.int64)
        self._last_sr, self._last_sr_at = np.zeros(legs.capacity, np.uint32), np.zeros(legs.capacity)
        self._next_s = np.inf  # nothing is due before
        self._rtt_s = np.full(legs.capacity, np.nan)
        self._remote_fraction = np.full(legs.capacity, NOT_TOLD)

    def start(self, row: int, now: float) -> None:
        """Begin to report on `row`: the first one soon (section 6.2: half the interval)."""
        for column in (self._expected, self._received, self._sent, self._last_sr, self._last_sr_at):
            column[row] = 0
        self._told[row] = self._last_sr_of[row] = NOBODY
        # A name for each call, so that nobody can tell which are one server's, or one worker's (RFC 7022 section 4.2).
        self._names[row] = rtcp.cname_item(secrets.token_hex(CNAME_BYTES))
        self._rtt_s[row], self._remote_fraction[row] = np.nan, NOT_TOLD
        self.due_at(row, now + INTERVAL_S / 2 * self._random.uniform(0.5, 1.5))

    def due_at(self, row: int, at_s: float) -> None:
        """Let the next report on `row` be due at a time."""
        self._legs.due_s[row] = at_s
        self._next_s = min(self._next_s, at_s)

    def rtt_s(self, row: int) -> float | None:
        """Give the round-trip time of a leg; None: the peer has not reported on us."""
        return None if np.isnan(self._rtt_s[row]) else float(self._rtt_s[row])

    def remote_loss(self, row: int) -> float | None:
        """Give the share (0 to 1) that the peer lately lost of what we sent; None: it has not reported on us."""
        fraction = int(self._remote_fraction[row])
        return None if fraction == NOT_TOLD else fraction / 256

    def due(self, now: float) -> Rows:
        """Give the rows whose report is due, no more than go out at once, and set their next time.

        Returns
        -------
        NDArray
            intp, shape (n,), in the order of the ports that they report from; those whose peer is not known yet are
            left out.
        """
        if now < self._next_s:
            return NO_ROWS
        legs, due_s = self._legs, self._legs.due_s[: self._bridge.roster.rows_end]
        rows = np.flatnonzero(due_s <= now)
        if len(rows) > self._most:
            rows = rows[np.argsort(legs.due_s[rows], kind="stable")[: self._most]]
        legs.due_s[rows] = now + INTERVAL_S * self._random.uniform(0.5, 1.5, len(rows))
        self._next_s = due_s.min(initial=np.inf)
        rows = rows[legs.reports_to[rows]]
        rows = rows[legs.affords(rows, self.letters.data.shape[1])]
        return rows[np.argsort(legs.report_port[rows], kind="stable")]

    def write(self, rows: Rows, now: float) -> None:
        """Write a compound packet for each of some rows into `letters`: SR if we have sent since the last, else RR.

        Parameters
        ----------
        rows
            intp, shape (n,), no more than `due` gives.
        now
            Seconds.
        """
        sent, heard = self._legs.packets_sent[rows], self._bridge.reception(rows)
        changed = rows[heard.ssrc != self._told[rows]]
        self._told[rows], self._expected[changed], self._received[changed] = heard.ssrc, 0, 0
        # Only of a source that was heard since the last report (section 6.4.1).
        shape = 2 * (sent != self._sent[rows]) + (heard.received > self._received[rows])
        self._sent[rows] = sent
        for number in np.unique(shape).tolist():
            at = np.flatnonzero(shape == number)
            packets = np.repeat(self._shapes[number], len(at))
            packets["ssrc"] = packets["described"] = self._legs.ssrc[rows[at]]
            packets["items"] = self._names[rows[at]]
            if number & 2:
                self._tell_sent(packets, rows[at], now)
            if number & 1:
                self._tell_received(packets, rows[at], heard.pick(at), now)
            self.letters.data[at, : packets.itemsize] = packets.view(np.uint8).reshape(len(at), -1)
            self.letters.length[at] = packets.itemsize
        self.letters.address[: len(rows)] = self._legs.report_address[rows]

    def _tell_sent(self, packets: NDArray[np.void], rows: Rows, now: float) -> None:
        """Say what we have sent, and which timestamp belongs to this moment (section 6.4.1)."""
        legs = self._legs
        packets["ntp"] = rtcp.ntp(now + self._offset_s)
        ahead = np.rint((now - legs.frame_s) / TICK_S * legs.ticks[rows]).astype(np.int64)
        packets["timestamp"] = legs.timestamp[rows] + (ahead & 0xFFFFFFFF).astype(np.uint32)
        packets["packets"], packets["octets"] = legs.packets_sent[rows], legs.octets_sent[rows]

    def _tell_received(self, packets: NDArray[np.void], rows: Rows, heard: ReceptionReport, now: float) -> None:
        """Say what we know of the peer (appendix A.3)."""
        expected = np.maximum(heard.expected - self._expected[rows], 0)
        lost = np.maximum(expected - (heard.received - self._received[rows]), 0)
        self._expected[rows], self._received[rows] = heard.expected, heard.received
        fraction = np.minimum(lost * 256 // np.maximum(expected, 1), 255)
        total = np.clip(heard.expected - heard.received, -0x800000, 0x7FFFFF)
        packets["source"], packets["lost"] = heard.ssrc, fraction << 24 | total & 0xFFFFFF
        packets["highest"], packets["jitter"] = heard.highest & 0xFFFFFFFF, np.minimum(heard.jitter, 0xFFFFFFFF)
        last = packets["last_report"] = np.where(self._last_sr_of[rows] == heard.ssrc, self._last_sr[rows], 0)
        delay = np.clip((now - self._last_sr_at[rows]) * 65536, 0, 0xFFFFFFFF)
        packets["delay"] = np.where(last > 0, delay, 0)

    def goodbye(self, row: int, now: float) -> bytes:
        """Build the last compound packet of a leg (section 6.6)."""
        self.write(np.array([row]), now)
        return self.letters.datagram(0) + bytes(rtcp.Goodbye((int(self._legs.ssrc[row]),)))

    def receive(self, row: int, datagram: bytes, arrival: float) -> bool:
        """Read a peer's compound packet; False when it is none.

        A report that is not a goodbye, and not ours come back, is a sign of life like media: a peer that suppresses
        silence may send nothing else for long.
        """
        try:
            packets = rtcp.parse(datagram)
        except rtcp.RtcpError:
            return False
        reports = [each for each in packets if isinstance(each, rtcp.Report) and each.ssrc != self._legs.ssrc[row]]
        for report in reports:
            self._read(row, report, arrival)
        if reports and not any(isinstance(each, rtcp.Goodbye) for each in packets):
            self._legs.heard_s[row] = max(self._legs.heard_s[row], arrival)
        return True

    def _read(self, row: int, report: rtcp.Report, arrival: float) -> None:
        """Take in what one report tells."""
        if report.sender is not None and self._speaks_of_ours(row, report.ssrc):
            self._last_sr_of[row] = report.ssrc
            self._last_sr[row], self._last_sr_at[row] = report.sender.ntp >> 16 & 0xFFFFFFFF, arrival
        ours = [block for block in report.blocks if block.ssrc == int(self._legs.ssrc[row])]
        for block in ours:
            self._remote_fraction[row] = block.fraction_lost
            rtt = rtcp.round_trip_s(block, rtcp.compact_ntp(arrival + self._offset_s))
            if rtt is not None:
                self._rtt_s[row] = rtt
        if ours and self._legs.records[row].reports_beside:
            self._legs.credit[row] = np.inf  # our SSRC is random, and went there only

    def _speaks_of_ours(self, row: int, ssrc: int) -> bool:
        """Tell whether a sender's report is one to answer: of the source heard, or while that has not reported."""
        heard = int(self._bridge.reception(np.array([row])).ssrc[0])
        return ssrc == heard or int(self._last_sr_of[row]) != heard
