"""Agents whose calls are encrypted, with each other and with a conference."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from softphone import Agent, Call, IceServers
from softphone.errors import CallRefused
from softphone.srtp import Encryption
from softphone.testing import ConferenceBridge, run
from tests.agent.test_wide import heard, tones
from tests.support.tones import sine


def test_encrypted_and_plain_agents_hear_each_other_in_a_conference(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:
            uri = bridge.uri(await bridge.conference())
            kinds: tuple[Encryption, ...] = ("required", "optional")
            async with (
                Agent(encryption=kinds[0], write_ahead_s=5.0) as one,
                Agent(encryption=kinds[1], write_ahead_s=5.0) as two,
            ):
                calls = [await agent.invite(uri) for agent in (one, two)]
                ciphers = [each._control.leg.cipher for each in calls]
                assert ciphers == ["AEAD_AES_128_GCM", ""]
                for hz, call in zip((400, 700), calls, strict=True):
                    call.write_nowait(sine(hz, 2.5, rate_hz=8000), 8000)
                ears = await asyncio.gather(*(heard(call, 100) for call in calls))
                for k, sound in zip((1, 0), ears, strict=True):
                    assert tones(sound, 8000) == {k}

    run(scene())


@pytest.mark.parametrize(
    ("caller", "callee", "cipher"),
    [
        ("required", "optional", "AEAD_AES_128_GCM"),
        ("optional", "optional", ""),
        ("required", "off", None),
        ("off", "required", None),
    ],
)
async def test_two_agents_agree_or_there_is_no_call(caller: Encryption, callee: Encryption, cipher: str | None) -> None:
    found: list[str] = []

    async def on_call(call: Call) -> None:
        await call.accept()
        found.append(call._control.leg.cipher)

    async with Agent(encryption=callee, on_call=on_call) as two, Agent(encryption=caller) as one:
        if cipher is None:
            with pytest.raises(CallRefused, match="488"):
                await one.invite(two.contact)
        else:
            call = await one.invite(two.contact)
            assert call._control.leg.cipher == cipher
            await call.hangup()
            assert found == [cipher]


@pytest.mark.parametrize(
    "options",
    [
        {"encryption": "require"},
        {"encryption": "Required"},
        {"encryption": True},
        {"webrtc": True},
        {"webrtc": {"stun": ("h", 1)}},
        {"media_timeout_s": -1.0},
        {"media_timeout_s": float("nan")},
    ],
)
def test_terms_that_are_none_are_refused_before_any_call(options: dict[str, Any]) -> None:
    """Else a bot calls in clear whose author has asked for encryption, but for a letter."""
    with pytest.raises(ValueError, match=next(iter(options))):
        Agent(**options)


def test_a_relay_is_named_and_reached_in_a_way_that_there_is() -> None:
    with pytest.raises(ValueError, match="udp, tcp, not 'TCP'"):
        IceServers(turn=("turn.example", 3478), turn_transport="TCP")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="relay_only"):
        IceServers(stun=("stun.example", 3478), relay_only=True)
