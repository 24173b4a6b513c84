"""The transport profile of a stream, and its ``m=`` line.

A profile is a value: what the peer said of its side. Its class says which protocols of ``m=`` lines are its own
(`PROTOCOLS`, the first is offered), reads the peer's line (:meth:`Plain.read`), and writes the attributes of ours
(:meth:`Plain.attributes`). Codecs, directions and versions are no part of it: they are the same for all profiles.

=========  =======================  ==================================================  ==============================
profile    protocols                attributes                                          a leg is given
=========  =======================  ==================================================  ==============================
`Plain`    RTP/AVP, RTP/AVPF        ``rtcp`` (RFC 3605), ``rtcp-mux`` (RFC 5761)        the address of ``c=``
`Sdes`     RTP/SAVP, RTP/SAVPF      those, and ``crypto`` (RFC 4568)                    that, and two master keys
`Dtls`     UDP/TLS/RTP/SAVPF        those of `Plain`, and ``fingerprint``, ``setup``    that, fingerprint, and its role
                                    (RFC 5763)
`IceDtls`  UDP/TLS/RTP/SAVPF        ``ice-*``, ``candidate`` (RFC 8839), and            user name and password of ICE,
                                    ``fingerprint``, ``setup`` (RFC 8842)               fingerprint, and its role
=========  =======================  ==================================================  ==============================

Another one is a class beside them, with the same members and fields of its own. It becomes part of `Profile` and of
:data:`PROTOCOLS`, and `softphone.calls.spec.leg_spec` makes the parameters of a leg of it. Which one a line is of, its
protocol says, but for DTLS over ``RTP/SAVPF``, which has a fingerprint, and WebRTC, which asks for ICE. `Sdes` is a
`Plain` with keys (`softphone.sdp.sdes`): who offers ``RTP/AVP`` with ``a=crypto`` would do without them, and has them,
too. `Dtls` (`softphone.sdp.dtls_srtp`) is one with a certificate.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from softphone.address import FAMILIES, LOOPBACKS, canonical, family_of, is_public, is_single, is_wildcard
from softphone.errors import SdpError
from softphone.sdp.description import Attributes, ConnectionData, MediaDescription, SessionDescription
from softphone.sdp.ice_dtls import IceDtls

__all__ = ["ENCRYPTED", "NOWHERE", "Plain", "Profile", "profile_of"]

NOWHERE = "0.0.0.0"


@dataclass(frozen=True)
class Plain:
    """RTP without encryption (RFC 3551): where the peer takes packets and reports.

    Attributes
    ----------
    host
        ``0.0.0.0``, or ``::``, when the peer holds in the old way (RFC 3264 section 8.4).
    port
        0 when the peer has switched the stream off (section 8.2).
    rtcp_port
        None: the peer did not name one, it is the port after `port`.
    rtcp_host
        Where reports go (RFC 3605); None: to `host`.
    rtcp_mux
        Whether it takes reports on `port` (RFC 5761).
    """

    PROTOCOLS: ClassVar = ("RTP/AVP", "RTP/AVPF")

    host: str
    port: int
    rtcp_port: int | None = None
    rtcp_host: str | None = None
    rtcp_mux: bool = False

    @property
    def nowhere(self) -> bool:
        """Whether it names no address: it holds in the old way."""
        return is_wildcard(self.host)

    @classmethod
    def read(
        cls, description: SessionDescription, media: MediaDescription, families: Collection[int] = FAMILIES
    ) -> Self | None:
        """Read what the peer says of one of its streams; None: nothing can be sent there, as :meth:`objection` says.

        `families`: of the addresses that can be sent to from here, 4 and 6.
        """
        where = description.address(media)
        if where is None or not (host := _address(where)) or family_of(host) not in families:
            return None
        rtcp_port = number(media.attribute("rtcp"), 65_535)
        mux = media.attribute("rtcp-mux") is not None
        return cls(host, media.port, rtcp_port, _rtcp_host(media, host), mux)

    def at(self, other: "Plain") -> Self:
        """Return the same at the address of another one, which still takes reports as this one says."""
        return replace(self, host=other.host, port=other.port, rtcp_port=other.rtcp_port, rtcp_host=other.rtcp_host)

    @staticmethod
    def objection(description: SessionDescription, media: MediaDescription) -> str:
        """Say why a stream cannot be spoken."""
        where = description.address(media)
        if where is None:
            return "no c= line says where media goes"
        other = f"an address of IPv{family_of(_address(where))}, which is not spoken here"
        none = "no address of one host that can be reached (a stranger's names are not looked up)"
        return f"c= has {other if _address(where) else none}: {where.host[:100]}"

    @staticmethod
    def attributes(port: int, rtcp_port: int | None, peer: "Plain | None") -> Attributes:
        """Write what our line says of our side: all that we can to who has said nothing, else what both can.

        Parameters
        ----------
        port, rtcp_port
            Where we take packets and reports; None: the port after `port`, which needs no saying (RFC 3605).
        peer
            Whose offer is answered; None: it is an offer of ours.
        """
        mux = peer is None or peer.rtcp_mux
        apart = rtcp_port not in (None, port + 1) and (peer is None or not mux)
        rtcp: Attributes = (("rtcp", str(rtcp_port)),) if apart else ()
        return (*rtcp, ("rtcp-mux", None)) if mux else rtcp


Profile = Plain | IceDtls
"""Any of the profiles."""

ENCRYPTED = ("RTP/SAVP", "RTP/SAVPF")
PROTOCOLS = (*Plain.PROTOCOLS, *ENCRYPTED, *IceDtls.PROTOCOLS)
"""All that an ``m=`` line may say."""


def profile_of(description: SessionDescription, media: MediaDescription) -> type[Plain] | type[IceDtls] | None:
    """Say what a stream is spoken in; None: in nothing that we have."""
    protocol = media.protocol.upper()
    secure = protocol in (*ENCRYPTED, *IceDtls.PROTOCOLS) and IceDtls.is_meant(description, media)
    # Who asks for ICE in a way that we have not, and says where it is, is answered as by one that has none (RFC 8839).
    if secure and (not IceDtls.objection(description, media) or not _is_named(description, media)):
        return IceDtls
    return Plain if protocol in PROTOCOLS else None


def _is_named(description: SessionDescription, media: MediaDescription) -> bool:
    """Whether a stream can be reached where it says, without ICE."""
    plain = Plain.read(description, media)
    return plain is not None and not plain.nowhere


def webrtc_of(description: SessionDescription) -> IceDtls | None:
    """Read what a peer of WebRTC says of its first stream of sound; None: it is none, or cannot be spoken with."""
    audio = next((each for each in description.media if each.kind == "audio"), None)
    return IceDtls.read(description, audio) if audio and profile_of(description, audio) is IceDtls else None


def number(text: str | None, largest: int) -> int | None:
    """Return the number that `text` begins with, None if there is none or it is out of range."""
    found = re.match(r"[0-9]{1,5}(?![0-9])", text or "")
    return int(found[0]) if found and int(found[0]) <= largest else None


def _address(where: ConnectionData) -> str:
    """Give the address of a ``c=`` line, of one host, or of none (``0.0.0.0``, ``::``: hold); "": it has none.

    The one name that needs no looking up has its own (RFC 6761 section 6.3).
    """
    family = int(where.family[2:])
    if where.host.lower().rstrip(".") == "localhost":
        return LOOPBACKS[family]
    return canonical(where.host) if is_single(where.host, family) else ""


def _rtcp_host(media: MediaDescription, host: str) -> str | None:
    """Give the host that ``a=rtcp:port IN IP4 host`` names, if reports can go there too (RFC 3605 section 2.1).

    A private one beside a public `host` is what a router that rewrites ``c=`` alone has left standing.
    """
    try:
        where = ConnectionData.parse((media.attribute("rtcp") or "").partition(" ")[2])
    except SdpError:
        return None
    named = _address(where)
    if family_of(named) != family_of(host) or is_wildcard(named):
        return None
    left = is_public(host) and not is_public(named)
    return None if left else named
