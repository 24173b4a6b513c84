"""Reliable provisional responses and PRACK (RFC 3262), both sides, and offers and answers in them."""

import asyncio
import re

import pytest

from softphone.errors import CallEnded, SdpError
from softphone.sip.message.message import Response
from softphone.sip.message.parser import parse
from softphone.sip.ua.call import InviteSession, InviteState
from tests.sip.ua.test_early import body
from tests.support.sip_pair import ANSWER, OFFER, Pair, scene, settle

REQUIRED = [("Require", "100rel")]


async def announcing(call: InviteSession) -> None:
    await call.ring(183, ANSWER)
    await call.ring(180)
    await call.answer(ANSWER)


class Caller:
    """A caller written by hand at port 9, whose INVITE wants reliable responses."""

    def __init__(self, pair: Pair, headers: str = "Require: 100rel\n") -> None:
        self.pair, self.headers, self.number, self.tag = pair, headers, 1, ""

    def send(self, method: str, sdp: str = "", headers: str = "", *, number: int = 0, branch: str = "") -> None:
        if not number:
            self.number += method != "INVITE"
            number = self.number
        self.pair.ether.inject(
            f"{method} sip:bob@127.0.0.1:{self.pair.bob.port} SIP/2.0\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{branch or number}\n"
            f"From: <sip:odd@127.0.0.1>;tag=odd\nTo: <sip:bob@127.0.0.1>{self.tag}\nCall-ID: odd-1\n"
            f"CSeq: {number} {method}\nContact: <sip:odd@127.0.0.1:9>\n{headers}" + body(sdp),
            self.pair.bob.port,
        )

    async def invite(self, sdp: str = OFFER) -> Response:
        """INVITE; gives the reliable response."""
        self.send("INVITE", sdp, self.headers)
        await settle(0.1)
        (*_, answer) = self.came("INVITE")
        self.tag = f";tag={answer.to.tag}"
        return answer

    def came(self, method: str) -> list[Response]:
        """Answers to our requests of that method above 100."""
        answers = [parse(data) for data in self.pair.ether.messages if data.startswith(b"SIP/2.0")]
        return [
            each for each in answers if isinstance(each, Response) and each.status > 100 and each.cseq.method == method
        ]

    async def prack(self, answer: Response, sdp: str = "", *, rack: str = "", number: int = 0) -> int:
        named = rack or f"{answer.get('RSeq')} {answer.cseq}"
        self.send("PRACK", sdp, f"RAck: {named}\n", number=number)
        await settle(0.1)
        return self.came("PRACK")[-1].status


def test_both_sides_know_it() -> None:
    async def work(pair: Pair) -> None:
        progress: list[Response] = []
        call = await pair.call(headers=REQUIRED, on_progress=progress.append)
        del progress[0]  # the 100
        assert [(each.status, each.get("Require")) for each in progress] == [(183, "100rel"), (180, "100rel")]
        first, second = (int(each.get("RSeq") or "0") for each in progress)
        assert second == first + 1
        assert call.remote_sdp == ANSWER and call.response is not None and not call.response.body
        await settle(1)
        theirs = pair.calls[0]
        assert (theirs.state, theirs.local_sdp, theirs.remote_sdp) == (InviteState.CONFIRMED, ANSWER, OFFER)

    pair = scene(work, announcing)
    sent = [each for each in pair.ether.methods() if each != "100"]
    assert sent == ["INVITE", "183", "PRACK", "200", "180", "PRACK", "200", "200", "ACK"]
    racks = re.findall(rb"\r\nRAck: (\d+ \d+ INVITE)\r\n", b"".join(pair.ether.messages))
    assert len(racks) == len(set(racks)) == 2


@pytest.mark.parametrize("what", ["SIP/2.0 183", "PRACK", "SIP/2.0 180"])
def test_what_is_lost_comes_again(what: str) -> None:
    async def work(pair: Pair) -> None:
        progress: list[int] = []
        call = await pair.call(headers=REQUIRED, on_progress=lambda answer: progress.append(answer.status))
        assert call.remote_sdp == ANSWER and [each for each in progress if each > 100] == [183, 180]

    pair = scene(work, announcing, lambda line, before: line.startswith(what) and before < 2)
    assert pair.ether.methods().count("ACK") == 1


