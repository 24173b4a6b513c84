"""Packets opened and sealed: against libsrtp's own interface, and against RFC 3711 by another hand."""

import random
import secrets
import struct

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Policy, Session

from softphone.errors import MediaError
from softphone.media.contract.leg import LegSpec
from softphone.media.contract.security import Srtp
from softphone.media.rtp import libsrtp
from softphone.media.rtp.vault import SOURCES, Vault, check
from softphone.srtp import SRTP_PROFILES
from tests.media.srtp import Secrets

POLICIES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
REPORT = struct.pack(">BBHIBBHI", 0x80, 201, 1, 7, 0x81, 202, 2, 7) + b"\1\1a\0"
profiles = pytest.mark.parametrize("profile", SRTP_PROFILES)


def keys(profile: str) -> Srtp:
    size = SRTP_PROFILES[profile]
    return Srtp(profile, secrets.token_bytes(size), secrets.token_bytes(size))


def back(srtp: Srtp) -> Srtp:
    """What the other side has."""
    return Srtp(srtp.profile, srtp.receive, srtp.send)


def vault(srtp: Srtp, row: int = 0) -> Vault:
    made = Vault(4)
    assert made.put(row, srtp)
    return made


def packet(seq: int, payload: bytes = b"sound", ssrc: int = 7, *, csrcs: int = 0, words: int = -1) -> bytes:
    """RTP, with contributing sources and an extension of so many words."""
    head = struct.pack(">BBHII", 0x80 | csrcs | 0x10 * (words >= 0), 0, seq & 0xFFFF, 160 * seq & 0xFFFFFFFF, ssrc)
    more = struct.pack(">HH", 0xBEDE, words) + bytes(4 * words) if words >= 0 else b""
    return head + bytes(4 * csrcs) + more + payload


@pytest.mark.parametrize("profile", POLICIES)
def test_libsrtps_own_interface_opens_what_is_sealed_and_seals_what_is_opened(profile: str) -> None:
    srtp = keys(profile)
    ours = vault(srtp)
    theirs_in = Session(Policy(srtp.send, Policy.SSRC_ANY_INBOUND, 0, POLICIES[profile]))
    theirs_out = Session(Policy(srtp.receive, Policy.SSRC_ANY_OUTBOUND, 0, POLICIES[profile]))
    for seq in (*range(65_500, 65_536), *range(40)):
        plain = packet(seq, secrets.token_bytes(16 + seq % 300), csrcs=seq % 3, words=seq % 4 - 1)
        sealed = ours.seal(0, plain)
        assert sealed is not None and plain not in sealed and theirs_in.unprotect(sealed) == plain
        assert ours.open(0, theirs_out.protect(plain)) == plain
    for _ in range(3):
        sealed = ours.seal(0, REPORT, report=True)
        assert sealed is not None and theirs_in.unprotect_rtcp(sealed) == REPORT
        assert ours.open(0, theirs_out.protect_rtcp(REPORT), report=True) == REPORT
    assert ours.refused(0) == 0


