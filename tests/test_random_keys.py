"""Thirty parties press keys at random, over real SIP and RTP: what must hold, holds, whatever they press.

`RANDOM_KEYS_S` says for how long, `RANDOM_KEYS_SEED` which course it takes.
"""

import asyncio
import logging
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from softphone.errors import CallRefused
from softphone.load import hearing
from softphone.sip.driver import StackSettings
from softphone.sip.message.digest import Credentials
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from softphone.store.archive import Archive
from softphone.store.database import Database, url_of
from tests.support.handsets import Handset, Handsets, amplitude
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import conferences, metric, parties, sounding_server, told

SECONDS = float(os.environ.get("RANDOM_KEYS_S", "20"))
SEED = int(os.environ.get("RANDOM_KEYS_SEED", "4733"))

pytestmark = [pytest.mark.timeout(round(SECONDS) + 90), pytest.mark.realtime]

PARTIES, HOSTS = 30, 5
KEY_TIMEOUT_S = 1.0
PRESSING_S = 2.0
# Playout buffers hold what was before, and the last keys are on their way.
SETTLE_S = 0.5
WINDOW_S = 0.8
# What our own clock may be late in a window without a loss of sound.
LATE_S = 0.1
SEQUENCES = (
    "*1",
    "*1",
    "*1",
    "*90",
    "*90",
    "*91",
    "*92",
    "*93",
    "*93",
    "*94",
    "*95",
    "*9",
    "#",
    "7",
    "**",
    "*97",
    "0123456789",
)
METHODS = ("rfc4733", "rfc4733", "info")

TONES = hearing.tones(PARTIES)
LOUDNESS = amplitude(hearing.tone_level_dbov(PARTIES))


@dataclass
class Party:
    """A telephone in a call."""

    handset: Handset
    call: InviteSession

    async def press(self, keys: str, method: str) -> None:
        if method == "rfc4733":
            self.handset.press(keys)
            await asyncio.sleep(len(keys) * 0.2)
            return
        for key in keys:
            assert await self.call.info("application/dtmf-relay", f"Signal={key}\r\nDuration=100\r\n") == 200


class Crowd:
    """The parties by their places; the first are hosts, who stay. An empty place is a party that left."""

    def __init__(
        self, server: ServerProcess, rest: Rest, session: dict[str, Any], stack: Stack, handsets: Handsets
    ) -> None:
        self.rest = rest
        self.session: str = session["id"]
        self.uri = server.call_uri(session["token"])
        self.stack, self.handsets = stack, handsets
        self.seats: list[Party | None] = [None] * PARTIES
        self.random = random.Random(SEED)
        self.checked = Counter[str]()

    async def come(self, place: int) -> None:
        """A call from a place; raises CallRefused."""
        name, secret = ("101", Credentials("101", "dev-101")) if place < HOSTS else (f"bot-{place}", None)
        handset = self.handsets.add(TONES[place % PARTIES], LOUDNESS)
        try:
            call = await self.stack.invite(
                self.uri, handset.offer, from_uri=f"sip:{name}@softphone.local", credentials=secret
            )
        except CallRefused:
            self.handsets.remove(handset)
            raise
        assert call.remote_sdp is not None
        handset.connect(call.remote_sdp)
        self.seats[place] = Party(handset, call)

    async def go(self, place: int) -> None:
        party, self.seats[place] = self.seats[place], None
        if party is not None:
            self.handsets.remove(party.handset)
            await party.call.bye()

    async def press(self, party: Party, seed: float) -> None:
        """One party's fingers."""
        chance = random.Random(seed)
        deadline = time.monotonic() + PRESSING_S
        while time.monotonic() < deadline:
            await asyncio.sleep(chance.uniform(0.0, 1.0))
            await party.press(chance.choice(SEQUENCES), chance.choice(METHODS))

    async def all_press(self) -> None:
        await asyncio.gather(*(self.press(party, self.random.random()) for party in self.seats if party))
        while any(party.handset.keys for party in self.seats if party):
            await asyncio.sleep(0.02)
        await asyncio.sleep(KEY_TIMEOUT_S + SETTLE_S)

    async def roster(self) -> list[dict[str, Any]]:
        return await asyncio.to_thread(parties, self.rest, self.session)

    async def locked(self) -> bool:
        (session,) = await asyncio.to_thread(conferences, self.rest)
        return bool(session["locked"])

    async def muted(self) -> set[int]:
        """The places whose microphones are off; hosts are in the roster in the order in which they came."""
        roster = await self.roster()
        assert len(roster) == sum(seat is not None for seat in self.seats) <= PARTIES
        hosts = [party for party in roster if party["number"] == "101"]
        named = {int(party["number"].removeprefix("bot-")): party for party in roster if party["number"] != "101"}
        return {place for place, party in {**dict(enumerate(hosts)), **named}.items() if party["muted"]}

    async def check_ears(self) -> None:
        """Nobody hears a muted party, or one that left; everybody hears all others.

        A clock that is late chops a tone, which is heard as others too; keys may be late: then it is listened again.
        """
        there = [place for place, seat in enumerate(self.seats) if seat]
        ears = [seat.handset for seat in self.seats if seat]
        while True:
            before, began_s = (await self.muted(), await self.late_ticks()), time.monotonic()
            heard = await asyncio.to_thread(self.handsets.heard, ears, WINDOW_S)
            in_time = time.monotonic() - began_s < WINDOW_S + LATE_S
            calm = (await self.muted(), await self.late_ticks()) == before and in_time
            muted, _ = before
            expected = hearing.expectation(PARTIES, muted=muted, rooms=[there])[there]
            wrong = hearing.differences(await asyncio.to_thread(hearing.measure, heard, TONES), expected)
            self.checked["windows"] += 1
            if not wrong:
                break
            assert not calm, f"muted {sorted(muted)}: {[str(pair) for pair in wrong]}"
        self.checked["rounds"] += 1
        self.checked["muted"] += len(muted)

    async def late_ticks(self) -> float:
        return await asyncio.to_thread(metric, self.rest, "softphone_late_ticks_total")

    async def check_door(self) -> None:
        """A locked room lets nobody in, a full one neither, an open one does."""
        locked = await self.locked()
        empty = [place for place, seat in enumerate(self.seats) if seat is None]
        place = empty[0] if empty else PARTIES
        refusal = "403" if locked else "486" if not empty else ""
        if refusal:
            with pytest.raises(CallRefused, match=refusal):
                await self.come(place)
        else:
            await self.come(place)
        self.checked[refusal or "let in"] += 1

    async def somebody_leaves(self) -> None:
        place = self.random.randrange(HOSTS, PARTIES)
        if self.seats[place]:
            await self.go(place)


