"""Two users bring people into one conference at the same time, in as many orders of events as seeds are tried.

``RACES=1000`` before pytest tries a thousand.
"""

import asyncio
import os
import random
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from softphone.errors import SipError
from softphone.sip.ua.call import InviteSession, InviteState
from softphone.testing.bridge import offer
from tests.focus.switchboard import Switchboard, Telephone
from tests.support.api import PaperApi
from tests.support.membership import astray
from tests.support.shuffled import run

RACES = int(os.environ.get("RACES", "10"))
SESSIONS = "/restapi/v1.0/account/~/telephony/sessions"
# Places besides the host's.
PLACES = 2


@dataclass
class Source:
    """A call that somebody wants brought in: both its ends as their telephones have them."""

    session: str
    own: InviteSession
    other: InviteSession


async def answers(call: InviteSession) -> None:
    await call.answer(offer())


async def called(board: Switchboard, caller: Telephone, callee: Telephone) -> Source:
    known = set(board.focus.calls)
    own = await caller.call(callee.number)
    (session,) = set(board.focus.calls) - known
    return Source(session, own, callee.calls[-1])


async def wanted(client: httpx.AsyncClient, conference: str, source: Source) -> tuple[int, str]:
    """Ask for one; what is answered."""
    body = {"telephonySessionId": source.session, "partyId": f"p-{source.session[2:]}-1"}
    answer = await client.post(f"{SESSIONS}/{conference}/parties/bring-in", json=body)
    return answer.status_code, answer.json().get("errorCode", "")


async def hung_up(call: InviteSession) -> None:
    with suppress(SipError):  # it may be over
        await call.bye()


async def race(board: Switchboard, seed: int, *, leaves: bool) -> None:
    """Four calls of two users for two places; perhaps one end of one of them hangs up meanwhile."""
    chance, paper = random.Random(seed), board.paper
    ann, ben, *others = [await board.telephone(number, answers) for number in ("101", "102", "103", "104")]
    session = await paper.control.create(paper.accounts.extensions["102"], max_members=PLACES)
    await ben.call(str(session.token))
    users = [ann, ben, ann, ben]
    sources = [await called(board, user, other) for user, other in zip(users, [*others, *others], strict=True)]
    left = chance.choice(sources) if leaves else None
    goes = None if left is None else chance.choice((left.own, left.other))
    api = PaperApi(board)
    async with api.client("101") as anns, api.client("102") as bens:
        asked = [
            wanted(anns if user is ann else bens, session.id, source)
            for user, source in zip(users, sources, strict=True)
        ]
        told, _ = await asyncio.gather(asyncio.gather(*asked), hung_up(goes) if goes else asyncio.sleep(0))
    await asyncio.sleep(10)
    outcomes = dict(zip([source.session for source in sources], told, strict=True))
    seen = [outcomes[source.session] for source in sources if source is not left]
    assert set(seen) <= {(200, ""), (403, "TAS-106")}, seen
    assert sum(status == 200 for status, _ in told) <= PLACES or leaves, told
    for source in sources:
        check(board, source, outcomes[source.session], goes)
    brought = [source for source in sources if outcomes[source.session][0] == 200 and source.other is not goes]
    assert len(session.parties) == 1 + len(brought) <= 1 + PLACES
    assert leaves or len(brought) == PLACES
    assert astray(board.focus) == []
    await paper.control.end(session.id)
    for each in list(board.focus.calls):
        await paper.control.end(each)
    await asyncio.sleep(10)
    assert board.focus.parties == 0 and not board.focus.rooms and not paper.media.legs


def check(board: Switchboard, source: Source, outcome: tuple[int, str], goes: InviteSession | None) -> None:
    """Nobody is lost: who is brought in talks on, who is not is in its call as before, unless somebody hung up."""
    stands = source.other.state is InviteState.CONFIRMED
    if outcome[0] == 200:
        assert source.own.state is InviteState.ENDED and stands is (source.other is not goes)
        assert source.session not in board.focus.calls
    elif goes in (source.own, source.other):
        assert outcome in ((404, "CMN-102"), (403, "TAS-106"))
        assert source.own.state is source.other.state is InviteState.ENDED
        assert source.session not in board.focus.calls
    else:
        assert stands and source.own.state is InviteState.CONFIRMED and source.session in board.focus.calls


@pytest.mark.parametrize("leaves", [False, True], ids=["all stay", "one hangs up"])
def test_whatever_comes_first_no_more_are_in_than_may_and_nobody_is_lost(tmp_path: Path, leaves: bool) -> None:
    async def scene(seed: int) -> None:
        async with Switchboard(tmp_path) as board:
            await race(board, seed, leaves=leaves)

    for seed in range(RACES):
        try:
            run(scene(seed), seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def test_a_call_that_is_over_is_not_there(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Switchboard(tmp_path) as board:
            ben, cid = [await board.telephone(number, answers) for number in ("102", "103")]
            session = await board.paper.control.create(board.paper.accounts.extensions["102"])
            await ben.call(str(session.token))
            source = await called(board, ben, cid)
            await source.other.bye()
            await asyncio.sleep(1)
            async with PaperApi(board).client("102") as client:
                assert await wanted(client, session.id, source) == (404, "CMN-102")
            assert source.own.state is InviteState.ENDED and len(session.parties) == 1

    run(scene(), 0)


def test_ten_are_brought_in_by_default_and_the_eleventh_stays_in_its_call(tmp_path: Path) -> None:
    async def scene() -> None:
        async with Switchboard(tmp_path) as board:
            ann, ben = [await board.telephone(number, answers) for number in ("101", "102")]
            session = await board.paper.control.create(board.paper.accounts.extensions["101"])
            await ann.call(str(session.token))
            sources = [await called(board, ann, ben) for _ in range(11)]
            async with PaperApi(board).client("101") as client:
                told = [await wanted(client, session.id, source) for source in sources]
            assert told == [(200, "")] * 10 + [(403, "TAS-106")]
            assert len(session.parties) == 1 + 10
            await asyncio.sleep(1)
            for source, outcome in zip(sources, told, strict=True):
                check(board, source, outcome, None)

    run(scene(), 0)
