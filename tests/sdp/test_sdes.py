"""Keys in descriptions (RFC 4568): which lines can be used, what is answered, and what stays over further offers."""

import base64
import re
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone import sdp
from softphone.calls.spec import leg_spec
from softphone.errors import NoCommonCodec
from softphone.media.contract.security import Srtp
from softphone.sdp.sdes import Crypto
from softphone.srtp import SRTP_PROFILES, Encryption

CM = "AES_CM_128_HMAC_SHA1_80"
GCM = "AEAD_AES_128_GCM"


class Here(NamedTuple):
    host: str = "192.0.2.1"
    port: int = 4000
    rtcp_port: int = 4001
    others: tuple[str, ...] = ()


def inline(fill: int, size: int = 30, pad: bool = True) -> str:
    text = base64.b64encode(bytes([fill]) * size).decode()
    return text if pad else text.rstrip("=")


def offer(*lines: str, protocol: str = "RTP/SAVP", host: str = "192.0.2.9", direction: str = "sendrecv") -> str:
    """An offer with these values of a=crypto."""
    crypto = "".join(f"a=crypto:{line}\r\n" for line in lines)
    return (
        f"v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 5000 {protocol} 0 101\r\n"
        f"a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na={direction}\r\n{crypto}"
    )


def answered(session: sdp.MediaSession, text: str) -> str:
    read = sdp.parse(text)
    session.commit(session.read_offer(read))
    return session.write_answer(read, Here())


def crypto(text: str) -> list[str]:
    return re.findall(r"^a=crypto:(.*)\r$", text, re.M)


def srtp(session: sdp.MediaSession) -> Srtp | None:
    return leg_spec(session.agreement, None, 30.0).srtp


def test_ringcentrals_softphone_is_answered_as_it_reads() -> None:
    """One line, 40 characters of base64, the same number, its spelling of the codec, and events as 101."""
    text = (
        offer(f"1 {CM} inline:{inline(7)}").replace("0 101\r\n", "109 101\r\n").replace("0 PCMU/8000", "109 OPUS/16000")
    )
    session = sdp.MediaSession(("OPUS/16000", "PCMU"))
    said = answered(session, text)
    (line,) = crypto(said)
    assert re.fullmatch(rf"1 {CM} inline:[\w+/]{{40}}", line) and said.endswith("\r\n")
    assert "RTP/SAVP 109 101\r\n" in said and "a=rtpmap:109 OPUS/16000\r\n" in said
    keys = srtp(session)
    assert keys is not None and keys.receive == bytes([7]) * 30 and len(keys.send) == 30 and keys.send != keys.receive


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/SAVPF", "rtp/savp", "RTP/AVP", "RTP/AVPF"])
def test_the_answer_is_over_the_same_protocol_as_the_offer(protocol: str) -> None:
    session = sdp.MediaSession()
    said = answered(session, offer(f"5 {CM} inline:{inline(1)}", protocol=protocol))
    assert f"m=audio 4000 {protocol} 0 101" in said and [each.split()[:2] for each in crypto(said)] == [["5", CM]]


