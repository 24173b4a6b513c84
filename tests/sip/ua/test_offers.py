"""Offers in both directions within a call, requests of telephones that bend the rules, and other requests."""

import asyncio

import pytest

from softphone.errors import CallEnded, CallRefused, SdpError
from softphone.sip.stack import Stack
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteState
from tests.support.sip_pair import ANSWER, OFFER, Pair, scene, settle


async def flipped(offer: str | None) -> str:
    return "their offer" if offer is None else f"answer to {offer}"


def late_invite(bob: Stack) -> str:
    return (
        f"INVITE sip:bob@127.0.0.1:{bob.port} SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKone\n"
        "From: <sip:odd@127.0.0.1>;tag=odd\nTo: <sip:bob@127.0.0.1>\nCall-ID: odd-1\nCSeq: 1 INVITE\n"
        "Contact: <sip:odd@127.0.0.1:9>\nContent-Length: 0\n\n"
    )


def odd_ack(bob: Stack, tag: str, body: str) -> str:
    return (
        f"ACK sip:bob@127.0.0.1:{bob.port} SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKone\n"
        f"From: <sip:odd@127.0.0.1>;tag=odd\nTo: <sip:bob@127.0.0.1>{tag}\nCall-ID: odd-1\nCSeq: 1 ACK\n"
        f"Content-Length: {len(body)}\n\n{body}"
    )


def test_both_sides_offer_anew() -> None:
    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        theirs = pair.calls[0]
        mine.on_reinvite = theirs.on_reinvite = flipped
        assert await mine.reinvite("hold") == "answer to hold"
        assert await theirs.reinvite("unhold") == "answer to unhold"
        assert (mine.remote_sdp, theirs.remote_sdp) == ("unhold", "answer to unhold")

    scene(work)


def test_offers_that_cross_are_sent_again() -> None:
    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        theirs = pair.calls[0]
        mine.on_reinvite = theirs.on_reinvite = flipped
        answers = await asyncio.gather(mine.reinvite("a"), theirs.reinvite("b"))
        assert list(answers) == ["answer to a", "answer to b"]

    assert scene(work).ether.methods().count("491") == 2


def test_a_refused_offer_leaves_the_call() -> None:
    async def no(offer: str | None) -> str:
        raise SdpError("no")

    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        for handler, status in ((None, "491"), (no, "488")):
            pair.calls[0].on_reinvite = handler
            with pytest.raises(CallRefused, match=status):
                await mine.reinvite("hold")
        assert mine.state is InviteState.CONFIRMED and mine.local_sdp == OFFER

    scene(work)


@pytest.mark.parametrize("caller", [True, False])
def test_an_offer_right_behind_the_answer_waits_until_somebody_takes_it(caller: bool) -> None:
    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        offering, asked = (mine, pair.calls[0]) if caller else (pair.calls[0], mine)
        waiting = asyncio.create_task(offering.reinvite("hold"))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        asked.on_reinvite = flipped
        assert await waiting == "answer to hold"
        assert (offering.state, asked.remote_sdp) == (InviteState.CONFIRMED, "hold")

    scene(work)


def test_an_offer_that_crosses_the_end_is_answered_with_it() -> None:
    async def slowly(offer: str | None) -> str:
        await asyncio.sleep(5)
        return ANSWER

    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        pair.calls[0].on_reinvite = slowly
        offering = asyncio.create_task(mine.reinvite("hold"))
        await asyncio.sleep(1)
        await mine.bye()
        with pytest.raises(CallEnded):
            await offering
        await settle()
        assert pair.ended == ["bye"]

    assert scene(work).ether.methods()[5:] == ["INVITE", "100", "BYE", "200", "487", "ACK"]


def test_an_offer_in_the_answer_and_the_answer_in_the_ack() -> None:
    async def work(pair: Pair) -> None:
        pair.ether.inject(late_invite(pair.bob), pair.bob.port)
        await settle(1)
        answered = pair.ether.messages[-1]
        assert b"CSeq: 1 INVITE" in answered and answered.endswith(ANSWER.encode())
        tag = pair.calls[0].dialog.local.tag
        pair.ether.inject(odd_ack(pair.bob, f";tag={tag}", "their answer"), pair.bob.port)
        assert pair.calls[0].remote_sdp == "their answer"

    scene(work)


def test_an_ack_with_a_strange_tag_and_the_invites_branch_counts() -> None:
    async def work(pair: Pair) -> None:
        pair.ether.inject(late_invite(pair.bob), pair.bob.port)
        await settle(1)
        pair.ether.inject(odd_ack(pair.bob, ";tag=random", ""), pair.bob.port)
        sent = len(pair.ether.sent)
        await settle()
        assert len(pair.ether.sent) == sent and pair.calls[0].state is InviteState.CONFIRMED

    scene(work)


def test_a_contact_that_cannot_be_reached_is_answered_where_it_came_from() -> None:
    async def work(pair: Pair) -> None:
        there = pair.ether.ports
        pair.ether.inject(
            late_invite(pair.bob).replace("odd@127.0.0.1:9>", "odd@127.0.0.1:9;transport=sctp>"), there, 7
        )
        await settle(1)
        assert pair.calls[0].way.came == Hop("udp", "127.0.0.1", 7)

    scene(work)


def test_the_same_invite_by_two_ways_is_merged() -> None:
    async def work(pair: Pair) -> None:
        text = late_invite(pair.bob)
        pair.ether.inject(text, pair.bob.port)
        pair.ether.inject(text.replace("branch=z9hG4bKone", "branch=z9hG4bKtwo"), pair.bob.port)
        await settle(1)
        assert "482" in pair.ether.methods() and len(pair.calls) == 1

    scene(work)


def test_requests_within_the_call() -> None:
    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        heard: list[tuple[str, bytes]] = []
        pair.calls[0].on_info = lambda kind, body: heard.append((kind, body))
        assert await mine.info("application/dtmf-relay", "Signal=5") == 200
        assert heard == [("application/dtmf-relay", b"Signal=5")]
        assert (await mine.request("OPTIONS")).status == 200
        assert (await mine.request("UPDATE")).status == 200
        assert (await mine.request("REFER")).status == 405
        pair.calls[0].on_reinvite = flipped
        update = await mine.request("UPDATE", content_type="application/sdp", body="x")
        assert update.body == b"answer to x"
        mine.dialog.local_seq -= 1
        assert (await mine.request("INFO")).status == 500

    scene(work)
