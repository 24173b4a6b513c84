"""Codecs that no leg speaks yet, in offers and answers."""

import pytest

from softphone import sdp
from softphone.codec import TABLE
from softphone.errors import NoCommonCodec

EVERY = tuple(each.name for each in TABLE)


def described(*lines: str, media: str) -> sdp.SessionDescription:
    head = "v=0\no=- 1 1 IN IP4 192.0.2.7\ns=-\nc=IN IP4 192.0.2.7\nt=0 0\n"
    return sdp.parse(head + f"m=audio 6000 RTP/AVP {media}\n" + "".join(line + "\n" for line in lines))


def answered(offer: sdp.SessionDescription, *codecs: str) -> tuple[str, sdp.Negotiated]:
    answer, agreed = sdp.answer(offer, "198.51.100.1", 4000, session_id=7, version=1, codecs=codecs)
    return str(answer), agreed


def offered(*codecs: str, **known: int) -> sdp.SessionDescription:
    names = {name.replace("_", "/"): number for name, number in known.items()}
    return sdp.offer("198.51.100.1", 4000, codecs=codecs, session_id=5, version=2, known=names)


@pytest.mark.parametrize("name", EVERY)
def test_each_codec_is_offered_answered_and_agreed_on_alone(name: str) -> None:
    ours = sdp.parse(str(offered(name)))
    text, there = answered(ours, name, *EVERY)
    here = sdp.accept(ours, sdp.parse(text), (name,))
    assert (here.codec, here.payload_type, here.event_clock_hz) == (
        there.codec,
        there.payload_type,
        there.event_clock_hz,
    )
    assert here.codec == name and here.event_payload_type is not None


def test_all_together_each_has_a_number_of_its_own_and_events_are_at_each_clock() -> None:
    formats = offered(*EVERY).media[0].payload_formats()
    assert len({each.payload_type for each in formats}) == len(formats)
    clocks = [each.clock_hz for each in formats if each.name == "TELEPHONE-EVENT"]
    assert sorted(clocks) == sorted({each.clock_hz for each in TABLE})


def test_the_order_of_an_offer_is_that_of_its_maker() -> None:
    ours = offered("L16/16000", "PCMA", "PCMU")
    assert sdp.choose(ours, EVERY).codec == "L16/16000"
    assert sdp.choose(ours, ("PCMU", "PCMA")).codec == "PCMA"
    assert sdp.accept(ours, described(media="8 101")).codec == "PCMA"


def test_numbers_keep_their_meaning_and_no_other_format_takes_them() -> None:
    ours = offered("L16/16000", "L16/8000", **{"telephone-event_16000": 114, "l16_16000": 96})
    numbers = {each.spelling: each.payload_type for each in ours.media[0].payload_formats()}
    assert numbers["L16/16000"] == 96 and numbers["telephone-event/16000"] == 114
    assert len(set(numbers.values())) == 4


def test_an_answer_spells_a_format_as_the_offer_does() -> None:
    offer = described("a=rtpmap:120 l16/16000/1", "a=rtpmap:101 TELEPHONE-EVENT/16000", media="120 101")
    text, agreed = answered(offer, *EVERY)
    assert "a=rtpmap:120 l16/16000/1\r\n" in text and agreed.event_clock_hz == 16_000


def test_the_packet_length_is_one_that_the_codec_can_have() -> None:
    lines = ("a=rtpmap:120 L16/48000", "a=ptime:40")
    assert sdp.choose(described(*lines, media="120"), EVERY).ptime_ms == 10
    assert sdp.choose(described(*lines, media="0"), EVERY).ptime_ms == 40
    assert "a=ptime:10\r\n" in str(offered("L16/48000"))


@pytest.mark.parametrize("line", ["L16/44100", "L16/16000/2", "L24/16000", "L16/0", "L16"])
def test_a_clock_or_channels_that_are_not_in_the_table_are_not_spoken(line: str) -> None:
    with pytest.raises(NoCommonCodec):
        sdp.choose(described(f"a=rtpmap:120 {line}", media="120 11"), EVERY)


def test_events_of_another_clock_are_kept_apart_in_an_answer() -> None:
    ours = offered("L16/16000", "PCMU")
    agreed = sdp.accept(ours, described("a=rtpmap:101 telephone-event/8000", media="0 101"))
    assert (agreed.codec, agreed.event_payload_type, agreed.event_payload_type_in) == ("PCMU", 101, None)


def test_a_leg_changes_between_the_two_that_it_can_speak_only() -> None:
    ours = offered("L16/16000", "PCMU", "PCMA")
    lines = ("a=rtpmap:115 L16/16000",)
    assert sdp.accept(ours, described(*lines, media="115 0 8")).others == ((0, "PCMU"), (8, "PCMA"))
    assert sdp.accept(ours, described(*lines, media="0 115 8")).others[-1] == (8, "PCMA")


class Here:
    host, port, rtcp_port = "198.51.100.1", 4000, 4001
    others: tuple[str, ...] = ()


def test_our_own_offer_later_has_the_numbers_that_were_agreed_on() -> None:
    session = sdp.MediaSession(("L16/16000", "PCMU"))
    lines = ("a=rtpmap:120 l16/16000", "a=rtpmap:115 telephone-event/16000")
    session.commit(session.read_offer(described(*lines, media="120 115")))
    numbers = {
        each.spelling: each.payload_type for each in sdp.parse(session.write_offer(Here())).media[0].payload_formats()
    }
    assert numbers["L16/16000"] == 120 and numbers["telephone-event/16000"] == 115 and numbers["PCMU/8000"] == 0


