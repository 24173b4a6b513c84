"""Offers that real telephones send, and what comes of them."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone import sdp
from softphone.errors import NoCommonCodec, SdpError

BARESIP = """v=0
o=- 3941220102 1893412377 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
a=tool:baresip 1.0.0
m=audio 10058 RTP/AVP 96 0 8 101
b=AS:125
a=rtpmap:96 opus/48000/2
a=fmtp:96 stereo=1;sprop-stereo=1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=rtcp:10059
a=sendrecv
a=label:1
a=rtcp-rsize
a=ssrc:2411203443 cname:sip:bob@127.0.0.1
a=ptime:20
"""

SIPP = """v=0
o=user1 53655765 2353687637 IN IP4 127.0.0.2
s=-
c=IN IP4 127.0.0.2
t=0 0
m=audio 6000 RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""

PYVOIP = """v=0
o=pyVoIP 1 3 IN IP4 127.0.0.1
s=pyVoIP 1.6.8
c=IN IP4 127.0.0.1
t=0 0
m=audio 10042 RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=maxptime:150
a=sendrecv
"""

BROWSER = """v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0
a=msid-semantic: WMS
m=audio 54321 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 192.0.2.7
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:1 1 udp 2122260223 192.0.2.7 54321 typ host
a=ice-ufrag:abcd
a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa
a=mid:0
a=rtcp-mux
a=rtpmap:111 opus/48000/2
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
"""


def plain(agreed: sdp.Negotiated) -> sdp.Plain:
    """Give what the peer says, which is plain RTP."""
    assert isinstance(agreed.remote, sdp.Plain)
    return agreed.remote


def described(text: str) -> sdp.SessionDescription:
    return sdp.parse(text.replace("\n", "\r\n"))


def audio(*lines: str, media: str = "audio 6000 RTP/AVP 0", where: str = "IP4 192.0.2.9") -> sdp.SessionDescription:
    rows = ("v=0", "o=- 1 1 IN IP4 192.0.2.9", "s=-", f"c=IN {where}", "t=0 0", f"m={media}", *lines)
    return described("".join(row + "\n" for row in rows))


def answered(offer: sdp.SessionDescription, direction: str = "sendrecv") -> tuple[str, sdp.Negotiated]:
    answer, agreed = sdp.answer(offer, "198.51.100.1", 4000, session_id=7, version=1, direction=direction)
    return str(answer), agreed


def test_baresip_gets_its_own_order_and_event_number() -> None:
    text, agreed = answered(described(BARESIP))
    assert (agreed.codec, agreed.payload_type, agreed.event_payload_type) == ("PCMU", 0, 101)
    assert (plain(agreed).host, agreed.remote.port, plain(agreed).rtcp_port) == ("127.0.0.1", 10058, 10059)
    assert text == (
        "v=0\r\no=- 7 1 IN IP4 198.51.100.1\r\ns=-\r\nc=IN IP4 198.51.100.1\r\nt=0 0\r\n"
        "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        "a=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )


@pytest.mark.parametrize(("text", "host", "event"), [(SIPP, "127.0.0.2", None), (PYVOIP, "127.0.0.1", 101)])
def test_other_telephones(text: str, host: str, event: int | None) -> None:
    agreed = sdp.choose(described(text))
    assert (agreed.codec, plain(agreed).host, agreed.event_payload_type) == ("PCMU", host, event)


def test_a_browser_is_read_and_refused_for_its_protocol() -> None:
    offer = described(BROWSER)
    names = [(each.name, each.clock_hz) for each in offer.media[0].payload_formats()]
    assert ("OPUS", 48000) in names and ("G722", 8000) in names and ("TELEPHONE-EVENT", 8000) in names
    with pytest.raises(NoCommonCodec, match="SAVPF"):
        sdp.choose(offer)


@pytest.mark.parametrize(
    "offer",
    [
        audio(media="audio 6000 RTP/SAVP 0"),
        audio(media="audio 6000 RTP/AVP 18 3"),
        audio(media="audio 0 RTP/AVP 0"),
        audio(media="video 6000 RTP/AVP 0"),
        audio(where="IP6 2001:db8::1%eth0"),
        audio(where="IP6 fe80::1"),
        audio(where="IP6 ff02::1"),
        audio(where="IP6 ::ffff:192.0.2.1"),
        audio(where="IP6 192.0.2.1"),
        audio(where="IP4 2001:db8::1"),
        audio(where="IP4 phone.example"),
        audio(where="IP4 1.2.3.256"),
        audio(where="IP4 192.0.2.01"),
        audio(where="IP4 224.2.1.1/127"),
        audio(where="IP4 255.255.255.255"),
        audio("a=rtpmap:0 PCMU/8000/2"),
        audio("a=rtpmap:0 PCMU/16000"),
        sdp.parse("v=0\no=- 1 1 IN IP4 1.2.3.4\n"),
    ],
)
def test_what_we_cannot_speak_is_refused(offer: sdp.SessionDescription) -> None:
    with pytest.raises(NoCommonCodec):
        sdp.choose(offer)


