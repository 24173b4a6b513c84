"""Calls between two stacks, from the first INVITE to the last BYE: what is lost, late, crossed or refused."""

import asyncio

import pytest

from softphone.errors import CallEnded, CallRefused, SipTimeout
from softphone.sip.driver import StackSettings
from softphone.sip.message.digest import Credentials, hash_a1
from softphone.sip.message.message import Response
from softphone.sip.services.auth import Authenticator
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession, InviteState
from softphone.sip.ua.retransmission import AckPatience
from softphone.testing.clock import run
from softphone.testing.wire import Ether, Rule, keep_all
from tests.support.sip_pair import ANSWER, OFFER, Handler, Pair, answering, scene, settle

PROXY = ("Proxy-Authenticate", "Proxy-Authorization")
PEER = ("WWW-Authenticate", "Authorization")


def test_a_call_from_ring_to_hang_up() -> None:
    async def work(pair: Pair) -> None:
        heard: list[int] = []
        call = await pair.call(on_progress=lambda response: heard.append(response.status))
        assert (call.state, call.remote_sdp, call.local_sdp, heard) == (
            InviteState.CONFIRMED,
            ANSWER,
            OFFER,
            [100, 180],
        )
        await settle(1)
        theirs = pair.calls[0]
        assert (theirs.state, theirs.remote_sdp, theirs.remote.display) == (InviteState.CONFIRMED, OFFER, "Alice")
        ended: list[str] = []
        call.on_ended = ended.append
        await theirs.bye()
        assert (ended, pair.ended) == (["bye"], ["hangup"])
        assert pair.alice.calls == pair.bob.calls == []

    pair = scene(work)
    assert pair.ether.methods() == ["INVITE", "100", "180", "200", "ACK", "BYE", "200"]


@pytest.mark.parametrize("line", ["INVITE", "SIP/2.0 200", "ACK", "BYE"])
def test_one_loss_of_each_is_mended(line: str) -> None:
    async def work(pair: Pair) -> None:
        call = await pair.call()
        await settle(5)
        assert pair.calls[0].state is InviteState.CONFIRMED
        await call.bye()
        assert pair.ended == ["bye"]

    pair = scene(work, answering, lambda first, before: first.startswith(line) and before == 0)
    assert sum(each.startswith(line) for each in pair.ether.sent) >= 2


def test_a_2xx_without_ack_is_repeated_for_64_t1_and_ends_in_bye() -> None:
    async def work(pair: Pair) -> None:
        await pair.call()
        await settle()
        assert pair.ended == ["no-ack"]
        assert isinstance(pair.failed[0], CallEnded)

    pair = scene(work, answering, lambda line, before: line.startswith("ACK"))
    assert pair.ether.methods().count("ACK") == 11
    assert "BYE" in pair.ether.methods()


@pytest.mark.parametrize("heard", [5, 100])
def test_a_caller_that_does_not_acknowledge_soon_may_be_given_up(heard: int) -> None:
    settled: list[float] = []

    async def hasty(call: InviteSession) -> None:
        call.patience = AckPatience(ack_s=4.0)
        call.on_settled = lambda: settled.append(asyncio.get_running_loop().time())
        await answering(call)

    async def work(pair: Pair) -> None:
        await pair.call()
        await settle(5)
        assert pair.ended == ["no-ack"] and settled == [pytest.approx(4.0, abs=0.1)]
        await settle()
        assert pair.bob.calls == pair.alice.calls == []

    pair = scene(work, hasty, lambda line, before: line.startswith("ACK") and before < heard)
    # The answer is repeated all the same: it has BYE from us who acknowledges it late, or never.
    assert pair.ether.methods().count("ACK") == min(heard + 1, 11)
    assert pair.ether.methods().count("BYE") == 1


def test_nobody_answers() -> None:
    async def work(pair: Pair) -> None:
        with pytest.raises(SipTimeout):
            await pair.call()

    scene(work, answering, lambda line, before: True)


def test_a_cancelled_task_cancels_the_call() -> None:
    async def forever(call: InviteSession) -> None:
        await call.ring()
        await asyncio.sleep(1_000)

    async def work(pair: Pair) -> None:
        task = asyncio.create_task(pair.call())
        await settle(1)
        task.cancel()
        await settle(1)
        assert pair.ended == ["cancelled"] and pair.calls[0].state is InviteState.ENDED
        with pytest.raises(CallEnded):
            await pair.calls[0].answer(ANSWER)

    pair = scene(work, forever)
    assert pair.ether.methods() == ["INVITE", "100", "180", "CANCEL", "200", "487", "ACK"]