@asynccontextmanager
async def crowd(server: ServerProcess, rest: Rest, folder: Path) -> AsyncIterator[Crowd]:
    wish = {"max_members": PARTIES}
    session = (await asyncio.to_thread(rest.http.post, "/api/v1/conferences", json=wish)).raise_for_status().json()
    stack = Stack(StackSettings())
    await stack.start()
    try:
        with Handsets(folder) as handsets:
            people = Crowd(server, rest, session, stack, handsets)
            for place in range(PARTIES):
                await people.come(place)
            yield people
    finally:
        await stack.stop()


def check_story(events: list[dict[str, Any]]) -> set[str]:
    """Replay what was told; all who were there."""
    there, came, locked = set[str](), set[str](), False
    for event in events:
        if event["type"] == "conference.changed":
            locked = event["data"].get("locked", locked)
        elif event["type"] == "party.joined":
            assert not locked, event
            there.add(event["party"])
            came.add(event["party"])
        elif event["type"] == "party.left":
            there.remove(event["party"])
        assert len(there) <= PARTIES
    assert not there
    return came


async def test_invariants(tmp_path: Path) -> None:
    ended_s = time.monotonic() + SECONDS
    with (
        sounding_server(tmp_path, conference={"key_timeout_s": KEY_TIMEOUT_S}) as server,
        Rest(server.http_url) as rest,
    ):
        async with crowd(server, rest, tmp_path) as people, told(rest, people.session) as events:
            while time.monotonic() < ended_s or not people.checked["rounds"]:
                await people.all_press()
                await people.check_ears()
                await people.check_door()
                await people.somebody_leaves()
            await asyncio.to_thread(rest.end, people.session)
            async with asyncio.timeout(30):
                while not any(event["type"] == "conference.ended" for event in events):
                    await asyncio.sleep(0.05)
        logging.info("checked %s", dict(people.checked))
        came = check_story(events)
        assert len(came) == PARTIES + people.checked["let in"]
    past = Database(url_of("", tmp_path / "data"))
    participations = await Archive(past).participations(people.session)
    await past.stop()
    assert {each.party_id for each in participations} == came
    assert all(each.left is not None and each.joined <= each.left for each in participations)
