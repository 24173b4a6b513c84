"""Keys of one party, pressed on the telephones of the others (`pass_keys`): events of RFC 4733 in memory."""

import asyncio
from pathlib import Path

import pytest

from softphone import Call
from softphone.config import DEV_PATH, load
from softphone.testing import ConferenceBridge, run
from tests.focus.switchboard import changed


def pressed(call: Call) -> list[str]:
    """Keep the keys that a telephone is sent."""
    keys: list[str] = []
    call.on_key = keys.append
    return keys


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("none", ""), ("unknown", "57"), ("all", "*157")],
)
def test_keys_arrive_at_the_telephones_of_the_others(tmp_path: Path, scope: str, expected: str) -> None:
    async def scene() -> None:
        config = changed(load(DEV_PATH), {"conference": {"pass_keys": scope}})
        async with (
            ConferenceBridge(tmp_path, config) as bridge,
            bridge.agent("101") as ann,
            bridge.agent("102") as ben,
            bridge.agent("103") as cai,
        ):
            uri = bridge.uri(await bridge.conference())
            calls = [await each.invite(uri) for each in (ann, ben, cai)]
            heard = [pressed(call) for call in calls]
            await calls[1].send_keys("*157")  # *1 mutes
            await asyncio.sleep(10.0)
            assert ["".join(keys) for keys in heard] == [expected, "", expected]

    run(scene())
