"""DTLS of WebRTC legs, for the keys of SRTP (RFC 5764): datagrams in, datagrams out, in memory.

Nobody is sent more than he has sent who has not shown that he receives: by a connectivity check, which whoever feeds an
association has seen, or by a cookie (RFC 6347 section 4.2.1).
"""

import hmac
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL

from softphone.media.contract.security import Srtp
from softphone.srtp import KEY_AND_SALT

__all__ = ["HANDSHAKES", "HANDSHAKE_S", "HASHES", "RECORDS", "Association", "Fingerprint", "Identity", "is_hello"]

PROFILES = {
    b"SRTP_AEAD_AES_128_GCM": "AEAD_AES_128_GCM",
    b"SRTP_AES128_CM_SHA1_80": "AES_CM_128_HMAC_SHA1_80",
    b"SRTP_AEAD_AES_256_GCM": "AEAD_AES_256_GCM",
}
"""What OpenSSL calls the profiles of RFC 5764 and RFC 7714 in our order, and their names of `KEY_AND_SALT`."""
EXPORTER = b"EXTRACTOR-dtls_srtp"
HASHES: dict[str, type[hashes.HashAlgorithm]]
HASHES = {"sha-256": hashes.SHA256, "sha-384": hashes.SHA384, "sha-512": hashes.SHA512}
"""Of fingerprints (RFC 8122 section 5), the weakest first."""
LASTS = timedelta(days=3650)
# Below what any network carries, and above what a peer without larger ones may be sent (RFC 8200 section 5).
MTU = 1200
# Version, epoch and number, and the length of what follows (RFC 6347 section 4.1).
RECORD_HEADER = 13
# A browser's whole handshake has some 2 kB.
HANDSHAKE_BYTES_MAX = 65_536
COOKIE_BYTES = 20
HANDSHAKE_S = 30.0
"""From a peer's description to its keys."""
HANDSHAKES = 128
"""At once: each is some milliseconds of work, and others speak meanwhile."""
RECORDS = range(20, 64)
"""What the first byte of a datagram says (RFC 7983 section 7)."""


def is_hello(datagram: bytes) -> bool:
    """Tell whether somebody begins a handshake: it is in clear, and a ClientHello (RFC 6347 section 4.2.2)."""
    return datagram[:1] == b"\x16" and datagram[3:5] == b"\0\0" and datagram[RECORD_HEADER : RECORD_HEADER + 1] == b"\1"


class Fingerprint(NamedTuple):
    """Of a certificate (RFC 8122 section 5): one of `HASHES`, and hexadecimal pairs with colons between."""

    algorithm: str
    value: str

    def __str__(self) -> str:
        return f"{self.algorithm} {self.value}"