@pytest.mark.parametrize(
    ("lines", "chosen"),
    [
        ([f"1 {GCM} inline:{inline(1, 28)}", f"2 {CM} inline:{inline(2)}"], (1, GCM)),
        ([f"2 {CM} inline:{inline(2)}", f"1 {GCM} inline:{inline(1, 28)}"], (2, CM)),  # the peer's order
        ([f"1 F8_128_HMAC_SHA1_80 inline:{inline(1)}", f"9 {CM} inline:{inline(2)}"], (9, CM)),
        ([f"1 {CM} inline:{inline(1)}|2^20|1:4", f"2 {CM}_NOT inline:x", f"3 {CM} inline:{inline(2)}|2^31"], (3, CM)),
        ([f"1 {CM} inline:{inline(1)}|1:4", f"2 {CM} inline:{inline(2)}|1048576"], (2, CM)),
        ([f"1 {CM} inline:{inline(1)} UNENCRYPTED_SRTP", f"2 {CM} inline:{inline(2)} WSH=64 -x=1"], (2, CM)),
        ([f"1 {CM} inline:{inline(1)} KDR=1", f"2 {CM} inline:{inline(2)} KDR=0"], (2, CM)),
        ([f"1 {CM} inline:{inline(1)};inline:{inline(2)}", f"2 {CM} inline:{inline(2)}"], (2, CM)),
        ([f"1 {CM} inline:{inline(1, 29)}", f"2 {CM} inline:{inline(2, 46)}", f"3 {CM} inline:{inline(2)}"], (3, CM)),
        ([f"1  {CM.lower()}   INLINE:{inline(1)}"], (1, CM)),
        ([f"1 AES_CM_256_HMAC_SHA1_80 inline:{inline(1, 46)}"], (1, "AES_256_CM_HMAC_SHA1_80")),
        ([f"1 AEAD_AES_256_GCM inline:{inline(1, 44, pad=False)}"], (1, "AEAD_AES_256_GCM")),
    ],
)
def test_the_first_line_that_can_be_used_counts(lines: list[str], chosen: tuple[int, str]) -> None:
    session = sdp.MediaSession()
    (line,) = crypto(answered(session, offer(*lines)))
    keys = srtp(session)
    assert keys is not None and (int(line.split()[0]), keys.profile) == chosen
    wanted = next(each for each in lines if each.split()[0] == line.split()[0])
    assert line.split()[1] == wanted.split()[1]  # as the peer spells it


@pytest.mark.parametrize(("said", "size"), [("|2^20|1:4", 4), ("|1:1", 1), ("|2^31|66051:128", 128), ("", 0)])
def test_a_key_may_have_a_name_and_ours_has_none(said: str, size: int) -> None:
    """Which each packet of the peer has then (MKI); of Lync, Polycom and others."""
    session = sdp.MediaSession()
    (line,) = crypto(answered(session, offer(f"1 {CM} inline:{inline(1)}{said}")))
    keys = srtp(session)
    assert "|" not in line and keys is not None and (keys.mki, keys.receive) == (size, bytes([1]) * 30)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["1"],
        [f"1 {CM}"],
        [f"x {CM} inline:{inline(1)}"],
        [f"1 {CM} inline:!!!!"],
        [f"1 {CM} inline:{inline(1)}|2^20|1:0"],
        [f"1 {CM} inline:{inline(1)}|2^20|1:129"],
        [f"1 {CM} inline:{inline(1)}|2^20|:4"],
        [f"1 {CM} inline:{inline(1)}|1:4|2^20"],
        [f"1 {CM} inline:{inline(1)} FEC_ORDER=FEC_SRTP"],
        [f"1 {CM} uri:https://example.test/key"],
    ],
)
def test_a_stream_that_must_be_encrypted_and_cannot_is_refused_and_one_that_may_is_plain(lines: list[str]) -> None:
    with pytest.raises(NoCommonCodec, match="RTP/SAVP") as refused:
        sdp.MediaSession().read_offer(sdp.parse(offer(*lines)))
    assert not any(inline(each)[:12] in str(refused.value) for each in range(3))
    session = sdp.MediaSession()
    assert crypto(answered(session, offer(*lines, protocol="RTP/AVP"))) == [] and srtp(session) is None


@pytest.mark.parametrize(
    ("encryption", "protocol", "lines", "outcome"),
    [
        ("off", "RTP/SAVP", 1, "media is not encrypted here"),
        ("off", "RTP/AVP", 1, "plain"),
        ("off", "RTP/AVP", 0, "plain"),
        ("optional", "RTP/SAVP", 1, "encrypted"),
        ("optional", "RTP/AVP", 1, "encrypted"),
        ("optional", "RTP/AVP", 0, "plain"),
        ("required", "RTP/SAVP", 1, "encrypted"),
        ("required", "RTP/AVP", 1, "encrypted"),
        ("required", "RTP/AVP", 0, "encryption is required"),
        ("required", "RTP/SAVP", 0, "no a=crypto line has keys"),
    ],
)
def test_whether_media_may_or_must_be_encrypted(
    encryption: Encryption, protocol: str, lines: int, outcome: str
) -> None:
    session = sdp.MediaSession(encryption=encryption)
    text = offer(*[f"1 {CM} inline:{inline(3)}"] * lines, protocol=protocol)
    if outcome in ("plain", "encrypted"):
        answered(session, text)
        assert (srtp(session) is not None) == (outcome == "encrypted")
    else:
        with pytest.raises(NoCommonCodec, match=outcome):
            session.read_offer(sdp.parse(text))


