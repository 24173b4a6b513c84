import pytest

from softphone import opus
from softphone.codec import DYNAMIC, PTIMES_MS, TABLE, Codec, codec, spoken_here


def test_no_two_codecs_have_a_name_or_a_number_or_a_line_in_common() -> None:
    for values in (
        [each.name for each in TABLE],
        [each.payload_type for each in TABLE],
        [(str(each), each.rate_hz) for each in TABLE],
    ):
        assert len(set(values)) == len(TABLE)


@pytest.mark.parametrize("spoken", TABLE, ids=str)
def test_a_packet_of_any_length_is_one_datagram_and_a_whole_number_of_ticks(spoken: Codec) -> None:
    assert spoken.ptimes_ms and set(spoken.ptimes_ms) <= set(PTIMES_MS)
    assert all(spoken.size(ms) <= 1400 for ms in spoken.ptimes_ms)
    assert all(spoken.ticks(ms) * 1000 == ms * spoken.clock_hz for ms in spoken.ptimes_ms)
    assert spoken.payload_type <= 34 or DYNAMIC <= spoken.payload_type <= 127


def test_sound_that_would_not_fit_is_sent_in_shorter_packets() -> None:
    assert codec("L16/48000").ptimes_ms == (10,)
    assert codec("L16/16000").ptimes_ms == (10, 20, 30, 40)


def test_names_of_encodings_are_alike_in_any_case() -> None:
    assert codec("L16/16000").is_spoken_as("l16", 16_000)
    assert not codec("L16/16000").is_spoken_as("L16", 16_000, 2)
    assert not codec("L16/16000").is_spoken_as("L16", 8000)


@pytest.mark.parametrize(
    ("name", "said", "spoken"),
    [
        ("G722", ("G722", 16_000), True),
        ("G722", ("G722", 8000), True),
        ("G722", ("G722", 16_000, 2), False),
        ("G722", ("G7221", 16_000), False),
        ("OPUS", ("opus", 48_000), True),
        ("OPUS", ("opus", 48_000, 2), True),
        ("OPUS", ("opus", 16_000), False),
        ("OPUS/16000", ("opus", 16_000), True),
        ("OPUS/16000", ("opus", 48_000), False),
        ("PCMU", ("PCMU", 16_000), False),
    ],
)
def test_a_clock_or_channels_written_by_mistake_are_known(name: str, said: tuple[str, int], spoken: bool) -> None:
    assert codec(name).is_spoken_as(*said) is spoken


def test_names_are_taken_in_any_case_and_once() -> None:
    assert spoken_here(["opus", "Pcmu", "l16/8000"]) == ("OPUS", "PCMU", "L16/8000")
    for names in (["PCMU", "pcmu"], ["GSM"], [], "PCMU"):
        with pytest.raises(ValueError, match="some of PCMU, PCMA"):
            spoken_here(names)


def test_without_libopus_the_others_are_spoken_and_alone_opus_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus, "library", lambda: None)
    assert spoken_here(("OPUS", "OPUS/16000", "G722", "OPUS/FULL", "PCMA")) == ("G722", "PCMA")
    with pytest.raises(ValueError, match="`av`"):
        spoken_here(["OPUS"])
