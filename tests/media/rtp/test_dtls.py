"""DTLS associations with each other, and what they refuse; one with a peer nobody here wrote is in tests/peers."""

import random
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Literal

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from softphone.media.rtp.dtls import LASTS, MTU, Association, Fingerprint, Identity, fingerprint_of, self_signed

NOW = datetime.now(UTC).timestamp()
LATER = NOW + LASTS.total_seconds() + 86_400
OURS, THEIRS = Identity(), Identity()


def pair(*, theirs: Identity = THEIRS, said: tuple[Fingerprint, ...] | None = None) -> tuple[Association, Association]:
    """Give a server of ours and a client that is its peer."""
    server = Association(OURS, "server", (theirs.fingerprint,) if said is None else said)
    return server, Association(theirs, "client", (OURS.fingerprint,))


def talk(server: Association, client: Association, now: float = NOW) -> list[bytes]:
    """Carry datagrams both ways until neither says anything; give all."""
    said: list[bytes] = []
    to_server = client.start(now)
    while to_server:
        said += to_server
        to_client = [each for datagram in to_server for each in server.receive(datagram, now)]
        said += to_client
        to_server = [each for datagram in to_client for each in client.receive(datagram, now)]
    return said


def test_both_sides_have_the_same_keys() -> None:
    server, client = pair()
    assert max(map(len, talk(server, client))) <= MTU
    assert server.state == client.state == "connected"
    assert server.keys is not None and client.keys is not None
    assert server.keys.profile == client.keys.profile == "AEAD_AES_128_GCM"
    assert (server.keys.send, server.keys.receive) == (client.keys.receive, client.keys.send)
    assert len(server.keys.send) == 28 and server.keys.send != server.keys.receive
    assert server.keys.send.hex() not in repr(server.keys) and str(server.keys.send) not in repr(server.keys)


@pytest.mark.parametrize(
    ("offered", "profile", "size"),
    [
        (b"SRTP_AES128_CM_SHA1_80", "AES_CM_128_HMAC_SHA1_80", 30),
        (b"SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80", "AES_CM_128_HMAC_SHA1_80", 30),
        (b"SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM", "AEAD_AES_128_GCM", 28),
        (b"SRTP_AEAD_AES_256_GCM", "AEAD_AES_256_GCM", 44),
    ],
)
def test_the_server_takes_what_it_likes_best_of_what_the_peer_has(offered: bytes, profile: str, size: int) -> None:
    other = Identity()
    other.context.set_tlsext_use_srtp(offered)
    server, client = pair(theirs=other)
    talk(server, client)
    assert server.keys is not None and (server.keys.profile, len(server.keys.send)) == (profile, size)


def test_a_peer_without_srtp_is_refused() -> None:
    other, key = Identity(), ec.generate_private_key(ec.SECP256R1())
    other.certificate, other.context = self_signed(key), SSL.Context(SSL.DTLS_METHOD)
    other.fingerprint = fingerprint_of(other.certificate, "sha-256")
    other.context.use_certificate(other.certificate)
    other.context.use_privatekey(key)
    server, client = pair(theirs=other)
    talk(server, client)
    assert server.state == "failed" and "SRTP" in server.error and server.keys is None


def _spoiled() -> Iterator[tuple[Fingerprint, ...]]:
    right = THEIRS.fingerprint
    yield ()
    yield (Fingerprint("sha-256", right.value[:-2] + ("00" if right.value[-2:] != "00" else "01")),)
    yield (Fingerprint("sha-256", right.value[:-3]),)
    yield (OURS.fingerprint,)
    yield (right, Fingerprint("sha-512", "AB:CD"))  # the stronger hash is wrong
    yield (Fingerprint("sha-1", right.value),)


@pytest.mark.parametrize("said", list(_spoiled()))
def test_who_has_another_fingerprint_gets_no_keys(said: tuple[Fingerprint, ...]) -> None:
    server, client = pair(said=said)
    talk(server, client)
    assert server.state == "failed" and "fingerprint" in server.error and server.keys is None
    assert server.receive(b"\x16", NOW) == [] and server.poll() == []


