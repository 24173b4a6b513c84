"""A name that somebody has said is kept as long as it is needed, and not longer; with calls on paper."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mixer.rules.entrance import EntranceSettings
from mixer.rules.settings import Settings
from softphone.config import ConferenceConfig
from softphone.focus.entrance.codes import CodeBook
from softphone.focus.entrance.pin_prompt import PinPrompt
from softphone.focus.errors import Overloaded
from softphone.focus.room.admission import Admission
from softphone.focus.voice.names import Names
from softphone.media.contract.leg import KeyPressed
from softphone.media.contract.messages import RecordLeg
from softphone.testing.bridge import PaperBridge, PaperCall
from softphone.testing.clock import run
from tests.support.membership import astray

SAID = Settings(announce_caller_name=True, entry_notices=True)


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of these tests jumps over whatever a thread does."""

    async def at_once(work: Callable[..., Any], *args: Any) -> Any:
        return work(*args)

    monkeypatch.setattr(asyncio, "to_thread", at_once)


def kept(folder: Path) -> list[str]:
    return sorted(path.stem for path in (folder / "names").glob("*.wav"))


async def named(bridge: PaperBridge, name: str) -> str:
    """A name that was recorded."""
    path = bridge.focus.context.names._path(name)
    await bridge.media.ask(RecordLeg(0, str(path), 1.0))
    return name


def test_a_name_goes_when_its_party_has_left_and_that_was_said(tmp_path: Path) -> None:
    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        room = await bridge.room(SAID)
        await bridge.call(room)
        guest = await bridge.call(room, "guest", spoken=await named(bridge, "gail"))
        await asyncio.sleep(10.0)
        assert kept(tmp_path) == ["gail"]
        guest.end()
        await asyncio.sleep(0.0)
        assert kept(tmp_path) == ["gail"], "the room is being told"
        await asyncio.sleep(10.0)
        assert (kept(tmp_path), room.ended) == ([], False)

    run(scene())


def test_a_name_moves_with_its_party(tmp_path: Path) -> None:
    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        here, there = await bridge.room(SAID), await bridge.room(SAID)
        await bridge.call(here)
        await bridge.call(here, "guest", spoken=await named(bridge, "gail"))
        await bridge.control.move(here.session.id, list(here.members)[1], there.session.id)
        await asyncio.sleep(10.0)
        here.close("requested")
        assert kept(tmp_path) == ["gail"]
        there.close("requested")
        assert kept(tmp_path) == []
        await asyncio.sleep(10.0)

    run(scene())


async def asked(bridge: PaperBridge, open_room: Callable[[Any], Awaitable[Any]] | None = None) -> PaperCall:
    """A caller that is asked for its name."""
    extension = bridge.accounts.extensions["202"]
    context = bridge.focus.context
    codes = CodeBook(bridge.accounts, ConferenceConfig(), context.clock)
    settings = EntranceSettings(ask_code=False, ask_name=True, name_timeout_s=30.0)
    reception = PinPrompt(context, codes, open_room or bridge.focus.open, settings, extension)
    call: Any = PaperCall()
    await reception.receive(call, Admission("guest"), None)
    await asyncio.sleep(3.0)
    return call  # type: ignore[no-any-return]


@pytest.mark.parametrize("how", ["hangs up", "says nothing more", "no room"])
def test_a_name_that_nobody_needs_is_not_kept(tmp_path: Path, how: str) -> None:
    async def full(_extension: Any) -> Any:
        raise Overloaded("no more conferences")

    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        call = await asked(bridge, full)
        (leg,) = bridge.media.recorded
        assert len(kept(tmp_path)) == 1
        if how == "hangs up":
            call.end()
        elif how == "no room":
            bridge.media.on_event(KeyPressed(leg, "#"))
        await asyncio.sleep(60.0)
        assert kept(tmp_path) == []
        assert astray(bridge.focus) == []

    run(scene())


def test_a_name_comes_into_the_room(tmp_path: Path) -> None:
    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        await asked(bridge)
        (leg,) = bridge.media.recorded
        bridge.media.on_event(KeyPressed(leg, "#"))
        await asyncio.sleep(1.0)
        (name,) = kept(tmp_path)
        (room,) = bridge.focus.rooms.values()
        assert [party.sound for party in room.rules.parties.values()] == [name]

    run(scene())


def test_what_an_earlier_run_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "old.wav").touch()
    bridge: Any = None
    Names(tmp_path, bridge)
    assert not list(tmp_path.iterdir())
