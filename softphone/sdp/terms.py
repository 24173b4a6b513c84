"""On what terms a peer's stream is taken: how its packets may travel, and have to be encrypted."""

from collections.abc import Collection
from typing import NamedTuple

from softphone.address import FAMILIES
from softphone.sdp import dtls_srtp, sdes
from softphone.sdp.description import MediaDescription, SessionDescription
from softphone.sdp.ice_dtls import IceDtls, objection_to_certificate
from softphone.sdp.profile import Plain, Profile, profile_of
from softphone.srtp import Encryption

__all__ = ["Terms"]


class Terms(NamedTuple):
    """The terms of one offer or answer.

    Attributes
    ----------
    before
        What the peer said before.
    webrtc, dtls
        Whether WebRTC is spoken, and whether keys are made by DTLS without ICE.
    encryption
        Whether the stream may have keys in its description, or has to be encrypted.
    families
        Of the addresses that can be sent to from here.
    """

    before: Profile | None
    webrtc: bool
    encryption: Encryption
    families: Collection[int] = FAMILIES
    dtls: bool = False

    def spoken(self, description: SessionDescription, media: MediaDescription) -> type[Plain] | type[IceDtls] | None:
        """Say what an audio stream that is on is spoken in; None: in nothing that we speak here."""
        if media.kind != "audio" or not media.on:
            return None
        found = profile_of(description, media)
        return None if found is IceDtls and not self.webrtc else found

    def read(self, description: SessionDescription, media: MediaDescription) -> Profile | None:
        """Read what the peer says of a stream; None: it cannot be spoken on these terms."""
        profile = self.spoken(description, media)
        if profile is None:
            return None
        if profile is IceDtls:
            return IceDtls.read(description, media, self.before)
        if dtls_srtp.is_meant(description, media):
            return dtls_srtp.read(description, media, self.families, self.before) if self.dtls else None
        return sdes.read(description, media, self.encryption, self.families)

    def objection(self, description: SessionDescription, media: MediaDescription) -> str:
        """Say why a stream cannot be spoken that is :meth:`spoken` in something."""
        if self.spoken(description, media) is IceDtls:
            return IceDtls.objection(description, media)
        keys = sdes.objection(media, self.encryption)
        if dtls_srtp.is_meant(description, media):
            keys = objection_to_certificate(description, media)
            keys = keys or ("" if self.dtls else f"DTLS is {'spoken with ICE only' if self.webrtc else 'not spoken'}")
        return keys or Plain.objection(description, media)