@pytest.mark.parametrize("algorithm", ["sha-256", "sha-384", "sha-512"])
def test_one_right_fingerprint_of_the_strongest_hash_is_enough(algorithm: str) -> None:
    right = fingerprint_of(THEIRS.certificate, algorithm)
    other = fingerprint_of(OURS.certificate, algorithm)
    server, client = pair(said=(other, Fingerprint(algorithm, right.value.lower())))
    talk(server, client)
    assert server.state == "connected"


def test_an_expired_certificate_is_refused() -> None:
    server, client = pair()
    talk(server, client, LATER)
    assert server.state == "failed" and "ended on" in server.error and server.keys is None


def test_our_hello_is_said_once_and_by_the_client_alone() -> None:
    server, client = pair()
    assert server.start(NOW) == [] and server.state == "new"
    assert client.start(NOW) and client.start(NOW) == []


@pytest.mark.parametrize(("left_s", "again"), [(0, True), (0.5, False), (None, False)])
def test_a_flight_is_given_again_when_it_is_time(
    left_s: float | None, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = bytes([22, 254, 253]) + bytes(8) + (4).to_bytes(2) + b"said"
    ready: list[bytes] = []

    def bio_read(_: int) -> bytes:
        if not ready:
            raise SSL.WantReadError
        return ready.pop()

    _, client = pair()
    assert client.start(NOW)
    ssl = SimpleNamespace(
        DTLSv1_get_timeout=lambda: left_s, DTLSv1_handle_timeout=lambda: ready.append(record), bio_read=bio_read
    )
    monkeypatch.setattr(client, "_ssl", ssl)
    assert client.poll() == ([record] if again else [])


def test_a_goodbye_closes_it() -> None:
    server, client = pair()
    talk(server, client)
    for datagram in client.close():
        server.receive(datagram, NOW)
    assert server.state == client.state == "closed"
    assert client.close() == []


@pytest.mark.parametrize("role", ["client", "server"])
def test_nobody_has_us_shake_hands_again(monkeypatch: pytest.MonkeyPatch, role: Literal["client", "server"]) -> None:
    monkeypatch.setattr(SSL, "OP_NO_RENEGOTIATION", 0)
    willing = Identity()
    ours = Association(OURS, role, (willing.fingerprint,))
    theirs = Association(willing, "client" if role == "server" else "server", (OURS.fingerprint,))
    talk(*((ours, theirs) if role == "server" else (theirs, ours)))
    theirs._ssl.renegotiate()
    with suppress(SSL.WantReadError):
        theirs._ssl.do_handshake()
    answers = [each for datagram in theirs._out() for each in ours.receive(datagram, NOW)]
    assert 0 < sum(map(len, answers)) < 50  # an alert: it would rather not (RFC 5246 section 7.2.2)
    assert ours.keys is not None


def test_no_handshake_takes_more_than_its_share() -> None:
    server, _ = pair()
    for _ in range(100):
        server.receive(b"\x16" + bytes(999), NOW)
    assert server.state == "failed"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_spoiled_datagrams_end_nothing(data: st.DataObject) -> None:
    server, client = pair()
    hello = client.start(NOW)
    for _ in range(5):
        spoiled = bytearray(data.draw(st.sampled_from(hello)))
        for at, value in data.draw(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 255)), min_size=1)):
            spoiled[at % len(spoiled)] = value
        server.receive(bytes(spoiled[: data.draw(st.integers(0, len(spoiled)))]), NOW)
    assert server.keys is None


def test_the_next_one_is_made_after_ten_thousand_spoiled_ones() -> None:
    rng = random.Random(7)
    hello = pair()[1].start(NOW)[0]
    server, _ = pair()
    for _ in range(10_000):
        if server.over:
            server, _ = pair()
        spoiled = bytearray(hello)
        for _ in range(rng.randint(1, 8)):
            spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
        server.receive(bytes(spoiled[: rng.randint(1, len(spoiled))]), NOW)
        assert server.keys is None
    server, client = pair()
    talk(server, client)
    assert server.state == "connected"
