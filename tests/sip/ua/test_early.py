"""Dialogs begin with the first tagged 1xx, forks have several, and the end waits for the ACK."""

import asyncio

import pytest

from softphone.errors import CallEnded, CallRefused, SipError, SipTimeout
from softphone.sip.message.digest import Credentials
from softphone.sip.message.message import Request
from softphone.sip.message.parser import parse
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession, InviteState
from softphone.sip.ua.early import EarlyDialog
from softphone.sip.ua.peer_offers import OnOffer
from softphone.testing.clock import run
from softphone.testing.wire import Ether
from tests.support.sip_pair import ANSWER, OFFER, Pair, answering, scene, settle


def body(sdp: str) -> str:
    """The end of a message with a description, or without; line feeds become CRLF."""
    kind = "Content-Type: application/sdp\n" if sdp else ""
    text = sdp.replace("\r\n", "\n")
    return f"{kind}Content-Length: {len(text) + text.count(chr(10))}\n\n{text}"


class Fork:
    """A peer written by hand at port 9: what Alice sent it, and what it says in each of its dialogs."""

    def __init__(self, password: str = "", on_offer: OnOffer | None = None) -> None:
        self.credentials = Credentials("alice", password) if password else None
        self.on_offer = on_offer
        self.ether = Ether()
        self.alice: Stack = self.ether.stack()
        self.number = 0

    async def __aenter__(self) -> "Fork":
        await self.alice.start()
        self.calling = asyncio.create_task(
            self.alice.invite(
                "sip:bob@127.0.0.1:9",
                OFFER,
                from_uri="sip:alice@127.0.0.1",
                credentials=self.credentials,
                on_offer=self.on_offer,
            )
        )
        await settle(0.1)
        self.invite = self.sent("INVITE")
        return self

    async def __aexit__(self, *error: object) -> None:
        self.calling.cancel()
        await asyncio.gather(self.calling, return_exceptions=True)
        await self.alice.stop()

    def sent(self, method: str) -> Request:
        found = [parse(data) for data in self.ether.messages if data.startswith(f"{method} ".encode())]
        assert isinstance(found[-1], Request)
        return found[-1]

    def reliable(self, status: str, tag: str, rseq: int, sdp: str = "") -> None:
        self.say(status, tag, sdp, headers=f"Require: 100rel\nRSeq: {rseq}\n")

    def answer_all(self, method: str, tag: str) -> None:
        """200 to all requests of that method in the dialog of `tag`."""
        for data in list(self.ether.messages):
            if data.startswith(f"{method} sip:{tag}@".encode()):
                asked = parse(data)
                assert isinstance(asked, Request)
                self.say("200 OK", tag, to=asked)

    def say(self, status: str, tag: str, sdp: str = "", to: Request | None = None, headers: str = "") -> None:
        to = to or self.invite
        copied = "".join(f"{name}: {to.get(name)}\n" for name in ("Via", "From", "Call-ID", "CSeq"))
        self.ether.inject(
            f"SIP/2.0 {status}\n{copied}To: <sip:bob@127.0.0.1>;tag={tag}\nContact: <sip:{tag}@127.0.0.1:9>\n"
            + headers
            + body(sdp),
            self.alice.port,
        )

    async def ask(self, method: str, tag: str, sdp: str = "", headers: str = "") -> str:
        """Send a request in the dialog of `tag`; what it is answered with."""
        self.number += 1
        self.ether.inject(
            f"{method} sip:alice@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-{self.number}\n"
            f"From: <sip:bob@127.0.0.1>;tag={tag}\nTo: {self.invite.get('From')}\nCall-ID: {self.invite.call_id}\n"
            f"CSeq: {self.number} {method}\nContact: <sip:new@127.0.0.1:9>\n{headers}" + body(sdp),
            self.alice.port,
        )
        await settle(0.1)
        named = f"CSeq: {self.number} {method}\r\n".encode()
        answers = [data for data in self.ether.messages if data.startswith(b"SIP/2.0") and named in data]
        return answers[-1].split()[1].decode()

    async def replace(self, number: int, tags: str) -> list[str]:
        """Call Alice to take the place of a telephone that she has ring; what that is answered with."""
        self.ether.inject(
            f"INVITE sip:alice@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-x{number}\n"
            f"From: <sip:carol@127.0.0.1>;tag=c{number}\nTo: <sip:alice@127.0.0.1>\nCall-ID: carol{number}\n"
            f"CSeq: 1 INVITE\nContact: <sip:carol@127.0.0.1:9>\nRequire: replaces\n"
            f"Replaces: {self.invite.call_id};{tags};early-only\n" + body(OFFER),
            self.alice.port,
        )
        await settle(0.1)
        named = f"Call-ID: carol{number}\r\n".encode()
        answers = [data for data in self.ether.messages if data.startswith(b"SIP/2.0") and named in data]
        return [each.split()[1].decode() for each in answers]


