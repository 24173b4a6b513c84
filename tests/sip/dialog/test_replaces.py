"""The Replaces header, and which call it names: every state of one, and what is no header."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.errors import BadMessage, CallRefused
from softphone.sip.dialog.dialog import DialogId
from softphone.sip.dialog.replaces import Replaces
from softphone.sip.ua.call import InviteSession, InviteState
from softphone.sip.ua.early import EarlyDialog
from tests.support.sip_pair import ANSWER, OFFER, Pair, scene, settle

TAG = st.from_regex(r"[A-Za-z0-9.~-]{1,12}", fullmatch=True)


@given(st.from_regex(r"[A-Za-z0-9@.:-]{1,30}", fullmatch=True), TAG, TAG, st.booleans())
def test_what_is_written_is_read(call_id: str, to_tag: str, from_tag: str, early: bool) -> None:
    wanted = Replaces(call_id, to_tag, from_tag, early)
    assert Replaces.parse(str(wanted)) == wanted
    assert DialogId(call_id, to_tag, from_tag) in wanted.names()


def test_spaces_case_and_order_do_not_count() -> None:
    assert Replaces.parse(" c1@host ; From-Tag=b ;early-only; TO-TAG=a;x=y") == Replaces("c1@host", "a", "b", True)


@pytest.mark.parametrize(
    "text",
    ["", ";to-tag=a;from-tag=b", "c1", "c1;to-tag=a", "c1;from-tag=b;to-tag", "c1;to-tag=;from-tag=b", "c;to-tag"],
)
def test_what_names_no_dialog_is_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        Replaces.parse(text)


def test_a_zero_may_be_no_tag() -> None:
    names = Replaces.parse("c;to-tag=a;from-tag=0").names()
    assert names == [DialogId("c", "a", "0"), DialogId("c", "a", "")]


async def ringing(call: InviteSession) -> None:
    await call.ring()


def named(call: InviteSession, more: str = "") -> list[tuple[str, str]]:
    """As its peer names it."""
    dialog = call.dialog
    return [("Replaces", f"{call.dialog.call_id};to-tag={dialog.local.tag};from-tag={dialog.remote.tag}{more}")]


async def status(pair: Pair, headers: list[tuple[str, str]]) -> int:
    try:
        await pair.call(headers=headers)
    except CallRefused as error:
        return error.status
    return 200


def test_which_call_is_found() -> None:
    async def work(pair: Pair) -> None:
        await pair.call()
        await settle(1)
        (theirs,) = pair.calls
        unknown = [("Replaces", f"{theirs.dialog.call_id};to-tag=x;from-tag=y")]
        assert await status(pair, unknown) == 481
        assert await status(pair, [("Replaces", "nonsense")]) == 400
        assert await status(pair, [*named(theirs), *named(theirs)]) == 400
        assert await status(pair, [*named(theirs), ("Join", "c;to-tag=a;from-tag=b")]) == 400
        assert await status(pair, named(theirs, ";early-only")) == 486
        assert theirs.state is InviteState.CONFIRMED and len(pair.calls) == 1
        assert await status(pair, [*named(theirs), ("Require", "replaces")]) == 200
        pending = pair.calls[1].pending
        assert pending is not None and pending.replaces is theirs
        await theirs.bye()
        assert await status(pair, named(theirs)) == 603

    scene(work)


def test_a_call_that_rings_is_not_replaced_by_who_is_called() -> None:
    async def work(pair: Pair) -> None:
        waiting = asyncio.create_task(pair.call())
        await settle(1)
        for more in ("", ";early-only"):
            assert await status(pair, named(pair.calls[0], more)) == 481
        await pair.calls[0].answer(ANSWER)
        await waiting

    scene(work, ringing)


class Pickup:
    """Alice calls, telephones ring, and Carol calls Alice to have the place of one of them."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.carol = pair.ether.stack()
        pair.alice.serve(self.give_way)
        self.came: list[InviteSession] = []

    async def give_way(self, call: InviteSession) -> None:
        self.came.append(call)
        assert call.pending is not None
        assert isinstance(call.pending.replaces, EarlyDialog)
        try:
            call.pending.replaces.give_way(call)
        except CallRefused as refusal:
            call.reject(refusal.status)

    async def pick_up(self, theirs: InviteSession, more: str = "") -> InviteSession:
        headers = [("Replaces", f"{Replaces.naming(theirs.dialog)}{more}")]
        uri = f"sip:alice@127.0.0.1:{self.pair.alice.port}"
        return await self.carol.invite(uri, OFFER, from_uri="sip:carol@127.0.0.1", headers=headers)


def pickup(work: Callable[[Pickup], Coroutine[Any, Any, None]], *options: Any) -> Pair:
    async def play(pair: Pair) -> None:
        found = Pickup(pair)
        await found.carol.start()
        try:
            await work(found)
        finally:
            await found.carol.stop()

    return scene(play, ringing, *options)


@pytest.mark.parametrize("more", ["", ";early-only"])
def test_a_call_of_ours_that_rings_is_taken_by_who_names_it(more: str) -> None:
    async def work(found: Pickup) -> None:
        calling = asyncio.create_task(found.pair.call())
        await settle(1)
        taking = asyncio.create_task(found.pick_up(found.pair.calls[0], more))
        call = await calling
        assert call is found.came[0] and call.direction == "in" and call.state is InviteState.EARLY
        await call.answer(ANSWER)
        theirs = await taking
        assert theirs.remote_sdp == ANSWER
        assert found.pair.ended == ["cancelled"]
        # It does not ring any more, whatever is still under way.
        with pytest.raises(CallRefused, match="481"):
            await found.pick_up(found.pair.calls[0], more)
        await theirs.bye()
        assert not call.is_confirmed

    pickup(work)


def test_who_answers_in_the_same_moment_is_hung_up_on() -> None:
    async def work(found: Pickup) -> None:
        calling = asyncio.create_task(found.pair.call())
        await settle(1)
        theirs = found.pair.calls[0]
        answering = asyncio.create_task(theirs.answer(ANSWER))  # its 200 is on its way
        early = found.pair.alice._driver.directory.named(Replaces.parse(str(Replaces.naming(theirs.dialog))).names()[0])
        assert isinstance(early, EarlyDialog)
        other = InviteSession.__new__(InviteSession)  # whoever it is
        early.give_way(other)
        assert await calling is other
        await asyncio.gather(answering, return_exceptions=True)
        await settle(1)
        assert found.pair.ended == ["bye"]

    pickup(work)


def test_who_gives_up_gives_way_to_nobody() -> None:
    async def work(found: Pickup) -> None:
        calling = asyncio.create_task(found.pair.call())
        await settle(1)
        theirs = found.pair.calls[0]
        early = found.pair.alice._driver.directory.named(Replaces.parse(str(Replaces.naming(theirs.dialog))).names()[0])
        assert isinstance(early, EarlyDialog)
        calling.cancel()
        await settle(0)
        with pytest.raises(CallRefused, match="481"):
            early.give_way(theirs)
        await asyncio.gather(calling, return_exceptions=True)

    pickup(work)


def test_those_that_were_there_are_not_remembered_for_ever() -> None:
    async def work(pair: Pair) -> None:
        for _ in range(5):
            await (await pair.call()).bye()
        table = pair.bob._driver.directory
        table._over = dict.fromkeys(hash(DialogId(f"c{number}", "a", "b")) for number in range(1000))
        await (await pair.call()).bye()
        assert len(table._over) == 1000 and not table.is_over(DialogId("c0", "a", "b"))

    scene(work)
