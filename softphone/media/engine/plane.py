"""The media plane: rows of a bridge to and from UDP.

`drain` empties the sockets, several times per tick; `tick` looks at all that came, runs the bridge's tick and sends.
The plane knows legs by row; it has no clock and no loop of its own.
"""

import numpy as np

from mixer.bridge import Bridge
from mixer.frame import TICK_S
from mixer.tick import Tick
from softphone.errors import MediaError, NoSuchLeg
from softphone.media.codecs.forms import FORMS
from softphone.media.contract.leg import KeyPressed, LegSpec, LegStats, RtpTimeout, SrtpRefused, Unclaimed
from softphone.media.contract.messages import Done, SendDatagram
from softphone.media.contract.security import Srtp
from softphone.media.engine.allotment import Allotment, whereabouts
from softphone.media.engine.asides import Asides
from softphone.media.engine.legs import Leg, Legs, check
from softphone.media.engine.outcomes import EngineEvent, KeysSent
from softphone.media.engine.parcels import Parcels
from softphone.media.engine.receive import Receiver
from softphone.media.engine.reports import Reports
from softphone.media.engine.send import Sender
from softphone.media.net.portpool import PortPair, PortPool
from softphone.media.net.slots import Slots
from softphone.media.rtp.keys import KeyReceiver, KeySender

__all__ = ["Plane"]

# Four ticks of everybody's packets, within what one recvmmsg takes and what a long stall piles up.
SLOTS_PER_LEG, SLOTS_MIN, SLOTS_MAX = 4, 256, 8192
# Time-outs are whole seconds: looking every fifth of one is soon enough.
TIMEOUT_TICKS = 10
# Reports go out ten times a second, dozens together: for a few each tick, calling numpy costs more than the work.
REPORT_TICKS = 5
# What one small datagram costs of a receive buffer: its bytes and the kernel's books on it.
KERNEL_BYTES = 1280
# A last report, with a goodbye.
GOODBYE_BYTES = 120


