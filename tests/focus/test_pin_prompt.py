"""A caller at the entrance; with calls on paper, on a clock that jumps."""

import asyncio
from pathlib import Path
from typing import Any

from mixer.rules.entrance import EntranceSettings
from softphone.config import ConferenceConfig
from softphone.focus.entrance.codes import CodeBook
from softphone.focus.entrance.pin_prompt import PinPrompt
from softphone.focus.room.admission import Admission
from softphone.media.contract.leg import KeyPressed
from softphone.testing.bridge import ANSWER_S, PaperBridge, PaperCall
from softphone.testing.clock import run
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