@profiles
@settings(max_examples=30, deadline=None)
@given(
    payloads=st.lists(st.binary(max_size=1400), min_size=1, max_size=8),
    first=st.integers(0, 0xFFFF),
    ssrc=st.integers(0, 0xFFFFFFFF),
    csrcs=st.integers(0, 15),
    words=st.integers(-1, 9),
)
def test_any_packets_are_the_same_by_another_hand(
    profile: str, payloads: list[bytes], first: int, ssrc: int, csrcs: int, words: int
) -> None:
    srtp = keys(profile)
    ours, sealing, opening = vault(srtp), Secrets(profile, srtp.receive), Secrets(profile, srtp.send)
    for seq, payload in enumerate(payloads, first):
        plain = packet(seq, payload, ssrc, csrcs=csrcs, words=words)
        sealed = ours.seal(0, plain)
        assert sealed is not None and opening.open(sealed) == plain
        assert ours.open(0, sealing.seal(plain)) == plain
        report = struct.pack(">BBHI", 0x80, 201, 1, ssrc) + payload[: len(payload) // 4 * 4]
        assert ours.open(0, sealing.seal_report(report), report=True) == report
        sealed = ours.seal(0, report, report=True)
        assert sealed is not None and opening.open_report(sealed) == report


def test_the_other_hand_does_as_rfc_3711_shows() -> None:
    """Appendix B.3."""
    master = bytes.fromhex("E1F97A0D3E018BE0D64FA32C06DE4139" + "0EC675AD498AFEEBB6960B3AABE6")
    made = Secrets("AES_CM_128_HMAC_SHA1_80", master).media
    assert made.key.hex() == "c61e7a93744f39ee10734afe3ff7a087"
    assert made.salt.hex() == "30cbbc08863d8c85d49db34a9ae1"
    assert made.auth.hex() == "cebe321f6ff7716b6fd4ab49af256a156d38baa4"


def test_the_other_hand_does_as_rfc_6188_shows() -> None:
    """Section 7.3 (key derivation with 256 bits)."""
    master = bytes.fromhex(
        "f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6" + "3b04803de51ee7c96423ab5b78d2"
    )
    made = Secrets("AES_256_CM_HMAC_SHA1_80", master).media
    assert made.key.hex() == "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"
    assert made.salt.hex() == "fa31791685ca444a9e07c6c64e93"
    assert made.auth.hex() == "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"


@profiles
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_packets_in_any_order_are_heard_once_over_the_end_of_numbers(profile: str, seed: int) -> None:
    srtp, rng = keys(profile), random.Random(seed)
    ours, sealing = vault(srtp), Secrets(profile, srtp.receive)
    plain = [packet(seq, b"%d" % seq) for seq in range(65_500, 65_700)]
    came = [sealing.seal(each) for each in plain]
    order = sorted(range(len(came)), key=lambda k: k + rng.uniform(0, 60) * (k > 0))
    assert [ours.open(0, came[k]) for k in order] == [plain[k] for k in order]
    assert ours.refused(0) == 0 and ours.news() == []
    again = rng.sample(order[-100:], 20)
    assert [ours.open(0, came[k]) for k in again] == [None] * 20
    assert ours.refused(0) == 20 and ours.news() == [(0, "replay")] and ours.news() == []


@profiles
def test_what_another_key_has_sealed_or_none_is_refused(profile: str) -> None:
    srtp = keys(profile)
    ours, sealing = vault(srtp), Secrets(profile, srtp.receive)
    assert ours.open(0, sealing.seal(packet(0))) == packet(0)
    for came in (Secrets(profile, keys(profile).receive).seal(packet(1)), packet(1), packet(1, b"")):
        assert ours.open(0, came) is None
    for came in (Secrets(profile, keys(profile).receive).seal_report(REPORT), REPORT, b"", bytes(2000)):
        assert ours.open(0, came, report=True) is None
    assert ours.refused(0) == 7 and ours.news() == [(0, "key")]
    assert ours.open(0, sealing.seal(packet(1))) == packet(1)
    assert ours.open(0, sealing.seal_report(REPORT), report=True) == REPORT


@profiles
def test_any_spoilt_bit_is_noticed(profile: str) -> None:
    srtp = keys(profile)
    ours, whole = vault(srtp), Secrets(profile, srtp.receive).seal(packet(5))
    for bit in range(16, 8 * len(whole)):  # those before tell what it is
        spoilt = bytearray(whole)
        spoilt[bit // 8] ^= 1 << bit % 8
        assert ours.open(0, bytes(spoilt)) is None
    assert ours.open(0, whole) == packet(5)


def test_a_row_without_keys_is_as_it_was_and_one_that_waits_for_them_says_nothing() -> None:
    ours = Vault(4)
    assert (ours.seal(1, b"any"), ours.open(1, b"any"), len(ours)) == (b"any", b"any", 0)
    assert not ours.put(1, Srtp("AEAD_AES_128_GCM"))
    assert (ours.seal(1, packet(1)), ours.open(1, packet(1)), ours.refused(1), len(ours)) == (None, None, 0, 1)
    assert ours.put(1, keys("AEAD_AES_128_GCM"))
    ours.free(1)
    assert (ours.seal(1, b"any"), len(ours)) == (b"any", 0) and not ours.table[1].secret and not ours.table[1].inbound


def test_the_same_keys_again_keep_what_was_heard_and_others_do_not() -> None:
    srtp = keys("AES_CM_128_HMAC_SHA1_80")
    ours, sealing = vault(srtp), Secrets(srtp.profile, srtp.receive)
    for seq in (65_535, 0):
        assert ours.open(0, came := sealing.seal(packet(seq))) == packet(seq)
    assert not ours.put(0, Srtp(srtp.profile, srtp.send, srtp.receive))
    assert ours.open(0, came) is None
    assert ours.open(0, sealing.seal(packet(1))) == packet(1)  # it has rolled over
    other = keys(srtp.profile)
    assert not ours.put(0, Srtp(srtp.profile, srtp.send, other.receive))  # what is sent goes on
    assert ours.open(0, sealing.seal(packet(2))) is None
    assert ours.open(0, Secrets(srtp.profile, other.receive).seal(packet(2))) == packet(2)
    assert ours.put(0, other)


def test_sources_come_and_go_and_few_are_remembered() -> None:
    """Who has the keys may take sources without end: each is heard, and the first are forgotten."""
    srtp = keys("AEAD_AES_128_GCM")
    ours, sealing = vault(srtp), Secrets(srtp.profile, srtp.receive)
    came = [sealing.seal(packet(9, ssrc=ssrc)) for ssrc in range(1, 100)]
    assert all(ours.open(0, each) for each in came)
    assert not any(ours.open(0, each) for each in came[-SOURCES:])
    assert ours.open(0, came[0]) is not None


def test_keys_are_told_to_nobody() -> None:
    srtp = keys("AEAD_AES_256_GCM")
    told = repr(LegSpec(srtp=srtp)) + str(srtp) + f"{srtp}"
    assert "keyed" in told and "no keys" in repr(Srtp("AEAD_AES_256_GCM"))
    assert not any(part in told for key in (srtp.send, srtp.receive) for part in (key.hex(), repr(key)[2:-1]))


@pytest.mark.parametrize(
    "srtp",
    [
        Srtp("NULL", b"1", b"1"),
        Srtp(""),
        Srtp("AEAD_AES_128_GCM", bytes(28), bytes(27)),
        Srtp("AEAD_AES_128_GCM", bytes(30)),
    ],
)
def test_keys_that_cannot_be_are_refused(srtp: Srtp) -> None:
    with pytest.raises(MediaError):
        check(srtp)


@profiles
def test_reports_may_have_keys_of_their_own(profile: str) -> None:
    media, reports = keys(profile), keys(profile)
    ours = vault(msgspec.structs.replace(media, reports=Srtp(profile)))
    assert ours.seal(0, REPORT, report=True) is None  # they are still to come
    assert not ours.put(0, msgspec.structs.replace(media, reports=reports))  # sound goes on
    theirs = vault(back(media)), vault(back(reports))
    sealed = ours.seal(0, REPORT, report=True)
    assert sealed is not None and theirs[0].open(0, sealed, report=True) is None
    assert theirs[1].open(0, sealed, report=True) == REPORT
    for ssrc in range(1, 20):  # more sources than are remembered
        sound = theirs[0].seal(0, packet(ssrc, ssrc=ssrc))
        assert sound is not None and ours.open(0, sound) == packet(ssrc, ssrc=ssrc)
    answer = theirs[1].seal(0, REPORT, report=True)
    assert answer is not None and ours.open(0, answer, report=True) == REPORT
    assert ours.refused(0) == 0


@profiles
@pytest.mark.parametrize("source", [7, 0])
def test_a_source_is_numbered_on_by_another_vault_and_nothing_is_heard_twice(profile: str, source: int) -> None:
    """Two sources have begun their numbers anew, one will while its leg is on the way; a third has sent reports."""
    srtp = keys(profile)
    theirs, here, there = Secrets(profile, srtp.receive), vault(srtp), Vault(4)
    sent = [
        theirs.seal(packet(seq, ssrc=ssrc))
        for ssrc, first in ((source, 0), (2**31 + 9, 20_000))
        for seq in steps(first)
    ]
    for each in (*sent, theirs.seal_report(REPORT.replace(b"\0\0\0\7", b"\0\0\0\x11"))):
        assert here.open(0, each, report=each[1] >= 192) is not None
    handed = here.keys(0)
    assert handed is not None and {ssrc for ssrc, _ in handed.heard} == {source, 2**31 + 9}
    assert all(index >> 16 == 3 for _, index in handed.heard)
    there.put(0, msgspec.msgpack.decode(msgspec.msgpack.encode(handed), type=Srtp))
    assert not any(there.open(0, each) for each in sent)
    assert there.refused(0) == len(sent) and there.news() == [(0, "replay")]
    for ssrc, last in handed.heard:
        for seq in (last + 20_000, last + 20_001, last + 20_000 + 30_000):
            plain = packet(seq, ssrc=ssrc)
            assert there.open(0, theirs.seal(plain)) == plain
    there.put(0, srtp)  # as signalling has them, which knows nothing of what was heard
    assert there.open(0, theirs.seal(packet(60_000, ssrc=8))) is not None
    assert not any(there.open(0, each) for each in sent[-200:])


def steps(first: int) -> list[int]:
    """Numbers that begin anew three times, and a late one at the end."""
    leaps = [first + 30_000 * k for k in range(7 + (first == 0))]
    return [*leaps, leaps[-1] + 2, leaps[-1] + 1]


@profiles
@pytest.mark.parametrize("size", [1, 4, 128])
def test_a_name_of_the_key_is_taken_out_of_what_comes(profile: str, size: int) -> None:
    """Before the tag, or behind it where the tag is a part of what is encrypted (RFC 3711 section 3.1, RFC 7714)."""
    srtp = msgspec.structs.replace(keys(profile), mki=size)
    theirs, ours = Secrets(profile, srtp.receive), vault(srtp)

    def named(sealed: bytes, tag: int) -> bytes:
        end = len(sealed) - (tag if "HMAC" in profile else 0)
        return sealed[:end] + bytes(range(size)) + sealed[end:]

    short = 4 if profile.endswith("_32") else 10
    for seq in (1, 2):
        came = named(theirs.seal(packet(seq)), short)
        assert ours.open(0, came) == packet(seq)
        assert ours.open(0, came) is None  # again
        assert ours.open(0, named(theirs.seal_report(REPORT), 10), report=True) == REPORT
    for length in range(len(named(theirs.seal(packet(3)), short))):
        assert ours.open(0, came[:length]) is None
    assert Secrets(profile, srtp.send).open(ours.seal(0, packet(9)) or b"") == packet(9)


@profiles
def test_what_another_vault_has_heard_says_nothing_of_other_keys(profile: str) -> None:
    srtp, other = keys(profile), keys(profile)
    theirs, here = Secrets(profile, srtp.receive), vault(srtp)
    for seq in steps(0):
        assert here.open(0, theirs.seal(packet(seq))) is not None
    handed = here.keys(0)
    assert handed is not None
    there = vault(handed)
    there.put(0, other)
    assert there.open(0, Secrets(profile, other.receive).seal(packet(5))) == packet(5)
    assert here.keys(1) is None


def test_a_library_that_has_not_all_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libsrtp, "FUNCTIONS", {**libsrtp.FUNCTIONS, "srtp_is_not_there": ("srtp_t",)})
    with pytest.raises(MediaError, match="srtp_is_not_there"):
        libsrtp.load.__wrapped__()
