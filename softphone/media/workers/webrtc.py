"""Legs of WebRTC for any `Media`: answers connectivity checks, makes keys, and tells the worker where the peer is.

Those of DTLS without ICE are served by `softphone.media.workers.handshakes` below.
One for all legs, and one timer. A leg costs a few values; nothing of it has a socket or waits for anything.

::

    the call              here                                                            the worker
    OpenLeg(spec.ice) ──► a leg that is deaf and dumb: no address, no keys ─────────────► OpenLeg
                          a check that is good: where the peer is ◄─────────────────────  Datagram
                                                                   ──── UpdateLeg(remote) ►
                          DTLS, for who has shown where it is ◄── Datagram, SendDatagram ►
                                                             ──── UpdateLeg(remote, srtp) ►
    RtpTimeout ◄───────── no consent for 30 s, no handshake, a goodbye: media stop ───────►
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import msgspec

from softphone.errors import MediaError
from softphone.media.contract.leg import Datagram, Event, LegInfo, LegSpec, MediaAddress, RtpTimeout, WorkerLost
from softphone.media.contract.messages import CloseLeg, MediaRequest, OpenLeg, SendDatagram, UpdateLeg
from softphone.media.contract.security import Ice
from softphone.media.rtp import stun
from softphone.media.rtp.dtls import HANDSHAKE_S, HANDSHAKES, RECORDS, Association, Fingerprint, Identity
from softphone.media.rtp.ice import IceLite
from softphone.media.workers.client import Media
from softphone.media.workers.handshakes import DtlsMedia

__all__ = ["WebrtcMedia"]

log = logging.getLogger(__name__)
R = TypeVar("R")

# OpenSSL sends again after a second, two, four (RFC 6347 section 4.2.4.1): looking so often is soon enough.
STEP_S = 0.25
REASONS = {
    "consent": "its peer has not consented for 30 s (RFC 7675)",
    "checks": "no connectivity check came for it",
    "handshake": "its keys were not made in time",
    "refused": "its peer was refused",
    "goodbye": "its peer has left",
}
"""Why legs come to nothing."""


Place = tuple[int, MediaAddress]
"""A port of ours, and where a peer is."""


class WebrtcLeg:
    """What is known of one leg.

    Attributes
    ----------
    spec
        As the call has it.
    ice, dtls
        Where the peer is, and what its keys are; None: it has not said anything yet.
    since_s
        When it was described.
    names, places
        What it is known by: user fragments, and addresses that its peer has shown.
    kin
        The legs of its peer: a call that moves has one on each of two workers for a while.
    over
        Why nothing comes of it any more, one of `REASONS`; "": it goes on.
    """

    def __init__(self, info: LegInfo, spec: LegSpec, ice: Ice) -> None:
        self.leg, self.port, self.spec = info.leg, info.port, spec
        self.ice = IceLite(ice.ufrag, ice.password)
        self.dtls: Association | None = None
        self.since_s = 0.0
        self.over = ""
        self.names: tuple[str, ...] = ()
        self.places: set[Place] = set()
        self.kin = {self}
        self._peer: tuple[object, ...] = ()

    def describe(self, ice: Ice, identity: Identity, now: float) -> None:
        """Take what the call says of both sides; another certificate of the peer, or another role, is met anew."""
        if self.ice.restart(ice.ufrag, ice.password):
            self.over = ""
        peer = (ice.fingerprints, ice.dtls)
        if not ice.fingerprints or peer == self._peer:
            return
        self._peer, self.since_s = peer, now
        self.dtls = Association(identity, ice.dtls, [Fingerprint(*each) for each in ice.fingerprints])

    def succeed(self, before: "WebrtcLeg") -> None:
        """Go on with the keys of a leg of the same peer, on another worker; where the peer is, its checks say anew."""
        self.dtls, self._peer, self.since_s = before.dtls, before._peer, before.since_s
        self.ice.seen_s = before.ice.seen_s
        before.kin.add(self)
        self.kin = before.kin

    @property
    def told(self) -> LegSpec:
        """What the worker is to do now."""
        keys = None if self.dtls is None else self.dtls.keys
        spec = msgspec.structs.replace(self.spec, remote=self.ice.address, rtcp_mux=True, timeout_s=0.0)
        return spec if keys is None else msgspec.structs.replace(spec, srtp=keys)


class WebrtcMedia(Media):
    """`Media` that serves legs with ICE, too.

    Parameters
    ----------
    inner
        Who has the ports.
    clock
        Monotonic seconds.
    unix
        Unix time, for the ends of certificates.

    Attributes
    ----------
    ended
        How many legs came to nothing, by one of `REASONS`.
    handshakes
        Serves those without ICE.
    """

    def __init__(
        self, inner: Media, *, clock: Callable[[], float] = time.monotonic, unix: Callable[[], float] = time.time
    ) -> None:
        super().__init__()
        self.ended: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self._clock, self._unix = clock, unix
        self._identity = Identity()
        self._inner = self.handshakes = DtlsMedia(inner, self._identity, self.ended, clock, unix)
        self.families = inner.families
        self.fingerprint = self.certificate = str(self._identity.fingerprint)
        self._legs: dict[int, WebrtcLeg] = {}
        # By the port that checks come to, and our user fragment, which the legs of one peer have in common.
        self._by_name: dict[tuple[int, str], WebrtcLeg] = {}
        self._by_ufrag: dict[str, WebrtcLeg] = {}
        self._by_address: dict[Place, WebrtcLeg] = {}
        self._shaking: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._inner.on_event = self._take

    async def ask(self, request: MediaRequest[R]) -> R:
        """Have a request carried out; see `Media.ask`."""
        match request:
            case OpenLeg(spec=LegSpec(ice=Ice() as ice) as spec):
                return cast("R", await self._open(request, spec, ice))
            case UpdateLeg(leg=leg, spec=LegSpec(ice=Ice() as ice) as spec):
                return cast("R", await self._update(leg, spec, ice))
            case UpdateLeg(leg=leg) | CloseLeg(leg=leg):
                self._forget(leg)
        return await self._inner.ask(request)

    def tell(self, request: MediaRequest[R]) -> None:
        """Have a request carried out; see `Media.tell`."""
        self._inner.tell(request)

    def apart(self, leg: int, room: int) -> bool:
        """Whether a leg and a room are on different workers; see `Media.apart`."""
        return self._inner.apart(leg, room)

    def told(self, leg: int) -> LegSpec:
        """Give what the worker was told to do for a leg of WebRTC."""
        return self._legs[leg].told

    async def _open(self, request: OpenLeg, spec: LegSpec, ice: Ice) -> LegInfo:
        info = await self._inner.ask(request)
        leg = WebrtcLeg(info, spec, ice)
        if before := self._by_ufrag.get(ice.ufrag):
            leg.succeed(before)
        self._know(leg, ice)
        return info

    async def _update(self, number: int, spec: LegSpec, ice: Ice) -> LegInfo:
        """Let the worker do what the call says, where the peer is, and with the keys that there are."""
        leg = self._legs.get(number)
        if leg is None:  # it was none of WebRTC till now
            info = await self._inner.ask(UpdateLeg(number, spec))
            self._know(WebrtcLeg(info, spec, ice), ice)
            return info
        before, leg.spec = leg.spec, spec
        self._know(leg, ice)
        try:
            return await self._inner.ask(UpdateLeg(number, leg.told))
        except MediaError:
            leg.spec = before
            raise

    def _know(self, leg: WebrtcLeg, ice: Ice) -> None:
        """Take what the call says of a leg's sides, and let its checks find it."""
        leg.describe(ice, self._identity, self._clock())
        self._legs[leg.leg] = leg
        self._unname(leg)
        leg.names = leg.ice.names
        self._by_name.update({(leg.port, name): leg for name in leg.names})
        self._by_ufrag.update(dict.fromkeys(leg.names, leg))
        self._begin(leg)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(STEP_S, self._run)

    def _forget(self, number: int) -> None:
        leg = self._legs.pop(number, None)
        if leg is None:
            return
        leg.kin.discard(leg)
        if leg.dtls is not None and all(each.dtls is not leg.dtls for each in leg.kin):
            self._send(leg, leg.dtls.close())
        self._unname(leg)
        for place in leg.places:
            self._unplace(place, leg)
        self._shaking.discard(number)

    def _unname(self, leg: WebrtcLeg) -> None:
        for name in leg.names:
            self._by_name.pop((leg.port, name), None)
            if self._by_ufrag.get(name) is leg:
                del self._by_ufrag[name]
                for other in leg.kin:
                    if other is not leg and name in other.names:
                        self._by_ufrag[name] = other

    def _place(self, leg: WebrtcLeg, sender: MediaAddress) -> None:
        """Know a leg by an address that its peer has shown, and no more by those that it has left."""
        for place in [each for each in leg.places if not leg.ice.reaches(each[1])]:
            leg.places.discard(place)
            self._unplace(place, leg)
        leg.places.add((leg.port, sender))
        self._by_address[leg.port, sender] = leg

    def _unplace(self, place: Place, leg: WebrtcLeg) -> None:
        if self._by_address.get(place) is leg:
            del self._by_address[place]

    def _run(self) -> None:
        """Do what is due, as long as there are legs."""
        self._timer = None
        self.step(self._clock())
        if self._legs:
            self._timer = asyncio.get_running_loop().call_later(STEP_S, self._run)

    def step(self, now: float) -> None:
        """Send again what was lost, and end what has waited for too long."""
        for leg in [each for each in self._legs.values() if not each.over]:
            if leg.ice.expired(now):
                self._end(leg, "consent")
            elif leg.dtls is not None and leg.dtls.keys is None:
                self._begin(leg)  # it may have waited for others
                self._send(leg, leg.dtls.poll())
                if now - leg.since_s > HANDSHAKE_S:
                    self._end(leg, "checks" if leg.ice.seen_s is None else "handshake")

    def _take(self, event: Event) -> None:
        """Take an event of the worker; what is not for here goes on."""
        if isinstance(event, Datagram):
            (self._check if event.data[0] < RECORDS.start else self._shake_hands)(event)
            return
        if isinstance(event, WorkerLost):
            for number in event.legs:
                self._forget(number)
        self.on_event(event)

    def _check(self, event: Datagram) -> None:
        """Answer a connectivity check, and go where it says that the peer is."""
        request = stun.parse(event.data)
        leg = self._by_name.get((event.local, request.ours)) if request is not None else None
        if request is None or leg is None or leg.over:
            return
        before = leg.ice.address
        answer = leg.ice.check(request, event.sender, self._clock())
        if answer:
            self._inner.tell(SendDatagram(leg.leg, event.sender, answer))
        if not stun.is_success(answer):
            return
        self._place(leg, event.sender)
        if leg.ice.address != before:
            self._inner.tell(UpdateLeg(leg.leg, leg.told))
            self._begin(leg)

    def _begin(self, leg: WebrtcLeg) -> None:
        """Say hello to a peer that has shown where it is, if that is our part."""
        if leg.dtls is not None and leg.ice.address is not None and not self._waits(leg, leg.dtls):
            self._send(leg, leg.dtls.start(self._unix()))
            if leg.dtls.state == "handshake":
                self._shaking.add(leg.leg)

    def _waits(self, leg: WebrtcLeg, dtls: Association) -> bool:
        """Whether a handshake, whoever begins it, has to wait until others are over."""
        return dtls.state == "new" and leg.leg not in self._shaking and len(self._shaking) >= HANDSHAKES

    def _shake_hands(self, event: Datagram) -> None:
        """Take DTLS of a peer that has shown where it is, and of nobody else."""
        leg = self._by_address.get((event.local, event.sender))
        if leg is None or leg.over or leg.dtls is None or not leg.ice.reaches(event.sender):
            return
        dtls, keys = leg.dtls, leg.dtls.keys
        if self._waits(leg, dtls):
            return
        answers = dtls.receive(event.data, self._unix())
        (self._shaking.add if dtls.state == "handshake" else self._shaking.discard)(leg.leg)
        if dtls.keys is not keys:
            self._inner.tell(UpdateLeg(leg.leg, leg.told))
        for each in answers:
            self._inner.tell(SendDatagram(leg.leg, event.sender, each))
        if dtls.state == "failed":
            self._end(leg, "refused", dtls.error)
        elif dtls.state == "closed":
            self._end(leg, "goodbye")

    def _send(self, leg: WebrtcLeg, datagrams: Sequence[bytes]) -> None:
        for each in datagrams:
            if leg.ice.address is not None:
                self._inner.tell(SendDatagram(leg.leg, leg.ice.address, each))

    def _end(self, leg: WebrtcLeg, kind: str, why: str = "") -> None:
        """Let nothing go to a peer any more, and say that it is not there."""
        if kind != "goodbye":
            log.warning("WebRTC leg %d is over: %s", leg.leg, why or REASONS[kind])
        self.ended[kind] += 1
        leg.over = kind
        self._shaking.discard(leg.leg)
        leg.ice.leave()
        self._inner.tell(UpdateLeg(leg.leg, leg.told))
        self.on_event(RtpTimeout(leg.leg))
