"""What was agreed, for bridge and agent alike: whose packets, which numbers, which version of our description."""

import pytest

from softphone import sdp
from softphone.calls.leg import Agreement, Describer
from softphone.calls.nat import is_behind_nat
from softphone.media.contract.leg import LegInfo, MediaAddress

HERE = LegInfo(1, "198.51.100.1", 4000, 4001)


def described(
    *lines: str, media: str = "audio 6000 RTP/AVP 0 101", host: str = "203.0.113.9"
) -> sdp.SessionDescription:
    head = ("v=0", "o=- 1 1 IN IP4 203.0.113.9", "s=-", f"c=IN IP4 {host}", "t=0 0", f"m={media}")
    return sdp.parse("\r\n".join((*head, "a=rtpmap:101 telephone-event/8000", *lines, "")))


def agreed(offer: sdp.SessionDescription, before: Agreement | None = None, signalled: str | None = None) -> Agreement:
    return (before or Agreement.none(30.0)).after(sdp.choose(offer, again=before is not None), signalled)


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
    spec = agreed(described(host=media), signalled=signalled).spec
    assert spec.behind_nat is behind
    assert spec.latch_host == (signalled if behind or media == signalled else None)


def test_hold_in_the_old_way_keeps_the_address() -> None:
    first = agreed(described())
    held = agreed(described(host="0.0.0.0"), first)
    assert (held.held, held.spec.remote, held.spec.timeout_s) == (True, MediaAddress("203.0.113.9", 6000), 0.0)
    back = agreed(described(), held)
    assert (back.held, back.spec) == (False, first.spec)


def test_a_stream_that_is_switched_off_comes_back() -> None:
    describer, first = Describer(), agreed(described())
    describer.answer(described(), HERE)
    off = described(media="audio 0 RTP/AVP 0 101")
    after = first.after(describer.choose(off), None)
    assert (after.held, after.spec.direction, after.spec.remote) == (True, "inactive", first.spec.remote)
    assert "m=audio 0 RTP/AVP 0 101\r\n" in describer.answer(off, HERE)
    assert agreed(described(), after).spec == first.spec


def test_an_answer_with_numbers_of_its_own() -> None:
    describer = Describer()
    describer.offer(HERE)
    text = str(described("a=rtpmap:97 telephone-event/8000", "a=rtpmap:98 PCMA/8000", media="audio 6000 RTP/AVP 98 97"))
    spec = Agreement.none(30.0).after(describer.accept(sdp.parse(text)), None).spec
    assert (spec.codec, spec.payload_type, spec.payload_type_in) == ("PCMA", 98, 8)
    assert (spec.event_payload_type, spec.event_payload_type_in) == (97, 101)


@pytest.mark.parametrize(
    ("tones", "media", "listens"), [(True, "0", True), (True, "0 101", False), (False, "0", False)]
)
def test_tones_are_listened_for_where_there_are_no_events(tones: bool, media: str, listens: bool) -> None:
    start = Agreement.none(30.0, listens_for_tones=tones)
    assert agreed(described(media=f"audio 6000 RTP/AVP {media}"), start).spec.inband_keys is listens


def version(text: str) -> int:
    return sdp.parse(text).origin.version


def test_the_version_grows_only_with_a_change() -> None:
    describer = Describer()
    first = version(describer.answer(described(), HERE))
    assert version(describer.answer(described("a=foo:bar"), HERE)) == first
    assert version(describer.answer(described("a=sendonly"), HERE)) == first + 1
    assert version(describer.answer(described("a=sendonly"), HERE)) == first + 1
    offered = describer.offer(HERE)
    assert version(offered) == first + 2
    assert version(describer.offer(HERE)) == first + 2
    assert version(describer.offer(HERE, "sendonly")) == first + 3
    assert version(describer.offer(LegInfo(1, HERE.host, 4002, 4003), "sendonly")) == first + 4
    assert len({sdp.parse(text).origin.session_id for text in (offered, describer.offer(HERE))}) == 1


def test_an_answer_to_no_offer() -> None:
    with pytest.raises(sdp.SdpError, match="no offer"):
        Describer().accept(described())


def test_offers_ask_for_the_packets_that_the_peer_wants() -> None:
    """A telephone with one length for both directions then changes it for no re-INVITE of ours."""
    asked, called = Describer(), Describer()
    assert "a=ptime:20\r\n" in asked.offer(HERE)
    answer = asked.answer(described("a=ptime:30"), HERE)
    assert answer.count("a=ptime:30\r\n") == 1
    called.offer(HERE)
    called.accept(described("a=ptime:60", "a=maxptime:40"))
    assert [each.offer(HERE).count(f"a=ptime:{ms}\r\n") for each, ms in ((asked, 30), (called, 40))] == [1, 1]


def test_a_packet_length_lasts_till_the_next_description() -> None:
    first = agreed(described("a=ptime:60"))
    assert first.spec.ptime_ms == agreed(described("a=ptime:60", host="0.0.0.0"), first).spec.ptime_ms == 60
    assert agreed(described(), first).spec.ptime_ms == 20
