"""SRTP by another hand: RFC 3711, 6188 and 7714 as they stand, over the primitives of `cryptography`."""

import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from softphone.media.contract.security import Srtp
from tests.media.peer import Peer, drained

TAGS = {
    "AES_CM_128_HMAC_SHA1_80": 10,
    "AES_CM_128_HMAC_SHA1_32": 4,
    "AES_256_CM_HMAC_SHA1_80": 10,
    "AEAD_AES_128_GCM": 0,
    "AEAD_AES_256_GCM": 0,
}


class Refused(Exception):
    """A packet is not what its sender has sent."""


def stream(key: bytes, iv: int, size: int) -> bytes:
    """AES in counter mode, from a block on."""
    cipher = Cipher(algorithms.AES(key), modes.CTR((iv % 2**128).to_bytes(16, "big")))
    return cipher.encryptor().update(bytes(size))


def mixed(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


class Keys:
    """The session keys of RTP (labels 0 to 2) or RTCP (3 to 5) (RFC 3711 section 4.3)."""

    def __init__(self, profile: str, master: bytes, labels: tuple[int, int, int]) -> None:
        self.aead = "GCM" in profile
        size = 32 if "256" in profile else 16
        salt = int.from_bytes(master[size:].ljust(14, b"\0"), "big")

        def derived(label: int, count: int) -> bytes:
            return stream(master[:size], (salt ^ label << 48) << 16, count)

        cipher, auth, salting = labels
        self.key, self.auth, self.salt = (
            derived(cipher, size),
            derived(auth, 20),
            derived(salting, 12 + 2 * self.tagged),
        )

    @property
    def tagged(self) -> bool:
        return not self.aead


class Secrets:
    """One direction, with a roll-over counter for each source."""

    def __init__(self, profile: str, master: bytes) -> None:
        self.tag = TAGS[profile]
        self.media, self.control = Keys(profile, master, (0, 1, 2)), Keys(profile, master, (3, 4, 5))
        self.last: dict[int, int] = {}
        self.index = 0

    def _index(self, ssrc: int, seq: int) -> int:
        """The number of a packet with what has rolled over (RFC 3711 section 3.3.1)."""
        last = self.last.get(ssrc, seq)
        nearest = min(
            (roc for roc in range(max(0, (last >> 16) - 1), (last >> 16) + 2)),
            key=lambda r: abs((r << 16 | seq) - last),
        )
        index = nearest << 16 | seq
        self.last[ssrc] = max(index, self.last.get(ssrc, 0))
        return index

    def seal(self, packet: bytes) -> bytes:
        at = header_size(packet)
        seq, ssrc = struct.unpack_from(">H", packet, 2)[0], struct.unpack_from(">I", packet, 8)[0]
        index, keys = self._index(ssrc, seq), self.media
        head, payload = packet[:at], packet[at:]
        if keys.aead:
            return head + AESGCM(keys.key).encrypt(nonce(keys, ssrc, index), payload, head)
        iv = int.from_bytes(keys.salt, "big") << 16 ^ ssrc << 64 ^ index << 16
        sealed = head + mixed(payload, stream(keys.key, iv, len(payload)))
        return sealed + self._tag(keys, sealed + struct.pack(">I", index >> 16), self.tag)

    def open(self, packet: bytes) -> bytes:
        at = header_size(packet)
        seq, ssrc = struct.unpack_from(">H", packet, 2)[0], struct.unpack_from(">I", packet, 8)[0]
        index, keys = self._index(ssrc, seq), self.media
        if keys.aead:
            return packet[:at] + decrypted(keys, nonce(keys, ssrc, index), packet[at:], packet[:at])
        sealed, tag = packet[: -self.tag], packet[-self.tag :]
        if self._tag(keys, sealed + struct.pack(">I", index >> 16), self.tag) != tag:
            raise Refused
        iv = int.from_bytes(keys.salt, "big") << 16 ^ ssrc << 64 ^ index << 16
        return sealed[:at] + mixed(sealed[at:], stream(keys.key, iv, len(sealed) - at))

    def seal_report(self, packet: bytes) -> bytes:
        ssrc, keys, self.index = struct.unpack_from(">I", packet, 4)[0], self.control, self.index + 1
        head, said, word = packet[:8], packet[8:], struct.pack(">I", 1 << 31 | self.index)
        if keys.aead:
            return head + AESGCM(keys.key).encrypt(nonce(keys, ssrc, self.index), said, head + word) + word
        iv = int.from_bytes(keys.salt, "big") << 16 ^ ssrc << 64 ^ self.index << 16
        sealed = head + mixed(said, stream(keys.key, iv, len(said))) + word
        return sealed + self._tag(keys, sealed, 10)

    def open_report(self, packet: bytes) -> bytes:
        ssrc, keys = struct.unpack_from(">I", packet, 4)[0], self.control
        if keys.aead:
            head, said, word = packet[:8], packet[8:-4], packet[-4:]
            return head + decrypted(keys, nonce(keys, ssrc, numbered(word)), said, head + word)
        sealed, tag = packet[:-10], packet[-10:]
        if self._tag(keys, sealed, 10) != tag:
            raise Refused
        head, said, index = sealed[:8], sealed[8:-4], numbered(sealed[-4:])
        iv = int.from_bytes(keys.salt, "big") << 16 ^ ssrc << 64 ^ index << 16
        return head + mixed(said, stream(keys.key, iv, len(said)))

    @staticmethod
    def _tag(keys: Keys, told: bytes, size: int) -> bytes:
        return hmac.digest(keys.auth, told, "sha1")[:size]


def numbered(word: bytes) -> int:
    """The number of a report that is encrypted."""
    number = int(struct.unpack(">I", word)[0])
    assert number >> 31
    return number & 0x7FFFFFFF


def nonce(keys: Keys, ssrc: int, index: int) -> bytes:
    """What no two packets have in common (RFC 7714 sections 8.1 and 9.1)."""
    return mixed(keys.salt, struct.pack(">HIHI", 0, ssrc, index >> 32, index & 0xFFFFFFFF))


def decrypted(keys: Keys, once: bytes, sealed: bytes, beside: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag

    try:
        return AESGCM(keys.key).decrypt(once, sealed, beside)
    except InvalidTag as error:
        raise Refused from error


def header_size(packet: bytes) -> int:
    """Where the payload begins (RFC 3550 section 5.1)."""
    at = 12 + 4 * (packet[0] & 15)
    return at + 4 + 4 * struct.unpack_from(">H", packet, at + 2)[0] if packet[0] & 0x10 else at


class SecretPeer(Peer):
    """A phone that encrypts; `srtp` is what a leg has that talks with it."""

    def __init__(self, srtp: Srtp) -> None:
        super().__init__()
        self.seq = 1000
        self.out, self.inward = Secrets(srtp.profile, srtp.receive), Secrets(srtp.profile, srtp.send)

    def packet(self, payload: bytes, *, kind: int | None = None, marker: bool = False, first: int = 0x80) -> bytes:
        return self.out.seal(super().packet(payload, kind=kind, marker=marker, first=first))

    def heard(self) -> list[bytes]:
        return [self.inward.open(each) for each in drained(self.rtp)]

    def reports(self) -> list[bytes]:
        return [self.inward.open_report(each) for each in drained(self.rtcp)]