class Identity:
    """A certificate that nobody has signed, of this process: others know it by its fingerprint."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self_signed(key)
        self.fingerprint = fingerprint_of(self.certificate, "sha-256")
        self.context = SSL.Context(SSL.DTLS_METHOD)
        self.context.use_certificate(self.certificate)
        self.context.use_privatekey(key)
        self.context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
        self.context.set_tlsext_use_srtp(b":".join(PROFILES))
        # Who it is tells its fingerprint alone, which is looked at when the handshake is over.
        self.context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)
        self._secret = secrets.token_bytes(32)
        self.context.set_cookie_generate_callback(self._cookie)
        self.context.set_cookie_verify_callback(lambda asked, said: hmac.compare_digest(said, self._cookie(asked)))

    def _cookie(self, asked: SSL.Connection) -> bytes:
        """Make what only who is asked at an address can say (RFC 6347 section 4.2.1)."""
        return hmac.digest(self._secret, asked.get_app_data(), "sha256")[:COOKIE_BYTES]


def self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Make a certificate for a key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "softphone")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LASTS)
        .sign(key, hashes.SHA256())
    )


def fingerprint_of(certificate: x509.Certificate, algorithm: str) -> Fingerprint:
    """Give the fingerprint of a certificate by one of `HASHES`."""
    return Fingerprint(algorithm, certificate.fingerprint(HASHES[algorithm]()).hex(":").upper())


State = Literal["new", "handshake", "connected", "closed", "failed"]
"""Of an association: nothing was said, keys are made, they are there, the peer has ended it, it came to nothing."""


class Association:
    """One DTLS association with the peer of a leg.

    Parameters
    ----------
    identity
        Ours.
    role
        Whether we begin ("client"), or wait for the peer's hello ("server"); RFC 8842 section 5.
    fingerprints
        Of the peer's certificate, as its description says. Of those by the strongest hash one must be right (RFC 8122
        section 5).

    Attributes
    ----------
    state
        How far it is.
    error
        Why it is "failed".
    keys
        None until the handshake is over, and the peer has shown to be who its description says.
    """

    def __init__(
        self, identity: Identity, role: Literal["client", "server"], fingerprints: Sequence[Fingerprint]
    ) -> None:
        self.role: Literal["client", "server"] = role
        self.state: State = "new"
        self.error = ""
        self.keys: Srtp | None = None
        self._fingerprints = tuple(fingerprints)
        self._taken = 0
        self._context = identity.context
        self._ssl = self._new()

    def _new(self) -> SSL.Connection:
        made = SSL.Connection(self._context)
        (made.set_connect_state if self.role == "client" else made.set_accept_state)()
        made.set_ciphertext_mtu(MTU)
        return made

    @property
    def over(self) -> bool:
        """Whether nothing comes of it any more."""
        return self.state in ("closed", "failed")

    def start(self, unix_s: float) -> list[bytes]:
        """Say hello, if it is for us to do so; give the datagrams to send."""
        if self.state != "new" or self.role != "client":
            return []
        self.state = "handshake"
        return self._go_on(unix_s)

    def receive(self, datagram: bytes, unix_s: float, sender: bytes = b"") -> list[bytes]:
        """Take a datagram of the peer; give those to send. Whatever it holds, nothing raises.

        Parameters
        ----------
        datagram
            As it came.
        unix_s
            Unix time, for the end of the peer's certificate.
        sender
            Where it comes from, if that is to be shown by a cookie.
        """
        if self.over or not datagram:
            return []
        if self.state == "new" and self.role == "server" and sender:
            return self._listen(datagram, unix_s, sender)
        if self.state == "new":
            self.state = "handshake"
        if self.state == "handshake":
            self._taken += len(datagram)
            if self._taken > HANDSHAKE_BYTES_MAX:
                return self._fail("more was sent than any handshake takes")
        self._ssl.bio_write(datagram)
        return self._go_on(unix_s)

    def _listen(self, datagram: bytes, unix_s: float, sender: bytes) -> list[bytes]:
        """Have who says hello say it again with a cookie; nothing is kept of it till then."""
        self._ssl = self._new()
        self._ssl.set_app_data(sender)
        self._ssl.bio_write(datagram)
        try:
            self._ssl.DTLSv1_listen()
        except SSL.WantReadError:
            asked = self._out()
            return asked if sum(map(len, asked)) <= len(datagram) else []
        except SSL.Error:
            return []
        self.state = "handshake"
        return self._go_on(unix_s)

    def poll(self) -> list[bytes]:
        """Give what is to be sent again, as nothing came of it (RFC 6347 section 4.2.4)."""
        if self.state != "handshake" or self._ssl.DTLSv1_get_timeout() != 0:
            return []
        with suppress(SSL.Error):
            self._ssl.DTLSv1_handle_timeout()
        return self._out()

    def close(self) -> list[bytes]:
        """Say goodbye to the peer; give the datagrams to send."""
        if self.state == "connected":
            self.state = "closed"
            with suppress(SSL.Error):
                self._ssl.shutdown()
            return self._out()
        return []

    def _go_on(self, unix_s: float) -> list[bytes]:
        try:
            if self.state == "handshake":
                self._ssl.do_handshake()
                self._connected(unix_s)
            while self.state == "connected":  # nothing that is said here is for us: data channels are refused
                self._ssl.recv(MTU)
        except SSL.WantReadError:
            return self._out()
        except SSL.ZeroReturnError:
            self.state = "closed"
        except SSL.Error as error:
            return self._fail(_words(error))
        return self._out()

    def _fail(self, why: str) -> list[bytes]:
        self.state, self.error, self.keys = "failed", why, None
        return self._out()

    def _connected(self, unix_s: float) -> None:
        """Look at who it is, and make keys."""
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        profile = PROFILES.get(self._ssl.get_selected_srtp_profile())
        if certificate is None or not self._is_peer(certificate):
            self._fail("its certificate has another fingerprint than its description")
        elif certificate.not_valid_after_utc.timestamp() < unix_s:
            self._fail(f"its certificate ended on {certificate.not_valid_after_utc:%Y-%m-%d}")
        elif profile is None:
            self._fail("it has no profile of SRTP that we have (RFC 5764 section 4.1)")
        else:
            self.state, self.keys = "connected", self._exported(profile)

    def _is_peer(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate has one of the fingerprints by the strongest hash that the peer has named."""
        named = [each for each in HASHES if any(said.algorithm == each for said in self._fingerprints)]
        if not named:
            return False
        right = fingerprint_of(certificate, named[-1]).value.encode()
        said = [each.value.upper().encode() for each in self._fingerprints if each.algorithm == named[-1]]
        return any([hmac.compare_digest(right, each) for each in said])

    def _exported(self, profile: str) -> Srtp:
        """Derive the keys of both directions (RFC 5764 section 4.2)."""
        key, salt = KEY_AND_SALT[profile]
        made = self._ssl.export_keying_material(EXPORTER, 2 * (key + salt))
        client = made[:key] + made[2 * key : 2 * key + salt]
        server = made[key : 2 * key] + made[2 * key + salt :]
        return Srtp(profile, client, server) if self.role == "client" else Srtp(profile, server, client)

    def _out(self) -> list[bytes]:
        """Give what is to be sent, in whole records (RFC 6347 section 4.1.1)."""
        made = b""
        with suppress(SSL.Error):
            while True:
                made += self._ssl.bio_read(HANDSHAKE_BYTES_MAX)
        return list(_datagrams(made))


def _datagrams(made: bytes) -> Iterator[bytes]:
    """Divide what OpenSSL has written into datagrams: it leaves no marks between them, but records do not span two."""
    begin = at = 0
    while at + RECORD_HEADER <= len(made):
        end = at + RECORD_HEADER + int.from_bytes(made[at + RECORD_HEADER - 2 : at + RECORD_HEADER])
        if end - begin > MTU and at > begin:
            yield made[begin:at]
            begin = at
        at = end
    if begin < at:
        yield made[begin:at]


def _words(error: SSL.Error) -> str:
    """Say what OpenSSL says."""
    said = [each[-1] for each in error.args[0]] if error.args and isinstance(error.args[0], list) else []
    return f"the handshake failed: {said[0] or 'without a reason'}" if said else "the handshake failed"