@pytest.mark.parametrize(
    ("theirs", "wanted", "ours"),
    [
        ("sendrecv", "sendrecv", "sendrecv"),
        ("sendonly", "sendrecv", "recvonly"),
        ("recvonly", "sendrecv", "sendonly"),
        ("inactive", "sendrecv", "inactive"),
        ("sendrecv", "sendonly", "sendonly"),
        ("sendonly", "sendonly", "inactive"),
        ("recvonly", "recvonly", "inactive"),
    ],
)
def test_directions_meet(theirs: str, wanted: str, ours: str) -> None:
    text, agreed = answered(audio(f"a={theirs}"), wanted)
    assert agreed.direction == ours
    assert f"a={ours}\r\n" in text


def test_hold_in_the_old_way() -> None:
    agreed = sdp.choose(audio(where="IP4 0.0.0.0"))
    assert (agreed.direction, plain(agreed).host) == ("recvonly", "0.0.0.0")


def test_a_direction_for_the_whole_session() -> None:
    offer = described(SIPP.replace("t=0 0\n", "t=0 0\na=sendonly\n"))
    assert sdp.choose(offer).direction == "recvonly"


def test_events_keep_the_peers_number_and_the_codecs_clock() -> None:
    lines = ("a=rtpmap:110 telephone-event/48000", "a=rtpmap:96 telephone-event/8000", "a=ptime:40", "a=rtcp-mux")
    text, agreed = answered(audio(*lines, media="audio 6000 RTP/AVP 8 110 96"))
    assert (agreed.codec, agreed.event_payload_type, agreed.ptime_ms, plain(agreed).rtcp_mux) == ("PCMA", 96, 40, True)
    assert "m=audio 4000 RTP/AVP 8 96\r\n" in text and "a=rtcp-mux\r\n" in text


@pytest.mark.parametrize("number", [64, 72, 77, 95, 128, 200, 999])
@pytest.mark.parametrize("mux", [(), ("a=rtcp-mux",)])
def test_a_number_that_reads_as_rtcp_is_not_taken(number: int, mux: tuple[str, ...]) -> None:
    codec, events = f"a=rtpmap:{number} PCMU/8000", f"a=rtpmap:{number} telephone-event/8000"
    with pytest.raises(sdp.NoCommonCodec):
        sdp.choose(audio(codec, *mux, media=f"audio 6000 RTP/AVP {number}"))
    text, agreed = answered(audio(codec, *mux, media=f"audio 6000 RTP/AVP {number} 8"))
    assert (agreed.codec, agreed.payload_type, plain(agreed).rtcp_mux) == ("PCMA", 8, bool(mux))
    assert "m=audio 4000 RTP/AVP 8\r\n" in text
    assert sdp.choose(audio(events, *mux, media=f"audio 6000 RTP/AVP 0 {number}")).event_payload_type is None


@pytest.mark.parametrize("number", [63, 96, 127, 35])
def test_numbers_beside_those_are(number: int) -> None:
    agreed = sdp.choose(audio(f"a=rtpmap:{number} PCMU/8000", "a=rtcp-mux", media=f"audio 6000 RTP/AVP {number}"))
    assert (agreed.codec, agreed.payload_type, plain(agreed).rtcp_mux) == ("PCMU", number, True)


def test_other_streams_are_answered_with_port_zero_in_their_place() -> None:
    offer = described(SIPP.replace("m=audio", "m=video 5000 RTP/AVP 31\nm=audio") + "m=image 7000 udptl t38\n")
    text, agreed = answered(offer)
    lines = [line for line in text.splitlines() if line.startswith("m=")]
    assert lines == ["m=video 0 RTP/AVP 31", "m=audio 4000 RTP/AVP 0", "m=image 0 udptl t38"]
    assert agreed.remote.port == 6000


def test_our_offer_and_its_answer() -> None:
    ours = sdp.offer("198.51.100.1", 4000, session_id=5, version=2, rtcp_port=4444)
    assert "m=audio 4000 RTP/AVP 0 8 101\r\n" in str(ours) and "a=rtcp:4444\r\n" in str(ours)
    theirs, _ = sdp.answer(sdp.parse(str(ours)), "192.0.2.9", 6000, codecs=("PCMA",), session_id=1, version=1)
    agreed = sdp.accept(ours, sdp.parse(str(theirs)))
    assert agreed == sdp.Negotiated("PCMA", 8, 101, sdp.Plain("192.0.2.9", 6000, rtcp_mux=True))


