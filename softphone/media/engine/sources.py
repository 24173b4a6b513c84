"""Whose packets are a leg's: its named address, or one other source in its place (`softphone.calls.nat` has the rule).

The usual packet is found by its address. All others are strangers, and looked at only while some leg may be sent to by
one of them: by hosts first, so that a flood costs a search in a sorted array.
"""

import numpy as np
from numpy.typing import NDArray

from mixer.bridge import Bridge
from softphone.media.contract.leg import Address
from softphone.media.engine.legs import Legs
from softphone.media.net.directory import Directory, key_of
from softphone.media.net.slots import Slots
from softphone.media.rtp import rtp

__all__ = ["Sources"]

# Who has been quiet for so long may have moved its port: longer than a packet and its jitter last.
QUIET_S = 0.2
# Of a key of `Slots.keys`: all but the sender's port.
HOST_AND_LOCAL = ~np.uint64(0xFFFF0000)


class Sources:
    """Which row a datagram belongs to.

    Parameters
    ----------
    slots, legs, bridge
        What has come, who there is, and whose stream is played.
    """

    def __init__(self, slots: Slots, legs: Legs, bridge: Bridge) -> None:
        self._slots, self._legs, self._bridge = slots, legs, bridge
        self._rtp, self._rtcp = Directory(), Directory()
        self._rows_at: dict[int, set[int]] = {}
        self._hosts = np.zeros(0, np.uint64)

    def taken(self, remote: Address, local: int) -> bool:
        """Whether a leg on the port of index `local` hears this address."""
        return key_of(remote, local) in self._rtp

    def meet(self, row: int) -> None:
        """Take the media of `row` from where its spec says, or from one other source that the spec allows."""
        record = self._legs.records[row]
        spec = record.spec
        self.forget(row)
        record.remote, record.remote_rtcp = spec.remote, spec.rtcp
        self._legs.unheard[row] = True
        if spec.remote is None:
            return
        self._know(row, spec.remote)
        if spec.latch_host is not None:
            self._rows_at.setdefault(_place(spec.latch_host, record.ports.rtp.index), set()).add(row)
            self._sort()

    def forget(self, row: int) -> None:
        """Take nothing for `row` from anybody."""
        self._rtp.remove_row(row)
        self._rtcp.remove_row(row)
        for place in [place for place, rows in self._rows_at.items() if row in rows]:
            self._rows_at[place].discard(row)
            if not self._rows_at[place]:
                del self._rows_at[place]
            self._sort()

    def of_media(
        self, keys: NDArray[np.uint64], media: NDArray[np.bool_], headers: rtp.Headers, now: float
    ) -> NDArray[np.int64]:
        """Give the row of each datagram, -1 for a stranger's; a source that may take its place is let in first."""
        rows = self._rtp.lookup(keys)
        if len(self._hosts):
            strange = np.flatnonzero(media & (rows < 0))
            if strange.size and self._let_in(strange, keys, headers, now):
                rows = self._rtp.lookup(keys)
        return rows

    def of_reports(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Give the row of each report, -1 for a stranger's."""
        return self._rtcp.lookup(keys)

    def _let_in(self, strange: NDArray[np.int64], keys: NDArray[np.uint64], headers: rtp.Headers, now: float) -> bool:
        """Look for sources of legs among strangers, host by host; whether one was found."""
        places = keys[strange] & HOST_AND_LOCAL
        at = np.minimum(np.searchsorted(self._hosts, places), len(self._hosts) - 1)
        near = self._hosts[at] == places
        strange, places = strange[near], places[near]
        found = False
        for place in np.unique(places).tolist():
            mine = strange[places == place]
            rows = np.array(sorted(self._rows_at[place]), np.int64)
            silent = self._legs.unheard[rows]
            found |= self._moved(mine, rows[~silent], headers, now)
            if np.count_nonzero(silent) == 1:  # of two that nobody has heard yet it could be either: nobody guesses
                mine = mine[~np.isin(headers.ssrc[mine], self._bridge.reception(rows).ssrc)]
                found |= self._first(mine, int(rows[silent][0]), headers)
        return found

    def _first(self, mine: NDArray[np.int64], row: int, headers: rtp.Headers) -> bool:
        """Lock a leg that has not been heard yet to the first packet of its codec."""
        kind = headers.payload_type[mine]
        mine = mine[(kind == self._legs.type_in[row]) | (kind == self._legs.other_type[row])]
        if not mine.size:
            return False
        self._lock(row, int(mine[0]))
        return True

    def _moved(self, mine: NDArray[np.int64], rows: NDArray[np.int64], headers: rtp.Headers, now: float) -> bool:
        """Find legs again that have moved their port: quiet where they were, and with the source that they had."""
        rows = rows[now - self._legs.heard_s[rows] >= QUIET_S]
        if not rows.size:
            return False
        ssrcs = self._bridge.reception(rows).ssrc
        found = False
        for row, ssrc in zip(rows.tolist(), ssrcs.tolist(), strict=True):
            same = mine[headers.ssrc[mine] == ssrc] if ssrc >= 0 else mine[:0]
            if same.size:
                self._lock(row, int(same[0]))
                found = True
        return found

    def _lock(self, row: int, slot: int) -> None:
        """Take the media of `row` from the sender of a datagram, and from nobody else from now on."""
        raw, record = self._slots.address[slot].tobytes(), self._legs.records[row]
        remote = Address(".".join(map(str, raw[4:8])), int.from_bytes(raw[2:4]))
        mux = record.spec.rtcp_mux
        record.remote = remote
        record.remote_rtcp = remote if mux else Address(remote.host, min(remote.port + 1, 0xFFFF))
        self._rtp.remove_row(row)
        self._rtcp.remove_row(row)
        self._know(row, remote)
        self._legs.unheard[row] = False
        self._legs.apply(row, self._legs.heard_s[row])

    def _know(self, row: int, remote: Address) -> None:
        """Let packets from an address, and reports from the one beside it, be those of `row`."""
        record = self._legs.records[row]
        self._rtp.add(key_of(remote, record.ports.rtp.index), row)
        if record.remote_rtcp is not None:
            reports_at = record.ports.rtp if record.spec.rtcp_mux else record.ports.rtcp
            self._rtcp.add(key_of(record.remote_rtcp, reports_at.index), row)

    def _sort(self) -> None:
        self._hosts = np.array(sorted(self._rows_at), np.uint64)


def _place(host: str, local: int) -> int:
    """Give the key of a host's packets on a port, whatever port they come from."""
    return key_of(Address(host, 0), local) & int(HOST_AND_LOCAL)
