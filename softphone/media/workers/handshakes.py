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
from copy import copy
from typing import TypeVar, cast

import msgspec

from softphone.errors import MediaError
from softphone.media.contract.leg import Datagram, Event, LegInfo, LegSpec, MediaAddress, RtpTimeout, Srtp, WorkerLost
from softphone.media.contract.messages import CloseLeg, MediaRequest, OpenLeg, SendDatagram, UpdateLeg
from softphone.media.contract.security import DtlsPeer
from softphone.media.rtp.dtls import HANDSHAKE_S, HANDSHAKES, RECORDS, Association, Fingerprint, Identity, is_hello
from softphone.media.workers.client import Media

__all__ = ["DtlsMedia"]

log = logging.getLogger(__name__)
R = TypeVar("R")

STEP_S = 0.25
# A hello that comes again so soon after its handshake was only late.
AGAIN_S = 2.0


class Half:
    """What goes over one port of a leg: its media, or its reports.

    Attributes
    ----------
    named
        Where the peer says that it is.
    at
        Where it has keys from; None: there are none.
    current, following
        The association that the keys are of, and one that is to take its place.
    asking
        Where the handshake of `following` goes on; None: there is none.
    since_s
        When that, or the keys, began.
    """

    def __init__(self, leg: "DtlsLeg", *, reports: bool) -> None:
        self.leg, self.reports = leg, reports
        self.named: MediaAddress | None = None
        self.at: MediaAddress | None = None
        self.current: Association | None = None
        self.following: Association | None = None
        self.asking: MediaAddress | None = None
        self.since_s = 0.0

    @property
    def keys(self) -> Srtp | None:
        """What was made; None: nothing yet."""
        return None if self.current is None else self.current.keys

    @property
    def port(self) -> int:
        """Of ours."""
        return self.leg.info.rtcp_port if self.reports else self.leg.info.port

    @property
    def shaking(self) -> bool:
        """Whether a handshake goes on."""
        return self.following is not None and self.following.state == "handshake"

    def renew(self) -> None:
        """Be ready for another handshake."""
        self.following, self.asking = self.leg.association(), None

    def settle(self, sender: MediaAddress, now: float) -> None:
        """Go on with what was made with a sender."""
        self.current, self.at, self.since_s = self.following, sender, now
        self.following = self.asking = None
        if self.leg.who.dtls == "server":
            self.renew()

    def whose(self, data: bytes, sender: MediaAddress, now: float) -> Association | None:
        """Give the association that a datagram is for; None: none."""
        hello = is_hello(data)
        if self.asking == sender:
            return self.following
        if self.current is not None and sender == self.at and (not hello or now - self.since_s < AGAIN_S):
            return self.current
        return self.leg.association() if hello and self.leg.who.dtls == "server" else None


class DtlsLeg:
    """What is known of one leg.

    Attributes
    ----------
    spec
        As the call has it.
    halves
        Its media; and its reports, where they have a port of their own.
    who
        Its peer, and our side.
    over, told_of
        Whether nothing comes of it any more; whether the log says that somebody was refused.
    places, hosts
        What its peer is found by.
    """

    def __init__(self, info: LegInfo, identity: Identity) -> None:
        self.info, self.spec, self.over, self.told_of = info, LegSpec(), False, False
        self.places: set[tuple[int, MediaAddress]] = set()
        self.hosts: set[tuple[int, str]] = set()
        self.halves = [Half(self, reports=False)]
        self._identity = identity
        self.who = DtlsPeer(())

    def association(self) -> Association:
        """Make one with the peer."""
        return Association(self._identity, self.who.dtls, [Fingerprint(*each) for each in self.who.fingerprints])

    def describe(self, info: LegInfo, spec: LegSpec, who: DtlsPeer) -> None:
        """Take what the call says: another certificate is met anew, and at another address the keys stay meanwhile."""
        met, self.who = who == self.who, who
        self.info, self.spec = info, spec
        if len(self.halves) == 1 and not spec.rtcp_mux:
            self.halves.append(Half(self, reports=True))
        del self.halves[1 if spec.rtcp_mux else 2 :]
        for half in self.halves:
            named = spec.rtcp if half.reports else spec.remote
            if not met:
                half.current = None
            if not met or named != half.named:
                half.named, half.at = named, None
                half.renew()

    def succeed(self, before: "DtlsLeg") -> None:
        """Go on with the keys of a leg of the same peer, on another worker."""
        for half, old in zip(self.halves, before.halves, strict=False):
            half.current, half.at, half.since_s = old.current, old.at, old.since_s

    @property
    def told(self) -> LegSpec:
        """What the worker is to do now."""
        media, spec = self.halves[0], self.spec
        if self.over:  # keys that were handed over end, too
            return msgspec.structs.replace(spec, srtp=spec.srtp and Srtp(spec.srtp.profile))
        if media.keys is None:
            return spec
        reports, keys, beside = self.halves[-1], media.keys, spec.remote_rtcp
        if reports.reports:
            keys, beside = (
                msgspec.structs.replace(keys, reports=reports.keys or Srtp(keys.profile)),
                reports.at or beside,
            )
        elif media.at not in (None, spec.remote):
            beside = None
        return msgspec.structs.replace(spec, remote=media.at or spec.remote, remote_rtcp=beside, srtp=keys)


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
        # By a port of ours: where peers are known to be, and the hosts that they may be found at.
        self._by_place: dict[tuple[int, MediaAddress], Half] = {}
        self._by_host: dict[tuple[int, str], list[Half]] = {}
        self._shaking: set[Half] = set()
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
            raise
        leg.info = info
        self._index(leg)
        return info

    def _know(self, info: LegInfo, spec: LegSpec, who: DtlsPeer) -> None:
        """Meet a leg; one of a peer that has another is the same call, which moves to another worker."""
        leg = DtlsLeg(info, self._identity)
        leg.describe(info, spec, who)
        for each in self._legs.values():
            if each.who == who and each.spec.remote == spec.remote is not None:
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
        for half in leg.halves:
            for place in filter(None, (half.named, half.at, half.asking)):
                self._place(half, place)
            if leg.spec.latch_host is not None:
                leg.hosts.add((half.port, leg.spec.latch_host))
                self._by_host.setdefault((half.port, leg.spec.latch_host), []).append(half)
            self._begin(half)

    def _unindex(self, leg: DtlsLeg) -> None:
        for place in leg.places:
            if (half := self._by_place.get(place)) is not None and half.leg is leg:
                del self._by_place[place]
        for host in leg.hosts:
            self._by_host[host] = [half for half in self._by_host[host] if half.leg is not leg]
            if not self._by_host[host]:
                del self._by_host[host]
        leg.places, leg.hosts = set(), set()

    def _place(self, half: Half, place: MediaAddress) -> None:
        half.leg.places.add((half.port, place))
        self._by_place[half.port, place] = half

    def _forget(self, number: int) -> None:
        leg = self._legs.pop(number, None)
        if leg is None:
            return
        others = [half.current for other in self._legs.values() for half in other.halves]
        for half in leg.halves:
            if half.current is not None and half.at is not None and half.current not in others:
                self._send(half, half.at, half.current.close())
        self._unindex(leg)
        self._shaking.difference_update(leg.halves)

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
        if was != "connected" and association.state == "connected":
            half.settle(sender, now)
            self._tell(half.leg)
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
        if half.reports or (association is not half.current and half.current is not None):
            return
        half.leg.over = True
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
        for half in [half for leg in self._legs.values() for half in leg.halves]:
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
