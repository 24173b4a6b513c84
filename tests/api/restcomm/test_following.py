"""Keys and sounds of RCML, with real telephones."""

import httpx
import pytest

from softphone.server import Server
from tests.api.control.test_recordings import tone
from tests.api.restcomm.rcml_server import Documents
from tests.api.restcomm.test_calls import make, read, web
from tests.focus.phone import Phone
from tests.focus.table import until
from tests.focus.test_two_party import answer, reachable

__all__ = ["web"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


def playing(server: Server) -> bool:
    """Whether a party hears a sound that was commanded."""
    return bool(server.control._playbacks)


@pytest.mark.parametrize("action", ["menu?step=1", ""])
async def test_keys_are_gathered_while_a_sound_of_a_web_server_is_heard(
    shared: Server, ben: httpx.AsyncClient, web: Documents, action: str
) -> None:
    async with Phone(shared, "103") as phone:
        incoming = await reachable(phone, answer)
        web.at["/tone.wav"] = tone(30.0)
        first = web.put("first", f"<Gather action='{action}' numDigits='3'><Play>{web.url}/tone.wav</Play></Gather>")
        web.put("menu", "<Hangup/>")
        made = await make(ben, Url=first)
        asked = [(await web.asked.get())[1] for _ in range(2)]
        assert asked == ["/first", "/tone.wav"]
        await until(lambda: playing(shared))
        call = incoming.get_nowait()
        await phone.keys(call, "1*")
        if not action:
            web.put("first", "<Hangup/>")
        await phone.keys(call, "3")
        method, path, told = await web.asked.get()
        assert (method, path, told["Digits"]) == ("POST", "/menu" if action else "/first", "1*3")
        assert told["CallSid"] == made["sid"] and await phone.hung_up() == "bye"
        # The first key has cut the sound short.
        await until(lambda: not playing(shared))
        await until(lambda: shared.focus.parties == 0)


@pytest.mark.parametrize(
    ("sound", "content"),
    [
        ("http://10.1.2.3/a.wav", None),
        ("{web}/none.wav", None),
        ("{web}/a.wav", b"RIFF no sound"),
        ("{web}/a.wav", b"\0" * 10_000_001),
        ("ftp://{web}/a.wav", None),
    ],
    ids=["private", "missing", "nonsense", "too long", "scheme"],
)
async def test_a_sound_that_cannot_be_had_ends_the_call(
    shared: Server, ben: httpx.AsyncClient, web: Documents, sound: str, content: bytes | None
) -> None:
    if content is not None:
        web.at["/a.wav"] = content
    async with Phone(shared, "103") as phone:
        await reachable(phone, answer)
        made = await make(ben, Url=web.put("play", f"<Play>{sound.format(web=web.url)}</Play><Pause length='600'/>"))
        assert await phone.hung_up() == "bye"
        assert (await read(ben, made["sid"]))["status"] == "failed"
        await until(lambda: shared.focus.parties == 0)
