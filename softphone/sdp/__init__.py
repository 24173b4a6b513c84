"""Session descriptions (RFC 8866), and offer and answer over them (RFC 3264), as values."""

from softphone.errors import NoCommonCodec, SdpError
from softphone.sdp.description import ConnectionData, MediaDescription, Origin, PayloadFormat, SessionDescription, parse
from softphone.sdp.dtls_srtp import Dtls
from softphone.sdp.ice_dtls import IceDtls, IceSide
from softphone.sdp.negotiation import Negotiated, accept, answer, choose, offer
from softphone.sdp.profile import NOWHERE, Plain, Profile, webrtc_of
from softphone.sdp.sdes import Sdes
from softphone.sdp.session import Agreement, MediaSession

__all__ = [
    "NOWHERE",
    "Agreement",
    "ConnectionData",
    "Dtls",
    "IceDtls",
    "IceSide",
    "MediaDescription",
    "MediaSession",
    "Negotiated",
    "NoCommonCodec",
    "Origin",
    "PayloadFormat",
    "Plain",
    "Profile",
    "Sdes",
    "SdpError",
    "SessionDescription",
    "accept",
    "answer",
    "choose",
    "offer",
    "parse",
    "webrtc_of",
]