def test_our_key_stays_over_holds_and_goes_with_the_peers() -> None:
    session = sdp.MediaSession()
    mine = offer(f"1 {CM} inline:{inline(1)}")
    first = crypto(answered(session, mine))
    for again in (
        mine,
        mine.replace("sendrecv", "sendonly"),
        offer(f"4 {CM} inline:{inline(1)}", host="0.0.0.0"),
        mine,
    ):
        (line,) = crypto(answered(session, again))
        assert line.split()[2] == first[0].split()[2]
    spec = leg_spec(session.agreement, None, 30.0)
    assert spec.remote is not None and spec.remote.host == "192.0.2.9"
    other = crypto(answered(session, offer(f"1 {CM} inline:{inline(2)}")))
    assert other != first and srtp(session) is not None
    answered(session, offer(protocol="RTP/AVP"))
    assert srtp(session) is None


def test_a_stream_that_is_switched_off_and_on_keeps_its_keys() -> None:
    session, mine = sdp.MediaSession(), offer(f"1 {CM} inline:{inline(1)}")
    first = crypto(answered(session, mine))
    before = srtp(session)
    assert crypto(answered(session, mine.replace("audio 5000", "audio 0"))) == [] and srtp(session) == before
    assert crypto(answered(session, mine)) == first


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/AVP"])
def test_our_own_offer_within_a_call_goes_on_with_what_is_agreed(protocol: str) -> None:
    session = sdp.MediaSession()
    (said,) = crypto(answered(session, offer(f"1 {GCM} inline:{inline(1, 28)}", protocol=protocol)))
    ours = session.write_offer(Here(), "sendonly")
    again = session.write_offer(Here(), "sendonly")
    assert ours == again and f" {protocol} " in ours and crypto(ours)[0].split()[1:] == said.split()[1:]
    tag = crypto(ours)[0].split()[0]
    reply = offer(f"{tag} {GCM} inline:{inline(1, 28)}", protocol=protocol, direction="recvonly")
    before = srtp(session)
    session.commit(session.read_answer(sdp.parse(reply)))
    assert srtp(session) == before


def test_an_offer_that_must_be_encrypted_has_all_ways_and_both_sides_agree() -> None:
    caller, callee = sdp.MediaSession(encryption="required"), sdp.MediaSession()
    text = caller.write_offer(Here())
    assert "RTP/SAVP " in text and {line.split()[1] for line in crypto(text)} == set(SRTP_PROFILES)
    assert (
        len({line.split()[2] for line in crypto(text)})
        == len(SRTP_PROFILES)
        == len({line.split()[0] for line in crypto(text)})
    )
    reply = answered(callee, text)
    caller.commit(caller.read_answer(sdp.parse(reply)))
    one, two = srtp(caller), srtp(callee)
    assert one is not None and two is not None and one.profile == GCM
    assert (one.send, one.receive) == (two.receive, two.send)


@pytest.mark.parametrize(
    ("lines", "protocol", "taken"),
    [
        ([f"1 {CM} inline:{inline(4)}"], "RTP/SAVP", True),
        ([f"77 {CM} inline:{inline(4)}"], "RTP/SAVP", True),  # the suite alone tells which
        ([], "RTP/SAVP", False),
        ([], "RTP/AVP", False),
        (["1 F8_128_HMAC_SHA1_80 inline:x"], "RTP/SAVP", False),
    ],
)
def test_answers_to_an_offer_that_must_be_encrypted(lines: list[str], protocol: str, taken: bool) -> None:
    session = sdp.MediaSession(encryption="required")
    session.write_offer(Here())
    reply = sdp.parse(offer(*lines, protocol=protocol))
    if taken:
        session.commit(session.read_answer(reply))
        assert srtp(session) is not None
    else:
        with pytest.raises(NoCommonCodec):
            session.read_answer(reply)


