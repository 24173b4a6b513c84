"""Legs whose keys DTLS makes without ICE, for any `Media`: where their descriptions say that media goes (RFC 5763).

::

    the call               here                                                             the worker
    OpenLeg(spec.dtls) ──► a leg that is deaf and dumb: no keys ──────────────────────────► OpenLeg
                           hello, cookie, handshake ◄── Datagram, SendDatagram ───────────►
                           of reports the same on their port, where they have one
                                                    ── UpdateLeg(remote, srtp) ───────────►

Hello may be said by who is where media is expected from (`softphone.calls.nat`). He is asked to say it again with a
cookie, so that a spoofed source is sent no more than it sends. Who has keys may say hello anew, after an address of
ours or of his is another one (RFC 8842 section 5); the keys before are good till there are others.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from typing import TypeVar, cast

from softphone.errors import MediaError, NoSuchLeg
from softphone.media.contract.leg import Datagram, Event, LegInfo, LegSpec, MediaAddress, RtpTimeout, WorkerLost
from softphone.media.contract.messages import CloseLeg, MediaRequest, OpenLeg, SendDatagram, UpdateLeg
from softphone.media.contract.security import DtlsPeer
from softphone.media.rtp.dtls import HANDSHAKE_S, HANDSHAKES, RECORDS, Association, Identity
from softphone.media.workers.client import Media
from softphone.media.workers.dtls_legs import DtlsLeg, Half

__all__ = ["DtlsMedia"]

log = logging.getLogger(__name__)
R = TypeVar("R")

STEP_S = 0.25


class DtlsMedia(Media):
    """`Media` that serves legs with DTLS and without ICE, too.

    Parameters
    ----------
    inner
        Who has the ports.
    identity
        Our certificate.
    ended
        How many legs came to nothing, by reason.
    clock, unix
        Monotonic seconds, and Unix time, for the ends of certificates.
    """

    def __init__(
        self,
        inner: Media,
        identity: Identity,
        ended: "Counter[str]",
        clock: Callable[[], float],
        unix: Callable[[], float],
    ) -> None:
        super().__init__()
        self._inner, self._identity, self._ended, self._clock, self._unix = inner, identity, ended, clock, unix
        self.families, self.fingerprint, self.certificate = inner.families, inner.fingerprint, str(identity.fingerprint)
        self._legs: dict[int, DtlsLeg] = {}
        # By who the peer is: a call that moves has a leg on two workers for a while.
        self._by_peer: dict[DtlsPeer, list[DtlsLeg]] = {}
        # By a port of ours: where peers are known to be, and the hosts that they may be found at.
        self._by_place: dict[tuple[int, MediaAddress], Half] = {}
        self._by_host: dict[tuple[int, str], list[Half]] = {}
        self._shaking: set[Half] = set()
        self._busy: set[Half] = set()
        self._timer: asyncio.TimerHandle | None = None
        inner.on_event = self._take

    async def ask(self, request: MediaRequest[R]) -> R:
        """Have a request carried out; see `Media.ask`."""
        match request:
            case OpenLeg(spec=LegSpec(dtls=DtlsPeer() as who) as spec):
                info = await self._inner.ask(request)
                self._know(info, spec, who)
                return cast("R", info)
            case UpdateLeg(leg=leg, spec=LegSpec(dtls=DtlsPeer() as who) as spec):
                return cast("R", await self._update(leg, spec, who))
            case UpdateLeg(leg=leg) | CloseLeg(leg=leg):
                self._forget(leg)
        return await self._inner.ask(request)

    def tell(self, request: MediaRequest[R]) -> None:
        """Have a request carried out; see `Media.tell`."""
        self._inner.tell(request)

    def apart(self, leg: int, room: int) -> bool:
        """Whether a leg and a room are on different workers; see `Media.apart`."""
        return self._inner.apart(leg, room)

    def told(self, leg: int) -> LegSpec | None:
        """Give what the worker was told to do for a leg; None: it is none of ours."""
        return self._legs[leg].told if leg in self._legs else None

    async def keyed(self, leg: int) -> None:
        """Wait for the keys of the media of a leg, if it is one of ours.

        Raises
        ------
        NoSuchLeg
            It is no longer one of ours.
        MediaError
            There are none in time.
        """
        if (found := self._legs.get(leg)) is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(HANDSHAKE_S):
                while self._legs.get(leg) is found and not found.decided:
                    found.changed.clear()
                    await found.changed.wait()
        if self._legs.get(leg) is not found:
            raise NoSuchLeg("the leg is closed")
        if found.over or not found.decided:
            raise MediaError("the peer has made no keys by DTLS, or is another one than it says")

    async def _update(self, number: int, spec: LegSpec, who: DtlsPeer) -> LegInfo:
        """Let the worker do what the call says, with the keys that there are."""
        leg = self._legs.get(number)
        if leg is None:
            info = await self._inner.ask(UpdateLeg(number, spec))
            self._know(info, spec, who)
            return info
        before = leg.spec, leg.who, [copy(half) for half in leg.halves]
        leg.describe(leg.info, spec, who)
        try:
            info = await self._inner.ask(UpdateLeg(number, leg.told))
        except MediaError:
            leg.spec, leg.who, leg.halves = before
            self._index(leg)
            raise
        leg.info = info
        self._index(leg)
        return info

    def _know(self, info: LegInfo, spec: LegSpec, who: DtlsPeer) -> None:
        """Meet a leg; one of a peer that has another is the same call, which moves to another worker."""
        leg = DtlsLeg(info, self._identity)
        leg.describe(info, spec, who)
        for each in self._by_peer.get(who, ()):
            if each.spec.remote == spec.remote is not None:
                leg.succeed(each)
        self._legs[info.leg] = leg
        self._index(leg)
        if leg.told != spec:
            self._tell(leg)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(STEP_S, self._run)

    def _index(self, leg: DtlsLeg) -> None:
        """Let datagrams of its peer find a leg, and say hello where that is our part."""
        self._unindex(leg)
        self._by_peer.setdefault(leg.who, []).append(leg)
        leg.known_as = leg.who
        for half in leg.halves:
            for place in filter(None, (half.named, half.at, half.asking)):
                self._place(half, place)
            if leg.spec.latch_host is not None:
                leg.hosts.add((half.port, leg.spec.latch_host))
                self._by_host.setdefault((half.port, leg.spec.latch_host), []).append(half)
            self._begin(half)
            self._attend(half)

    def _attend(self, half: Half) -> None:
        """Let time go on for a half, where it has to."""
        if half.busy:
            self._busy.add(half)

    def _unindex(self, leg: DtlsLeg) -> None:
        for place in leg.places:
            if (half := self._by_place.get(place)) is not None and half.leg is leg:
                del self._by_place[place]
        for host in leg.hosts:
            self._by_host[host] = [half for half in self._by_host[host] if half.leg is not leg]
            if not self._by_host[host]:
                del self._by_host[host]
        leg.places, leg.hosts = set(), set()
        if leg.known_as is not None:
            self._by_peer[leg.known_as].remove(leg)
            if not self._by_peer[leg.known_as]:
                del self._by_peer[leg.known_as]
        leg.known_as = None

    def _place(self, half: Half, place: MediaAddress) -> None:
        half.leg.places.add((half.port, place))
        self._by_place[half.port, place] = half

    def _forget(self, number: int) -> None:
        leg = self._legs.pop(number, None)
        if leg is None:
            return
        leg.changed.set()
        same = self._by_peer.get(leg.known_as or leg.who, ())
        others = [half.current for other in same if other is not leg for half in other.halves]
        for half in leg.halves:
            if half.current is not None and half.at is not None and half.current not in others:
                self._send(half, half.at, half.current.close())
        self._unindex(leg)
        self._shaking.difference_update(leg.halves)
        self._busy.difference_update(leg.halves)

    def _take(self, event: Event) -> None:
        """Take an event of the worker; what is not for here goes on."""
        if isinstance(event, Datagram) and event.data[0] in RECORDS:
            half = self._half(event.local, event.sender)
            if half is not None:
                self._shake_hands(half, event)
                return
        if isinstance(event, WorkerLost):
            for number in event.legs:
                self._forget(number)
        self.on_event(event)

    def _half(self, local: int, sender: MediaAddress) -> Half | None:
        """Give whose peer a sender may be: it is known, or it may be one only that is still waited for."""
        known = self._by_place.get((local, sender))
        able = [half for half in self._by_host.get((local, sender.host), ()) if half.current is None]
        return known or (able[0] if len(able) == 1 else None)

    def _begin(self, half: Half) -> None:
        """Say hello to a peer that waits for it; one that has shown nothing is sent nothing (`LegSpec.trust`)."""
        ours = half.following if half.leg.who.dtls == "client" else None
        if ours is None or half.named is None or half.leg.spec.trust == "earned" or self._full(ours):
            return
        if ours.state == "new":
            half.asking, half.since_s = half.named, self._clock()
            self._shaking.add(half)
            self._send(half, half.named, ours.start(self._unix()))

    def _full(self, association: Association) -> bool:
        """Whether a handshake has to wait until others are over."""
        if association.state != "new":
            return False
        self._shaking = {half for half in self._shaking if half.shaking}
        return len(self._shaking) >= HANDSHAKES

    def _shake_hands(self, half: Half, event: Datagram) -> None:
        """Take a datagram of who may be the peer."""
        now, sender = self._clock(), event.sender
        association = None if half.leg.over else half.whose(event.data, sender, now)
        if association is None or self._full(association):
            return
        was = association.state
        answers = association.receive(event.data, self._unix(), f"{sender.host} {sender.port}".encode())
        if was == "new" and association.state != "new":
            half.following, half.asking, half.since_s = association, sender, now
            self._place(half, sender)
            self._shaking.add(half)
            self._attend(half)
        if was != "connected" and association.state == "connected":
            half.settle(sender, now)
            self._tell(half.leg)
            half.leg.changed.set()
        self._send(half, sender, answers)
        if association.over:
            self._over(half, association)

    def _over(self, half: Half, association: Association) -> None:
        """Note that an association has come to an end: with keys of another one, and of reports, the leg goes on."""
        kind = "goodbye" if association.state == "closed" else "refused"
        self._ended[kind] += 1
        if kind == "refused" and not half.leg.told_of:
            half.leg.told_of = True
            log.warning("DTLS of leg %d is refused: %s", half.leg.info.leg, association.error)
        if association is not half.current:
            half.renew()
            self._attend(half)
        if half.reports or (association is not half.current and half.current is not None):
            return
        half.leg.over = True
        half.leg.changed.set()
        self._tell(half.leg)
        self.on_event(RtpTimeout(half.leg.info.leg))

    def _run(self) -> None:
        """Do what is due, as long as there are legs."""
        self._timer = None
        self.step(self._clock())
        if self._legs:
            self._timer = asyncio.get_running_loop().call_later(STEP_S, self._run)

    def step(self, now: float) -> None:
        """Send again what was lost, and give up what takes too long."""
        self._busy = {half for half in self._busy if half.busy}
        for half in list(self._busy):
            self._begin(half)
            if half.following is not None and half.asking is not None:
                self._send(half, half.asking, half.following.poll())
            if half.shaking and now - half.since_s > HANDSHAKE_S:
                self._ended["handshake"] += 1
                half.renew()

    def _tell(self, leg: DtlsLeg) -> None:
        self._inner.tell(UpdateLeg(leg.info.leg, leg.told))

    def _send(self, half: Half, to: MediaAddress, datagrams: Sequence[bytes]) -> None:
        for each in datagrams:
            self._inner.tell(SendDatagram(half.leg.info.leg, to, each, half.reports))
