"""DTLS-SRTP without ICE (RFC 5763): what is offered so, how it is answered, and who stays in which role."""

from typing import Any, NamedTuple

import pytest

from softphone import sdp
from softphone.errors import NoCommonCodec
from softphone.sdp import Dtls, MediaSession

PRINT = "sha-256 " + ":".join(f"{number:02X}" for number in range(32))
THEIRS = "SHA-256 " + ":".join(f"{number:02X}" for number in range(0x40, 0x60))
BARESIP = f"""v=0
o=- 2727599172 1582802142 IN IP4 192.0.2.1
s=-
c=IN IP4 192.0.2.1
t=0 0
a=tool:baresip 1.0.0
a=setup:actpass
a=fingerprint:{THEIRS}
m=audio 29854 UDP/TLS/RTP/SAVPF 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=sendrecv
a=rtcp-rsize
a=ssrc:1495584329 cname:sip:b@127.0.0.1
a=ptime:20
""".replace("\n", "\r\n")


class Here(NamedTuple):
    host: str = "192.0.2.5"
    port: int = 4000
    rtcp_port: int = 4001
    others: tuple[str, ...] = ()


def session(**more: Any) -> MediaSession:
    return MediaSession(("PCMU",), **{"fingerprint": PRINT, "certificate": PRINT, **more})


def agreed(ours: MediaSession, offer: str) -> tuple[Dtls, str]:
    agreement = ours.read_offer(sdp.parse(offer))
    ours.commit(agreement)
    assert isinstance(agreement.remote, Dtls)
    return agreement.remote, ours.write_answer(sdp.parse(offer), Here())


@pytest.mark.parametrize("mux", [False, True])
@pytest.mark.parametrize(("said", "ours", "answered"), [
    ("actpass", "server", "passive"), ("active", "server", "passive"), ("passive", "client", "active"),
])  # fmt: skip
def test_a_telephone_is_answered_in_its_protocol_with_who_we_are(
    said: str, ours: str, answered: str, mux: bool
) -> None:
    offer = BARESIP.replace("setup:actpass", f"setup:{said}") + "a=rtcp-mux\r\n" * mux
    there, answer = agreed(session(), offer)
    assert (there.host, there.port, there.rtcp_mux, there.dtls) == ("192.0.2.1", 29854, mux, ours)
    lines = answer.splitlines()
    assert "m=audio 4000 UDP/TLS/RTP/SAVPF 0 101" in lines
    assert {f"a=fingerprint:{PRINT}", f"a=setup:{answered}"} <= set(lines) and ("a=rtcp-mux" in lines) is mux
    assert not any(line.startswith(("a=ice", "a=candidate", "a=group", "a=crypto")) for line in lines)


@pytest.mark.parametrize("protocol", ["UDP/TLS/RTP/SAVP", "RTP/SAVP", "RTP/SAVPF"])
def test_other_protocols_are_taken_with_a_certificate(protocol: str) -> None:
    _, answer = agreed(session(), BARESIP.replace("UDP/TLS/RTP/SAVPF", protocol))
    assert f"m=audio 4000 {protocol} 0 101" in answer.splitlines()


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        (f"a=fingerprint:{THEIRS}\r\n", "", "fingerprint"),
        ("SHA-256", "sha-1", "fingerprint"),
        ("setup:actpass", "setup:holdconn", "setup"),
        ("c=IN IP4 192.0.2.1", "c=IN IP4 phone.example", "c= has"),
    ],
)
def test_what_cannot_be_spoken_is_refused_with_its_reason(before: str, after: str, word: str) -> None:
    assert before in BARESIP
    with pytest.raises(NoCommonCodec, match=word):
        session().read_offer(sdp.parse(BARESIP.replace(before, after)))


@pytest.mark.parametrize(("fingerprint", "word"), [(PRINT, "with ICE only"), ("", "not spoken")])
def test_who_makes_no_keys_says_so(fingerprint: str, word: str) -> None:
    with pytest.raises(NoCommonCodec, match=f"DTLS is .*{word}"):
        session(fingerprint=fingerprint, certificate="").read_offer(sdp.parse(BARESIP))


def test_encryption_that_is_required_is_there() -> None:
    agreed(session(encryption="required"), BARESIP)


def test_an_offer_of_ours_leaves_the_roles_open_and_they_stay_where_that_is_answered_so() -> None:
    ours = session()
    agreed(ours, BARESIP)
    offer = ours.write_offer(Here())
    assert {f"a=fingerprint:{PRINT}", "a=setup:actpass", "m=audio 4000 UDP/TLS/RTP/SAVPF 0 101"} <= set(
        offer.split("\r\n")
    )
    for setup in ("actpass", "active"):
        remote = ours.read_answer(sdp.parse(BARESIP.replace("actpass", setup))).remote
        assert isinstance(remote, Dtls) and remote.dtls == "server"
    other = BARESIP.replace("40:41", "FF:41")
    with pytest.raises(NoCommonCodec):
        ours.read_answer(sdp.parse(other))  # who is another one has to say which side it is on


@pytest.mark.parametrize("after", ["RTP/AVP", "RTP/SAVP"])
def test_what_was_encrypted_is_not_answered_in_clear(after: str) -> None:
    ours = session()
    agreed(ours, BARESIP)
    ours.write_offer(Here())
    answer = BARESIP.replace("UDP/TLS/RTP/SAVPF", after).replace("a=fingerprint", "a=x").replace("a=setup", "a=y")
    with pytest.raises(NoCommonCodec):
        ours.read_answer(sdp.parse(answer))


def test_hold_of_the_old_way_keeps_the_address() -> None:
    ours = session()
    agreed(ours, BARESIP)
    there, _ = agreed(ours, BARESIP.replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0"))
    assert ours.agreement.held and there.host == "192.0.2.1"


def test_who_would_have_ice_and_a_port_for_reports_goes_on_without_ice() -> None:
    asking = (
        BARESIP
        + "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=candidate:1 1 udp 1 192.0.2.1 29854 typ host\r\n"
    )
    there, answer = agreed(session(), asking)
    assert not there.rtcp_mux and "a=ice" not in answer and "a=candidate" not in answer
    both = session()
    agreement = both.read_offer(sdp.parse(asking + "a=rtcp-mux\r\n"))
    assert isinstance(agreement.remote, sdp.IceDtls)
    with pytest.raises(NoCommonCodec, match="rtcp-mux"):
        session().read_offer(sdp.parse(asking.replace("c=IN IP4 192.0.2.1", "c=IN IP4 0.0.0.0")))