def hopes(encryption: Encryption = "optional") -> tuple[sdp.MediaSession, str]:
    """A session that offers keys to who may do without them, and its first offer."""
    session = sdp.MediaSession(encryption=encryption)
    session.hopeful = True
    return session, session.write_offer(Here())


def test_keys_that_may_be_left_alone_are_offered_beside_plain_rtp() -> None:
    session, said = hopes()
    assert "m=audio 4000 RTP/AVP 0 " in said and len(crypto(said)) == len(SRTP_PROFILES)
    line = next(each for each in crypto(said) if CM in each)
    tag, key = line.split()[0], line.partition("inline:")[2]
    for protocol in ("RTP/AVP", "RTP/SAVP"):  # RingCentral's softphone says the latter
        answer = offer(f"{tag} {CM} inline:{inline(9)}", protocol=protocol)
        agreed = session.read_answer(sdp.parse(answer))
        spoken = leg_spec(agreed, None, 30.0).srtp
        assert spoken is not None and base64.b64encode(spoken.send).decode() == key
    plain = session.read_answer(sdp.parse(offer(protocol="RTP/AVP")))
    assert leg_spec(plain, None, 30.0).srtp is None
    assert not crypto(hopes(encryption="off")[1]) and "RTP/SAVP " in hopes(encryption="required")[1]


def test_a_call_that_hoped_for_keys_does_not_give_them_up() -> None:
    session, _ = hopes()
    session.commit(session.read_answer(sdp.parse(offer(f"1 {CM} inline:{inline(9)}", protocol="RTP/AVP"))))
    session.close_offer()
    assert crypto(session.write_offer(Here()))
    with pytest.raises(NoCommonCodec):
        session.read_answer(sdp.parse(offer(protocol="RTP/AVP")))


def test_an_answer_cannot_encrypt_what_was_offered_plain() -> None:
    for protocol, fits in (("RTP/AVP", True), ("RTP/SAVP", False)):
        session = sdp.MediaSession()
        assert crypto(session.write_offer(Here())) == []
        reply = sdp.parse(offer(f"1 {CM} inline:{inline(4)}", protocol=protocol))
        if fits:
            session.commit(session.read_answer(reply))
            assert srtp(session) is None
        else:
            with pytest.raises(NoCommonCodec):
                session.read_answer(reply)


def test_forks_have_keys_of_their_own() -> None:
    """Two telephones answer one offer: each with its own key, ours is that of the suite that each has chosen."""
    session = sdp.MediaSession(encryption="required")
    offered = {line.split()[1]: line.split()[2] for line in crypto(session.write_offer(Here()))}
    for fill, suite, size in ((1, CM, 30), (2, GCM, 28), (3, CM, 30)):
        session.commit(session.read_answer(sdp.parse(offer(f"1 {suite} inline:{inline(fill, size)}"))))
        keys = srtp(session)
        assert keys is not None and keys.receive == bytes([fill]) * size
        assert f"inline:{base64.b64encode(keys.send).decode()}" == offered[suite]


@given(st.integers(0, 10**9 - 1), st.sampled_from(sorted(SRTP_PROFILES)), st.data(), st.booleans())
def test_lines_are_read_as_they_are_written(tag: int, suite: str, data: st.DataObject, pad: bool) -> None:
    key = data.draw(st.binary(min_size=SRTP_PROFILES[suite], max_size=SRTP_PROFILES[suite]))
    written = str(Crypto(tag, suite, key))
    assert Crypto.parse(written if pad else written.rstrip("=")) == Crypto(tag, suite, key, suite)


@given(st.text(max_size=120))
def test_any_text_is_read_or_not(text: str) -> None:
    found = Crypto.parse(f"1 {CM} inline:{text}")
    assert found is None or len(found.key) == 30


def test_keys_are_not_shown() -> None:
    session = sdp.MediaSession()
    answered(session, offer(f"1 {CM} inline:{inline(65)}"))
    shown = repr(session.agreement) + repr(leg_spec(session.agreement, None, 30.0))
    assert "AAAA" not in shown and repr(session.agreement.key)[2:-1] not in shown
