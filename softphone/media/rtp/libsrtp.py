"""The library libsrtp, out of the package `pylibsrtp`: its sessions, and its functions for kernels.

A session is one direction of a leg. It knows a stream for each source (SSRC) that it has had, with its roll-over
counter and, of what comes, its replay window (RFC 3711 section 3.2.3).
"""

import ctypes
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from mixer.kernel import COMPILED
from softphone.errors import MediaError
from softphone.srtp import SRTP_PROFILES

__all__ = ["BAD", "REPLAYED", "SrtpSession", "function", "load"]

REPLAYED, BAD = (9, 10), 2
"""What a function returns of a packet that came before, of one older than what is remembered, of none; 0: done."""
USUAL = "AES_CM_128_HMAC_SHA1_80"
PROFILES = {
    USUAL: "srtp_profile_aes128_cm_sha1_80",
    "AES_CM_128_HMAC_SHA1_32": "srtp_profile_aes128_cm_sha1_32",
    "AEAD_AES_128_GCM": "srtp_profile_aead_aes_128_gcm",
    "AEAD_AES_256_GCM": "srtp_profile_aead_aes_256_gcm",
}
"""What the library calls them; it has one more without a name."""
# That of srtp.h (SRTP_AES_ICM_256), and where srtp_crypto_policy_t has a cipher and the bytes of its key and salt.
AES_256_CM, CIPHER, KEY_BYTES = 5, 0, 1

FUNCTIONS: dict[str, tuple[str, ...]] = {
    # session, packet, where its length stands as 32 bits
    **dict.fromkeys(
        ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp"), ("srtp_t", "void *", "int *")
    ),
    # session, SSRC as it stands in the packet
    "srtp_remove_stream": ("srtp_t", "unsigned int"),
    # session, SSRC as a number, how often the numbers of its packets have begun anew before the next one
    "srtp_set_stream_roc": ("srtp_t", "unsigned int", "unsigned int"),
}
"""Types of the arguments; all of them return a number, 0 when it is done."""


@cache
def load() -> Any:
    """Load the library, at the first call; gives what calls it and what makes values for it.

    Raises
    ------
    MediaError
        It is not there, or has not all of `FUNCTIONS`.
    """
    try:
        import pylibsrtp  # noqa: F401  its import makes the library ready
        from pylibsrtp._binding import ffi, lib
    except ImportError as error:
        raise MediaError(f"SRTP needs the package `pylibsrtp`: {error}") from error
    addresses = {_symbol(name): int(ffi.cast("uintptr_t", _address(name))) for name in FUNCTIONS}
    if COMPILED:
        from llvmlite import binding

        for symbol, address in addresses.items():
            binding.add_symbol(symbol, address)
    return lib, ffi


@cache
def _address(name: str) -> Any:
    """Give where a function is; pylibsrtp knows some of them only, the file that it is has them all.

    Raises
    ------
    MediaError
        It has not.
    """
    from pylibsrtp import _binding

    if hasattr(_binding.lib, name):
        return _binding.ffi.addressof(_binding.lib, name)
    try:
        found = ctypes.cast(getattr(ctypes.CDLL(_binding.__file__), name), ctypes.c_void_p).value
    except (AttributeError, OSError) as error:
        raise MediaError(f"the libsrtp of `pylibsrtp` has no {name}: {error}") from error
    return _binding.ffi.cast(f"int (*)({', '.join(FUNCTIONS[name])})", found)


def _symbol(name: str) -> str:
    """Give a name that no other library has."""
    return f"softphone_{name}"


def function(name: str) -> Callable[..., int]:
    """Give a function of libsrtp for kernels, which may be called after :func:`load`.

    Sessions and pointers are numbers: addresses. Packets begin at a multiple of four, and what protects them needs room
    behind them (`softphone.media.rtp.vault.TRAILER`).
    """
    kinds = FUNCTIONS[name]
    if not COMPILED:

        def call(*arguments: int) -> int:
            _, ffi = load()
            values = (ffi.cast(kind, int(each)) for kind, each in zip(kinds, arguments, strict=True))
            return int(_address(name)(*values))

        return call
    from numba import types

    pointers = (types.uint32 if kind == "unsigned int" else types.uintp for kind in kinds)
    external: Callable[..., int] = types.ExternalFunction(_symbol(name), types.int32(*pointers))
    return external


class SrtpSession:
    """One direction of a leg.

    Parameters
    ----------
    profile
        One of `SRTP_PROFILES`.
    key
        Master key and master salt.
    inbound
        Whether it opens what comes, and does not seal what is sent.
    sources
        SSRCs that it knows from the beginning, so that their roll-over counters can be set.

    Attributes
    ----------
    address
        The session for functions of libsrtp, as long as this object is there.

    Raises
    ------
    MediaError
        The profile is not known, the key has not its length, or the library is not there.
    """

    def __init__(self, profile: str, key: bytes, *, inbound: bool, sources: Iterable[int] = ()) -> None:
        if len(key) != SRTP_PROFILES.get(profile):
            raise MediaError(f"no profile of SRTP, or no key of its length: {profile!r}, {len(key)} bytes")
        lib, ffi = load()
        policy, secret = ffi.new("srtp_policy_t *"), ffi.new("unsigned char[]", key)
        policy.ssrc.type, policy.key = lib.ssrc_any_inbound if inbound else lib.ssrc_any_outbound, secret
        number = getattr(lib, PROFILES.get(profile, PROFILES[USUAL]))
        lib.srtp_crypto_policy_set_from_profile_for_rtp(ffi.addressof(policy.rtp), number)
        lib.srtp_crypto_policy_set_from_profile_for_rtcp(ffi.addressof(policy.rtcp), number)
        if profile not in PROFILES:  # RFC 6188: all but the cipher and its key are as with 128 bits
            for part in (policy.rtp, policy.rtcp):
                words = ffi.cast("int *", ffi.addressof(part))
                words[CIPHER], words[KEY_BYTES] = AES_256_CM, len(key)
        made = ffi.new("srtp_t *")
        error = lib.srtp_create(made, policy)
        policy.ssrc.type = lib.ssrc_specific
        for policy.ssrc.value in () if error else sources:
            error = error or lib.srtp_add_stream(made[0], policy)
        ffi.memmove(secret, bytes(len(key)), len(key))
        if error:
            raise MediaError(f"libsrtp cannot begin: error {error}")
        self._made = ffi.gc(made, lambda each: lib.srtp_dealloc(each[0]))
        self.address = int(ffi.cast("uintptr_t", made[0]))
