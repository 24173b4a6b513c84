"""A caller at the entrance; with calls on paper, on a clock that jumps."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mixer.rules.entrance import EntranceSettings
from softphone.config import ConferenceConfig
from softphone.errors import CallRefused
from softphone.focus.entrance.codes import CodeBook
from softphone.focus.entrance.pin_prompt import PinPrompt
from softphone.focus.room.admission import Admission
from softphone.media.contract.leg import KeyPressed
from softphone.sip.ua.call import InviteSession
from softphone.store.values import PropertiesChanged
from softphone.testing.bridge import ANSWER_S, PaperBridge, PaperCall
from softphone.testing.clock import run
from tests.focus.switchboard import Switchboard, play
from tests.support.membership import astray


def test_keys_that_come_before_the_ack_are_part_of_the_code(tmp_path: Path) -> None:
    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        context, extension = bridge.focus.context, bridge.accounts.extensions["201"]
        codes = CodeBook(bridge.accounts, ConferenceConfig(), context.clock)
        reception = PinPrompt(context, codes, bridge.focus.open, EntranceSettings(), extension)
        call: Any = PaperCall()
        receiving = asyncio.create_task(reception.receive(call, Admission("guest"), None))
        # The leg is there, our 200 is under way, and its ACK is not here yet.
        await asyncio.sleep(2.5 * ANSWER_S)
        (leg,) = bridge.media.legs
        for key in "12":
            bridge.media.on_event(KeyPressed(leg, key))
        assert not receiving.done()
        await receiving
        for key in "34#":
            bridge.media.on_event(KeyPressed(leg, key))
        await asyncio.sleep(1.0)
        (room,) = bridge.focus.rooms.values()
        assert [member.leg for member in room.members.values()] == [leg]
        room.close("requested")
        await asyncio.sleep(10.0)

    run(scene())


def test_who_came_by_a_code_is_known_by_its_telephone(tmp_path: Path) -> None:
    """If it begins anew its older leg ends: whose it is is known as soon as it is let in."""

    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        context, extensions = bridge.focus.context, bridge.accounts.extensions
        codes = CodeBook(bridge.accounts, ConferenceConfig(), context.clock)
        reception = PinPrompt(context, codes, bridge.focus.open, EntranceSettings(), extensions["201"])
        call: Any = PaperCall()
        call.remote_sdp = call.remote_sdp.replace("m=audio 9 ", "m=audio 4444 ")
        await reception.receive(call, Admission("103", "Cai", extensions["103"]), None)
        (leg,) = bridge.media.legs
        for key in "1234#":
            bridge.media.on_event(KeyPressed(leg, key))
        await asyncio.sleep(1.0)
        (room,) = bridge.focus.rooms.values()
        (member,) = room.members.values()
        assert member.party.extension_id == extensions["103"].id
        assert astray(bridge.focus) == []
        room.close("requested")
        await asyncio.sleep(10.0)

    run(scene())


def test_who_guesses_too_much_closes_the_room_for_codes(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        phone = await board.telephone("102")
        call = await phone.call("201")
        call.on_ended = phone.ended.append
        await press(call, "1111#" * 3 + "9876#")
        await asyncio.sleep(60.0)
        assert phone.ended == ["bye"] and not board.focus.conferences
        other = await phone.call("203")
        await press(other, "9876#")
        await asyncio.sleep(1.0)
        (room,) = board.focus.conferences.values()
        assert room.session.extension == "203" and len(room.session.parties) == 1
        await other.bye()
        await asyncio.sleep(60.0)

    play(tmp_path, scene, conference={"wrong_codes": 2, "code_tries": 9})


def test_full_rooms(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        host, late = await board.telephone("101"), await board.telephone("102")
        for number in ("201", "202"):
            most(board, number, 1)
            await press(await host.call(number), "9876#")
            await asyncio.sleep(1.0)
            with pytest.raises(CallRefused, match="486"):
                await late.call(number)
        most(board, "201", 2)
        await press(await late.call("201"), "1234#")
        await asyncio.sleep(1.0)
        rooms = {room.session.extension: room for room in board.focus.conferences.values()}
        assert {number: len(room.session.parties) for number, room in rooms.items()} == {"201": 2, "202": 1}
        for room in rooms.values():
            room.close("requested")
        await asyncio.sleep(10.0)

    play(tmp_path, scene)


def most(board: Switchboard, number: str, members: int) -> None:
    """Change how many the conference of an extension takes, as the store tells it."""
    accounts = board.paper.accounts
    entry = accounts.entry(accounts.extensions[number].id)
    assert entry is not None and entry.properties is not None
    properties = replace(entry.properties, max_members=members)
    accounts.put(replace(entry, properties=properties))
    board.focus.on_change(PropertiesChanged(entry.extension.id, properties))


async def press(call: InviteSession, keys: str) -> None:
    for key in keys:
        assert await call.info("application/dtmf-relay", f"Signal={key}\r\nDuration=100\r\n") == 200