@pytest.mark.parametrize("lost", [keep_all, lambda line, before: line.startswith("SIP/2.0 1") and before < 2])
def test_a_cancel_says_why_at_once_or_when_it_may_be_sent(lost: Rule) -> None:
    async def forever(call: InviteSession) -> None:
        await call.ring()
        await asyncio.sleep(1_000)

    why = ("Reason", 'SIP;cause=200;text="Call completed elsewhere"')

    async def work(pair: Pair) -> None:
        task = asyncio.create_task(pair.call(cancel_headers=lambda: [why]))
        await settle(0.4)
        task.cancel()
        await settle(5)
        assert pair.ended == ["cancelled"]

    pair = scene(work, forever, lost)
    (cancel,) = {message for message in pair.ether.messages if message.startswith(b"CANCEL")}
    assert f"{why[0]}: {why[1]}\r\n".encode() in cancel


def test_no_cancel_before_a_provisional_response() -> None:
    async def work(pair: Pair) -> None:
        with pytest.raises(SipTimeout):
            await pair.call(timeout_s=1)
        assert "CANCEL" not in pair.ether.methods()
        await settle(5)

    pair = scene(work, answering, lambda line, before: line.startswith("SIP/2.0 1") and before < 3 or "200" in line)
    assert pair.ether.methods().count("INVITE") > 1


def test_cancel_crosses_the_answer() -> None:
    async def slow(call: InviteSession) -> None:
        await call.ring()
        await asyncio.sleep(1)
        await call.answer(ANSWER)

    async def work(pair: Pair) -> None:
        task = asyncio.create_task(pair.call())
        await asyncio.sleep(1.015)  # the 200 is on its way
        task.cancel()
        await settle(2)
        assert pair.ended == ["bye"]

    pair = scene(work, slow)
    methods = pair.ether.methods()
    assert methods.index("CANCEL") < methods.index("ACK") < methods.index("BYE")


def test_a_cancelled_task_hangs_up_what_was_answered_in_the_same_turn() -> None:
    async def work(pair: Pair) -> None:
        task = asyncio.create_task(pair.call())
        carrier = pair.ether.carriers[pair.alice.port]
        receive = carrier.receive

        def crossing(data: bytes, source: Hop) -> None:
            receive(data, source)
            if data.startswith(b"SIP/2.0 200") and b"CSeq: 1000000 INVITE" in data:
                task.cancel()

        carrier.receive = crossing
        with pytest.raises(asyncio.CancelledError):
            await task
        await settle(2)
        assert pair.ended == ["bye"] and pair.alice.calls == pair.bob.calls == []

    assert scene(work).ether.methods().count("BYE") == 1


@pytest.mark.parametrize(
    ("headers", "after_s", "status"), [([("Expires", "20")], 20, 487), ([], 180, 480), ([("Expires", "900")], 180, 480)]
)
def test_nobody_rings_for_ever(headers: list[tuple[str, str]], after_s: int, status: int) -> None:
    async def undecided(call: InviteSession) -> None:
        await call.ring()

    async def work(pair: Pair) -> None:
        with pytest.raises(CallRefused, match=str(status)):
            await pair.call(headers=headers, timeout_s=1_000)
        assert asyncio.get_running_loop().time() == pytest.approx(after_s, abs=1)
        assert pair.ended == ["cancelled"] and pair.bob.calls == []

    scene(work, undecided)


def test_the_ringing_time_is_over() -> None:
    async def deaf(call: InviteSession) -> None:
        await call.ring()

    async def work(pair: Pair) -> None:
        with pytest.raises(SipTimeout, match="not answered in time"):
            await pair.call(timeout_s=20)
        await settle(1)
        assert pair.ended == ["cancelled"]

    scene(work, deaf)


def test_refusals() -> None:
    async def busy(call: InviteSession) -> None:
        call.reject(486, headers=[("Warning", "399 x y")])

    async def broken(call: InviteSession) -> None:
        raise RuntimeError("broken on purpose")

    async def work(pair: Pair) -> None:
        for handler, status in ((busy, 486), (broken, 500)):
            pair.handler = handler
            with pytest.raises(CallRefused, match=str(status)):
                await pair.call()
        assert pair.ended == ["rejected", "rejected"] and pair.bob.calls == []
        with pytest.raises(ValueError, match="does not refuse"):
            pair.calls[0].reject(200)

    scene(work)


def challenged(secret: str, status: int = 407) -> Handler:
    guard = Authenticator("dev", lambda user, algorithm: hash_a1(algorithm, user, "dev", secret))
    asks, shows = PROXY if status == 407 else PEER

    async def handler(call: InviteSession) -> None:
        now = asyncio.get_running_loop().time()
        if guard.verify(call.invite, call.source, now, shows).username is None:
            call.reject(status, headers=[(asks, value) for value in guard.challenge(call.source, now)])
        else:
            await answering(call)

    return handler


