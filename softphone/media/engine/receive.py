"""From datagrams to the bridge: who sent it, what is it, decode, place.

One kernel goes over the datagrams of a batch (`softphone.media.engine.incoming`). What is rare is listed and looked at
alone: reports, keys, and what strangers send; of each only so many are taken per tick.
"""

import time
from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixer.bridge import Bridge
from mixer.kernel import records
from softphone.media.codecs.forms import DECODE, FORMS
from softphone.media.engine.incoming import ASIDES, EVENTS, INVALID, REPORTS, STRANGERS, Incoming, sort, take_in
from softphone.media.engine.legs import Legs
from softphone.media.engine.parcels import Parcels
from softphone.media.engine.sources import Sources
from softphone.media.net.batch import OpenPorts
from softphone.media.net.senders import SECRET
from softphone.media.net.slots import SLOT_SIZE, Slots
from softphone.media.rtp import rtp
from softphone.media.rtp.header import EVENT, EVENT_END
from softphone.media.rtp.keys import unpack_event

__all__ = ["Receiver", "first_of_each"]

# Nobody but a flooder sends more in 20 ms: keys, and different packets of them; a report and a goodbye.
KEYS_PER_TICK = 8
EVENT_PACKETS_PER_TICK = 64
# Of all rows together: 20 ms of a storm of keys must not take 20 ms. When there are more, each row has its share.
EVENT_PACKETS_IN_ALL = 1024
REPORTS_PER_TICK = 4