def test_who_does_not_ask_for_it_gets_what_it_always_got() -> None:
    async def work(pair: Pair) -> None:
        await pair.call()
        await settle(1)

    pair = scene(work, announcing)
    assert [each for each in pair.ether.methods() if each != "100"] == ["INVITE", "183", "180", "200", "ACK"]
    assert not [each for each in pair.ether.messages if b"RSeq" in each]
    assert pair.ether.messages[-2].endswith(ANSWER.encode())


def test_a_prack_for_something_else_acknowledges_nothing() -> None:
    async def work(pair: Pair) -> None:
        caller = Caller(pair)
        answer = await caller.invite()
        rseq = int(answer.get("RSeq") or "0")
        assert await caller.prack(answer, rack=f"{rseq + 1} 1 INVITE") == 481
        assert await caller.prack(answer, rack=f"{rseq} 2 INVITE") == 481
        assert await caller.prack(answer, rack=f"{rseq} 1 UPDATE") == 481
        assert await caller.prack(answer, rack="nonsense") == 481
        assert {each.status for each in caller.came("INVITE")} == {183}
        assert await caller.prack(answer) == 200
        number = caller.number
        # The same again is answered the same; as a new request there is nothing that waits for it.
        assert await caller.prack(answer, number=number) == 200
        assert await caller.prack(answer) == 481
        assert {each.status for each in caller.came("INVITE")} == {183, 180}

    scene(work, announcing)


def test_who_never_sends_a_prack_is_refused() -> None:
    async def work(pair: Pair) -> None:
        caller = Caller(pair)
        await caller.invite()
        await settle()
        statuses = [each.status for each in caller.came("INVITE")]
        # At 0, 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s: no longest wait as for a 2xx.
        assert statuses.count(183) == 7 and statuses[7] == 504 and set(statuses[7:]) == {504}
        assert pair.ended == ["no-ack"] and isinstance(pair.failed[0], CallEnded)
        await settle()
        assert pair.bob.calls == []

    scene(work, announcing)


def test_a_cancel_after_a_reliable_response_ends_it() -> None:
    async def work(pair: Pair) -> None:
        caller = Caller(pair)
        answer = await caller.invite()
        caller.tag = ""
        caller.send("CANCEL", number=1, branch="1")
        await settle(0.1)
        assert [each.status for each in caller.came("INVITE")] == [183, 487]
        assert pair.ended == ["cancelled"]
        caller.tag = f";tag={answer.to.tag}"
        caller.send("ACK", number=1, branch="1")
        assert await caller.prack(answer) == 481
        before = len(pair.ether.sent)
        await settle()
        assert len(pair.ether.sent) == before

    scene(work, announcing)


def test_an_offer_in_the_1xx_and_its_answer_in_the_prack() -> None:
    answers: list[str] = []

    async def offering(call: InviteSession) -> None:
        call.on_answer = answers.append
        await call.ring(180)  # it would have to hold the offer
        await call.ring(183, OFFER)
        await call.answer(OFFER)

    async def work(pair: Pair) -> None:
        caller = Caller(pair)
        answer = await caller.invite("")
        assert answer.status == 183 and answer.body == OFFER.encode()
        assert await caller.prack(answer) == 400
        assert await caller.prack(answer, ANSWER) == 200
        await settle(0.1)
        ok = caller.came("INVITE")[-1]
        assert ok.status == 200 and not ok.body
        caller.send("ACK", number=1)
        assert answers == [ANSWER] and pair.calls[0].remote_sdp == ANSWER and pair.calls[0].is_confirmed

    scene(work, offering)


@pytest.mark.parametrize("headers", ["", "Supported: timer\n", "Supported: replaces, 100rel\n"])
def test_an_offer_goes_early_only_to_who_can_acknowledge_it(headers: str) -> None:
    async def offering(call: InviteSession) -> None:
        await call.ring(183, OFFER)

    async def work(pair: Pair) -> None:
        answer = await Caller(pair, headers).invite("")
        assert (answer.body == OFFER.encode(), answer.get("Require")) == (
            (True, "100rel") if "100rel" in headers else (False, None)
        )

    scene(work, offering)


