"""Offer and answer of WebRTC: what browsers and web phones offer, and what they are answered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone import sdp
from softphone.errors import NoCommonCodec
from softphone.sdp.session import MediaSession
from tests.support.browsers import CHROME, FINGERPRINT, FIREFOX

OURS = "sha-256 " + ":".join(["0F"] * 32)


class Here:
    host, port, rtcp_port = "203.0.113.5", 20_000, 20_001
    others: tuple[str, ...] = ()


def answered(offer: str, session: MediaSession | None = None) -> sdp.SessionDescription:
    session = session or MediaSession(("OPUS", "PCMU"), OURS)
    read = sdp.parse(offer)
    session.commit(session.read_offer(read))
    return sdp.parse(session.write_answer(read, Here()))


def agreed(offer: str, session: MediaSession | None = None) -> sdp.IceDtls:
    session = session or MediaSession(("OPUS", "PCMU"), OURS)
    answered(offer, session)
    assert isinstance(session.agreement.remote, sdp.IceDtls)
    return session.agreement.remote


def test_a_browser_is_answered() -> None:
    answer = answered(CHROME)
    audio = answer.media[0]
    said = {name: value or "" for name, value in audio.attributes}
    assert ("ice-lite", None) in answer.attributes and ("group", "BUNDLE 0") in answer.attributes
    assert (audio.port, audio.protocol, audio.connection or answer.connection) == (
        20_000,
        "UDP/TLS/RTP/SAVPF",
        sdp.ConnectionData("203.0.113.5"),
    )
    assert (said["mid"], said["setup"], said["fingerprint"]) == ("0", "passive", OURS)
    assert "rtcp-mux" in said and "end-of-candidates" in said and "sendrecv" in said
    assert said["candidate"].split()[1:] == ["1", "udp", "2130706431", "203.0.113.5", "20000", "typ", "host"]
    assert len(said["ice-ufrag"]) >= 4 and len(said["ice-pwd"]) >= 22
    assert said["rtpmap"].startswith("111 opus/48000/2") or "111 opus/48000/2" in str(audio)
    assert "110 telephone-event/48000" in str(audio)


def test_what_a_browser_says_is_read() -> None:
    remote = agreed(CHROME)
    assert remote.ufrag == "tGE8" and remote.dtls == "server" and remote.bundled == "0"
    assert remote.fingerprints == (("sha-256", FINGERPRINT),)


def test_a_placeholder_for_an_address_is_no_hold() -> None:
    session = MediaSession(("OPUS", "PCMU"), OURS)
    answered(CHROME, session)
    assert not session.agreement.held and session.agreement.negotiated is not None
    assert session.agreement.negotiated.direction == "sendrecv"
    answered(CHROME.replace("a=sendrecv", "a=sendonly", 1), session)
    assert session.agreement.held


def test_video_and_data_are_refused_and_not_in_the_bundle() -> None:
    answer = answered(FIREFOX)
    assert [(media.kind, media.port > 0) for media in answer.media] == [
        ("audio", True),
        ("video", False),
        ("application", False),
    ]
    assert [media.attribute("mid") for media in answer.media] == ["0", "1", "2"]
    assert dict(answer.attributes)["group"] == "BUNDLE 0"


def test_a_stream_that_rides_in_a_bundle_needs_no_port_and_no_word_of_its_own() -> None:
    head, video = CHROME.split("m=audio", 1)[0], FIREFOX.split("m=video", 1)[1].split("m=application")[0]
    audio = "m=audio" + CHROME.split("m=audio", 1)[1].replace("m=audio 9 ", "m=audio 0 ", 1)
    bare = "\r\n".join(
        line
        for line in audio.replace(" 9 ", " 0 ", 1).split("\r\n")
        if not line.startswith(("a=ice-", "a=fingerprint", "a=setup"))
    )
    offer = (
        head.replace("BUNDLE 0", "BUNDLE 1 0")
        + "m=video"
        + video
        + f"a=ice-ufrag:vvvv\r\na=ice-pwd:{'v' * 24}\r\na=fingerprint:sha-256 {FINGERPRINT}\r\na=setup:actpass\r\n"
        + bare.rstrip("\r\n")
        + "\r\na=bundle-only\r\n"
    )
    assert agreed(offer).ufrag == "vvvv"
    answer = answered(offer)
    assert [media.port > 0 for media in answer.media] == [False, True]
    assert dict(answer.attributes)["group"] == "BUNDLE 0"


@pytest.mark.parametrize(("setup", "ours", "dtls"), [
    ("actpass", "passive", "server"), ("active", "passive", "server"), ("passive", "active", "client"),
])  # fmt: skip
def test_the_other_side_of_dtls_is_ours(setup: str, ours: str, dtls: str) -> None:
    offer = CHROME.replace("a=setup:actpass", f"a=setup:{setup}")
    assert dict(answered(offer).media[0].attributes)["setup"] == ours
    assert agreed(offer).dtls == dtls


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ("a=setup:actpass", "a=setup:holdconn", "setup"),
        ("a=rtcp-mux\r\n", "", "rtcp-mux"),
        ("a=ice-ufrag:tGE8\r\n", "", "ICE"),
        ("a=ice-pwd:", "a=ice-pwd:short\r\na=was:", "ICE"),
        ("a=ice-ufrag:tGE8", "a=ice-ufrag:t!E8", "ICE"),
        ("a=fingerprint:", "a=was:", "fingerprint"),
        ("sha-256", "sha-1", "fingerprint"),
        ("sha-256", "md5", "fingerprint"),
        (FINGERPRINT, FINGERPRINT[:-3], "fingerprint"),
        ("a=msid-semantic", "a=ice-lite\r\na=msid-semantic", "lite"),
    ],
)
def test_what_cannot_be_spoken_is_refused_with_its_reason(before: str, after: str, word: str) -> None:
    assert before in CHROME
    with pytest.raises(NoCommonCodec, match=word):
        answered(CHROME.replace(before, after))


def test_where_webrtc_is_not_spoken_it_is_refused() -> None:
    with pytest.raises(NoCommonCodec, match="SAVPF"):
        answered(CHROME, MediaSession(("OPUS", "PCMU")))


@pytest.mark.parametrize("protocol", ["UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"])
def test_the_answer_has_the_protocol_of_the_offer(protocol: str) -> None:
    offer = CHROME.replace("UDP/TLS/RTP/SAVPF", protocol)
    assert answered(offer).media[0].protocol == protocol


def test_fingerprints_of_the_session_are_those_of_its_streams() -> None:
    line = f"a=fingerprint:sha-256 {FINGERPRINT}\r\n"
    whole = CHROME.replace(line, "").replace("a=group:", line + "a=group:")
    other = f"a=fingerprint:SHA-512 {':'.join(['aB'] * 64)}\r\n"
    assert agreed(whole).fingerprints == (("sha-256", FINGERPRINT),)
    both = CHROME.replace(line, line + other)
    assert agreed(both).fingerprints == (("sha-256", FINGERPRINT), ("sha-512", ":".join(["AB"] * 64)))


def test_the_same_peer_again_keeps_our_name_and_the_role() -> None:
    session = MediaSession(("OPUS", "PCMU"), OURS)
    first = answered(CHROME.replace("a=setup:actpass", "a=setup:passive"), session)
    again = answered(CHROME, session)
    for name in ("ice-ufrag", "ice-pwd", "fingerprint", "setup"):
        assert first.media[0].attribute(name) == again.media[0].attribute(name)
    assert again.media[0].attribute("setup") == "active"


def test_a_restart_gets_another_name_and_another_certificate_another_role() -> None:
    session = MediaSession(("OPUS", "PCMU"), OURS)
    first = answered(CHROME.replace("a=setup:actpass", "a=setup:passive"), session)
    again = answered(CHROME.replace("tGE8", "tGE9"), session)
    assert first.media[0].attribute("ice-ufrag") != again.media[0].attribute("ice-ufrag")
    assert first.media[0].attribute("ice-pwd") != again.media[0].attribute("ice-pwd")
    assert again.media[0].attribute("setup") == "active"
    other = answered(CHROME.replace(FINGERPRINT[:2], "00", 1), session)
    assert other.media[0].attribute("setup") == "passive"


def offered(session: MediaSession) -> sdp.SessionDescription:
    return sdp.parse(session.write_offer(Here()))


def calling() -> MediaSession:
    session = MediaSession(("OPUS", "PCMU"), OURS)
    session.webrtc = True
    return session


def test_our_offer_to_a_web_phone() -> None:
    offer = offered(calling())
    said = dict(offer.media[0].attributes)
    assert offer.media[0].protocol == "UDP/TLS/RTP/SAVPF" and said["setup"] == "actpass"
    assert ("ice-lite", None) in offer.attributes and ("group", f"BUNDLE {said['mid']}") in offer.attributes


@pytest.mark.parametrize(("setup", "dtls"), [("active", "server"), ("passive", "client")])
def test_its_answer_says_which_side_we_are(setup: str, dtls: str) -> None:
    ours, theirs = calling(), CHROME.replace("a=setup:actpass", f"a=setup:{setup}")
    name = dict(offered(ours).media[0].attributes)["ice-ufrag"]
    agreement = ours.read_answer(sdp.parse(theirs))
    assert isinstance(agreement.remote, sdp.IceDtls) and agreement.remote.dtls == dtls
    assert agreement.side is not None and agreement.side.ufrag == name


@pytest.mark.parametrize(
    "answer",
    [
        CHROME,  # chooses no side of DTLS
        CHROME.replace("a=setup:actpass", "a=setup:active").replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        CHROME.replace("a=setup:actpass", "a=setup:active").replace("a=fingerprint", "a=was"),
    ],
)
def test_an_answer_that_is_none_to_it_is_refused(answer: str) -> None:
    ours = calling()
    offered(ours)
    with pytest.raises(NoCommonCodec):
        ours.read_answer(sdp.parse(answer))


def test_an_offer_of_plain_rtp_is_not_answered_by_webrtc() -> None:
    ours = MediaSession(("OPUS", "PCMU"), OURS)
    offered(ours)
    with pytest.raises(NoCommonCodec):
        ours.read_answer(sdp.parse(CHROME.replace("a=setup:actpass", "a=setup:active")))


def test_offering_again_keeps_our_name_the_peers_and_the_place_of_the_stream() -> None:
    session = MediaSession(("OPUS", "PCMU"), OURS)
    first = answered(FIREFOX, session)
    again = offered(session)
    assert [media.port > 0 for media in again.media] == [True, False, False]
    assert again.media[0].attribute("ice-ufrag") == first.media[0].attribute("ice-ufrag")
    assert again.media[0].attribute("mid") == "0" and dict(again.attributes)["group"] == "BUNDLE 0"
    assert again.media[0].attribute("setup") == "actpass"


@given(st.text(max_size=40), st.sampled_from(["ice-ufrag", "ice-pwd", "fingerprint", "setup", "mid", "group"]))
def test_whatever_stands_there_is_read_or_refused(text: str, name: str) -> None:
    line = next(each for each in CHROME.split("\r\n") if each.startswith(f"a={name}:"))
    value = "".join(each for each in text if each.isprintable())
    try:
        answered(CHROME.replace(line, f"a={name}:{value}"))
    except NoCommonCodec:
        return


def test_passwords_are_in_no_repr() -> None:
    session = MediaSession(("OPUS", "PCMU"), OURS)
    answered(CHROME, session)
    side = session.agreement.side
    assert side is not None and side.password not in repr(session.agreement)


def test_a_client_with_candidates_of_its_own_asks_a_lite_peer_and_says_that_it_is_not() -> None:
    path = sdp.IceSide("abcdefgh", "p" * 24, OURS, ("1 1 udp 2130706431 203.0.113.5 9 typ host",))
    bridge, client = MediaSession(("OPUS", "PCMU"), OURS), MediaSession(("OPUS", "PCMU"), OURS)
    client.webrtc, client.new_side = True, lambda: path
    offer = client.write_offer(Here())
    said = sdp.parse(offer)
    assert ("ice-lite", None) not in said.attributes
    assert [value for name, value in said.media[0].attributes if name == "candidate"] == list(path.candidates)
    client.commit(client.read_answer(answered(offer, bridge)))
    there = client.agreement.remote
    assert (
        isinstance(there, sdp.IceDtls) and there.lite and there.dtls == "client" and bridge.agreement.side is not None
    )
    assert (there.ufrag, there.password) == (bridge.agreement.side.ufrag, bridge.agreement.side.password)
    assert len(there.candidates) == 1 and there.password not in repr(there)
    heard = bridge.agreement.remote
    assert isinstance(heard, sdp.IceDtls) and heard.candidates == path.candidates and not heard.lite
    # The other way round the bridge offers, and the client answers as it is.
    bridge, client = MediaSession(("OPUS", "PCMU"), OURS), MediaSession(("OPUS", "PCMU"), OURS)
    bridge.webrtc, client.new_side = True, lambda: path
    answer = answered(bridge.write_offer(Here()), client)
    assert ("ice-lite", None) not in answer.attributes and answer.media[0].attribute("ice-ufrag") == path.ufrag
    bridge.commit(bridge.read_answer(answer))
    assert isinstance(bridge.agreement.remote, sdp.IceDtls) and not bridge.agreement.remote.lite


def test_two_lite_sides_do_not_wait_for_each_other() -> None:
    one, two = MediaSession(("OPUS", "PCMU"), OURS), MediaSession(("OPUS", "PCMU"), OURS)
    one.webrtc = True
    with pytest.raises(NoCommonCodec, match="lite"):
        answered(one.write_offer(Here()), two)