RINGCENTRAL = ("a=rtpmap:109 OPUS/16000", "a=fmtp:109 useinbandfec=1;usedtx=1", "a=rtpmap:101 telephone-event/8000")
BROWSER = ("a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1", "a=rtpmap:110 telephone-event/48000")


def test_opus_is_answered_as_it_is_spelled_with_what_we_like_and_know_of_the_peer() -> None:
    text, agreed = answered(described(*RINGCENTRAL, media="109 101"), *EVERY)
    assert "m=audio 4000 RTP/AVP 109 101\r\na=rtpmap:109 OPUS/16000\r\na=fmtp:109 useinbandfec=1\r\n" in text
    assert (agreed.codec, agreed.parameters, agreed.event_clock_hz) == ("OPUS/16000", "useinbandfec=1;usedtx=1", 8000)
    text, agreed = answered(described(*BROWSER, "a=rtpmap:126 telephone-event/8000", media="111 126 110"), *EVERY)
    assert "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 useinbandfec=1\r\na=rtpmap:110 telephone-event/48000\r\n" in text
    assert (agreed.codec, agreed.parameters, agreed.event_payload_type) == ("OPUS", "minptime=10;useinbandfec=1", 110)


def test_parameters_are_those_of_the_number_alone() -> None:
    lines = ("a=fmtp:11 cbr=1", "a=fmtp:1110 cbr=1", "a=rtpmap:111 opus/48000/2", "a=fmtp:111")
    assert sdp.choose(described(*lines, media="111"), EVERY).parameters == ""
    assert sdp.choose(described("a=fmtp:9 annexb=no", media="9"), EVERY).parameters == "annexb=no"


@pytest.mark.parametrize("line", ["opus/48000/3", "opus/16000/2", "opus/8000"])
def test_opus_has_the_clocks_and_channels_of_its_lines(line: str) -> None:
    with pytest.raises(NoCommonCodec):
        sdp.choose(described(f"a=rtpmap:120 {line}", media="120"), EVERY)


def test_opus_is_sent_in_packets_that_it_has() -> None:
    for said, sent in ((30, 20), (60, 60), (5, 10), (10, 10), (50, 40)):
        assert sdp.choose(described(*BROWSER, f"a=ptime:{said}", media="111"), EVERY).ptime_ms == sent
    assert sdp.choose(described(*BROWSER, "a=maxptime:10", media="111"), EVERY).ptime_ms == 10


@pytest.mark.parametrize(
    ("line", "codec"), [("96 opus/48000", "OPUS"), ("96 opus/48000/1", "OPUS"), ("9 G722/16000", "G722")]
)
def test_a_codec_described_by_mistake_is_answered_as_it_was_offered(line: str, codec: str) -> None:
    """As phones do in a further offer what they had right in the first."""
    text, agreed = answered(described(f"a=rtpmap:{line}", media=f"{line.split()[0]} 0"), "OPUS", "G722", "PCMU")
    assert agreed.codec == codec and f"a=rtpmap:{line}\r\n" in text


def test_a_variant_is_taken_where_its_codec_is_spoken_and_offered_to_nobody_but_who_speaks_it() -> None:
    here = Here()
    session = sdp.MediaSession(("OPUS", "PCMU"))
    assert "OPUS/16000" not in session.write_offer(here)
    session.close_offer()
    offer = described(*RINGCENTRAL, media="109 101")
    session.commit(session.read_offer(offer))
    assert session.agreement.negotiated is not None and session.agreement.negotiated.codec == "OPUS/16000"
    assert "a=rtpmap:109 OPUS/16000\r\n" in session.write_answer(offer, here)
    assert "109 111 0 " in session.write_offer(here).partition("RTP/AVP ")[2]
    with pytest.raises(NoCommonCodec):
        sdp.MediaSession(("PCMU",)).read_offer(offer)


def test_an_answer_in_a_variant_of_what_was_offered_is_taken_and_in_one_of_nothing_that_was_is_not() -> None:
    """RingCentral's softphone has one codec, and answers with it whatever it was offered."""
    answer = described(*RINGCENTRAL, media="109 101")
    agreed = sdp.accept(offered("OPUS", "PCMU"), answer)
    assert (agreed.codec, agreed.payload_type, agreed.payload_type_in) == ("OPUS/16000", 109, None)
    with pytest.raises(NoCommonCodec):
        sdp.accept(offered("G722", "PCMU"), answer)


LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"14 {LEVEL}", 14),
        (f"1/sendonly {LEVEL} vad=on", 1),
        (f"3/sendrecv {LEVEL.upper()}", 3),
        (f"1/recvonly {LEVEL}", 0),
        (f"1/inactive {LEVEL}", 0),
        (f"15 {LEVEL}", 0),
        (f"0 {LEVEL}", 0),
        (f"4096 {LEVEL}", 0),
        (f"x {LEVEL}", 0),
        (f"1x {LEVEL}", 1),
        ("1", 0),
        ("", 0),
        ("1 urn:ietf:params:rtp-hdrext:sdes:mid", 0),
    ],
)
def test_how_loud_packets_are_may_be_told_by_who_offers_it(line: str, found: int) -> None:
    text, agreed = answered(described("a=rtpmap:111 opus/48000/2", f"a=extmap:{line}", media="111"), "OPUS")
    assert agreed.level_id == found
    assert (f"a=extmap:{found}/recvonly {LEVEL}\r\n" in text) == bool(found) == ("a=extmap" in text)
