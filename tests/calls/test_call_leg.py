"""Two legs and what they offer each other: whatever happens, both agree, and what fails has changed nothing."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softphone.calls import open_keys
from softphone.calls.moving import move
from softphone.errors import CallRefused
from softphone.sip.ua.call import InviteState
from softphone.srtp import Encryption
from tests.calls.sides import OPPOSITE, Side, Sides, scene

FAILING = ("full", "refused", "cancelled")
STEPS = st.tuples(
    st.sampled_from("ab"),
    st.sampled_from(list(OPPOSITE)),
    st.sampled_from(["well", "again", "crossing", "given up", *FAILING]),
)


async def offered(sides: Sides, who: str, direction: str, how: str) -> None:
    """Offer once; when it fails, all is as before."""
    one, other = (sides.a, sides.b) if who == "a" else (sides.b, sides.a)
    before = one.state, other.state
    assert one.leg.call is not None
    if how == "again":  # as a session refresh does (RFC 4028)
        assert await one.leg.call.watch._by_offer()
    elif how == "crossing":
        await asyncio.gather(one.leg.reinvite(direction), other.leg.reinvite(OPPOSITE[direction]))
    elif how == "given up":
        await cancelled(one.leg.reinvite(direction), other, after_s=1.0)
    elif how == "cancelled":  # by a CANCEL
        assert one.leg.info is not None
        offer = one.leg.session.write_offer(one.leg.info, direction)
        await cancelled(one.leg.call.reinvite(offer), other, after_s=1.0)
        one.leg.session.close_offer()
    else:
        other.worker.full, other.refuses = how == "full", how == "refused"
        with suppress(CallRefused):
            await one.leg.reinvite(direction)
        other.worker.full = other.refuses = False
    await asyncio.sleep(1.0)
    assert how not in FAILING or (one.state, other.state) == before


async def cancelled(work: Coroutine[Any, Any, object], asked: Side, after_s: float) -> None:
    """Give up an offer while the worker of whom it is for is at work."""
    asked.worker.slow_s = 2 * after_s
    offering = asyncio.create_task(work)
    await asyncio.sleep(after_s)
    offering.cancel()
    with suppress(asyncio.CancelledError):
        await offering
    await asyncio.sleep(3 * after_s)
    asked.worker.slow_s = 0.0


@settings(deadline=None, max_examples=40)
@given(st.lists(STEPS, min_size=1, max_size=5))
def test_whatever_is_offered_both_sides_agree_and_what_fails_changes_nothing(steps: list[tuple[str, str, str]]) -> None:
    async def work(sides: Sides) -> None:
        sides.agree()
        for step in steps:
            await offered(sides, *step)
            sides.agree()
        for side in (sides.a, sides.b):
            assert side.leg.call is not None
            assert side.leg.call.state is InviteState.CONFIRMED

    scene(work).versions()


@pytest.mark.parametrize("closed_s", [0.5, 5.0])
def test_a_leg_is_given_back_that_nobody_waited_for(closed_s: float) -> None:
    """Its number came when whoever asked for it had gone."""

    async def work(sides: Sides) -> None:
        side = sides.a
        side.worker.slow_s = 1.0
        opening = asyncio.create_task(side.leg.answer(None))
        await asyncio.sleep(0.1)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await asyncio.sleep(closed_s)
        await side.leg.close()
        await asyncio.sleep(5.0)
        assert (side.worker.specs, side.worker.legs) == ({}, {})

    scene(work, called=False)


@pytest.mark.parametrize("refused", [False, True])
def test_a_leg_moves_with_its_call_or_stays(refused: bool) -> None:
    async def work(sides: Sides) -> None:
        one, other = sides.a, sides.b
        before = one.leg.number
        other.refuses = refused
        with suppress(CallRefused):
            await move(one.leg, one.media, 7)
        await asyncio.sleep(1.0)
        assert (one.leg.number == before) is refused
        sides.agree()

    scene(work).versions()


@pytest.mark.parametrize("refused", [False, True])
def test_a_leg_that_moves_has_other_keys_both_ways_and_one_that_stays_the_same(refused: bool) -> None:
    async def work(sides: Sides) -> None:
        one, other = sides.a, sides.b
        for side in (one, other):
            side.leg.session.encryption = "required"
        await sides.begin()
        before = one.leg.spec.srtp, other.leg.spec.srtp
        other.refuses = refused
        with suppress(CallRefused):
            await move(one.leg, one.media, 7)
        other.refuses = False
        for _ in range(2):  # and then they hold
            ours, theirs = one.leg.spec.srtp, other.leg.spec.srtp
            assert ours is not None and theirs is not None and before[0] is not None
            assert ours.profile and (ours.send, ours.receive) == (theirs.receive, theirs.send)
            assert ((ours, theirs) == before) is refused
            assert (ours.send == before[0].send, ours.receive == before[0].receive) == (refused, refused)
            await one.leg.reinvite()
        assert one.leg.spec.srtp == ours
        sides.agree()

    scene(work, called=False)


@pytest.mark.parametrize(("encryption", "away"), [("required", True), ("required", False), ("off", True)])
def test_keys_that_others_may_read_are_told_of_once(
    encryption: Encryption, away: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_keys.say.cache_clear()
    if away:  # what is on paper is all on one machine
        monkeypatch.setattr(open_keys, "is_loopback", lambda host: False)

    async def work(sides: Sides) -> None:
        for side in (sides.a, sides.b):
            side.leg.session.encryption = encryption
        await sides.begin()
        await sides.a.leg.reinvite()

    scene(work, called=False)
    assert sum("keys" in each.message for each in caplog.records) == (away and encryption == "required")