def test_what_telephones_ask_while_they_ring() -> None:
    async def work() -> None:
        async with Fork() as fork:
            assert await fork.ask("OPTIONS", "one") == "481"
            fork.say("180 Ringing", "one")
            fork.say("183 Session Progress", "two", ANSWER)
            for tag in ("one", "two"):
                for method in ("OPTIONS", "INFO", "UPDATE"):
                    assert await fork.ask(method, tag) == "200", method
                assert await fork.ask("UPDATE", tag, OFFER) == "491"
                assert await fork.ask("INVITE", tag, OFFER) == "491"
                assert await fork.ask("INFO", tag, headers="Info-Package: odd\n") == "469"
                assert await fork.ask("REFER", tag) == "405"
            assert await fork.ask("OPTIONS", "three") == "481"
            fork.number = 2
            assert await fork.ask("UPDATE", "one") == "500"

    run(work())


def test_any_telephone_of_a_fork_may_be_named_by_who_takes_the_place_of_all() -> None:
    """RFC 3891 section 3: early dialogs that we began are replaced; those that ring are cancelled."""

    async def answer(call: InviteSession) -> None:
        assert call.pending is not None
        assert isinstance(call.pending.replaces, EarlyDialog)
        call.pending.replaces.give_way(call)

    async def work() -> None:
        async with Fork() as fork:
            fork.alice.serve(answer)
            fork.say("180 Ringing", "one")
            fork.say("183 Session Progress", "two", ANSWER)
            own = fork.invite.from_.tag

            assert await fork.replace(1, f"to-tag=one;from-tag={own}") == ["481"]  # as its owner would name it
            assert await fork.replace(2, f"to-tag={own};from-tag=three") == ["481"]
            assert await fork.replace(3, f"to-tag={own};from-tag=two") == ["100"]
            call = await fork.calling
            assert (call.direction, call.dialog.call_id) == ("in", "carol3")
            assert fork.sent("CANCEL").cseq.number == fork.invite.cseq.number
            # Who answers before the CANCEL is there is hung up on.
            fork.say("200 OK", "one", ANSWER)
            await settle(0.1)
            assert str(fork.sent("BYE").uri) == "sip:one@127.0.0.1:9"
            call.reject(480)

    run(work())


def test_the_description_of_each_telephone_is_remembered() -> None:
    async def work() -> None:
        async with Fork() as fork:
            fork.say("183 Session Progress", "one", "v=0\ns=one\n")
            fork.say("183 Session Progress", "two", "v=0\ns=two\n")
            fork.say("180 Ringing", "two")
            assert await fork.ask("UPDATE", "two") == "200"
            number = fork.number
            fork.say("200 OK", "two")
            call = await fork.calling
            assert (call.remote_sdp, call.dialog.remote.tag) == ("v=0\r\ns=two\r\n", "two")
            assert str(call.dialog.remote_target) == "sip:two@127.0.0.1:9"
            # What it has asked before counts: an old request does not come again.
            fork.number = 0
            assert await fork.ask("INFO", "two") == "500"
            fork.number = number
            assert await fork.ask("INFO", "two") == "200"
            # The other telephones have lost.
            assert await fork.ask("INFO", "one") == "481"
            fork.say("200 OK", "one", ANSWER)
            await settle(0.1)
            assert str(fork.sent("BYE").uri) == "sip:one@127.0.0.1:9"

    run(work())


def test_nothing_is_left_of_telephones_that_rang() -> None:
    async def work() -> None:
        async with Fork() as fork:
            for tag in range(100):
                fork.say("180 Ringing", f"t{tag}")
            assert await fork.ask("OPTIONS", "t31") == "200" and await fork.ask("OPTIONS", "t32") == "481"
            fork.say("486 Busy Here", "t31")
            with pytest.raises(CallRefused, match="486"):
                await fork.calling
            assert await fork.ask("OPTIONS", "t31") == "481" and fork.alice.calls == []

    run(work())


@pytest.mark.parametrize("lost", [0, 3])
def test_no_bye_before_the_ack(lost: int) -> None:
    """Who has lost our 200 would answer 481 to the BYE, and ring on."""

    async def work(pair: Pair) -> None:
        calling = asyncio.create_task(pair.call())
        await settle(0.025)
        call = pair.calls[0]
        assert call.state is InviteState.ANSWERED
        await call.bye([("Reason", "SIP;cause=200")])
        assert (await calling).state is InviteState.ENDED
        assert pair.ended == ["hangup"] and isinstance(pair.failed[0], CallEnded)
        await settle()
        assert pair.alice.calls == pair.bob.calls == []

    pair = scene(work, answering, lambda line, before: line.startswith("SIP/2.0 200") and before < lost)
    methods = pair.ether.methods()
    assert methods.index("ACK") < methods.index("BYE") and methods.count("BYE") == 1
    (bye,) = (data for data in pair.ether.messages if data.startswith(b"BYE"))
    assert b"Reason: SIP;cause=200\r\n" in bye


