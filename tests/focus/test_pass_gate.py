"""A pass whose bearer does not come in, for whatever reason, is as it was before."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mixer.rules.roles import PartyKind, Role
from softphone.errors import CallRefused
from softphone.focus.entrance.pass_gate import PassGate
from softphone.focus.errors import Overloaded
from softphone.focus.passes import Passes, signing_key
from softphone.focus.room.admission import Admission
from softphone.store.database import Database, url_of
from softphone.store.errors import StoreUnavailable
from softphone.store.passes import PassShelf

BEARER = Admission("guest", "", None, Role.PARTICIPANT, PartyKind.OUTSIDE)
NOW = datetime.now(UTC)


@pytest.fixture
async def shelf(tmp_path: Path) -> AsyncIterator[PassShelf]:
    database = Database(url_of("", tmp_path))
    await database.start()
    yield PassShelf(database)
    await database.stop()


async def added(shelf: PassShelf, *, one_use: bool = True) -> str:
    expires = datetime.now(UTC) + timedelta(days=1)
    return (await shelf.add("s-1", "participant", "", expires, "1", one_use=one_use, hidden=False)).id


class Gate:
    """A gate before one room, which does with who enters what it is told."""

    def __init__(self, shelf: PassShelf, enter: Callable[[], Awaitable[None]]) -> None:
        self.told: list[Any] = []
        self.enter_room = enter
        room = SimpleNamespace(session=SimpleNamespace(id="s-1"))
        feed = SimpleNamespace(publish=lambda *given, **_: self.told.append(given))
        focus: Any = SimpleNamespace(conferences={"s-1": room}, feed=feed)
        accounts: Any = SimpleNamespace(by_id=lambda _: None)
        codes: Any = SimpleNamespace(is_closed=lambda *_: False)
        self.passes = Passes(focus, shelf, signing_key("secret"))
        self.gate = PassGate(focus, accounts, codes, self.passes, lambda: NOW)

    async def _enter(self, *_: object) -> None:
        await self.enter_room()

    async def enter(self, identity: str) -> None:
        await self.gate.enter(BEARER, self.passes.number(identity), self._enter)


async def comes_in() -> None:
    pass


async def test_a_call_that_is_given_up_at_the_door_has_used_nothing(shelf: PassShelf) -> None:
    identity, at_the_door = await added(shelf), asyncio.Event()

    async def stands_there() -> None:
        at_the_door.set()
        await asyncio.Event().wait()

    gate = Gate(shelf, stands_there)
    coming = asyncio.create_task(gate.enter(identity))
    await at_the_door.wait()
    assert (await shelf.find(identity)).used == NOW
    coming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await coming
    assert (await shelf.find(identity)).used is None
    assert not gate.told


@pytest.mark.parametrize(
    "error", [CallRefused(403, "Conference Locked"), ValueError("a fault"), asyncio.CancelledError()]
)
async def test_whatever_keeps_the_bearer_out_it_may_come_again(shelf: PassShelf, error: BaseException) -> None:
    identity = await added(shelf)

    async def fails() -> None:
        raise error

    with pytest.raises(type(error)):
        await Gate(shelf, fails).enter(identity)
    again = Gate(shelf, comes_in)
    await again.enter(identity)
    assert len(again.told) == 1
    with pytest.raises(CallRefused, match="Pass Used"):
        await again.enter(identity)


async def test_a_pass_of_many_uses_keeps_when_it_was_used_last(shelf: PassShelf) -> None:
    identity, before = await added(shelf, one_use=False), NOW - timedelta(hours=1)
    assert await shelf.use(identity, before)

    async def fails() -> None:
        raise CallRefused(486, "Busy Here")

    with pytest.raises(CallRefused, match="Busy Here"):
        await Gate(shelf, fails).enter(identity)
    assert (await shelf.find(identity)).used == before


async def test_who_loses_a_race_takes_nothing_from_the_winner(shelf: PassShelf) -> None:
    identity = await added(shelf)
    gate = Gate(shelf, comes_in)
    found = await asyncio.gather(*(gate.enter(identity) for _ in range(5)), return_exceptions=True)
    assert [str(each) for each in found if each is not None] == [str(CallRefused(410, "Pass Used"))] * 4
    assert (await shelf.find(identity)).used == NOW


async def test_the_refusal_is_told_also_when_the_store_has_gone(
    shelf: PassShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = await added(shelf)

    async def away(*_: object) -> None:
        raise StoreUnavailable("away")

    async def locked() -> None:
        monkeypatch.setattr(shelf, "give_back", away)
        raise CallRefused(403, "Conference Locked")

    with pytest.raises(CallRefused, match="Conference Locked"):
        await Gate(shelf, locked).enter(identity)
    monkeypatch.setattr(shelf, "find", away)
    with pytest.raises(Overloaded):
        await Gate(shelf, comes_in).enter(identity)
