"""Reliable provisional responses to an INVITE of ours (RFC 3262 section 4): PRACK, and what telephones offer early."""

import asyncio

import pytest

from softphone.errors import CallEnded, CallRefused
from softphone.sip.message.parser import parse
from softphone.sip.ua.call import InviteSession
from softphone.testing.clock import run
from tests.sip.ua.test_early import Fork, body
from tests.support.sip_pair import ANSWER, OFFER, Pair, scene, settle

REQUIRED = [("Require", "100rel")]


def test_reliable_responses_of_several_telephones() -> None:
    async def work() -> None:
        async with Fork() as fork:

            def racks(tag: str) -> list[str | None]:
                found = [parse(data) for data in fork.ether.messages if data.startswith(f"PRACK sip:{tag}@".encode())]
                return [each.get("RAck") for each in found]

            number = fork.invite.cseq
            fork.reliable("180 Ringing", "one", 5)
            fork.reliable("183 Session Progress", "two", 70, ANSWER)
            fork.reliable("183 Session Progress", "two", 72)
            fork.reliable("180 Ringing", "one", 5)
            fork.say("180 Ringing", "one")
            await settle(0.1)
            assert (racks("one"), racks("two")) == ([f"5 {number}"], [f"70 {number}"])
            for tag in ("one", "two"):
                fork.answer_all("PRACK", tag)
            fork.reliable("183 Session Progress", "two", 71)
            await settle(0.1)
            assert racks("two") == [f"70 {number}", f"71 {number}"]
            # Its answer is there: it may offer anew; the other one has said none.
            assert await fork.ask("UPDATE", "two", OFFER) == "504"
            assert await fork.ask("UPDATE", "one", OFFER) == "491"
            fork.answer_all("PRACK", "two")
            fork.say("200 OK", "two", "v=0\ns=too late\n")
            call = await fork.calling
            assert call.remote_sdp == ANSWER and call.dialog.local_seq >= number.number + 2

    run(work())


def test_offers_of_a_telephone_that_rings() -> None:
    offers: list[str | None] = []

    async def decide(offer: str | None) -> str:
        offers.append(offer)
        return "v=0\r\ns=mine\r\n"

    async def work() -> None:
        async with Fork(on_offer=decide) as fork:
            fork.reliable("183 Session Progress", "one", 1, ANSWER)
            await settle(0.1)
            fork.answer_all("PRACK", "one")
            assert await fork.ask("UPDATE", "one", "v=0\ns=theirs\n") == "200"
            assert fork.ether.messages[-1].endswith(b"v=0\r\ns=mine\r\n")
            assert await fork.ask("INVITE", "one", OFFER) == "491"
            fork.say("200 OK", "one")
            call = await fork.calling
            assert offers == ["v=0\r\ns=theirs\r\n"] and call.remote_sdp == "v=0\r\ns=theirs\r\n"

    run(work())


def test_a_telephone_that_does_not_answer_the_prack_may_answer_the_call() -> None:
    async def work() -> None:
        async with Fork() as fork:
            fork.reliable("180 Ringing", "one", 1)
            await settle(40)
            fork.say("200 OK", "one", ANSWER)
            assert (await fork.calling).remote_sdp == ANSWER

    run(work())


def test_a_challenge_to_the_prack_is_answered() -> None:
    async def work() -> None:
        async with Fork(password="secret") as fork:
            fork.reliable("180 Ringing", "one", 1)
            await settle(0.1)
            challenge = 'Proxy-Authenticate: Digest realm="r", nonce="n"\n'
            fork.say("407 Proxy Authentication Required", "one", to=fork.sent("PRACK"), headers=challenge)
            await settle(0.1)
            again = fork.sent("PRACK")
            assert again.get("Proxy-Authorization") and again.get("RAck") == f"1 {fork.invite.cseq}"

    run(work())


def test_a_reinvite_is_answered_in_a_reliable_response() -> None:
    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        waiting = asyncio.create_task(mine.reinvite("v=0\r\ns=hold\r\n"))
        await settle(0.005)
        invite = parse(pair.ether.messages[-1])
        copied = "".join(f"{name}: {invite.get(name)}\n" for name in ("Via", "From", "To", "Call-ID", "CSeq"))
        for status, said in (("183 Session Progress", "v=0\ns=held\n"), ("200 OK", "")):
            reliable = "Require: 100rel\nRSeq: 4\n" if status[0] == "1" else ""
            pair.ether.inject(
                f"SIP/2.0 {status}\n{copied}Contact: <sip:bob@127.0.0.1:{pair.bob.port}>\n{reliable}" + body(said),
                pair.alice.port,
                pair.bob.port,
            )
        assert await waiting == "v=0\r\ns=held\r\n"
        assert "PRACK" in pair.ether.methods()

    scene(work)


def test_a_refusal_ends_the_wait_for_a_prack() -> None:
    async def work(pair: Pair) -> None:
        with pytest.raises(CallRefused, match="486"):
            await pair.call(headers=REQUIRED)

    async def busy(call: InviteSession) -> None:
        ringing = asyncio.create_task(call.ring())
        await settle(1)
        call.reject(486)
        with pytest.raises(CallEnded):
            await ringing

    scene(work, busy, lambda line, before: line.startswith("PRACK"))