def test_an_answer_with_both_codecs_lets_the_peer_send_either() -> None:
    ours = sdp.offer("198.51.100.1", 4000, session_id=5, version=2)
    agreed = sdp.accept(ours, audio("a=rtpmap:97 PCMU/8000", media="audio 6000 RTP/AVP 8 97 101"))
    assert (agreed.codec, agreed.payload_type, agreed.others) == ("PCMA", 8, ((0, "PCMU"),))


def test_refused_and_missing_streams_in_an_answer() -> None:
    ours = sdp.offer("198.51.100.1", 4000, session_id=5, version=2)
    with pytest.raises(NoCommonCodec, match="not accepted"):
        sdp.accept(ours, audio(media="audio 0 RTP/AVP 0"))
    with pytest.raises(SdpError, match="0 streams"):
        sdp.accept(ours, sdp.parse("v=0\no=- 1 1 IN IP4 1.2.3.4\n"))


def test_another_description_has_the_next_version_and_the_same_one_has_its_own() -> None:
    ours = sdp.offer("198.51.100.1", 4000, session_id=5, version=2)
    held = replace(ours, attributes=(*ours.attributes, ("sendonly", None))).after(ours)
    assert (held.origin.session_id, held.origin.version) == (5, 3)
    assert sdp.offer("198.51.100.1", 4000, session_id=9, version=7).after(ours) == ours
    assert ours.after(held).origin.version == 4


def test_line_ends_and_blanks_do_not_matter() -> None:
    assert sdp.parse(SIPP) == sdp.parse(SIPP.replace("\n", " \r\n") + "\r\n") == sdp.parse(SIPP.encode())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no session description"),
        ("v=1\no=- 1 1 IN IP4 1.2.3.4\n", "v=0"),
        ("v=0o=alice 1 1 IN IP4 1.2.3.4", "v=0"),
        ("v=0\no=- 1 1 IN IP4 1.2.3.4\nc=IN IP9 x\n", "connection"),
        ("v=0\no=- 1 1 IN IP4 1.2.3.4\nm=audio 70000 RTP/AVP 0\n", "media line"),
        ("v=0\no=- 1 1 IN IP4 1.2.3.4\nm=audio\n", "media line"),
        ("v=0\no=- 1 1 IN IP4 1.2.3.4\ngarbage\n", "letter=value"),
        ("v=0\n" + "a=x\n" * 2000, "more than 1000 lines"),
        ("v=0\no=- 1 1 IN IP4 1.2.3.4\n" + "m=audio 1 RTP/AVP 0\n" * 40, "more than 32 streams"),
        ("v=0\n" + "a" * 100_000, "more than 65536"),
    ],
)
def test_refused_texts(text: str, message: str) -> None:
    with pytest.raises(SdpError, match=message):
        sdp.parse(text)


@pytest.mark.parametrize(
    "origin",
    [
        "o=John Doe 77 1 IN IP4 10.0.0.1\n",
        "o=Poly com (lobby) 77 1 IN IP4 phone\n",
        "o=- 77\n",
        "o=- 1 1 IN IP9 x\n",
        "o=\n",
        "o=77 1 IN IP4 10.0.0.1\n",
        "o=- ٣ ¹ IN IP6 ::1\n",
        "o=" + "a " * 20_000 + "\n",
        "",
    ],
)
def test_an_origin_is_read_as_far_as_it_can_be(origin: str) -> None:
    read = sdp.parse(f"v=0\n{origin}c=IN IP4 10.0.0.1\nm=audio 4000 RTP/AVP 0\n")
    written, agreed = sdp.answer(read, "198.51.100.1", 4000, session_id=1, version=1)
    assert (agreed.codec, plain(agreed).host) == ("PCMU", "10.0.0.1")
    assert sdp.parse(str(read)) == read and sdp.parse(str(written)) == written


@given(st.integers(0, len(BROWSER) - 1), st.text(max_size=5), st.integers(0, 20))
def test_damage_is_an_sdp_error_or_nothing(position: int, inserted: str, removed: int) -> None:
    damaged = BROWSER[:position] + inserted + BROWSER[position + removed :]
    with contextlib.suppress(SdpError):
        sdp.answer(sdp.parse(damaged), "198.51.100.1", 4000, session_id=1, version=1)


def test_written_and_read_again_it_is_the_same() -> None:
    for text in (BARESIP, SIPP, PYVOIP, BROWSER):
        once = described(text)
        assert sdp.parse(str(once)) == once


