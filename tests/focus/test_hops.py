"""Calls that go in circles: each of ours may go one hop less far than the one that it was made for (RFC 7332)."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.errors import CallRefused
from softphone.focus.party.identity import hops_left
from softphone.focus.party.outcome import NotReached
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, request
from softphone.sip.message.uri import Uri
from softphone.testing.bridge import offer
from tests.focus.switchboard import Switchboard, answers, play, refuses


def invite(hops: int = 70) -> Request:
    who = Address(Uri.parse("sip:101@127.0.0.1"))
    return request("INVITE", who.uri, from_=who, to=who, call_id="one", cseq=1, contact=who, max_forwards=hops)


@given(st.integers(1, 255))
def test_one_less(hops: int) -> None:
    assert hops_left(invite(hops)) == hops - 1


def test_who_counts_no_hops_is_given_the_usual_number() -> None:
    counting = invite()
    counting.remove("Max-Forwards")
    assert hops_left(counting) == 69


def test_none_left() -> None:
    with pytest.raises(NotReached) as refusal:
        hops_left(invite(0))
    assert (refusal.value.status, refusal.value.outcome.word) == (483, "loop")


@pytest.mark.parametrize(("came_with", "goes_with"), [(70, 69), (7, 6), (1, 0)])
def test_a_call_is_passed_on_with_one_less(tmp_path: Path, came_with: int, goes_with: int) -> None:
    async def scene(board: Switchboard) -> None:
        callee = await board.telephone("102", answers)
        call = await (await board.telephone("101")).call("102", max_forwards=came_with)
        assert callee.calls[0].invite.max_forwards == goes_with
        await call.bye()

    play(tmp_path, scene)


def test_it_is_counted_through_a_redirection(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        target = await board.telephone("103", answers)
        await board.telephone("102", refuses(302, None, f"<sip:103@127.0.0.1:{board.stack.port}>"))
        call = await (await board.telephone("101")).call("102", max_forwards=9)
        assert target.calls[0].invite.max_forwards == 8
        await call.bye()

    play(tmp_path, scene)


def test_a_call_that_has_no_hop_left_ends(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        callee = await board.telephone("102", answers)
        with pytest.raises(CallRefused, match="483"):
            await (await board.telephone("101")).call("102", max_forwards=0)
        assert not callee.calls
        assert not board.focus.rooms
        assert [str(word) for _, word in board.notes.of("call_ended")] == ["loop"]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("to", "uri", "status"),
    [("102", "102", 482), ("+16505550100*102", "102", 482), ("102", "+16505550100*102", 482), ("103", "102", 407)],
)
def test_our_own_invite_comes_back(tmp_path: Path, to: str, uri: str, status: int) -> None:
    """Where it was sent to it is a loop; forwarded to somebody else it is anybody's call, and is asked who it is."""

    async def scene(board: Switchboard) -> None:
        here = f"127.0.0.1:{board.stack.port}"
        with pytest.raises(CallRefused) as refusal:
            await board.stack.invite(
                f"sip:{uri}@{here}", offer(), from_uri="sip:101@127.0.0.1", to=f"<sip:{to}@{here}>"
            )
        assert refusal.value.status == status

    play(tmp_path, scene)


def test_an_offer_that_is_none_leaves_no_call_behind(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", answers)
        caller = await board.telephone("101")
        for bad in ("v=0\r\n", offer().replace("audio", "video")):
            with pytest.raises(CallRefused):
                await caller.stack.invite(
                    f"sip:102@127.0.0.1:{board.stack.port}", bad, from_uri=caller.uri, credentials=caller.credentials
                )
        assert not board.focus.rooms

    play(tmp_path, scene)
