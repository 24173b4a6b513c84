"""Passes as numbers: signed, and no digit of one can be another."""

from hypothesis import given
from hypothesis import strategies as st

from softphone.focus.passes import PASS, Passes, signing_key


@given(st.integers(0, 10**10 - 1), st.integers(0, 23), st.integers(1, 9))
def test_no_digit_of_a_pass_can_be_another(identity: int, place: int, more: int) -> None:
    passes = Passes(None, None, signing_key("secret"))  # type: ignore[arg-type]
    number = passes.number(f"{identity:010}")
    assert passes.is_signed(number) and PASS.fullmatch(number)
    spoiled = f"{number[:place]}{(int(number[place]) + more) % 10}{number[place + 1 :]}"
    assert not passes.is_signed(spoiled)
    assert not Passes(None, None, signing_key("another")).is_signed(number)  # type: ignore[arg-type]
