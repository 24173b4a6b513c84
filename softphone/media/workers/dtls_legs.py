"""What is known of legs whose keys DTLS makes without ICE: values of `softphone.media.workers.handshakes`."""

import asyncio

import msgspec

from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress
from softphone.media.contract.security import DtlsPeer, Srtp
from softphone.media.rtp.dtls import Association, Fingerprint, Identity, is_hello

__all__ = ["DtlsLeg", "Half"]

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

    @property
    def busy(self) -> bool:
        """Whether time has to go on for it: a handshake does, or is ours to begin."""
        ours = self.asking is not None or self.leg.who.dtls == "client"
        return self.following is not None and ours and self in self.leg.halves

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
    changed
        Set when it may be `decided` since, or is closed.
    places, hosts, known_as
        What its peer is found by, and by whom the leg is.
    """

    def __init__(self, info: LegInfo, identity: Identity) -> None:
        self.info, self.spec, self.over, self.told_of = info, LegSpec(), False, False
        self.changed = asyncio.Event()
        self.places: set[tuple[int, MediaAddress]] = set()
        self.hosts: set[tuple[int, str]] = set()
        self.halves = [Half(self, reports=False)]
        self._identity = identity
        self.who = DtlsPeer(())
        self.known_as: DtlsPeer | None = None

    @property
    def decided(self) -> bool:
        """Whether its media has keys, or will have none."""
        return self.over or self.halves[0].keys is not None

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
