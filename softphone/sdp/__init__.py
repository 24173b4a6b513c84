"""Session descriptions (RFC 8866), and offer and answer over them (RFC 3264), as values."""

from softphone.errors import NoCommonCodec, SdpError
from softphone.sdp.description import ConnectionData, MediaDescription, Origin, PayloadFormat, SessionDescription, parse
from softphone.sdp.negotiation import PAYLOAD_TYPES, PTIME_MS, Negotiated, accept, answer, choose, offer
from softphone.sdp.profile import NOWHERE, Plain, Profile

__all__ = [
    "NOWHERE",
    "PAYLOAD_TYPES",
    "PTIME_MS",
    "ConnectionData",
    "MediaDescription",
    "Negotiated",
    "NoCommonCodec",
    "Origin",
    "PayloadFormat",
    "Plain",
    "Profile",
    "SdpError",
    "SessionDescription",
    "accept",
    "answer",
    "choose",
    "offer",
    "parse",
]
