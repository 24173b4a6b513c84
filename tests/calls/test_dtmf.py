"""Keys by INFO, and the one entry of keys by all ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.calls.dtmf import InfoKey, KeyEntry, KeyWay, info_key


@pytest.mark.parametrize(
    ("content_type", "body", "key"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", "5"),
        ("application/dtmf-relay", b"Signal= *\r\nDuration= 160", "*"),
        ("Application/DTMF-Relay; charset=utf-8", b"signal=#", "#"),
        ("application/dtmf-relay", b"Duration=100\nSignal=10\n", "*"),
        ("application/dtmf-relay", b"Signal=11\r\nDuration=160", "#"),
        ("application/dtmf-relay", b"SIGNAL=*\r\n", "*"),
        ("application/dtmf-relay", b"\r\n\tsignal : \"7\" ;\r\n", "7"),
        ("application/dtmf-relay", b"Signal=a\r\n", "A"),
        ("application/dtmf-relay", b"Signal=15\r\n", "D"),
        ("application/dtmf-relay", b"8", "8"),
        ("application/dtmf", b"7", "7"),
        ("application/dtmf", b" 11\r\n", "#"),
        ("application/dtmf", b"10", "*"),
        ("application/dtmf", b"b\n", "B"),
        ("application/dtmf", b"Signal=3\r\nDuration=250\r\n", "3"),
        ("application/dtmf", b"4\r\nDuration=250\r\n", "4"),
        ("application/dtmf-relay", b"Duration=160\r\n", ""),
        ("application/dtmf-relay", b"Signal=99\r\n", ""),
        ("application/dtmf-relay", b"Signal=16\r\n", ""),
        ("application/dtmf-relay", b"Signal=\r\n5\r\n", ""),
        ("application/dtmf", b"123", ""),
        ("application/dtmf", b"\xff", ""),
        ("application/dtmf", b"", ""),
        ("application/json", b"5", ""),
        ("", b"5", ""),
    ],
)  # fmt: skip
def test_keys_by_info(content_type: str, body: bytes, key: str) -> None:
    found = info_key(content_type, body)
    assert (found.key if found else "") == key


@given(st.binary(max_size=60), st.sampled_from(["application/dtmf", "application/dtmf-relay"]))
def test_any_body_is_read(body: bytes, content_type: str) -> None:
    found = info_key(content_type, body)
    assert found is None or found.key in "0123456789*#ABCD"


def test_info_says_how_long() -> None:
    assert info_key("application/dtmf-relay", b"Signal=5\r\nDuration=1200\r\n") == InfoKey("5", 1.2)


def entered(*presses: tuple[str, KeyWay, float] | tuple[str, KeyWay, float, float]) -> str:
    entry = KeyEntry()
    return "".join(press[0] for press in presses if entry.press(*press))


@pytest.mark.parametrize("second", ["event", "tone"])
@pytest.mark.parametrize("late_s", [0.0, 0.04, 0.19])
def test_each_key_by_two_ways_is_one(second: KeyWay, late_s: float) -> None:
    presses: list[tuple[str, KeyWay, float]] = []
    for number, key in enumerate("1123#"):
        presses += [(key, "info", 0.15 * number), (key, second, 0.15 * number + late_s)]
    assert entered(*sorted(presses, key=lambda press: press[2])) == "1123#"


def test_three_ways_are_one_key() -> None:
    assert entered(("1", "event", 0), ("1", "tone", 0.05), ("1", "info", 0.1), ("1", "event", 0.2)) == "11"


def test_pressed_twice_by_one_way_is_two() -> None:
    assert entered(("1", "info", 0), ("1", "info", 0.1), ("1", "event", 0.2), ("1", "event", 0.25)) == "11"


def test_a_sequence_by_one_way_and_then_by_another_is_meant_twice() -> None:
    presses: list[tuple[str, KeyWay, float]] = [("*", "event", 0.0), ("1", "event", 0.15), ("*", "info", 0.25)]
    assert entered(*presses, ("1", "info", 0.37)) == "*1*1"
    assert entered(("1", "event", 0), ("1", "info", 0.29), ("2", "event", 0.4), ("2", "info", 0.69)) == "12"


def test_another_key_or_a_later_one_is_its_own() -> None:
    assert entered(("1", "event", 0), ("2", "info", 0.1), ("1", "info", 0.31)) == "121"


def test_a_held_key_that_is_told_when_it_is_let_go_is_one() -> None:
    assert entered(("1", "event", 0), ("1", "info", 2.0, 1.9)) == "1"
    assert entered(("1", "event", 0), ("1", "info", 2.0, 0.25)) == "11"
    assert entered(("1", "event", 0), ("1", "info", 2.0, 60.0)) == "11"
