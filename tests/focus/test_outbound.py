"""Telephones that register by several flows (RFC 5626): which of them a call goes by."""

import asyncio
from pathlib import Path

import pytest

from softphone.errors import CallRefused
from tests.focus.switchboard import Behaviour, Switchboard, Telephone, answers, play, refuses, rings


async def flows(board: Switchboard, *behaviours: Behaviour) -> list[Telephone]:
    """One telephone of 102, by a flow for each behaviour, the last one registered first."""
    made = [await board.telephone("102", each, register=False) for each in behaviours]
    for number, each in reversed(list(enumerate(made, 1))):
        contact = f'<{each.uri}>;+sip.instance="<urn:uuid:1>";reg-id={number}'
        where = f"sip:127.0.0.1:{board.stack.port}"
        await each.stack.register(where, each.uri, contact=contact, credentials=each.credentials, expires=3600)
        await asyncio.sleep(1)
    return made


def test_a_telephone_with_two_flows_rings_once(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        first, second = await flows(board, rings, rings)
        desk, caller = await board.telephone("102", answers), await board.telephone("101")
        await (await caller.call("102")).bye()
        assert [len(each.calls) for each in (first, second, desk)] == [1, 0, 1]

    play(tmp_path, scene)


@pytest.mark.parametrize("status", [408, 480, 486, 500, 503, 603])
def test_what_a_telephone_says_by_one_flow_holds_for_all_of_them(tmp_path: Path, status: int) -> None:
    async def scene(board: Switchboard) -> None:
        first, second = await flows(board, refuses(status), answers)
        with pytest.raises(CallRefused):
            await (await board.telephone("101")).call("102")
        assert [len(each.calls) for each in (first, second)] == [1, 0]

    play(tmp_path, scene)


@pytest.mark.parametrize("how", ["430", "silent", "silent beside one that refuses"])
def test_a_flow_that_fails_is_followed_by_the_next_of_the_same_telephone(tmp_path: Path, how: str) -> None:
    async def scene(board: Switchboard) -> None:
        first, second, third = await flows(board, refuses(430), answers, answers)
        if "beside" in how:
            await board.telephone("102", refuses(486))
        if "silent" in how:
            await board.leave(first)
        caller = await board.telephone("101")
        await (await caller.call("102")).bye()
        assert [len(each.calls) for each in (second, third)] == [1, 0]
        assert len(board.sent(f"INVITE {first.uri}")) == 1
        assert [str(reason) for _, reason in board.notes.of("call_ended")] == ["hung up"]
        await (await caller.call("102")).bye()
        assert len(board.sent(f"INVITE {first.uri}")) == (2 if how == "430" else 1)

    play(tmp_path, scene)