def test_an_offer_in_the_prack_is_answered_in_its_2xx() -> None:
    async def slowly(offer: str | None) -> str:
        assert offer == "v=0\r\ns=anew\r\n"
        await asyncio.sleep(5)
        return "v=0\r\ns=agreed\r\n"

    async def work(pair: Pair) -> None:
        caller = Caller(pair)
        answer = await caller.invite()
        pair.calls[0].on_reinvite = slowly
        caller.send("PRACK", "v=0\ns=anew\n", f"RAck: {answer.get('RSeq')} 1 INVITE\n")
        await settle(0.1)
        # While it is open no other one is taken, and the 2xx to the INVITE waits.
        caller.send("UPDATE", OFFER)
        caller.send("UPDATE")
        await settle(0.1)
        first, second = caller.came("UPDATE")
        assert (first.status, second.status) == (500, 200) and first.get("Retry-After") is not None
        assert caller.came("PRACK") == [] and [each.status for each in caller.came("INVITE")] == [183, 180]
        assert await caller.prack(caller.came("INVITE")[-1]) == 200
        assert [each.status for each in caller.came("INVITE")] == [183, 180]
        await settle(6)
        (done,) = [each for each in caller.came("PRACK") if each.body]
        assert (done.status, done.body) == (200, b"v=0\r\ns=agreed\r\n")
        assert caller.came("INVITE")[-1].status == 200 and pair.calls[0].local_sdp == "v=0\r\ns=agreed\r\n"

    scene(work, announcing)


def test_a_bad_offer_in_a_prack_leaves_the_answer() -> None:
    async def no(offer: str | None) -> str:
        raise SdpError("no")

    async def work(pair: Pair) -> None:
        caller = Caller(pair)
        answer = await caller.invite()
        pair.calls[0].on_reinvite = no
        assert await caller.prack(answer, OFFER) == 488
        assert await caller.prack(caller.came("INVITE")[-1]) == 200
        assert caller.came("INVITE")[-1].status == 200
        caller.send("ACK", number=1)
        assert pair.calls[0].is_confirmed and pair.calls[0].local_sdp == ANSWER

    scene(work, announcing)


def test_an_update_before_the_answer() -> None:
    async def work(pair: Pair) -> None:
        caller = Caller(pair, "Supported: 100rel\n")
        await caller.invite()
        call = pair.calls[0]
        call.on_reinvite = _flipped
        for sdp in (OFFER, ""):
            caller.send("UPDATE", sdp)
        caller.send("INVITE", OFFER, number=9)
        await settle(0.1)
        refused, refreshed = caller.came("UPDATE")
        assert (refused.status, refreshed.status) == (500, 200) and refused.get("Retry-After") is not None
        again = caller.came("INVITE")[-1]
        assert again.status == 500 and again.get("Retry-After") is not None and call.state is InviteState.EARLY

    async def ringing(call: InviteSession) -> None:
        await call.ring(183, ANSWER)

    scene(work, ringing)


def test_an_update_after_the_answer_went_reliably() -> None:
    async def work(pair: Pair) -> None:
        caller = Caller(pair)
        answer = await caller.invite()
        call = pair.calls[0]
        call.on_reinvite = _flipped
        caller.send("UPDATE", "v=0\ns=hold\n")  # it overtakes the PRACK: whoever offers anew has our answer
        await settle(0.1)
        (updated,) = caller.came("UPDATE")
        assert (updated.status, updated.body) == (200, b"v=0\r\ns=flipped\r\n")
        assert await caller.prack(answer) == 200
        assert call.remote_sdp == "v=0\r\ns=hold\r\n" and call.local_sdp == "v=0\r\ns=flipped\r\n"

    async def ringing(call: InviteSession) -> None:
        await call.ring(183, ANSWER)

    scene(work, ringing)


async def _flipped(offer: str | None) -> str:
    return "v=0\r\ns=flipped\r\n"
