"""Called legs: what their telephones say, and what follows from it for the others, the caller and the history."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from softphone.errors import CallRefused
from softphone.testing.bridge import offer
from tests.focus.switchboard import Switchboard, answers, play, refuses, rings


def words(board: Switchboard) -> list[str]:
    return [str(reason) for _, reason in board.notes.of("call_ended")]


@pytest.mark.parametrize(
    ("status", "heard", "word"),
    [
        (486, 486, "busy"),
        (404, 404, "unknown"),
        (403, 403, "forbidden"),
        (488, 488, "no common codec"),
        (484, 484, "unknown"),
        (503, 500, "unreachable"),
        (603, 603, "declined"),
        (606, 606, "no common codec"),
        (401, 500, "unauthorized"),
    ],
)
def test_the_caller_and_the_history_hear_what_the_callee_said(
    tmp_path: Path, status: int, heard: int, word: str
) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", refuses(status))
        caller = await board.telephone("101")
        with pytest.raises(CallRefused, match=str(heard)):
            await caller.call("102")
        assert words(board) == [word]

    play(tmp_path, scene)


def test_who_is_commanded_to_answer_is_rung_anew_and_nobody_it_sends_the_call_on_to(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        first, second = await board.telephone("102", rings), await board.telephone("102", rings)
        third, caller = await board.telephone("103", answers), await board.telephone("101")
        calling = asyncio.create_task(caller.call("102"))
        await asyncio.sleep(1)
        (room,) = board.focus.calls.values()
        *_, party = room.session.parties
        chosen = [each for each in room.ringing.of(party) if each.uri == first.uri]
        first.behaviour = refuses(302, None, "<sip:103@127.0.0.1:5001>")
        room.ringing.answer_at(chosen)
        await calling
        assert [each.invite.get("Answer-Mode") for each in first.calls] == [None, "Auto"]
        assert [each.invite.get("Alert-Info") for each in third.calls] == [None]
        assert first.ended == ["cancelled", "rejected"] and second.ended == ["cancelled"]
        assert not room.ringing.of(party)
        assert all("completed elsewhere" in each for each in board.sent("CANCEL"))

    play(tmp_path, scene)


@pytest.mark.parametrize(("status", "stops"), [(603, True), (600, True), (604, True), (486, False), (480, False)])
def test_who_declines_for_all_telephones_stops_them(tmp_path: Path, status: int, stops: bool) -> None:
    async def scene(board: Switchboard) -> None:
        other = await board.telephone("102", rings)
        await board.telephone("102", refuses(status, after_s=2.0))
        caller = await board.telephone("101")
        calling = asyncio.create_task(caller.call("102"))
        await asyncio.sleep(3)
        assert (other.ended == ["cancelled"]) is stops
        assert calling.done() is stops
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        await asyncio.sleep(1)
        (cancel,) = board.sent(f"CANCEL {other.uri}")
        reason = 'SIP;cause=600;text="Busy Everywhere"' if stops else 'SIP;cause=487;text="Request Terminated"'
        assert f"Reason: {reason}\r\n" in cancel

    play(tmp_path, scene)


def test_the_others_are_told_that_the_call_was_taken_elsewhere(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        desk, mobile = [await board.telephone("102", behaviour) for behaviour in (rings, answers)]
        caller = await board.telephone("101")
        call = await caller.call("102")
        await asyncio.sleep(1)
        assert (desk.ended, mobile.ended) == (["cancelled"], [])
        (cancel,) = board.sent("CANCEL")
        assert 'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n' in cancel
        await call.bye()
        await asyncio.sleep(1)
        assert (mobile.ended, words(board)) == (["bye"], ["hung up"])

    play(tmp_path, scene)


def test_nobody_takes_it_in_time(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", rings)
        caller = await board.telephone("101")
        with pytest.raises(CallRefused, match="480"):
            await caller.call("102")
        assert words(board) == ["no answer"]
        assert 'Reason: SIP;cause=480;text="Temporarily Unavailable"' in board.sent("CANCEL")[0]

    play(tmp_path, scene, sip={"ring_timeout_s": 20.0})


def test_the_caller_gives_up(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        callee, caller = await board.telephone("102", rings), await board.telephone("101")
        calling = asyncio.create_task(caller.call("102"))
        await asyncio.sleep(2)
        calling.cancel()
        await asyncio.sleep(2)
        assert (callee.ended, words(board)) == (["cancelled"], ["cancelled"])
        assert not board.focus.rooms and not board.focus.context.legs

    play(tmp_path, scene)


def test_no_telephone_is_there(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        caller = await board.telephone("101")
        with pytest.raises(CallRefused, match="480"):
            await caller.call("104")
        assert words(board) == ["not registered"]

    play(tmp_path, scene)


def test_a_dead_telephone_does_not_hold_back_the_busy_of_a_live_one(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        dead = await board.telephone("102", answers)
        await board.telephone("102", refuses(486))
        caller = await board.telephone("101")
        await board.leave(dead)
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(CallRefused, match="486"):
            await caller.call("102")
        assert loop.time() - began < 3.0

    play(tmp_path, scene)


def test_a_telephone_that_is_only_slow_is_waited_for(tmp_path: Path) -> None:
    async def slow(call: object) -> None:
        await asyncio.sleep(10)  # it has said 100
        await answers(call)  # type: ignore[arg-type]

    async def scene(board: Switchboard) -> None:
        await board.telephone("102", slow)
        await board.telephone("102", refuses(486))
        caller = await board.telephone("101")
        await (await caller.call("102")).bye()

    play(tmp_path, scene)


def test_two_answer_in_the_same_moment(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        both = [await board.telephone("102", answers) for _ in range(2)]
        caller = await board.telephone("101")
        call = await caller.call("102")
        await asyncio.sleep(2)
        assert sorted(len(each.ended) for each in both) == [0, 1]
        await call.bye()
        await asyncio.sleep(2)
        assert all(each.ended for each in both)
        assert not board.focus.rooms and not board.focus.context.legs

    play(tmp_path, scene)


def test_who_answers_and_hangs_up_at_once_leaves_the_call_to_the_others(tmp_path: Path) -> None:
    async def hasty(call: object) -> None:
        await call.answer(offer())  # type: ignore[attr-defined]
        await call.bye()  # type: ignore[attr-defined]

    async def scene(board: Switchboard) -> None:
        await board.telephone("102", hasty)
        caller = await board.telephone("101")
        await asyncio.gather(caller.call("102"), return_exceptions=True)
        await asyncio.sleep(2)
        assert not board.focus.rooms and not board.focus.context.legs

    play(tmp_path, scene)


def forwards(board: Switchboard, *numbers: str, host: str = "") -> list[str]:
    """Contacts of a 302, the first preferred."""
    here = host or f"127.0.0.1:{board.stack.port}"
    return [f"<sip:{number}@{here}>;q={1 - place / 10:.1f}" for place, number in enumerate(numbers)]


@pytest.mark.parametrize("status", [300, 301, 302])
def test_a_telephone_that_is_forwarded_is_followed(tmp_path: Path, status: int) -> None:
    async def scene(board: Switchboard) -> None:
        target = await board.telephone("103", answers)
        await board.telephone("102", refuses(status, None, *forwards(board, "103")))
        caller = await board.telephone("101")
        call = await caller.call("102")
        assert len(target.calls) == 1
        await call.bye()

    play(tmp_path, scene)


def test_of_several_contacts_the_preferred_is_asked_first(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        second, first = await board.telephone("104", answers), await board.telephone("103", refuses(486, after_s=1.0))
        contacts = reversed(forwards(board, "103", "104"))
        await board.telephone("102", refuses(302, None, *contacts))
        call = await (await board.telephone("101")).call("102")
        assert (len(first.calls), len(second.calls)) == (1, 1)
        await call.bye()

    play(tmp_path, scene)


def test_who_rings_after_another_has_refused_rings_on(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        first, second = await board.telephone("103", refuses(486)), await board.telephone("104", rings)
        await board.telephone("102", refuses(302, None, *forwards(board, "103", "104")))
        caller = await board.telephone("101")
        calling = asyncio.create_task(caller.call("102"))
        await asyncio.sleep(30)
        assert first.ended == ["rejected"] and len(second.calls) == 1 and not second.ended
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)

    play(tmp_path, scene)


def test_forwarding_in_a_circle_ends(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        both = [await board.telephone(number) for number in ("102", "103")]
        for telephone, other in zip(both, ("103", "102"), strict=True):
            telephone.behaviour = refuses(302, None, *forwards(board, other))
        with pytest.raises(CallRefused, match="482"):
            await (await board.telephone("101")).call("102")
        assert [len(each.calls) for each in both] == [1, 1]
        assert words(board) == ["loop"]

    play(tmp_path, scene)


def test_who_is_sent_on_and_on_stops_somewhere(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        chain = [await board.telephone("102") for _ in range(1)]
        tail = [await board.telephone("103", answers, register=False) for _ in range(4)]
        for here, after in zip([*chain, *tail], tail, strict=False):
            here.behaviour = refuses(302, None, f"<sip:103@phones.example:{after.stack.port};maddr=127.0.0.1>")
        with pytest.raises(CallRefused, match="482"):
            await (await board.telephone("101")).call("102")
        assert [len(each.calls) for each in tail] == [1, 1, 0, 0]

    play(tmp_path, scene, sip={"dial_domains": ("phones.example",), "max_redirects": 2})


@pytest.mark.parametrize(
    "contact",
    [
        "<sip:mallory@elsewhere.example>",
        "<sips:103@127.0.0.1>",
        "<mailto:ben@example.com>",
        "<tel:+19005550100>",
        "<sip:202@127.0.0.1>",
        "<sip:conf_00@127.0.0.1>",
    ],
)
def test_where_the_caller_could_not_call_it_is_not_taken(tmp_path: Path, contact: str) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", refuses(302, None, contact))
        with pytest.raises(CallRefused, match="302") as refused:
            await (await board.telephone("101")).call("102")
        assert refused.value.contacts == (contact.strip("<>"),)
        assert words(board) == ["moved"]
        assert not [line for line in board.ether.sent if line.startswith("INVITE") and "elsewhere" in line]

    play(tmp_path, scene)


def test_a_redirection_to_nowhere_is_passed_on(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", refuses(302))
        with pytest.raises(CallRefused, match="302"):
            await (await board.telephone("101")).call("102")

    play(tmp_path, scene)


def test_a_dead_telephone_is_tried_last_and_then_forgotten(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        dead, busy = await board.telephone("102", answers), await board.telephone("102", refuses(486))
        caller = await board.telephone("101")
        await board.leave(dead)

        async def calls() -> int:
            before = len(board.sent(f"INVITE {dead.uri}"))
            with pytest.raises(CallRefused, match="486"):
                await caller.call("102")
            return len(board.sent(f"INVITE {dead.uri}")) - before

        assert (await calls(), await calls()) == (1, 0)
        # Alone it is asked again, and once more in vain is enough.
        await board.leave(busy)
        for _ in range(2):
            with pytest.raises(CallRefused):
                await caller.call("102")
        with pytest.raises(CallRefused, match="480"):
            await caller.call("102")
        assert words(board)[-1] == "not registered"

    play(tmp_path, scene)


def test_a_telephone_that_comes_back_is_called_with_the_others(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        telephone = await board.telephone("102", answers)
        caller = await board.telephone("101")
        (binding,) = board.registrar.contacts("102", 0.0)
        board.registrar.failed(binding)
        await (await caller.call("102")).bye()
        (binding,) = board.registrar.contacts("102", 0.0)
        assert (binding.failures, len(telephone.calls)) == (0, 1)

    play(tmp_path, scene)


def test_the_log_says_how_long_a_party_was_there(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", answers)
        call = await (await board.telephone("101")).call("102")
        await asyncio.sleep(30)
        await call.bye()
        await asyncio.sleep(1)

    with capture_logs() as lines:
        play(tmp_path, scene)
    caller, callee = sorted(each["seconds"] for each in lines if each["event"] == "party_left")
    assert (caller, callee) == pytest.approx((30.0, 31.0), abs=0.5)


def test_a_call_is_one_line_of_the_log(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", refuses(486, after_s=3.0))
        with pytest.raises(CallRefused):
            await (await board.telephone("101")).call("102")

    with capture_logs() as lines:
        play(tmp_path, scene)
    (line,) = [each for each in lines if each["event"] == "call_over"]
    assert (line["caller"], line["callee"], line["outcome"], line["answered"]) == ("101", "102", "busy", False)
    assert line["seconds"] == pytest.approx(3.0, abs=0.5)
