"""What was agreed, for bridge and agent alike: whose packets, which numbers, which version of our description."""

from types import SimpleNamespace
from typing import cast

import pytest

from softphone import sdp
from softphone.calls.nat import is_behind_nat, trust_in
from softphone.calls.spec import leg_spec
from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress
from softphone.sdp import Agreement, MediaSession
from softphone.sip.ua.call import InviteSession

HERE = LegInfo(1, "198.51.100.1", 4000, 4001)


def described(
    *lines: str, media: str = "audio 6000 RTP/AVP 0 101", host: str = "203.0.113.9"
) -> sdp.SessionDescription:
    head = ("v=0", "o=- 1 1 IN IP4 203.0.113.9", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m={media}")
    return sdp.parse("\r\n".join((*head, "a=rtpmap:101 telephone-event/8000", *lines, "")))


def agreed(offer: sdp.SessionDescription, before: Agreement | None = None) -> Agreement:
    return (before or Agreement()).after(sdp.choose(offer, again=before is not None))


def spec(agreement: Agreement, signalled: str | None = None) -> LegSpec:
    return leg_spec(agreement, signalled, 30.0)


def answer(session: MediaSession, offer: sdp.SessionDescription) -> str:
    session.commit(session.read_offer(offer))
    return session.write_answer(offer, HERE)


@pytest.mark.parametrize(
    ("media", "signalled", "behind"),
    [
        ("192.168.1.7", "8.8.8.8", True),
        ("10.1.2.3", "8.8.8.8", True),
        ("172.16.0.9", "8.8.8.8", True),
        ("100.64.1.2", "8.8.8.8", True),
        ("100.127.255.254", "8.8.8.8", True),
        ("169.254.3.4", "8.8.8.8", True),
        ("198.18.0.1", "8.8.8.8", True),
        ("127.0.0.1", "8.8.8.8", True),
        ("192.168.1.7", "127.0.0.1", True),
        ("100.64.1.2", "100.64.1.2", False),
        ("192.168.1.7", "192.168.1.7", False),
        ("127.0.0.2", "127.0.0.1", False),
        ("8.8.4.4", "8.8.8.8", False),
        ("0.0.0.0", "8.8.8.8", False),
        ("192.168.1.7", "proxy.example", False),
        ("192.168.1.7", "2001:db8::1", False),
    ],
)
def test_behind_a_nat_is_who_names_an_address_that_the_internet_does_not_know(
    media: str, signalled: str, behind: bool
) -> None:
    assert is_behind_nat(media, signalled) is behind
    made = spec(agreed(described(host=media)), signalled)
    assert made.behind_nat is behind
    assert made.latch_host == (signalled if behind or media == signalled else None)


def test_hold_in_the_old_way_keeps_the_address() -> None:
    first = agreed(described())
    held = agreed(described(host="0.0.0.0"), first)
    assert (held.held, spec(held).remote, spec(held).timeout_s) == (True, MediaAddress("203.0.113.9", 6000), 0.0)
    back = agreed(described(), held)
    assert (back.held, spec(back)) == (False, spec(first))


def test_a_stream_that_is_switched_off_comes_back() -> None:
    session = MediaSession()
    answer(session, described())
    first, off = spec(session.agreement), described(media="audio 0 RTP/AVP 0 101")
    assert "m=audio 0 RTP/AVP 0 101\r\n" in answer(session, off)
    after = spec(session.agreement)
    assert (session.agreement.held, after.direction, after.remote) == (True, "inactive", first.remote)
    answer(session, described())
    assert spec(session.agreement) == first


def test_an_answer_with_numbers_of_its_own() -> None:
    session = MediaSession()
    session.write_offer(HERE)
    text = str(described("a=rtpmap:97 telephone-event/8000", "a=rtpmap:98 PCMA/8000", media="audio 6000 RTP/AVP 98 97"))
    made = spec(session.read_answer(sdp.parse(text)))
    assert (made.codec, made.payload_type, made.payload_type_in) == ("PCMA", 98, 8)
    assert (made.event_payload_type, made.event_payload_type_in) == (97, 101)


@pytest.mark.parametrize(("media", "listens"), [("0", True), ("0 101", False)])
def test_tones_are_listened_for_where_there_are_no_events(media: str, listens: bool) -> None:
    assert spec(agreed(described(media=f"audio 6000 RTP/AVP {media}"))).inband_keys is listens


def version(text: str) -> int:
    return sdp.parse(text).origin.version


def test_the_version_grows_only_with_a_change() -> None:
    session = MediaSession()
    first = version(answer(session, described()))
    assert version(answer(session, described("a=foo:bar"))) == first
    assert version(answer(session, described("a=sendonly"))) == first + 1
    assert version(answer(session, described("a=sendonly"))) == first + 1
    offered = session.write_offer(HERE)
    assert version(offered) == first + 2
    assert version(session.write_offer(HERE)) == first + 2
    assert version(session.write_offer(HERE, "sendonly")) == first + 3
    assert version(session.write_offer(LegInfo(1, HERE.host, 4002, 4003), "sendonly")) == first + 4
    assert len({sdp.parse(text).origin.session_id for text in (offered, session.write_offer(HERE))}) == 1


def test_an_answer_to_no_offer() -> None:
    session = MediaSession()
    with pytest.raises(sdp.SdpError, match="no offer"):
        session.read_answer(described())
    session.write_offer(HERE)
    session.close_offer()
    with pytest.raises(sdp.SdpError, match="no offer"):
        session.read_answer(described())


def test_offers_ask_for_the_packets_that_the_peer_wants() -> None:
    """A telephone with one length for both directions then changes it for no re-INVITE of ours."""
    asked, called = MediaSession(), MediaSession()
    assert "a=ptime:20\r\n" in asked.write_offer(HERE)
    assert answer(asked, described("a=ptime:30")).count("a=ptime:30\r\n") == 1
    called.write_offer(HERE)
    called.commit(called.read_answer(described("a=ptime:60", "a=maxptime:40")))
    assert [each.write_offer(HERE).count(f"a=ptime:{ms}\r\n") for each, ms in ((asked, 30), (called, 40))] == [1, 1]


def test_a_packet_length_lasts_till_the_next_description() -> None:
    first = agreed(described("a=ptime:60"))
    assert spec(first).ptime_ms == spec(agreed(described("a=ptime:60", host="0.0.0.0"), first)).ptime_ms == 60
    assert spec(agreed(described(), first)).ptime_ms == 20


@pytest.mark.parametrize(
    ("media", "known", "proved", "trust"),
    [
        ("203.0.113.9", False, True, "free"),
        ("203.0.113.9", False, False, "earned"),
        ("198.51.100.7", False, False, "earned"),
        ("198.51.100.7", False, True, "early"),
        ("192.168.1.7", False, True, "early"),
        ("198.51.100.7", True, True, "free"),
        ("198.51.100.7", True, False, "free"),
    ],
)
def test_sound_is_free_to_where_a_peer_has_shown_to_be_and_to_whom_we_know(
    media: str, known: bool, proved: bool, trust: str
) -> None:
    call = cast(InviteSession, SimpleNamespace(source=SimpleNamespace(host="203.0.113.9"), proved=proved))
    assert trust_in(call, known, MediaAddress(media, 6000)) == trust
    assert trust_in(None, False, MediaAddress(media, 6000)) == "free"


def test_each_answer_of_a_fork_is_one_to_what_was_agreed_before() -> None:
    """The one that answers holds in the old way; an announcement of another telephone was heard before."""
    session = MediaSession()
    session.write_offer(HERE)
    session.commit(session.read_answer(described(host="203.0.113.7")))
    assert (session.agreement.heard, session.awaits_answer) == (True, True)
    session.commit(session.read_answer(described("a=recvonly", host="203.0.113.8")))
    assert spec(session.agreement).remote == MediaAddress("203.0.113.8", 6000)
    for final, remote, held in (
        (described("a=sendonly"), MediaAddress("203.0.113.9", 6000), False),
        (described(host="0.0.0.0"), None, True),
        (described("a=inactive"), MediaAddress("203.0.113.9", 6000), True),
    ):
        answered = session.read_answer(final)
        assert (spec(answered).remote, answered.held, answered.heard) == (remote, held, False)


def test_a_stream_that_was_offered_once_keeps_its_place() -> None:
    """RFC 3264 section 8: what is offered later has a line for each that there was, and numbers keep their meaning."""
    lines = ("m=video 7000 RTP/AVP 96", "a=mid:v", "m=audio 6000 RTP/AVP 8 96", "a=mid:a", "m=audio 6002 RTP/AVP 0")
    events = ("a=rtpmap:96 telephone-event/8000",)
    offer = sdp.parse("\r\n".join((*str(described()).split("\r\n")[:5], *lines[:4], *events, *lines[4:], "")))
    session = MediaSession()
    answered = sdp.parse(answer(session, offer))
    offered = sdp.parse(session.write_offer(HERE, "sendonly"))
    for said in (answered, offered):
        assert [(line.kind, line.port) for line in said.media] == [("video", 0), ("audio", 4000), ("audio", 0)]
        assert said.media[1].attribute("mid") == "a"
        events_at = [each.payload_type for each in said.media[1].payload_formats() if each.name == "TELEPHONE-EVENT"]
        assert events_at == [96]
    accepted = session.read_answer(sdp.parse(answer(MediaSession(), offered)))
    assert (spec(accepted).direction, spec(accepted).codec) == ("sendonly", "PCMU")
    off = sdp.parse(str(offer).replace("audio 6000", "audio 0").replace("audio 6002", "audio 0"))
    answer(session, off)
    assert [line.port for line in sdp.parse(session.write_offer(HERE)).media] == [0, 4000, 0]
