"""DTLS-SRTP without ICE (RFC 5763): media goes where ``c=`` says, and keys are made there with who has a certificate.

Telephones offer it that know neither ICE nor, often, ``a=rtcp-mux``: reports have a port of their own then, and an
association of their own makes their keys (RFC 5764 section 3).
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from softphone.address import FAMILIES
from softphone.sdp.description import Attributes, MediaDescription, SessionDescription
from softphone.sdp.ice_dtls import SETUP, IceDtls, certificates, certified, objection_to_certificate, role
from softphone.sdp.profile import ENCRYPTED, Plain

__all__ = ["Dtls", "attributes", "is_meant", "read"]


@dataclass(frozen=True, kw_only=True)
class Dtls(Plain):
    """RTP that is encrypted with keys of DTLS.

    Attributes
    ----------
    fingerprints, dtls, setup
        As of `IceDtls`.
    protocol
        Of its ``m=`` line.
    """

    PROTOCOLS: ClassVar = IceDtls.PROTOCOLS

    fingerprints: tuple[tuple[str, str], ...]
    dtls: Literal["client", "server"] = "server"
    setup: str = "actpass"
    protocol: str = PROTOCOLS[0]

    @property
    def chosen(self) -> bool:
        """Whether it says which side of DTLS it is on, as an answer must (RFC 8842 section 5.3)."""
        return self.setup != "actpass"


def is_meant(description: SessionDescription, media: MediaDescription) -> bool:
    """Whether keys are to be made by DTLS: the protocol says so, or a fingerprint where no key is."""
    protocol = media.protocol.upper()
    keys = media.attribute("crypto") is not None
    return protocol in Dtls.PROTOCOLS or (protocol in ENCRYPTED and not keys and certified(description, media))


def read(
    description: SessionDescription,
    media: MediaDescription,
    families: Collection[int] = FAMILIES,
    before: object = None,
) -> Dtls | None:
    """Read what the peer says of a stream; None: it cannot be spoken.

    Parameters
    ----------
    families
        Of the addresses that can be sent to from here.
    before
        What it has said last: with whom an association stands goes on in its role, which some do not say again.
    """
    plain = Plain.read(description, media, families)
    if plain is None or objection_to_certificate(description, media):
        return None
    place = {each.name: getattr(plain, each.name) for each in fields(plain)}
    prints = certificates(description, media)
    setup, ours = role(description, media)
    if isinstance(before, Dtls) and setup == "actpass" and before.fingerprints == prints:
        ours, setup = before.dtls, {"server": "active", "client": "passive"}[before.dtls]
    return Dtls(**place, fingerprints=prints, dtls=ours, setup=setup, protocol=media.protocol.upper())


def attributes(fingerprint: str, peer: Dtls | None) -> Attributes:
    """Write who we are: an offer (`peer` is None) leaves the roles to the peer."""
    return (("fingerprint", fingerprint), ("setup", "actpass" if peer is None else SETUP[peer.dtls]))
