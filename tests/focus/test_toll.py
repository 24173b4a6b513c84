"""The trunk: who may call which numbers outside, and how many at once and in an hour."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.config import TollConfig, TrunkConfig
from softphone.focus.party.identity import Caller
from softphone.focus.party.outcome import NotReached
from softphone.focus.party.toll import HOUR_S, Toll, permitted
from softphone.sip.message.uri import Uri
from softphone.sip.ua.call import InviteSession
from tests.focus.switchboard import Switchboard, play, rings

ADA = Caller("101", account="100101")


TRUNK = TrunkConfig()


class Leg:
    """A member, as far as the guard looks at it."""

    gone = False
    party = SimpleNamespace(address=SimpleNamespace(number="+16505550100"))


def legs(count: int) -> list[Any]:
    return [Leg() for _ in range(count)]


@pytest.mark.parametrize(
    ("number", "allow", "deny", "may"),
    [
        ("+16505550100", (), (), True),
        ("+16505550100", ("+1",), (), True),
        ("16505550100", ("+1",), (), True),
        ("+496950500100", ("+1",), (), False),
        ("+19005550100", ("+1",), ("+1900",), False),
        ("19005550100", (), ("+1900",), False),
        ("+19005550100", ("+1900555",), ("+1900",), True),
        ("911", ("+1", "911"), (), True),
        ("+16505550100", (), ("+1900",), True),
        ("*67911", ("911",), (), False),
    ],
)
def test_which_numbers_may_be_called(number: str, allow: tuple[str, ...], deny: tuple[str, ...], may: bool) -> None:
    assert permitted(number, TrunkConfig(allow=allow, deny=deny)) is may


@pytest.mark.parametrize(
    "number",
    ["", "nobody", "+", "555;phone-context=x", "5550100@evil", "++1", "1" * 40, "１２３", "55%30", "conf_00"],
)
def test_what_is_no_number_does_not_go_out(number: str) -> None:
    with pytest.raises(NotReached, match="404"):
        Toll(TollConfig()).check(number, ADA)


@given(st.text(max_size=20))
def test_only_digits_go_out(number: str) -> None:
    try:
        Toll(TollConfig()).check(number, ADA)
    except NotReached:
        return
    assert number.isascii() and set(number) <= set("+0123456789*#")
    assert Uri.parse(f"sip:{number.replace('#', '%23')}@trunk.example").user == number


def test_nobody_calls_out_whom_nobody_knows() -> None:
    with pytest.raises(NotReached) as refused:
        Toll(TollConfig()).check("+16505550100", Caller("+15550001111"))
    assert (refused.value.status, refused.value.outcome.word) == (403, "not allowed")


def test_so_many_at_once_and_no_more_until_one_is_over() -> None:
    toll = Toll(TollConfig(max_calls=3, user_calls=2))
    first, second, third, fourth, fifth = legs(5)
    toll.enter(ADA, first, TRUNK, 0.0)
    toll.enter(ADA, second, TRUNK, 0.0)
    with pytest.raises(NotReached, match="503"):
        toll.enter(ADA, third, TRUNK, 0.0)
    toll.enter(Caller("102", account="100102"), third, TRUNK, 0.0)
    with pytest.raises(NotReached, match="503"):
        toll.enter(Caller("103", account="100103"), fourth, TRUNK, 0.0)
    first.gone = True
    toll.enter(ADA, fifth, TRUNK, 0.0)


def test_so_many_in_an_hour() -> None:
    toll = Toll(TollConfig(user_calls_per_hour=2, user_calls=0, max_calls=0))
    for now in (0.0, 100.0):
        (leg,) = legs(1)
        toll.enter(ADA, leg, TRUNK, now)
        leg.gone = True
    with pytest.raises(NotReached, match="503"):
        toll.enter(ADA, legs(1)[0], TRUNK, HOUR_S - 1)
    toll.enter(Caller("102", account="100102"), legs(1)[0], TRUNK, HOUR_S - 1)
    toll.enter(ADA, legs(1)[0], TRUNK, HOUR_S)
    with pytest.raises(NotReached, match="503"):
        toll.enter(ADA, legs(1)[0], TRUNK, HOUR_S + 1)


def test_two_hundred_forwarded_calls_are_not_two_hundred_trunk_calls(tmp_path: Path) -> None:
    """A telephone of 102 sends everybody who calls on to a number outside, and asks for many calls at once."""
    asked: list[InviteSession] = []

    async def scene(board: Switchboard) -> None:
        trunk = await board.telephone("itsp", rings, register=False)
        contact = f"<sip:+16505550199@127.0.0.1:{board.stack.port}>"

        async def forwards(call: InviteSession) -> None:
            call.reject(302, None, [("Contact", contact)])

        await board.telephone("102", forwards)
        caller = await board.telephone("101")
        calls = [asyncio.create_task(caller.call("102")) for _ in range(200)]
        await asyncio.sleep(5)
        asked.extend(trunk.calls)
        for call in calls:
            call.cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert sum("503" in str(each) for each in results) == 190
        await asyncio.sleep(2)
        assert len(trunk.ended) == 10 and not board.focus.rooms

    play(tmp_path, scene, trunk={"uri": "sip:127.0.0.1:5002"})
    assert len(asked) == 10 and {call.invite.uri.user for call in asked} == {"+16505550199"}
