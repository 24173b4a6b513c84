"""The settings of a leg on its media worker, from offer and answer."""

import msgspec

from softphone import sdp
from softphone.calls.nat import other_source, trust_in
from softphone.errors import SdpError
from softphone.media.contract.leg import LegSpec, MediaAddress
from softphone.media.contract.security import DtlsPeer, Ice, Srtp
from softphone.sdp import Agreement
from softphone.sip.ua.call import InviteSession
from softphone.srtp import BEFORE_DTLS

__all__ = ["leg_spec", "suited"]


def leg_spec(agreement: Agreement, signalled: str | None, timeout_s: float) -> LegSpec:
    """Return what a media worker has to do.

    Parameters
    ----------
    signalled
        The address that the peer's signalling comes from; None: not known, its media comes from where it says.
    timeout_s
        How long there may be no sign of life from a peer that does not hold us; 0: for ever.
    """
    timeout_s = 0.0 if agreement.held else timeout_s
    agreed = agreement.negotiated
    if agreed is None:
        return LegSpec(timeout_s=timeout_s)
    spec = LegSpec(
        codec=agreed.codec,
        parameters=agreed.parameters,
        payload_type=agreed.payload_type,
        payload_type_in=agreed.payload_type_in,
        event_payload_type=agreed.event_payload_type,
        event_payload_type_in=agreed.event_payload_type_in,
        others=agreed.others,
        event_clock_hz=agreed.event_clock_hz,
        ptime_ms=agreed.ptime_ms,
        level_id=agreed.level_id,
        direction=agreed.direction,
        timeout_s=timeout_s,
        inband_keys=agreed.event_payload_type is None,
    )
    if isinstance(agreed.remote, sdp.IceDtls):
        return _shown(spec, agreed.remote, agreement.side)
    if isinstance(agreed.remote, sdp.Sdes):
        theirs = agreed.remote.crypto
        spec = msgspec.structs.replace(spec, srtp=Srtp(theirs.suite, agreement.key, theirs.key, mki=theirs.mki))
    if isinstance(agreed.remote, sdp.Dtls):
        dtls = DtlsPeer(agreed.remote.fingerprints, agreed.remote.dtls)
        spec = msgspec.structs.replace(spec, dtls=dtls, srtp=Srtp(BEFORE_DTLS))
    return _named(spec, agreed.remote, signalled)


def suited(spec: LegSpec, call: InviteSession | None, known: bool, source: str | None) -> LegSpec:
    """Suit what is done to who is called: how sure it is to be where it says, and how its telephone tells keys.

    Parameters
    ----------
    call
        Its SIP call; None: there is none.
    known, source
        As of `softphone.calls.leg.CallLeg`.
    """
    trust = trust_in(call, known, spec.remote, source)
    return msgspec.structs.replace(spec, trust=trust, key_prelude=call is not None and call.edge.key_prelude)


def _named(spec: LegSpec, there: sdp.Plain, signalled: str | None) -> LegSpec:
    """Have media go where the description says, and come from there, or nearby."""
    known = not there.nowhere
    remote = MediaAddress(there.host, there.port) if known else None
    rtcp = MediaAddress(there.rtcp_host or there.host, there.rtcp_port) if known and there.rtcp_port else None
    return msgspec.structs.replace(
        spec,
        remote=remote,
        remote_rtcp=rtcp,
        rtcp_mux=there.rtcp_mux,
        latch_host=None if remote is None or signalled is None else other_source(remote.host, signalled),
    )


def _shown(spec: LegSpec, there: sdp.IceDtls, side: sdp.IceSide | None) -> LegSpec:
    """Have media go where the peer shows to be: that it is there is seen by its checks, and not by its media."""
    if side is None:
        raise SdpError("a peer of WebRTC without a side of ours")
    ice = Ice(side.ufrag, side.password, there.ufrag, there.fingerprints, there.dtls)
    return msgspec.structs.replace(spec, rtcp_mux=True, ice=ice, srtp=Srtp(BEFORE_DTLS), timeout_s=0.0)
