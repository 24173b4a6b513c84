"""Telephones that register by several flows (RFC 5626): which of them a call goes by."""

import asyncio
from pathlib import Path

import pytest

from softphone.errors import CallRefused
from softphone.focus.ringing_commands import RingingCommands
from softphone.sip.ua.call import InviteSession
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


def test_who_is_to_answer_at_once_is_to_do_so_by_the_next_flow_too(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        rung = asyncio.Event()

        async def rings_once(call: InviteSession) -> None:
            if rung.is_set():
                call.reject(430)
                return
            await call.ring()
            rung.set()

        first, second = await flows(board, rings_once, answers)
        calling = asyncio.create_task((await board.telephone("101")).call("102"))
        await rung.wait()
        await asyncio.sleep(1)
        (room,) = board.focus.calls.values()
        (called,) = (id for id in room.session.parties if room.ringing.of(id))
        await RingingCommands(board.focus).answer(room.session.id, called)
        await (await calling).bye()
        asked = [each.invite.get("Answer-Mode") for each in (*first.calls, *second.calls)]
        assert asked == [None, "Auto", "Auto"]

    play(tmp_path, scene)
