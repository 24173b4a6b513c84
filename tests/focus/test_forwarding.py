"""Calls to a user ring by preference, are forwarded, or not put through at all; and none goes in circles."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.config import TrunkConfig
from softphone.errors import CallRefused
from softphone.focus.party.forwarding import forwarded_to
from softphone.focus.party.identity import forwardings
from softphone.focus.party.outcome import WORDS
from softphone.sip.message.fields import Address
from softphone.sip.message.message import request
from softphone.sip.message.uri import Uri
from softphone.sip.ua.call import InviteSession
from softphone.store.call_handling import CallHandling
from softphone.store.errors import PropertyError
from tests.focus.switchboard import Behaviour, Switchboard, Telephone, answers, play, refuses, rings

ITSP = TrunkConfig(uri="sip:127.0.0.1:5002", from_domain="itsp.example")


def handle(board: Switchboard, number: str, **changes: Any) -> None:
    """Set what becomes of calls to a user."""
    accounts = board.paper.accounts
    entry = accounts.entry(accounts.extensions[number].id)
    assert entry is not None
    accounts.put(type(entry)(entry.extension, entry.credentials, handling=entry.handling.changed(changes)))


async def outcome(board: Switchboard, caller: Any, number: str, **options: Any) -> int:
    """What the caller is told at last; an answered call is hung up."""
    try:
        call: InviteSession = await caller.call(number, **options)
    except CallRefused as refused:
        return refused.status
    await asyncio.sleep(0.1)
    await call.bye()
    await asyncio.sleep(1)
    return 200


@pytest.mark.parametrize(
    ("handling", "behaviour", "at_103"),
    [
        ({"forward_always": "103"}, answers, 1),
        ({"do_not_disturb": True, "forward_busy": "103"}, answers, 1),
        ({"forward_busy": "103"}, refuses(486), 1),
        ({"forward_busy": "103"}, rings, 0),
        ({"forward_busy": "103"}, refuses(603), 0),
        ({"forward_no_answer": "103", "no_answer_s": 5}, rings, 1),
        ({"forward_no_answer": "103"}, refuses(480), 1),
        ({"forward_no_answer": "103"}, refuses(486), 0),
        ({"forward_no_answer": "103"}, None, 1),
    ],
)
def test_a_call_goes_on_where_its_callee_has_said(
    tmp_path: Path, handling: dict[str, Any], behaviour: Any, at_103: int
) -> None:
    async def scene(board: Switchboard) -> None:
        if behaviour is not None:
            await board.telephone("102", behaviour)
        third, caller = await board.telephone("103", answers), await board.telephone("101")
        handle(board, "102", **handling)
        status = await outcome(board, caller, "102")
        assert len(third.calls) == at_103 and (status == 200) is bool(at_103)
        if at_103:
            invite = third.calls[0].invite
            assert invite.from_.uri.user == "101" and (invite.get("Diversion") or "").startswith("<sip:102@")
            assert 181 in caller.statuses
            names = [note for note in board.notes.of("call_ended")]
            assert len(names) == 1
        assert not board.focus.rooms and not board.focus.context.legs

    play(tmp_path, scene)


def test_who_has_forwarded_answers_for_a_call_outside(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        itsp, caller = await board.telephone("itsp", answers, register=False), await board.telephone("101")
        handle(board, "102", forward_no_answer="+4930123")
        assert await outcome(board, caller, "102") == 200
        (call,) = itsp.calls
        assert (call.invite.uri.user, call.invite.from_.uri.user) == ("+4930123", "101")
        # A trunk calls outside by nobody but by who has forwarded there.
        assert await outcome(board, itsp, "102", from_uri="sip:+1@itsp.example") == 200
        assert board.dialer.toll._hour[-1][1] == board.paper.accounts.extensions["102"].id

    play(tmp_path, scene, trunk=ITSP)


def test_forwarding_in_circles_ends(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        caller = await board.telephone("101")
        for number, to in (("102", "103"), ("103", "104"), ("104", "102"), ("105", "105")):
            handle(board, number, forward_always=to)
        assert await outcome(board, caller, "102") == await outcome(board, caller, "105") == 482
        # Nor does it go on for ever from one server to another.
        handle(board, "104", forward_always="")
        third = await board.telephone("104", answers)
        for header, status in (
            (("Diversion", "<sip:1@h>;counter=3, <sip:2@h>"), 482),
            (("Diversion", "<sip:1@h>;counter=3"), 200),
            (("History-Info", "<sip:1@h>;index=1, <sip:2@h>;index=1.1"), 200),
            (("History-Info", ", ".join(f"<sip:{n}@h>;index=1.{n}" for n in range(6))), 482),
        ):
            assert await outcome(board, caller, "102", headers=[header]) == status
        assert len(third.calls) == 2

    play(tmp_path, scene)


def test_nobody_is_disturbed_and_no_call_waits(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        phone, caller = await board.telephone("102", answers), await board.telephone("101")
        handle(board, "102", do_not_disturb=True)
        assert await outcome(board, caller, "102") == 480
        assert not phone.calls and board.notes.of("call_ended")[-1][-1] == "do not disturb"
        handle(board, "102", do_not_disturb=False)
        first = await caller.call("102")
        assert await outcome(board, caller, "102") == 200
        handle(board, "102", call_waiting=False)
        assert await outcome(board, caller, "102") == 486
        await first.bye()
        await asyncio.sleep(1)
        assert await outcome(board, caller, "102") == 200
        # Who calls somebody, and whose telephone rings, is busy too.
        phone.behaviour = rings
        ringing = asyncio.create_task(caller.call("102"))
        await asyncio.sleep(1)
        assert await outcome(board, caller, "102") == 486
        ringing.cancel()
        await asyncio.sleep(1)
        calling = asyncio.create_task(phone.call("103"))
        await board.telephone("103", rings)
        await asyncio.sleep(1)
        calling.cancel()

    play(tmp_path, scene)


async def preferred(board: Switchboard, *phones: tuple[Behaviour, float]) -> list[Telephone]:
    """Register telephones of 102, each with how much it is preferred."""
    made = [await board.telephone("102", behaviour, register=False) for behaviour, _ in phones]
    for phone, (_, q) in zip(made, phones, strict=True):
        contact = f"<{phone.uri}>;q={q}"
        registrar = f"sip:127.0.0.1:{board.stack.port}"
        await phone.stack.register(registrar, phone.uri, contact, credentials=phone.credentials)
    return made


def test_the_preferred_ring_first_and_the_others_with_them_later(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        desk, mobile = await preferred(board, (rings, 1.0), (rings, 0.5))
        caller = await board.telephone("101", register=False)
        calling = asyncio.create_task(caller.call("102"))
        await asyncio.sleep(9)
        assert [len(desk.calls), len(mobile.calls)] == [1, 0]
        await asyncio.sleep(2)
        assert [len(desk.calls), len(mobile.calls)] == [1, 1] and not desk.ended
        calling.cancel()
        await asyncio.sleep(2)
        assert desk.ended and mobile.ended
        # No time is lost on who says no.
        desk.behaviour, mobile.behaviour = refuses(486), answers
        call = await asyncio.wait_for(caller.call("102"), 5)
        assert [len(desk.calls), len(mobile.calls)] == [2, 2]
        await call.bye()

    play(tmp_path, scene, sip={"ring_stage_s": 10.0})


def test_each_less_preferred_telephone_comes_as_long_after_the_one_before(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        _, second, third = await preferred(board, (refuses(486, after_s=9.0), 1.0), (rings, 0.5), (answers, 0.2))
        caller = await board.telephone("101", register=False)
        calling = asyncio.create_task(caller.call("102"))
        await asyncio.sleep(18)
        assert [len(second.calls), len(third.calls)] == [1, 0]
        await (await calling).bye()
        assert len(third.calls) == 1

    play(tmp_path, scene, sip={"ring_stage_s": 10.0})


@given(st.sampled_from(sorted(WORDS)))
def test_only_what_the_setting_says_is_forwarded(word: str) -> None:
    handling = CallHandling(forward_always="1", forward_busy="2", forward_no_answer="3")
    expected = {"forwarded": "1", "busy": "2", "do not disturb": "2"} | dict.fromkeys(
        ("no answer", "not registered", "unreachable"), "3"
    )
    assert forwarded_to(handling, word) == expected.get(word, "")


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cc", "Cs"]), max_size=60))
def test_whatever_a_header_says_is_counted_as_something(text: str) -> None:
    who = Address(Uri.parse("sip:101@127.0.0.1"))
    headers = [("Diversion", text), ("History-Info", text)]
    invite = request("INVITE", who.uri, from_=who, to=who, call_id="one", cseq=1, contact=who, headers=headers)
    assert 0 <= forwardings(invite) < 7000


@pytest.mark.parametrize("number", ["x", "sip:1@h", "+", "1" * 33, "١"])
def test_a_target_is_a_number(number: str) -> None:
    with pytest.raises(PropertyError, match="forward_busy"):
        CallHandling().changed({"forward_busy": number})
