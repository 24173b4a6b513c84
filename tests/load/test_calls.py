"""How many a policy lets in, and what is a failure."""

import asyncio

import pytest

from softphone.errors import CallRefused
from softphone.load.caller import BotCalls, _cause
from softphone.load.calls import STILL_IN, JoinFailed, PartyCalls
from softphone.load.hints import hints
from softphone.load.media.plane import LoadPlane
from softphone.load.plan import LoadPlan
from tests.load.paper import PaperDoors
from tests.load.reports import report
from tests.support.callee import Callee


class Answered(PartyCalls[str]):
    """Calls that are answered when somebody says so."""

    def __init__(self, count: int) -> None:
        super().__init__(lambda: 0.0)
        self.answers = [asyncio.Event() for _ in range(count)]
        self.refused = set[int]()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def _join(self, bot: int) -> None:
        await self.answers[bot].wait()
        if bot in self.refused:
            raise CallRefused(486, "Busy Here")
        self.joined[bot] = "in"

    async def leave(self, bot: int) -> None:
        self.joined.pop(bot, None)

    def press(self, bot: int, keys: str) -> None: ...

    async def reinvite(self, bot: int, direction: str = "sendrecv") -> None: ...


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (3, 0, 4, 1, 2)])
async def test_in_whatever_order_answers_are_read_the_policy_is_the_same(order: tuple[int, ...]) -> None:
    calls = Answered(5)
    calls.refused = {3, 4}
    joins = [asyncio.create_task(calls.join(bot)) for bot in range(5)]
    for bot in order:
        calls.answers[bot].set()
        await asyncio.wait([joins[bot]])
    ended = await asyncio.gather(*joins, return_exceptions=True)
    assert [bot for bot, each in enumerate(ended) if isinstance(each, JoinFailed)] == [3, 4]
    await calls.leave(0)
    assert calls.policy_limit == 3


@pytest.mark.parametrize(
    ("cause", "user", "said"),
    [
        ("401 Unauthorized", "", "--password"),
        ("407 Proxy Authentication Required", "101", "takes no call with this user"),
        ("302 Moved Temporarily, to sip:1@h", "", "redirects"),
        ("404 Not Found", "", "nobody of that name"),
        ("410 Gone", "", "is over"),
        ("488 Not Acceptable Here", "", "--codec"),
        ("no answer", "", "firewall"),
        ("503 Service Unavailable", "", ""),
    ],
)
def test_a_cause_has_its_hint(cause: str, user: str, said: str) -> None:
    plan = LoadPlan(uri=("sip:a@h",), parties=1, user=user, password=user)
    assert [said in hint for hint in hints([cause, cause], plan)] == [True] * bool(said)


def test_a_redirection_names_its_target() -> None:
    error = CallRefused(302, "Moved Temporarily", contacts=("sip:other@127.0.0.1:5070", "sip:last@h"))
    assert _cause(error) == "302 Moved Temporarily, to sip:other@127.0.0.1:5070"


@pytest.mark.parametrize(
    ("host", "asks", "proofs"), [("127.0.0.1", False, 0), ("127.0.0.1", True, 1), ("localhost", True, 0)]
)
async def test_a_redirection_is_followed_and_another_host_is_shown_no_password(
    host: str, asks: bool, proofs: int
) -> None:
    doors = PaperDoors(1, 1.0)
    async with Callee() as first, Callee() as second:
        plan = LoadPlan(uri=(first.uri,), parties=1, talkers=0, user="ada", password="secret")
        plane = LoadPlane(doors, 1, (), level_dbov=-20.0, epoch_s=0.0)
        calls = BotCalls(plan, doors, plane, host="127.0.0.1", clock=lambda: 0.0)
        await calls.start()
        joining = asyncio.create_task(calls.join(0))
        there = f"sip:there@{host}:{second.port}"
        first.answer(await first.receive("INVITE"), "302 Moved Temporarily", headers=f"Contact: <{there}>\r\n")
        await first.receive("ACK")
        if asks:
            challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=MD5\r\n'
            second.answer(await second.receive("INVITE"), "401 Unauthorized", headers=challenge)
        if proofs or not asks:
            await second.take()
            await joining
            assert (list(calls.joined), dict(calls.failures)) == ([0], {})
            leaving = asyncio.create_task(calls.leave(0))
            second.answer(await second.receive("BYE"), "200 OK")
            await leaving
        else:
            with pytest.raises(JoinFailed, match="401"):
                await joining
        await calls.stop()
    assert calls.notes == [f"calls were redirected to {there}"]
    assert sum("\r\nAuthorization: Digest" in each for each in second.seen if each.startswith("INVITE")) == proofs


async def test_who_is_sent_away_is_no_failure_and_who_stays_is_one() -> None:
    calls = Answered(3)
    calls.joined |= {0: "in", 1: "in"}
    sending = asyncio.create_task(calls.sent_away([0, 2], 3600.0))
    await asyncio.sleep(0)
    assert not sending.done()
    del calls.joined[0]
    calls.dropped["BYE"], calls.ended[0] = 2, "BYE"
    await sending
    assert (dict(calls.failures), dict(calls.dropped)) == ({}, {"BYE": 1})
    await calls.sent_away([1], 0.0)
    assert dict(calls.failures) == {STILL_IN: 1}


async def test_where_everybody_is_refused_it_is_a_failure() -> None:
    calls = Answered(1)
    assert calls.policy_limit is None
    calls.refused = {0}
    calls.answers[0].set()
    with pytest.raises(JoinFailed):
        await calls.join(0)
    found = report(1, bots=[], policy_limit=calls.policy_limit, failures=dict(calls.failures))
    assert (found.failed, report(1, policy_limit=1, failures=dict(calls.failures)).failed) == (1, 0)