@pytest.mark.parametrize(
    ("lines", "ms"),
    [
        ((), 20),
        (("a=ptime:10",), 10),
        (("a=maxptime:10",), 10),
        (("a=ptime:40", "a=maxptime:30"), 30),
        (("a=ptime:60",), 60),
        (("a=ptime:90",), 60),
        (("a=ptime:1000",), 60),
        (("a=ptime:25",), 20),
        (("a=ptime:26",), 30),
        (("a=ptime:20.5",), 20),
        (("a=ptime:5",), 10),
        (("a=ptime:55",), 60),
        (("a=ptime:55", "a=maxptime:55"), 40),
        (("a=ptime:50",), 40),
        (("a=maxptime:150",), 20),
        (("a=PTIME: 30",), 30),
        (("a=ptime:0",), 20),
        (("a=ptime:", "a=maxptime"), 20),
        (("a=ptime:-30",), 20),
        (("a=ptime:x", "a=maxptime:-5"), 20),
        (("a=maxptime:15",), 10),
        (("a=ptime:60", "a=maxptime:0"), 60),
        (("a=ptime:30", "a=maxptime:5"), 10),
    ],
)
def test_how_much_sound_a_packet_holds(lines: tuple[str, ...], ms: int) -> None:
    text, agreed = answered(audio(*lines))
    assert agreed.ptime_ms == ms
    assert text.count(f"a=ptime:{ms}\r\n") == text.count("ptime") == 1


@pytest.mark.parametrize(
    ("offer", "why"),
    [
        (audio(where="IP6 2001:db8::1"), "IPv6"),
        (audio(where="IP4 phone.example"), "names are not looked up.*phone.example"),
        (audio(where="IP4 224.2.1.1/127"), "224.2.1.1"),
        (sdp.parse("v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n"), "no c= line"),
        (audio(media="audio 0 RTP/AVP 0"), "audio 0"),
    ],
)
def test_a_refusal_says_why(offer: sdp.SessionDescription, why: str) -> None:
    with pytest.raises(NoCommonCodec, match=why):
        sdp.choose(offer, families=(4,))


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "localhost."])
def test_the_name_of_this_machine_needs_no_looking_up(name: str) -> None:
    assert plain(sdp.choose(audio(where=f"IP4 {name}"))).host == "127.0.0.1"


def test_events_at_another_clock_than_the_codecs_are_better_than_none() -> None:
    text, agreed = answered(audio("a=rtpmap:110 telephone-event/48000", media="audio 6000 RTP/AVP 0 110"))
    assert (agreed.event_payload_type, agreed.event_clock_hz) == (110, 48_000)
    assert "a=rtpmap:110 telephone-event/48000\r\na=fmtp:110 0-15\r\n" in text


def test_case_and_order_and_what_is_unknown_do_not_matter() -> None:
    lines = (
        "i=x",
        "c=in ip4 192.0.2.9",
        "c=IN IP4 192.0.2.77",
        "b=AS:64",
        "b=TIAS:64000",
        "k=clear:x",
        "a=x-foo",
        "a=SendOnly",
    )
    offer = audio(
        "a=RTPMAP:96 pcma/8000", "a=rtpmap:97 Telephone-Event/8000", *lines, media="Audio 6000/2 rtp/avp 18 96 97"
    )
    text, agreed = answered(offer)
    assert (agreed.codec, plain(agreed).host, agreed.direction) == ("PCMA", "192.0.2.9", "recvonly")
    assert (agreed.payload_type, agreed.event_payload_type) == (96, 97)
    assert "m=audio 4000 rtp/avp 96 97\r\n" in text


def test_the_first_stream_that_can_be_spoken_is() -> None:
    streams = ("5000 RTP/SAVP 0", "0 RTP/AVP 0", "5004 RTP/AVP 18", "6000 RTP/AVP 0", "5006 RTP/AVP 0")
    media = "".join(f"m=audio {stream}\n" for stream in streams)
    text, agreed = answered(described(SIPP.partition("m=")[0] + media))
    assert agreed.remote.port == 6000
    assert [line.split()[1] for line in text.splitlines() if line.startswith("m=")] == ["0", "0", "0", "4000", "0"]


@pytest.mark.parametrize("lines", [(), ("m=video 0 RTP/AVP 31\n",)])
def test_a_stream_may_be_switched_off_later_but_not_at_first(lines: tuple[str, ...]) -> None:
    offer = described(SIPP.partition("m=")[0] + "".join(lines) + "m=audio 0 RTP/AVP 0\n")
    answer, agreed = sdp.answer(offer, "198.51.100.1", 4000, session_id=7, version=2, again=True)
    assert (agreed.remote.port, agreed.direction, agreed.is_hold(heard=True)) == (0, "inactive", True)
    assert [media.port for media in answer.media] == [0] * (1 + len(lines))
    with pytest.raises(NoCommonCodec):
        sdp.answer(offer, "198.51.100.1", 4000, session_id=7, version=2)


def test_zeros_behind_a_description_are_no_line() -> None:
    assert all(sdp.parse(f"{audio()}{end}") == sdp.parse(str(audio())) for end in ("\0", "\0\0\0", "\0\r\n"))
