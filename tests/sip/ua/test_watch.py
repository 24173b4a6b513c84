"""A peer that is gone is found out: by the session timer, or by a question when nothing is heard of it."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from softphone.errors import CallRefused
from softphone.sip.driver import StackSettings
from softphone.sip.message.message import Request, Response, response
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession, InviteState
from softphone.sip.ua.edge_profile import ORDINARY, EdgeProfile
from softphone.sip.ua.refresh import SessionSettings
from softphone.testing.clock import run
from softphone.testing.wire import Ether
from tests.support.sip_pair import ANSWER, OFFER, Pair, settle

TEN_MINUTES = SessionSettings(expires_s=600)
NO_WISH = SessionSettings(expires_s=0)


class Watched(Pair):
    """Alice and Bob with settings of a session each, and a wire that can be cut."""

    def __init__(self, ours: SessionSettings, theirs: SessionSettings) -> None:
        super().__init__()
        self.cut = False
        self.ether = Ether(lambda line, before: self.cut)
        self.alice = self.ether.stack(StackSettings(tcp=False, session=ours))
        self.bob = self.ether.stack(StackSettings(tcp=False, session=theirs), on_invite=self._on_invite)

    def count(self, method: str) -> int:
        return self.ether.methods().count(method)

    def play(self, work: Callable[["Watched"], Coroutine[Any, Any, None]]) -> None:
        async def scene() -> None:
            async with self:
                await work(self)

        run(scene())


async def echo(offer: str | None) -> str:
    return offer or "ours"


@pytest.mark.parametrize("theirs", [TEN_MINUTES, NO_WISH, SessionSettings()])
def test_a_session_is_refreshed_for_as_long_as_it_lasts(theirs: SessionSettings) -> None:
    async def work(pair: Watched) -> None:
        call = await pair.call()
        await settle(6_010)
        assert call.state is pair.calls[0].state is InviteState.CONFIRMED
        assert pair.count("UPDATE") == 20 and pair.count("INVITE") == 1
        await call.bye()
        await settle()
        assert (pair.ended, pair.count("UPDATE")) == (["bye"], 20)

    Watched(TEN_MINUTES, theirs).play(work)


def test_a_peer_without_update_is_offered_the_same_again() -> None:
    async def work(pair: Watched) -> None:
        call = await pair.call()
        theirs = pair.calls[0]
        theirs.on_reinvite = call.on_reinvite = echo
        for each in (call, theirs):
            each.watch._peer_allows = ["INVITE", "ACK"]
        await settle(450)
        assert (pair.count("INVITE"), pair.count("UPDATE")) == (2, 0)
        assert call.state is theirs.state is InviteState.CONFIRMED
        await call.bye()

    Watched(TEN_MINUTES, TEN_MINUTES).play(work)


def test_a_session_that_is_too_brief_for_the_peer_is_asked_for_anew() -> None:
    async def work(pair: Watched) -> None:
        call = await pair.call()
        assert call.invite.get("Session-Expires") == call.invite.get("Min-SE") == "900"
        assert call.watch.refresh.interval_s == pair.calls[0].watch.refresh.interval_s == 900
        await call.bye()

    pair = Watched(TEN_MINUTES, SessionSettings(expires_s=1800, min_s=900))
    pair.play(work)
    assert pair.ether.methods()[:4] == ["INVITE", "422", "ACK", "INVITE"]


@pytest.mark.parametrize("ours", [TEN_MINUTES, NO_WISH])
def test_both_sides_find_out_that_the_other_is_gone(ours: SessionSettings) -> None:
    async def work(pair: Watched) -> None:
        ended: list[str] = []
        call = await pair.call()
        call.on_ended = ended.append
        await settle(1)
        pair.cut = True
        await settle(700)
        assert (ended, pair.ended) == (["gone"], ["gone"])
        assert pair.alice.calls == pair.bob.calls == []

    Watched(ours, TEN_MINUTES).play(work)


def test_a_session_without_a_length_lasts_for_ever() -> None:
    async def work(pair: Watched) -> None:
        call = await pair.call()
        await settle(1)
        pair.cut = True
        await settle(100_000)
        assert call.state is InviteState.CONFIRMED and pair.count("UPDATE") == 0

    Watched(NO_WISH, NO_WISH).play(work)


def test_a_peer_that_says_nothing_is_asked_whether_it_is_there() -> None:
    async def work(pair: Watched) -> None:
        call, ended = await pair.call(), list[str]()
        call.on_ended = ended.append
        call.watch.quiet(True)
        await settle(330)
        assert (pair.count("OPTIONS"), ended) == (5, [])
        call.watch.quiet(False)
        await settle(330)
        assert pair.count("OPTIONS") == 5
        call.watch.quiet(True)
        pair.cut = True
        await settle(60 + 32 + 1)
        assert ended == ["gone"]
        await settle(200)
        assert pair.count("OPTIONS") == 5 + 11

    Watched(NO_WISH, NO_WISH).play(work)


@pytest.mark.parametrize(("status", "reason"), [(481, "gone"), (405, ""), (486, ""), (404, "")])
def test_any_answer_that_knows_the_dialog_is_one_of_a_peer_that_is_there(status: int, reason: str) -> None:
    async def work(pair: Watched) -> None:
        call, ended = await pair.call(), list[str]()
        call.on_ended = ended.append
        pair.calls[0].serves["OPTIONS"] = lambda request: _refusal(request, status)
        call.watch.quiet(True)
        await settle(70)
        assert ended == ([reason] if reason else [])
        await call.bye()

    Watched(NO_WISH, NO_WISH).play(work)


def test_nobody_is_asked_if_that_is_not_wished() -> None:
    async def work(pair: Watched) -> None:
        call = await pair.call()
        call.watch.quiet(True)
        await settle(1_000)
        assert pair.count("OPTIONS") == 0
        await call.bye()

    Watched(SessionSettings(expires_s=0, probe_s=0), NO_WISH).play(work)


def test_a_refresh_that_is_refused_is_tried_again_before_the_end() -> None:
    async def no(offer: str | None) -> str:
        raise CallRefused(500, "Not Now")

    async def work(pair: Watched) -> None:
        call, ended = await pair.call(), list[str]()
        call.on_ended = ended.append
        pair.calls[0].on_reinvite = call.on_reinvite = no
        for each in (call, pair.calls[0]):
            each.watch._peer_allows = ["INVITE"]
        await settle(560)
        assert 10 < pair.count("INVITE") < 40 and ended == []
        await settle(100)
        assert "gone" in ended + pair.ended

    Watched(TEN_MINUTES, TEN_MINUTES).play(work)


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("outgoing", [False, True])
def test_a_connection_that_closes_before_the_answer_is_missed_as_one_that_closes_later(
    outgoing: bool, closed: bool, back: bool
) -> None:
    unasked = EdgeProfile("test", unasked=True)

    async def work(pair: Watched) -> None:
        ours, theirs = (pair.alice, pair.bob) if outgoing else (pair.bob, pair.alice)
        peer = Hop("tcp", "127.0.0.1", theirs.port)

        async def answers(call: InviteSession) -> None:
            if closed:
                pair.ether.close_flow((ours.port, theirs.port))
            if not outgoing:
                call.edge = unasked
            await call.answer(ANSWER)

        pair.handler = answers
        pair.ether.open_flow(ours.port, peer)
        uri = f"sip:bob@127.0.0.1:{pair.bob.port};transport=tcp"
        edge = unasked if outgoing else ORDINARY
        call = await pair.alice.invite(uri, OFFER, from_uri="sip:alice@127.0.0.1", edge=edge)
        await settle(1)
        if closed:  # where our ACK has opened one, too
            pair.ether.flows.pop((ours.port, theirs.port), None)
        if back:
            pair.ether.open_flow(ours.port, peer)
        await settle(100)
        state = (call if outgoing else pair.calls[0]).state
        assert state is (InviteState.ENDED if closed and not back else InviteState.CONFIRMED)

    Watched(NO_WISH, NO_WISH).play(work)


def _refusal(request: Request, status: int) -> Response:
    return response(request, status)