@pytest.mark.parametrize("status", [401, 407])
def test_a_challenge_is_answered_in_a_new_transaction(status: int) -> None:
    async def work(pair: Pair) -> None:
        call = await pair.call(credentials=Credentials("alice", "secret"))
        assert [each.invite.cseq.number for each in pair.calls] == [1_000_000, 1_000_001]
        assert pair.calls[0].invite.from_.tag == pair.calls[1].invite.from_.tag
        assert call.state is InviteState.CONFIRMED
        await call.bye()

    pair = scene(work, challenged("secret", status))
    assert pair.ether.methods()[:4] == ["INVITE", "100", str(status), "ACK"]


def test_a_wrong_password_is_not_tried_twice() -> None:
    async def work(pair: Pair) -> None:
        with pytest.raises(CallRefused, match="407"):
            await pair.call(credentials=Credentials("alice", "wrong"))
        with pytest.raises(CallRefused, match="407"):
            await pair.call()

    assert scene(work, challenged("secret")).ether.methods().count("INVITE") == 3


def test_a_call_that_the_peer_has_forgotten_is_gone() -> None:
    async def work(pair: Pair) -> None:
        mine = await pair.call()
        ended: list[str] = []
        mine.on_ended = ended.append
        mine.dialog.call_id = "another"
        assert (await mine.request("INFO")).status == 481
        assert ended == ["gone"]
        with pytest.raises(CallEnded):
            await mine.reinvite("x")
        await settle(1)
        assert pair.alice.calls == []

    # Should it not have forgotten after all, it is not left alone with its call.
    assert scene(work).ether.methods()[-4:] == ["INFO", "481", "BYE", "481"]


def test_who_hears_late_of_the_end_hears_of_it_once() -> None:
    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        await pair.calls[0].bye()
        ended: list[str] = []
        mine.on_ended = ended.append
        await mine.bye()
        await settle(1)
        assert ended == ["bye"]

    scene(work)


@pytest.mark.parametrize("hangs_up", ["alice", "bob"])
def test_what_a_listener_raises_leaves_no_call_behind(hangs_up: str) -> None:
    async def work(pair: Pair) -> None:
        mine = await pair.call()
        await settle(1)
        over = asyncio.get_running_loop().create_future()
        over.cancel()
        mine.on_ended = over.set_result
        await (mine if hangs_up == "alice" else pair.calls[0]).bye()
        await settle()
        assert pair.alice.calls == pair.bob.calls == []
        assert pair.ended == ["bye" if hangs_up == "alice" else "hangup"]

    scene(work)


def test_the_second_branch_of_a_fork_is_hung_up() -> None:
    async def work(pair: Pair) -> None:
        other = pair.ether.stack(on_invite=answering)
        await other.start()

        async def fork(call: InviteSession) -> None:
            text = pair.ether.messages[0].decode()
            pair.ether.carriers[other.port].receive(text.encode(), call.source)
            await answering(call)

        pair.handler = fork
        mine = await pair.call()
        await settle(5)
        assert mine.state is InviteState.CONFIRMED and pair.bob.calls and other.calls == []
        await other.stop()

    assert scene(work).ether.methods().count("BYE") == 1


def test_overload_and_refused_requests() -> None:
    async def work(pair: Pair) -> None:
        pair.bob.take_no_calls()
        with pytest.raises(CallRefused, match="503"):
            await pair.call()
        with pytest.raises(CallRefused, match="420"):
            await pair.call(headers=[("Require", "timer, precondition, 100rel")])
        assert b"Unsupported: precondition\r\n" in b"".join(pair.ether.messages)
        assert pair.bob.counters["refused"] == 1

    scene(work)


def test_too_many_calls_at_a_time() -> None:
    async def slow(call: InviteSession) -> None:
        await asyncio.sleep(100)

    async def work() -> None:
        ether = Ether()
        bob = ether.stack(StackSettings(tcp=False, max_pending=2), on_invite=slow)
        alice = ether.stack()
        await bob.start()
        await alice.start()
        uri = f"sip:bob@127.0.0.1:{bob.port}"
        calls = [asyncio.create_task(alice.invite(uri, OFFER, from_uri="sip:a@b", timeout_s=9)) for _ in range(3)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert sorted(type(each).__name__ for each in outcomes) == ["CallRefused", "SipTimeout", "SipTimeout"]
        await alice.stop()
        await bob.stop()

    run(work())


def test_answered_is_a_response() -> None:
    async def work(pair: Pair) -> None:
        call = await pair.call()
        assert isinstance(call.response, Response) and call.response.status == 200

    scene(work)
