"""SRTP for signalling and media: profiles, and the encryption policy of a call."""

from typing import Literal, TypeAlias

__all__ = ["BEFORE_DTLS", "KEY_AND_SALT", "SRTP_PROFILES", "Encryption"]

KEY_AND_SALT = {
    "AEAD_AES_128_GCM": (16, 12),
    "AEAD_AES_256_GCM": (32, 12),
    "AES_CM_128_HMAC_SHA1_80": (16, 14),
    "AES_CM_128_HMAC_SHA1_32": (16, 14),
    "AES_256_CM_HMAC_SHA1_80": (32, 14),
}
"""How packets can be protected, the names of RFC 4568, 6188 and 7714, and the bytes of master key and master salt."""

SRTP_PROFILES = {profile: key + salt for profile, (key, salt) in KEY_AND_SALT.items()}
"""Their names, and how many bytes master key and salt have together."""

BEFORE_DTLS = "AEAD_AES_128_GCM"
"""Profile of a leg without keys yet, which sends and hears nothing: with the keys comes the one that DTLS agrees on."""

Encryption: TypeAlias = Literal["off", "optional", "required"]
"""Nobody's media is encrypted; that of who offers it is, and nobody is asked to; all media is, or there is no call."""