class Plane:
    """Legs on UDP ports, mixed by a bridge.

    Parameters
    ----------
    bridge
        Its rows are the legs.
    pool
        The ports.
    unix_offset_s
        What to add to `now` (any monotonic clock, in seconds) for Unix time.

    Attributes
    ----------
    drains_per_tick
        How often `drain` must be called in 20 ms, evenly, so that the receive buffer never fills: 1 to 20.
    """

    def __init__(self, bridge: Bridge, pool: PortPool, unix_offset_s: float) -> None:
        self.bridge, self._pool = bridge, pool
        self.legs = Legs(bridge.capacity)
        self._slots = Slots(min(max(SLOTS_PER_LEG * bridge.capacity, SLOTS_MIN), SLOTS_MAX))
        self._reports = Reports(self.legs, bridge, unix_offset_s)
        self._parcels = Parcels(self.legs, bridge)
        self._asides = Asides(self._slots, self.legs, pool.ports)
        self._receiver = Receiver(
            self._slots, self.legs, bridge, self._parcels, self._on_key, self._on_report, self._asides.take
        )
        self._sender = Sender(self.legs, bridge.lanes, pool.ports, self._relieve)
        self._allotment = Allotment(pool, self._receiver.sources)
        self._keying: set[int] = set()
        self._ticks = self._told = 0
        self._now, self.drains_per_tick = 0.0, 1
        self.events: list[EngineEvent] = []

    @property
    def strangers(self) -> int:
        """Datagrams from addresses that no leg talks with."""
        return self._receiver.strangers

    @property
    def unclaimed(self) -> int:
        """Datagrams that could have been of more than one leg, so that they were of none."""
        return self._receiver.sources.unclaimed

    @property
    def invalid(self) -> int:
        """Datagrams that were neither RTP nor RTCP, nor for whom it concerns."""
        return self._receiver.invalid + self._asides.left

    @property
    def unsent(self) -> int:
        """Datagrams that the system did not take."""
        return self._sender.unsent

    def open(self, number: int, spec: LegSpec, now: float) -> int:
        """Open a leg.

        Parameters
        ----------
        number
            What events call it, above 0.
        spec
            How it talks.
        now
            Seconds.

        Returns
        -------
        int
            Its row.

        Raises
        ------
        MediaFull
            When no port is left.
        MediaError
            When the spec is not one that we can serve.
        mixer.errors.BridgeFull
            When no row is left.
        """
        check(spec)
        self._parcels.prepare(spec)
        self._sender.prepare(spec)
        ports = self._allotment.of(spec)
        try:
            row = self.bridge.add_party(inband_keys=spec.inband_keys)
        except Exception:
            self._pool.close_own(ports)
            raise
        record = Leg(spec, ports, KeySender(spec.event_clock_hz), KeyReceiver(spec.event_clock_hz))
        self.legs.add(row, number, record, now)
        self._count()
        self._receiver.sources.admit(row, now)
        self.legs.apply(row, now)
        self._speak(row)
        self.legs.limit(row)
        self._reports.start(row, now)
        self._hold(row)
        return row

    def update(self, row: int, spec: LegSpec, now: float) -> None:
        """Change how a leg talks; it keeps its port unless the peer's new address is taken there.

        Raises
        ------
        MediaFull, MediaError
            As `open`; the leg is as before then.
        """
        check(spec)
        self._parcels.prepare(spec)
        self._sender.prepare(spec)
        record = self._record(row)
        before = record.spec
        moved = whereabouts(spec) != whereabouts(before)
        renamed = moved and spec.remote != before.remote
        left = record.ports
        record.ports = self._allotment.kept(spec, left, renamed=renamed)
        if spec != before:
            self._sender.finish(np.array([row]))
        record.spec = spec
        self._rewind_keys(record, before.event_clock_hz)
        if moved:
            self._receiver.sources.meet(row, now)
        if record.ports is not left:
            self._pool.close_own(left)
        self.legs.apply(row, now)
        if (spec.codec, spec.parameters) != (before.codec, before.parameters):
            self._speak(row)
        if moved or spec.trust != before.trust:
            self.legs.limit(row)
        self._hold(row)

    def set_answered(self, row: int, on: bool) -> None:
        """Say whether a leg's call stands: then it is sent silence while there is nothing to be heard."""
        self._record(row)
        self.legs.answered[row] = on

    def close(self, row: int, now: float) -> LegStats:
        """Close a leg: a goodbye to the peer, the row and an own port given back."""
        stats = self.stats(row)
        self._say_goodbye(row, now)
        self._receiver.sources.dismiss(row, now)
        record = self.legs.remove(row)
        self._count()
        self.events += [KeysSent(token) for token in record.keys_out.tokens]
        self._keying.discard(row)
        self._pool.close_own(record.ports)
        self.bridge.roster.remove(row)
        return stats

    def ports(self, row: int) -> PortPair:
        """Give the ports that a leg uses."""
        return self._record(row).ports

    def send_keys(self, row: int, keys: str, tone_s: float, gap_s: float, token: int) -> None:
        """Queue telephone events; KeysSent(token) follows when they are out.

        Raises
        ------
        MediaError
            When the peer takes no telephone events, or `keys` holds others than 0-9, *, #, A-D.
        """
        record = self._record(row)
        if record.spec.event_payload_type is None:
            raise MediaError("the peer takes no telephone events")
        try:
            record.keys_out.push(keys, tone_s, gap_s, token)
        except (ValueError, OverflowError) as error:
            raise MediaError(str(error)) from error
        self._keying.add(row)

    def send_datagram(self, row: int, request: SendDatagram) -> Done:
        """Send what is no media from a leg's port; that it may be lost is known to who asks for it."""
        ports, to = self._record(row).ports, request.to
        pair = self._allotment.toward(ports, to.host)
        (pair.rtcp if request.reports else pair.rtp).send_to(request.data, to.host, to.port)
        return Done()

    def keys(self, row: int) -> Srtp:
        """Give the keys of a leg, and what was heard with them; raises MediaError where it has none."""
        self._record(row)
        if (keys := self.legs.vault.keys(row)) is None:
            raise MediaError("the leg is not encrypted")
        return keys

    def stats(self, row: int) -> LegStats:
        """Give what a leg has seen."""
        self._record(row)
        c, rtt_s, remote_loss = self.bridge.counters(row), self._reports.rtt_s(row), self._reports.remote_loss(row)
        return LegStats(
            packets_received=c.received,
            packets_sent=int(self.legs.packets_sent[row]),
            octets_sent=int(self.legs.octets_sent[row]),
            lost=c.lost,
            late=c.late,
            duplicate=c.duplicate,
            overrun=c.overrun,
            stray=c.stray,
            refused=self.legs.vault.refused(row),
            concealed=c.concealed,
            jitter_ms=c.jitter_s * 1000,
            rtt_ms=None if rtt_s is None else rtt_s * 1000,
            loss_percent=100 * c.lost / max(1, c.expected),
            remote_loss_percent=None if remote_loss is None else remote_loss * 100,
            delay_ms=c.delay_s * 1000,
        )

    def drain(self) -> None:
        """Take what has come out of the shared ports, lest they overflow; it is looked at in the next tick."""
        self._take(len(self._pool.of_family))

    def tick(self, now: float, clock: float) -> Tick:
        """Look at all that came, mix, send; give the bridge's tick for recorders and applications.

        Parameters
        ----------
        now
            When the tick was due, in seconds: the time of what is heard and sent.
        clock
            What the clock shows really: the time of what came, and of reports.
        """
        crowded = self.drains_per_tick > 1
        self.look(now, clock)
        if self._parcels.decoders:
            self._parcels.decode(self._sender.order)
        if crowded:
            self.drain()
        tick = self.bridge.tick(now)
        if crowded:
            self.drain()
        if self._keying:
            self._keys()
        self._sender.audio(tick)
        self._now_and_then(now, clock)
        if crowded:
            self.drain()
        return tick

    def _now_and_then(self, now: float, clock: float) -> None:
        """Do what is not done in each tick."""
        if self._ticks % REPORT_TICKS == 0:
            self._report(now, clock)
        self._ticks += 1
        if self._ticks % TIMEOUT_TICKS == 0:
            self._timeouts(now)

    def look(self, now: float, clock: float) -> None:
        """Look at all that came, without a tick; times as for :meth:`tick`."""
        self._now = now
        self.legs.frame_s = now
        self._receiver.read_clock(clock)
        if not self._receiver.take(self._pool.ports, now):
            self._take(len(self._pool.ports))
            self._receiver.process(now)
        if self._asides.found:
            self.events += self._asides.told(self._receiver.sources.directory)

    def skip(self, ticks: int) -> None:
        """Leave out ticks after a stall, before the next one: outgoing timestamps go on, what has piled up is old."""
        self._sender.skip(ticks)
        self.bridge.skip()
        self._receiver.sources.skip(ticks * TICK_S)

    def _count(self) -> None:
        """Let the number of drains follow from that of the legs."""
        room = self._pool.shared.rtp.receive_buffer // KERNEL_BYTES
        self.drains_per_tick = max(1, min(20, -(-4 * len(self.legs.records) // room)))

    def _relieve(self) -> None:
        """Drain in the midst of a tick, where the receive buffer does not last for a whole one."""
        if self.drains_per_tick > 1:
            self.drain()

    def _take(self, count: int) -> None:
        """Take what the first ports hold; when the slots are full, look at those. What comes meanwhile is for later."""
        at, rounds = 0, 0
        most = self._pool.shared.rtp.receive_buffer // (KERNEL_BYTES * self._slots.count)
        while (stopped := self._pool.ports.receive(self._slots, at, count)) < count:
            self._receiver.process(self._now)
            rounds = rounds + 1 if stopped == at else 0
            at = stopped + (rounds > most)

    def _record(self, row: int) -> Leg:
        """Give the record of a row."""
        record = self.legs.records.get(row)
        if record is None:
            raise NoSuchLeg(f"row {row} has no leg")
        return record

    def _speak(self, row: int) -> None:
        """Let a leg speak the codec of its spec."""
        form = FORMS[int(self.legs.codec[row])]
        self.bridge.set_rate(row, form.hz, form.hz * form.down // form.up)
        self._parcels.forget(row)
        self._sender.tune(row)

    def _rewind_keys(self, record: Leg, before_hz: int) -> None:
        """Begin keys anew where their clock has become another; those that wait to be sent are given up."""
        clock_hz = record.spec.event_clock_hz
        if clock_hz != before_hz:
            self.events += [KeysSent(token) for token in record.keys_out.tokens]
            record.keys_in, record.keys_out = KeyReceiver(clock_hz), KeySender(clock_hz)

    def _hold(self, row: int) -> None:
        """Tell the bridge what a leg's direction means for it."""
        spec = self._record(row).spec
        self.bridge.roster.set_receive(row, spec.receives)
        self.bridge.roster.set_send(row, spec.sends)

    def _keys(self) -> None:
        """Send this tick's packets of the keys that are sounding."""
        for row in list(self._keying):
            record = self.legs.records[row]
            packets, token = record.keys_out.step(int(self.legs.timestamp[row]), prelude=record.spec.key_prelude)
            for packet in packets:
                self._sender.event(row, packet)
            if token is not None:
                self.events.append(KeysSent(token))
            if not record.keys_out.busy:
                self._keying.discard(row)
            self.legs.set_sending(row)

    def _report(self, now: float, clock: float) -> None:
        """Send the reports that are due."""
        rows = self._reports.due(now)
        if len(rows):
            self._reports.write(rows, clock)
            self._sender.letters(self._reports.letters, rows)

    def _say_goodbye(self, row: int, now: float) -> None:
        """Tell the peer of a leg, if it is known, that we go."""
        record, to = self.legs.records[row], self.legs.records[row].remote_rtcp
        if to is not None and self.legs.affords(np.array([row]), GOODBYE_BYTES):
            port = record.ports.rtp if record.spec.rtcp_mux else record.ports.rtcp
            sealed = self.legs.vault.seal(row, self._reports.goodbye(row, now), report=True)
            if sealed is not None:
                port.send_to(sealed, to.host, to.port)

    def _timeouts(self, now: float) -> None:
        """Report legs that have been without media for too long, once until media comes back."""
        legs, end = self.legs, self.bridge.roster.rows_end
        heard_s = legs.heard_s[:end]
        late = np.flatnonzero((now - heard_s > legs.timeout_s[:end]) & (heard_s != legs.missed_s[:end]))
        legs.missed_s[late] = legs.heard_s[late]
        self.events += [RtpTimeout(int(leg)) for leg in legs.leg[late]]
        self.events += [SrtpRefused(int(legs.leg[row]), reason) for row, reason in legs.vault.news()]
        hosts = self._receiver.sources.unclaimed_hosts
        if len(hosts) > self._told:
            self.events += [Unclaimed(host) for host in list(hosts)[self._told :]]
            self._told = len(hosts)

    def _on_key(self, row: int, key: str) -> None:
        self.events.append(KeyPressed(int(self.legs.leg[row]), key))

    def _on_report(self, row: int, datagram: bytes, arrival: float) -> None:
        self._receiver.invalid += not self._reports.receive(row, datagram, arrival)
