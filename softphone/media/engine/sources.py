"""Whose packets are a leg's: its named address, or one other source in its place (`softphone.calls.nat` has the rule).

The usual packet is found by its address. All others are strangers: it is noted since when they have been there, and a
few of those whose host is that of a leg are looked at in each tick. A flood costs a search in sorted arrays.
"""

import numpy as np
from numpy.typing import NDArray

from mixer.bridge import Bridge
from softphone.media.contract.leg import MediaAddress
from softphone.media.engine.bystanders import EVER, Bystanders
from softphone.media.engine.legs import Legs
from softphone.media.engine.secrecy import Opener
from softphone.media.net.directory import Directory, key_of
from softphone.media.net.senders import place_of
from softphone.media.net.senders import places as places_of
from softphone.media.net.slots import Slots, address_of
from softphone.media.rtp import rtp

__all__ = ["Hosts", "Sources"]

NO_ROWS = np.zeros(0, np.int64)


class Hosts:
    """Rows by place: a host of peers, and the port of ours that they send to."""

    def __init__(self) -> None:
        self._places = np.zeros(0, np.uint64)
        self._rows: dict[int, NDArray[np.int64]] = {}
        self._place_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, row: int, host: str, local: int) -> None:
        """Let packets from `host` on the port of index `local` be looked at for `row`, which is in no place yet."""
        place = place_of(host, local)
        if place not in self._rows:
            self._places = np.insert(self._places, np.searchsorted(self._places, np.uint64(place)), np.uint64(place))
        self._rows[place] = np.append(self._rows.get(place, NO_ROWS), row)
        self._place_of[row] = place

    def remove(self, row: int) -> None:
        """Take a row out of its place, if it is in one."""
        place = self._place_of.pop(row, None)
        if place is None:
            return
        self._rows[place] = self._rows[place][self._rows[place] != row]
        if not self._rows[place].size:
            del self._rows[place]
            self._places = self._places[self._places != np.uint64(place)]

    def places(self, slots: Slots, at: NDArray[np.int64]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Give the place of the sender in each of n slots, uint64, and whether anybody is there, bool: shape (n,)."""
        if not len(self._places):
            return np.zeros(len(at), np.uint64), np.zeros(len(at), np.bool_)
        places = places_of(slots.words, slots.local, at)
        at = np.minimum(np.searchsorted(self._places, places), len(self._places) - 1)
        return places, self._places[at] == places

    def rows(self, place: int) -> NDArray[np.int64]:
        """Give the rows of a place, int64, in the order in which they came."""
        return self._rows[place]


# Who has been quiet for so long may have moved its port: longer than a packet and its jitter last.
QUIET_S = 0.2
# Looked at in a tick: hosts, and streams of each. Streams go on, so whoever is left out has a turn in the next one.
HOSTS_PER_TICK = 8
STREAMS_PER_TICK = 8
# So many are remembered by name.
HOSTS_MAX = 64
# A number that no leg has.
NOBODY = np.iinfo(np.int64).max


class Sources:
    """Which row a datagram belongs to.

    Parameters
    ----------
    slots, legs, bridge
        What has come, who there is, and whose stream is played.

    Attributes
    ----------
    opener
        What opens the packets of encrypted legs: only what it has opened shows where the peer of one is.
    unclaimed
        Datagrams that could have been of more than one leg that nobody has heard yet, so that they were of none.
    unclaimed_hosts
        The first hosts that such datagrams came from, in their order.
    """

    def __init__(self, slots: Slots, legs: Legs, bridge: Bridge) -> None:
        self.unclaimed = 0
        self.unclaimed_hosts: dict[str, None] = {}
        self._slots, self._legs, self._bridge = slots, legs, bridge
        self.opener = Opener(slots, legs.vault)
        self._rtp, self._rtcp = Directory(), Directory()
        # Where those that are heard from elsewhere said that they send from, and where all said that they report from.
        self._named, self._named_rtcp = Directory(), Directory()
        # Who has reported from there, so that it listens at the named address; and who is sent its sound elsewhere.
        self._reported = np.zeros(legs.capacity, np.bool_)
        self._away = np.zeros(legs.capacity, np.bool_)
        self._hosts, self._strangers, self._reporters = Hosts(), Bystanders(), Hosts()
        self._greeted = np.zeros(legs.capacity, np.bool_)
        self._number = np.zeros(legs.capacity, np.int64)
        self._opened = 0
        # Of each row the source that was taken for its peer until the peer itself was heard; -1: none was.
        self._barred = np.full(legs.capacity, -1, np.int64)
        self._turn = 0

    def taken(self, remote: MediaAddress, local: int) -> bool:
        """Whether a leg on the port of index `local` hears this address, or would if it spoke."""
        key = key_of(remote, local)
        return key in self._rtp or key in self._named

    def admit(self, row: int, now: float) -> None:
        """Meet a leg that is new; what strangers have begun to send before is not its peer's."""
        self._opened += 1
        self._number[row] = self._opened
        self.meet(row, now)

    def meet(self, row: int, now: float) -> None:
        """Take the media of `row` from where its spec says, or from one other source that the spec allows."""
        record = self._legs.records[row]
        spec = record.spec
        if record.source == record.named:  # who sends from elsewhere than it says may go on
            self._leave(row, now)
        self._forget(row)
        record.remote, record.remote_rtcp = spec.remote, spec.rtcp
        record.source = record.named = spec.remote
        self._legs.unheard[row], self._barred[row] = True, -1
        self._reported[row] = self._away[row] = self._greeted[row] = False
        if spec.remote is None:
            return
        if spec.ice is not None:  # it was shown to be there: who only says so has to give way
            self._seize(row, spec.remote)
        self._rtp.add(key_of(spec.remote, record.ports.rtp.index), row)
        if spec.rtcp is not None:
            self._named_rtcp.add(self._report_key(row, spec.rtcp), row)
        if spec.latch_host is not None:
            self._hosts.add(row, spec.latch_host, record.ports.rtp.index)
            self._reporters.add(row, spec.latch_host, self._report_port(row))

    def dismiss(self, row: int, now: float) -> None:
        """Take nothing for `row` any more; what its peer still sends is no other leg's."""
        if self._legs.records[row].ports.shared:
            self._leave(row, now)
        self._forget(row)

    def skip(self, seconds: float) -> None:
        """Leave out time in which nothing was looked at."""
        self._strangers.skip(seconds)

    @property
    def directory(self) -> Directory:
        """Where the rows of senders are found."""
        return self._rtp

    def let_in(self, strange: NDArray[np.int64], keys: NDArray[np.uint64], headers: rtp.Parsed, now: float) -> bool:
        """Look whether the senders of some datagrams may take the place of a leg's source; whether one does."""
        since = self._strangers.note(keys[strange], headers["ssrc"][strange], self._opened, now)
        return len(self._hosts) > 0 and self._let_in(strange, since, keys, headers, now)

    def greeted(self, at: NDArray[np.int64], keys: NDArray[np.uint64]) -> None:
        """Send to who has sent anything at all what an encrypted leg hears that nobody has spoken for, if it is one.

        So listeners say where they are who never speak. It is of no use to others; who has the key still has his say.
        """
        if not len(self._legs.vault):
            return
        places, near = self._hosts.places(self._slots, at)
        for i in np.flatnonzero(near)[:STREAMS_PER_TICK]:
            rows = self._hosts.rows(int(places[i]))
            able = self._legs.unheard[rows] & self._legs.vault.table["secret"][rows] & ~self._greeted[rows]
            if np.count_nonzero(able) == 1 and int(keys[at[i]]) not in self._rtp:
                row = int(rows[able][0])
                self._hear(row, int(at[i]), follow=True)
                self._legs.unheard[row] = self._greeted[row] = True

    def reported(self, keys: NDArray[np.uint64]) -> None:
        """Note who has reported: who does so from where it says is sent its sound there."""
        named = self._named_rtcp.lookup(keys)
        said = named[named >= 0]
        self._reported[said] = True
        for row in np.unique(said[self._away[said]])[:STREAMS_PER_TICK]:
            self._send(int(row), self._legs.records[row].named, self._legs.records[row].spec.rtcp)

    def of_reports(
        self, at: NDArray[np.int64], keys: NDArray[np.uint64], ssrcs: NDArray[np.uint32]
    ) -> NDArray[np.int64]:
        """Give the row of each report, in slots `at`, -1 for a stranger's.

        A report by the source that is heard of a leg, from any port of its host, is the leg's.
        """
        named = self._named_rtcp.lookup(keys)
        rows = np.where(named >= 0, named, self._rtcp.lookup(keys))
        strange = np.flatnonzero(rows < 0)
        if strange.size:
            self._beside(strange, rows, at, ssrcs)
        return rows

    def _beside(
        self,
        strange: NDArray[np.int64],
        rows: NDArray[np.int64],
        at: NDArray[np.int64],
        ssrcs: NDArray[np.uint32],
    ) -> None:
        """Write into `rows` whose the reports of a few strangers are: those of one leg's host and source."""
        places, near = self._reporters.places(self._slots, at[strange])
        for i in np.flatnonzero(near)[:STREAMS_PER_TICK]:
            there = self._reporters.rows(int(places[i]))
            there = there[~self._legs.unheard[there]]
            theirs = there[self._bridge.reception(there).ssrc == ssrcs[strange[i]]]
            if len(theirs) == 1:
                rows[strange[i]] = theirs[0]

    def _let_in(
        self,
        strange: NDArray[np.int64],
        since: NDArray[np.int64],
        keys: NDArray[np.uint64],
        headers: rtp.Parsed,
        now: float,
    ) -> bool:
        """Look for sources of legs among strangers, host by host; whether one was found."""
        places, near = self._hosts.places(self._slots, strange)
        back = self._named.lookup(keys[strange])
        found = self._returned(strange[back >= 0], back[back >= 0], headers)
        near &= back < 0
        strange, since, places = strange[near], since[near], places[near]
        for place in self._some(np.unique(places)):
            mine = np.flatnonzero(places == place)
            rows = self._hosts.rows(place)
            silent = self._legs.unheard[rows]
            theirs = self._bridge.reception(rows[~silent]).ssrc
            found |= self._moved(strange[mine], since[mine], rows[~silent], theirs, headers, now)
            if silent.any():
                mine = mine[~_among(headers["ssrc"][strange[mine]].astype(np.int64), theirs)]
                found |= self._first(strange[mine], since[mine], rows[silent], keys, headers)
        return found

    def _some(self, places: NDArray[np.uint64]) -> list[int]:
        """Give as many places as a tick looks at, others each time."""
        if len(places) > HOSTS_PER_TICK:
            self._turn = (self._turn + HOSTS_PER_TICK) % len(places)
            places = np.roll(places, -self._turn)[:HOSTS_PER_TICK]
        return [int(place) for place in places]

    def _returned(self, at: NDArray[np.int64], rows: NDArray[np.int64], headers: rtp.Parsed) -> bool:
        """Hear who speaks from the address that it named, and not the source that was taken for it."""
        _, first = np.unique(rows, return_index=True)
        found = False
        for i in first[:STREAMS_PER_TICK]:
            row, slot = int(rows[i]), int(at[i])
            if not self.opener.proves(row, slot):
                continue
            found, heard = True, int(self._bridge.reception(rows[i : i + 1]).ssrc[0])
            self._barred[row] = heard if heard != headers["ssrc"][slot] else -1
            self._hear(row, slot, follow=True)
        return found

    def _moved(
        self,
        mine: NDArray[np.int64],
        since: NDArray[np.int64],
        rows: NDArray[np.int64],
        theirs: NDArray[np.int64],
        headers: rtp.Parsed,
        now: float,
    ) -> bool:
        """Find legs again that have moved their port: quiet where they were, and with the source that they had."""
        quiet = (now - self._legs.heard_s[rows] >= QUIET_S) & (theirs != self._barred[rows])
        found = False
        if quiet.any():
            quiet &= _among(theirs, headers["ssrc"][mine].astype(np.int64))
        for row, ssrc in zip(rows[quiet][:STREAMS_PER_TICK].tolist(), theirs[quiet].tolist(), strict=False):
            same = mine[(headers["ssrc"][mine] == ssrc) & (since >= self._number[row])]
            if same.size and self.opener.proves(row, int(same[0])):
                record = self._legs.records[row]
                self._hear(row, int(same[0]), follow=record.source == record.remote)
                found = True
        return found

    def _first(
        self,
        mine: NDArray[np.int64],
        since: NDArray[np.int64],
        silent: NDArray[np.int64],
        keys: NDArray[np.uint64],
        headers: rtp.Parsed,
    ) -> bool:
        """Let in streams that can be of one leg only of those that nobody has heard: of its codec, and not older."""
        legs, found = self._legs, False
        silent = silent[legs.receiving[silent]]
        kinds = np.zeros(256, np.bool_)
        kinds[legs.types_in[silent]] = True
        able = kinds[headers["payload_type"][mine]] & (since >= self._number[silent].min(initial=NOBODY))
        mine, since = mine[able], since[able]
        _, first = np.unique(keys[mine], return_index=True)
        for i in np.sort(first)[:STREAMS_PER_TICK]:
            kind = headers["payload_type"][mine[i]]
            fits = (legs.types_in[silent] == kind).any(axis=1)
            can = self._whose(silent[fits & (self._number[silent] <= since[i])], int(mine[i]))
            if len(can) == 1:
                row = int(can[0])
                self._hear(row, int(mine[i]), follow=not self._reported[row])
                silent, found = silent[silent != row], True
            elif len(can):
                self._unclaimed(int(mine[i]))
        return found

    def _whose(self, rows: NDArray[np.int64], slot: int) -> NDArray[np.int64]:
        """Give those that a datagram can be of, by its keys: that which it is, or all that have none."""
        secret = self._legs.vault.table["secret"][rows]
        for row in rows[secret][:STREAMS_PER_TICK]:
            if self.opener.proves(int(row), slot):
                return np.array([row])
        return rows[~secret]

    def _unclaimed(self, slot: int) -> None:
        """Count a datagram that could be of several legs."""
        self.unclaimed += 1
        if len(self.unclaimed_hosts) < HOSTS_MAX:
            self.unclaimed_hosts[self._sender(slot).host] = None

    def _sender(self, slot: int) -> MediaAddress:
        return MediaAddress(*address_of(self._slots.address[slot]))

    def _hear(self, row: int, slot: int, *, follow: bool) -> None:
        """Take the media of `row` from the sender of a datagram, and from nobody else; `follow`: send there, too."""
        source, record = self._sender(slot), self._legs.records[row]
        self._rtp.remove_row(row)
        self._rtcp.remove_row(row)
        self._named.remove_row(row)
        record.source = source
        self._rtp.add(key_of(source, record.ports.rtp.index), row)
        beside = record.spec.rtcp
        if source != record.named and record.named is not None:
            beside = source if record.spec.rtcp_mux else MediaAddress(source.host, min(source.port + 1, 0xFFFF))
            self._rtcp.add(self._report_key(row, beside), row)
            self._named.add(key_of(record.named, record.ports.rtp.index), row)
        if follow:
            self._send(row, source, beside)
        else:
            self._legs.apply(row, self._legs.heard_s[row])
        self._legs.unheard[row] = False

    def _send(self, row: int, remote: MediaAddress | None, reports: MediaAddress | None) -> None:
        """Send what `row` hears, and reports, to other addresses than before."""
        record = self._legs.records[row]
        record.remote, record.remote_rtcp = remote, reports
        self._away[row], self._reported[row] = remote != record.named, False
        self._legs.apply(row, self._legs.heard_s[row])

    def _leave(self, row: int, now: float) -> None:
        """Let what still comes from where `row` was heard, or expected, be no other leg's."""
        record = self._legs.records[row]
        if record.source is not None:
            heard = not self._legs.unheard[row]
            ssrc = int(self._bridge.reception(np.array([row])).ssrc[0]) if heard else EVER
            self._strangers.ended(key_of(record.source, record.ports.rtp.index), ssrc, now)

    def _report_key(self, row: int, reports: MediaAddress) -> int:
        """Give the key of what comes from where a peer's reports do."""
        return key_of(reports, self._report_port(row))

    def _report_port(self, row: int) -> int:
        record = self._legs.records[row]
        return (record.ports.rtp if record.spec.rtcp_mux else record.ports.rtcp).index

    def _seize(self, row: int, remote: MediaAddress) -> None:
        """Let all that comes from an address be of `row`."""
        key = key_of(remote, self._legs.records[row].ports.rtp.index)
        self._rtp.move(key, row)
        self._named_rtcp.move(key, row)
        for directory in (self._rtcp, self._named):
            if key in directory:
                directory.move(key, row)

    def _forget(self, row: int) -> None:
        for directory in (self._rtp, self._rtcp, self._named, self._named_rtcp):
            directory.remove_row(row)
        self._hosts.remove(row)
        self._reporters.remove(row)


def _among(values: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which of n values are among others; for a few of either this is a tenth of the time of `numpy.isin`."""
    if not len(others):
        return np.zeros(len(values), np.bool_)
    others = np.sort(others)
    found: NDArray[np.bool_] = others[np.minimum(np.searchsorted(others, values), len(others) - 1)] == values
    return found
