"""A SUBSCRIBE with somebody else's address: what is sent there, and what a subscriber that is there has."""

import asyncio
from pathlib import Path

import pytest

from tests.focus.flooded import FACTOR, VICTIM, Flooded, conference, flood


@pytest.mark.parametrize("length", range(0, 1600, 50))
def test_a_short_roster_is_told_where_it_has_been_paid_for(tmp_path: Path, length: int) -> None:
    async def work(flooded: Flooded) -> None:
        more = f"Subject: {'x' * length}\r\n"
        flooded.forge("SUBSCRIBE", str((await conference(flooded)).token), headers=f"Event: conference\r\n{more}")
        await asyncio.sleep(10)

    flooded = flood(tmp_path, work)
    assert len(flooded.first_lines()) >= 2
    assert flooded.reflected <= FACTOR * flooded.forged


@pytest.mark.parametrize(("more", "told"), [("", 1), (f"Subject: {'x' * 400}\r\n", 2)])
def test_a_forged_subscription_is_told_as_often_as_it_has_paid_for_and_forgotten(
    tmp_path: Path, more: str, told: int
) -> None:
    async def work(flooded: Flooded) -> None:
        session = await conference(flooded, max_members=100)
        for number in range(30):
            await (await flooded.board.telephone("102", register=False)).call(str(session.token))
            assert number < len(session.parties)
        flooded.forge("SUBSCRIBE", str(session.token), headers=f"Event: conference\r\nExpires: 3600\r\n{more}")
        await asyncio.sleep(300)

    flooded = flood(tmp_path, work)
    assert [line.split()[0] for line in flooded.first_lines()] == ["SIP/2.0"] + ["NOTIFY"] * told
    assert flooded.reflected <= FACTOR * flooded.forged


def test_of_many_forged_subscriptions_each_is_answered_less(tmp_path: Path) -> None:
    """However little each says, and from however many addresses: what is lent has an end."""

    async def work(flooded: Flooded) -> None:
        session = await conference(flooded)
        for number in range(1000):
            flooded.forge("SUBSCRIBE", str(session.token), headers="Event: conference\r\n", source=VICTIM)
            if number % 20 == 0:
                await asyncio.sleep(0.1)
        await asyncio.sleep(300)

    flooded = flood(tmp_path, work)
    assert flooded.reflected <= FACTOR * flooded.forged


def test_a_subscriber_that_answers_has_the_whole_roster(tmp_path: Path) -> None:
    """It is told no more than it has paid for until then."""

    async def work(flooded: Flooded) -> None:
        session = await conference(flooded, max_members=100)
        for _ in range(30):
            await (await flooded.board.telephone("102", register=False)).call(str(session.token))
        flooded.forge("SUBSCRIBE", str(session.token), headers="Event: conference\r\nExpires: 3600\r\n")
        await asyncio.sleep(0.1)
        asked = flooded.received[VICTIM.host][-1].decode()
        assert asked.endswith("\r\n\r\n"), "the first is without a roster"
        headers = [
            line for line in asked.split("\r\n")[1:] if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))
        ]
        flooded.send("\r\n".join(["SIP/2.0 200 OK", *headers, "Content-Length: 0", "", ""]).encode(), VICTIM)
        await asyncio.sleep(2)
        assert flooded.received[VICTIM.host][-1].count(b"<endpoint ") == 30

    flood(tmp_path, work)