def test_a_bye_for_want_of_an_ack_comes_when_nobody_can_ring_any_more() -> None:
    async def work(pair: Pair) -> None:
        await pair.call()
        call, began = pair.calls[0], asyncio.get_running_loop().time()
        await call.bye()
        assert asyncio.get_running_loop().time() - began == pytest.approx(32, abs=1)
        assert pair.bob.calls == []

    pair = scene(work, answering, lambda line, before: line.startswith("ACK"))
    assert pair.ether.methods().count("BYE") == 1


def deaf(pair: Pair) -> None:
    """Let Bob say nothing but 100 to the next offer."""

    async def never(offer: str | None) -> str:
        await asyncio.sleep(1e6)
        return ANSWER

    pair.calls[0].on_reinvite = never


def test_an_offer_that_nobody_decides_on_is_cancelled() -> None:
    async def work(pair: Pair) -> None:
        call = await pair.call()
        await settle(1)
        deaf(pair)
        with pytest.raises(CallRefused, match="487"):
            await call.reinvite("hold")
        assert call.state is InviteState.CONFIRMED and call.local_sdp == OFFER
        # Both may offer again.
        pair.calls[0].on_reinvite = call.on_reinvite = _echo
        assert await call.reinvite("hold") == "hold"
        assert await pair.calls[0].reinvite("unhold") == "unhold"

    assert "CANCEL" in scene(work).ether.methods()


def test_an_offer_that_nobody_answers_at_all_ends_the_call() -> None:
    async def work(pair: Pair) -> None:
        call = await pair.call()
        await settle(1)
        deaf(pair)
        cut["on"] = True
        with pytest.raises(SipTimeout):
            await call.reinvite("hold")
        assert call.state is InviteState.ENDED

    cut = {"on": False}
    scene(work, answering, lambda line, before: cut["on"] and line.startswith(("SIP/2.0 200", "SIP/2.0 4", "CANCEL")))


@pytest.mark.parametrize("who", ["we", "they"])
def test_a_hang_up_ends_the_wait_for_an_answer(who: str) -> None:
    async def work(pair: Pair) -> None:
        call = await pair.call()
        await settle(1)
        deaf(pair)
        offering = asyncio.create_task(call.reinvite("hold"))
        second = asyncio.create_task(call.reinvite("unhold"))
        await settle(1)
        await (call.bye() if who == "we" else pair.calls[0].bye())
        for each in (offering, second):
            with pytest.raises(SipError):
                await asyncio.wait_for(each, 1)
        await settle()
        assert pair.alice.calls == pair.bob.calls == []

    scene(work)


async def _echo(offer: str | None) -> str:
    return offer or "bob's offer"


def late(call: InviteSession, method: str, number: int, sdp: str = "") -> str:
    """A request within Alice's call that her stack did not make."""
    return (
        f"{method} sip:bob@127.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-{method}-{number}\n"
        f"From: {call.dialog.local}\nTo: {call.dialog.remote}\n"
        f"Call-ID: {call.dialog.call_id}\nCSeq: {number} {method}\n"
        f"Contact: {call.dialog.contact}\n" + body(sdp)
    )


def test_our_offer_in_a_200_is_open_until_its_ack() -> None:
    async def work(pair: Pair) -> None:
        call = await pair.call()
        await settle(1)
        theirs, told = pair.calls[0], list[str]()
        theirs.on_reinvite, theirs.on_answer = _echo, told.append
        number = call.dialog.local_seq + 1
        pair.ether.inject(late(call, "INVITE", number), pair.bob.port)
        await settle(0.1)
        # Neither we nor they offer while the answer is out.
        offering = asyncio.create_task(theirs.reinvite("crossing"))
        pair.ether.inject(late(call, "UPDATE", number + 1, OFFER), pair.bob.port)
        pair.ether.inject(late(call, "INVITE", number + 2, OFFER), pair.bob.port)
        await settle(0.2)
        assert pair.ether.methods()[-3:].count("491") == 2 and not offering.done()
        assert not any(line.startswith("INVITE sip:alice") for line in pair.ether.sent)
        call.on_reinvite = _echo
        pair.ether.inject(late(call, "ACK", number, ANSWER), pair.bob.port)
        await settle(0.1)
        assert told == [ANSWER]
        assert await offering == "crossing"
        assert theirs.state is InviteState.CONFIRMED

    scene(work)
