"""What is over leaves nothing behind: neither objects nor entries, counted from what lasts."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import pytest

from softphone.commands.serve import COLLECTED
from softphone.errors import CallRefused
from softphone.focus.feed import Feed
from softphone.focus.party.member import Member
from softphone.media.contract.leg import LegTalking, RtpTimeout
from softphone.sip.dialog import table
from softphone.sip.services import auth
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import Nothing
from softphone.testing.wire import Ether
from tests.focus.switchboard import Switchboard, Telephone, play
from tests.support.raw import offer

ROUND = 12
# Longer than a transaction, and what waits for an ACK, lives.
OVER_S = 70.0
# What a walk from the server leaves out: numbers, code, and the clockwork and the wire that the tests are on, too.
NOT_HELD = (int, float, type, ModuleType, FunctionType, BuiltinFunctionType, asyncio.AbstractEventLoop, Ether)

Deed = Callable[["Crowd"], Awaitable[None]]


class Crowd:
    """Calls of all kinds at one conference."""

    def __init__(self, board: Switchboard, token: str, guest: Telephone, known: Telephone) -> None:
        self.board, self.token, self.guest, self.known = board, token, guest, known
        self.number = 0

    async def joins(self) -> None:
        call = await self.guest.call(self.token)
        await asyncio.sleep(1)
        await call.bye()

    async def joins_under_a_name(self) -> None:
        self.number += 1
        call = await self.guest.call(self.token, from_uri=f'"Ada {self.number}" <sip:ada@example.com>')
        await asyncio.sleep(1)
        await call.bye()

    async def vanishes(self) -> None:
        call = await self.guest.call(self.token)
        self.board.focus.on_media_event(RtpTimeout(max(self.board.focus.context.legs)))
        await asyncio.sleep(1)
        assert not call.is_confirmed

    async def cancels(self) -> None:
        task = asyncio.create_task(self.guest.call(self.token))
        await asyncio.sleep(0.025)
        task.cancel()
        await asyncio.wait([task])

    async def forges(self) -> None:
        self.number += 1
        self.board.ether.inject(
            forged(f"203.0.113.{self.number % 250}", self.number, self.token), self.board.stack.port
        )

    async def is_refused(self) -> None:
        with pytest.raises(CallRefused):
            await self.guest.call("nobody")

    async def talks(self) -> None:
        call = await self.known.call(self.token)
        await call.info("application/dtmf-relay", "Signal=5\r\nDuration=100\r\n")
        self.board.focus.on_media_event(LegTalking(max(self.board.focus.context.legs), True))
        await call.bye()


def forged(host: str, number: int, user: str) -> str:
    body = offer()
    return (
        f"INVITE sip:{user}@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP {host}:9;branch=z9hG4bK-f{number}\n"
        f"From: <sip:x{number}@{host}>;tag=f{number}\nTo: <sip:{user}@127.0.0.1>\nCall-ID: forged-{number}\n"
        f"CSeq: 1 INVITE\nMax-Forwards: 70\nContact: <sip:x@{host}>\nContent-Type: application/sdp\n"
        f"Content-Length: {len(body)}\n\n{body}"
    )


def at_a_conference(folder: Path, work: Callable[[Crowd], Coroutine[Any, Any, None]]) -> None:
    """Run a scene at a conference that somebody else is in all the time, with a memory of few events."""

    async def scene(board: Switchboard) -> None:
        board.paper.calls.clear()
        focus: Any = board.focus
        object.__setattr__(focus.context, "feed", Feed(kept=10))
        object.__setattr__(focus.context, "history", Nothing())
        session = await board.focus.create_conference(board.paper.accounts.extensions["101"])
        guest, known = await board.telephone("guest", register=False), await board.telephone("102")
        await (await board.telephone("103", register=False)).call(str(session.token))
        await work(Crowd(board, str(session.token), guest, known))

    play(folder, scene)


def held(board: Switchboard) -> int:
    """How many objects, entries of all tables included, what lasts as long as the server keeps alive."""
    board.paper.media.settings.clear()
    seen: dict[int, object] = {}
    todo: list[object] = [board.focus, board.door, board.stack, board.registrar]
    while todo:
        each = todo.pop()
        if id(each) not in seen and not isinstance(each, NOT_HELD):
            seen[id(each)] = each
            todo += gc.get_referents(each)
    return len(seen)


@pytest.mark.parametrize(
    "deed",
    [
        Crowd.joins,
        Crowd.joins_under_a_name,
        Crowd.vanishes,
        Crowd.cancels,
        Crowd.forges,
        Crowd.is_refused,
        Crowd.talks,
    ],
)
def test_a_conference_that_lasts_keeps_nothing_of_calls_that_are_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: Deed
) -> None:
    monkeypatch.setattr(auth, "MAX_COUNTED", 10)
    monkeypatch.setattr(table, "REMEMBERED", 10)
    there: list[int] = []

    async def work(crowd: Crowd) -> None:
        for _ in range(3):
            for _ in range(ROUND):
                await deed(crowd)
            await asyncio.sleep(OVER_S)
            there.append(held(crowd.board))

    at_a_conference(tmp_path, work)
    assert there[2] - there[1] < ROUND // 2, there


def test_what_calls_leave_is_found_without_being_asked_for(tmp_path: Path) -> None:
    """By the thresholds that the server sets, of which the usual ones take a fifth of the time of joins."""
    before, there = gc.get_threshold(), []

    async def work(crowd: Crowd) -> None:
        for _ in range(4):
            for _ in range(100):
                await crowd.joins()
            await asyncio.sleep(OVER_S)
            there.append(sum(isinstance(each, InviteSession) for each in gc.get_objects()))

    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED)
    try:
        at_a_conference(tmp_path, work)
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
    assert max(there) < 600, "of 800, two for each call"


def test_a_dialog_that_outlives_its_call_holds_nobody(tmp_path: Path) -> None:
    """It lasts until nothing of it can come any more; what the call was about need not."""

    async def work(crowd: Crowd) -> None:
        before = held(crowd.board)
        for _ in range(5):
            await crowd.forges()
        await asyncio.sleep(20.0)
        gc.collect()
        there = [each for each in gc.get_objects() if type(each) in (InviteSession, Member)]
        sessions = [
            each for each in there if isinstance(each, InviteSession) and each.dialog.call_id.startswith("forged-")
        ]
        assert len(sessions) == 5 and held(crowd.board) > before
        assert sum(isinstance(each, Member) for each in there) == 1

    at_a_conference(tmp_path, work)
