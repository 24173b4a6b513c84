"""What is remembered of addresses that have shown nothing: their grace, as long as some of it is missing."""

import pytest

from softphone.sip.ua import allowance
from softphone.sip.ua.allowance import ADDRESSES, GRACE, GRACE_PER_S, Allowances

WHOLE_AFTER_S = GRACE / GRACE_PER_S


def test_an_address_is_forgotten_when_its_grace_is_whole_again() -> None:
    allowances = Allowances(0.0)
    for number in range(3000):  # a forged address ten times a second, for five minutes
        assert allowances.of(f"127.0.{number // 250}.{number % 250}", 500, number / 10).spend(1500, number / 10)
        assert len(allowances) <= 10 * WHOLE_AFTER_S + 1
    for number in range(3000):  # what a flood has left goes, though few come after it
        allowances.of("127.9.9.9", 500, 1000.0 + number)
    assert len(allowances) == 1


@pytest.mark.parametrize("pause_s", [0.0, 1.0, WHOLE_AFTER_S / 2])
def test_nobody_has_its_grace_anew_because_others_come(pause_s: float) -> None:
    """Also one that has borrowed nothing with its first request, and one that borrows after others have come."""
    allowances = Allowances(0.0)
    first = allowances.of("192.0.2.1", 100, 0.0)
    for number in range(100):
        allowances.of(f"198.51.100.{number}", 100, pause_s)
    assert first.spend(GRACE + 300, pause_s)
    again = allowances.of("192.0.2.1", 100, pause_s)
    assert not again.spend(300 + 1, pause_s)


def test_a_flood_of_addresses_is_remembered_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "ADDRESSES", 50)
    allowances = Allowances(0.0)
    for number in range(500):
        allowances.of(str(number), 500, 0.0)
    assert len(allowances) == 50
    assert ADDRESSES > 50