def first_of_each(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Give the positions of the first `most` entries of each row, in their order.

    Parameters
    ----------
    rows
        int64, shape (n,).
    most
        How many of the same value are let through.

    Returns
    -------
    NDArray
        int64, positions in `rows`, ascending.
    """
    order = np.argsort(rows, kind="stable")
    begin = np.flatnonzero(np.diff(rows[order], prepend=-1))
    turn = np.arange(len(rows)) - np.repeat(begin, np.diff(begin, append=len(rows)))
    return np.sort(order[turn < most])


class Receiver:
    """Takes what has come in `slots` to the bridge.

    Parameters
    ----------
    slots, legs, bridge, parcels
        What it works between.
    on_key
        Called with row and key.
    on_report
        Called with row, datagram and its arrival in seconds.
    on_aside
        Called with the slots of STUN and DTLS, and the keys of their senders.
    """

    def __init__(
        self,
        slots: Slots,
        legs: Legs,
        bridge: Bridge,
        parcels: Parcels,
        on_key: Callable[[int, str], None],
        on_report: Callable[[int, bytes, float], None],
        on_aside: Callable[[NDArray[np.int64], NDArray[np.uint64]], None],
    ) -> None:
        self._slots, self._legs, self._bridge, self._parcels = slots, legs, bridge, parcels
        self._on_key, self._on_report, self._on_aside = on_key, on_report, on_aside
        self.sources = Sources(slots, legs, bridge)
        self.strangers = 0
        self.invalid = 0
        self._clock_s = 0.0
        self._headers: rtp.Parsed = records(slots.count, rtp.PARSED)
        self._each, self._arrival_s = np.arange(slots.count), np.zeros(slots.count)
        self._rows, self._lists = np.full(slots.count, -1, np.int64), np.zeros((5, slots.count), np.int64)
        self._counts = np.zeros(5, np.int64)
        self._incoming = Incoming(
            data=slots.data, length=slots.length, keys=slots.key, stamp=slots.stamp, legs=legs.table,
            parties=bridge.parties, rates=bridge.rates, rings=bridge.rings, forms=FORMS, tables=DECODE,
            waiting=parcels.waiting, parcels=parcels.data, pcm=np.zeros(SLOT_SIZE, np.int16), headers=self._headers,
            arrival_s=self._arrival_s, rows=self._rows, lists=self._lists, found=self._counts,
            arriving=slots.arriving, secret=SECRET,
        )  # fmt: skip

    def read_clock(self, clock: float) -> None:
        """Note that it is `clock` (seconds) now: the kernel stamps datagrams with the system's time."""
        self._clock_s, self._slots.look_ns = clock, time.time_ns()

    def take(self, ports: OpenPorts, now: float) -> bool:
        """Take what all ports hold, and look at it, in one where nothing is to be opened; as for `process`.

        Gives whether it is done: else some of it may lie in the slots, and some in the ports.
        """
        if not ports.batches or len(self._legs.vault):
            return False
        bridge, directory, slots = self._bridge, self.sources.directory, self._slots
        which = ports.polled, len(ports), ports.polled_at, slots.used, slots.header_at, directory.keys, directory.rows
        times = slots.look_ns, self._clock_s, now, bridge.due(now)
        stopped, slots.used, listed = take_in(*which, *times, self._each, self._incoming)
        if stopped < len(ports):
            return False
        if listed:
            self._look(slots.keys(), now)
        slots.clear()
        return True

    def process(self, now: float) -> None:
        """Look at all datagrams in the slots and empty them; whatever they hold, nothing raises.

        Parameters
        ----------
        now
            When the next tick of the bridge is or was due, in seconds. Datagrams may have come after that.
        """
        slots, n = self._slots, self._slots.used
        if not n:
            return
        if self._sort(self._each[:n], now):
            self._look(slots.keys(), now)
        self.sources.opener.clear()
        slots.clear()

    def _look(self, keys: NDArray[np.uint64], now: float) -> None:
        """Look at what is no sound of a leg."""
        events, reports = [self._found(EVENTS)], self._found(REPORTS)
        if self._counts[INVALID]:
            self.invalid += len(at := self._found(INVALID))
            self.sources.greeted(at, keys)
        if self._counts[ASIDES]:
            self._on_aside(at := self._found(ASIDES), keys[at])
        strange = self._found(STRANGERS)
        if strange.size and self.sources.let_in(strange, keys, self._headers, now):
            self._sort(strange, now)
            events.append(self._found(EVENTS))
            strange = self._found(STRANGERS)
        self.strangers += len(strange)
        if any(each.size for each in events):
            self._events(np.concatenate(events), self._rows, self._headers, self._arrival_s)
        if reports.size:
            self._reports(reports, keys, self._arrival_s)

    def _sort(self, which: NDArray[np.int64], now: float) -> int:
        """Open what is encrypted of some datagrams, and take them to their rows, and to the lists."""
        bridge, directory, slots = self._bridge, self.sources.directory, self._slots
        self.sources.opener.open(which, directory)
        times = slots.look_ns, self._clock_s, now, bridge.due(now)
        return sort(which, directory.keys, directory.rows, *times, self._incoming)

    def _found(self, which: int) -> NDArray[np.int64]:
        """Give a list, for good."""
        return self._lists[which, : self._counts[which]].copy()

    def _events(
        self, at: NDArray[np.int64], rows: NDArray[np.int64], headers: rtp.Parsed, arrival: NDArray[np.float64]
    ) -> None:
        """Find keys; of packets in a row that say the same but for a longer duration, the last is enough."""
        at = at[np.argsort(rows[at], kind="stable")]
        field = headers["offset"][at, None] + np.arange(EVENT.itemsize)
        said = self._slots.data[at[:, None], field].view(EVENT)[:, 0]
        line = rows[at] << 32 | headers["timestamp"][at].astype(np.int64)
        kind = said["event"].astype(np.int64) << 16 | (said["flags"] & EVENT_END).astype(np.int64) << 8
        kind |= headers["marker"][at]
        length = said["duration"].astype(np.int64)
        last = np.ones(len(at), np.bool_)
        last[:-1] = (line[1:] != line[:-1]) | (kind[1:] != kind[:-1]) | (length[1:] < length[:-1])
        at = at[last]
        found: Counter[int] = Counter()
        share = max(1, EVENT_PACKETS_IN_ALL // len(np.unique(rows[at])))
        for i in np.sort(at[first_of_each(rows[at], min(EVENT_PACKETS_PER_TICK, share))]):
            row, key = int(rows[i]), self._key(i, int(rows[i]), headers, float(arrival[i]))
            if key and found[row] < KEYS_PER_TICK:
                found[row] += 1
                self._on_key(row, key)

    def _key(self, i: np.int64, row: int, headers: rtp.Parsed, arrival_s: float) -> str | None:
        """Give the key that begins with an event packet."""
        offset = int(headers["offset"][i])
        payload = self._slots.data[i, offset : offset + EVENT.itemsize].tobytes()
        packet = unpack_event(payload, int(headers["timestamp"][i]), bool(headers["marker"][i]))
        if packet is None:
            return None
        return self._legs.records[row].keys_in.receive(
            packet, int(headers["seq"][i]), int(headers["ssrc"][i]), arrival_s
        )

    def _reports(self, at: NDArray[np.int64], keys: NDArray[np.uint64], arrival: NDArray[np.float64]) -> None:
        """Hand over the reports of peers that we know."""
        rows = self.sources.of_reports(at, keys[at], self._slots.data[at, 4:8].view(">u4").ravel())
        self.strangers += int(np.count_nonzero(rows < 0))
        at, rows = at[rows >= 0], rows[rows >= 0]
        for i in first_of_each(rows, REPORTS_PER_TICK):
            row, slot = int(rows[i]), int(at[i])
            if (said := self.sources.opener.report(row, slot)) is not None:
                self.sources.reported(keys[slot : slot + 1])
                self._on_report(row, said, float(arrival[slot]))
