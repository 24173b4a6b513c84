"""How each party is reached is known of it: transport, codec, encryption, and what becomes of them in the call."""

import asyncio
from pathlib import Path

import pytest

from softphone import Call
from softphone.focus.session import PartyPath, TelephonySession
from softphone.testing import ConferenceBridge, run


def paths(session: TelephonySession) -> list[PartyPath | None]:
    return [party.path for party in session.parties.values()]


@pytest.mark.parametrize(
    ("options", "codec", "cipher"),
    [
        ({}, "PCMU", ""),
        ({"codecs": ("PCMA",)}, "PCMA", ""),
        ({"codecs": ("G722", "PCMU")}, "G722", ""),
        ({"encryption": "required"}, "PCMU", "AEAD_AES_128_GCM"),
    ],
)
def test_who_calls(tmp_path: Path, options: dict[str, object], codec: str, cipher: str) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:
            session = await bridge.conference()
            async with bridge.agent("101", **options) as agent:
                call = await agent.invite(bridge.uri(session))
                (path,) = paths(session)
                assert path is not None and (path.codec, path.encryption) == (codec, cipher)
                assert path.transport in ("udp", "tcp")
                await call.hangup()

    run(scene())


def test_who_is_called_in_and_moves(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:

            async def answer(call: Call) -> None:
                await call.accept()

            session, other = await bridge.conference(), await bridge.conference()
            async with bridge.agent("101") as ada, bridge.agent("102", codecs=("PCMA",), on_call=answer):
                await ada.invite(bridge.uri(session))
                await bridge.control.dial(session.id, "102")
                await asyncio.sleep(2)
                told = paths(session)
                assert [path.codec for path in told if path is not None] == ["PCMU", "PCMA"]
                moved = await bridge.control.move(session.id, list(session.parties)[1], other.id)
                await asyncio.sleep(1)
                assert moved.path == told[1]

    run(scene())
