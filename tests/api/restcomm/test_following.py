"""Keys and sounds of RCML, with real telephones."""

import asyncio

import httpx
import pytest

from softphone import Agent, Call
from softphone.server import Server
from tests.api.control.test_recordings import tone
from tests.api.restcomm.rcml_server import Documents
from tests.api.restcomm.test_calls import make, read, web
from tests.focus.phone import Phone
from tests.focus.table import until
from tests.focus.test_two_party import answer, busy, calls_of, reachable, ring
from tests.support.tones import sine

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


async def test_a_call_is_put_through_to_who_answers(shared: Server, ben: httpx.AsyncClient, web: Documents) -> None:
    async with Phone(shared, "103") as phone, Phone(shared, "104") as other, Phone(shared, "105") as refusing:
        await reachable(phone, answer)
        calls = await reachable(other, answer)
        await reachable(refusing, busy)
        said = web.put("dial", "<Dial>105</Dial><Dial timeout='9'><Client>104</Client></Dial><Hangup/>")
        made = await make(ben, Url=said)
        reached = await asyncio.wait_for(calls.get(), 30)
        assert reached.invite.from_.uri.user == "103"
        (room,) = shared.focus.calls.values()
        await until(lambda: len(room.members) == 2)
        # A key is for the other end, and nothing of the document follows.
        assert [each.extension_id for each in room.session.parties.values()] == ["100103", "100104"]
        assert (await read(ben, made["sid"]))["status"] == "in-progress"
        await reached.bye()
        assert await phone.hung_up() == "bye"
        await until(lambda: shared.focus.parties == 0)
        assert (await read(ben, made["sid"]))["status"] == "completed"


async def test_where_nobody_answers_the_next_verb_follows(
    shared: Server, ben: httpx.AsyncClient, web: Documents
) -> None:
    async with Phone(shared, "103") as phone, Phone(shared, "104") as other:
        await reachable(phone, answer)
        rings = await reachable(other, ring)
        await make(ben, Url=web.put("dial", "<Dial timeout='1'>104</Dial><Redirect>next</Redirect>"))
        web.put("next", "<Hangup/>")
        await asyncio.wait_for(rings.get(), 30)
        assert await other.hung_up() == "cancelled"
        assert [(await web.asked.get())[1] for _ in range(2)] == ["/dial", "/next"]
        assert await phone.hung_up() == "bye"
        await until(lambda: shared.focus.parties == 0)


@pytest.mark.parametrize("ends", ["key", "silence", "hangup"])
async def test_what_is_said_is_recorded_and_the_next_document_told_of_it(
    shared: Server, ben: httpx.AsyncClient, web: Documents, ends: str
) -> None:
    async def speaks(call: Call) -> None:
        await call.accept()
        await until(lambda: any(each.running for each in shared.recordings.entries))
        await call.write(sine(440, 1.5))
        match ends:
            case "key":
                await call.send_keys("#")
            case "hangup":
                await call.hangup(drain=True)  # what is written goes out first
        await call.wait_ended()

    port = shared.stack.port
    agent = Agent(
        "sip:103@127.0.0.1",
        password="dev-103",
        registrar=f"sip:127.0.0.1:{port}",
        on_call=speaks,
    )
    async with agent:
        record = "<Record action='said?x=1' playBeep='false' timeout='{}' finishOnKey='#'/><Say>no</Say>"
        said = web.put("ask", record.format(1 if ends == "silence" else 60))
        web.put("said", "<Hangup/>")
        made = await make(ben, Url=said)
        assert (await web.asked.get())[1] == "/ask"
        method, path, told = await asyncio.wait_for(web.asked.get(), 60)
        assert (method, path, told["CallSid"]) == ("POST", "/said", made["sid"])
        assert told["CallStatus"] == ("completed" if ends == "hangup" else "in-progress")
        assert (told.get("Digits", ""), int(told["RecordingDuration"]) >= 1) == ("#" if ends == "key" else "", True)
        await until(lambda: shared.focus.parties == 0)
    # The account has it: in the list, among those of the call, and as sound.
    assert told["RecordingUrl"].endswith(f"/Recordings/{told['RecordingSid']}.wav")
    assert told["RecordingUrl"].startswith(shared.http_url)
    sound = await ben.get(told["RecordingUrl"])
    assert (sound.status_code, sound.content[:4]) == (200, b"RIFF")
    assert len(sound.content) > 1.0 * 8000 * 2
    of_call = (await ben.get(f"/Calls/{made['sid']}/Recordings.json")).json()["recordings"]
    assert [each["sid"] for each in of_call] == [told["RecordingSid"]]


async def test_where_nothing_is_said_nothing_is_kept(shared: Server, ben: httpx.AsyncClient, web: Documents) -> None:
    before = {each.id for each in shared.recordings.entries}
    async with Phone(shared, "103") as phone:
        await reachable(phone, answer)
        await make(ben, Url=web.put("ask", "<Record timeout='1'/><Redirect>next</Redirect>"))
        web.put("next", "<Hangup/>")
        assert [(await web.asked.get())[1] for _ in range(2)] == ["/ask", "/next"]
        assert await phone.hung_up() == "bye"
        await until(lambda: shared.focus.parties == 0)
    assert {each.id for each in shared.recordings.entries} == before


async def test_a_recording_that_runs_already_is_kept_apart(
    shared: Server, ben: httpx.AsyncClient, web: Documents
) -> None:
    before = {each.id for each in shared.recordings.entries}
    async with Phone(shared, "103") as phone:
        incoming = await reachable(phone, answer)
        await make(ben, Url=web.put("ask", "<Gather action='key' numDigits='1' timeout='60'/>"))
        web.put("key", "<Record playBeep='false' timeout='1'/><Hangup/>")
        await web.asked.get()
        call = await asyncio.wait_for(incoming.get(), 30)
        (session,) = calls_of(shared)
        own = await shared.control.start_recording(session.id)
        await phone.keys(call, "1")
        assert await phone.hung_up() == "bye"
        await until(lambda: shared.focus.parties == 0)
    # Nothing was said, and of that nothing is kept.
    assert {each.id for each in shared.recordings.entries} == {*before, own.id}


async def test_who_hangs_up_and_has_said_nothing_leaves_nothing(
    shared: Server, ben: httpx.AsyncClient, web: Documents
) -> None:
    before = {each.id for each in shared.recordings.entries}
    async with Phone(shared, "103") as phone:
        incoming = await reachable(phone, answer)
        made = await make(ben, Url=web.put("ask", "<Record playBeep='false' timeout='60'/>"))
        await until(lambda: {each.id for each in shared.recordings.entries} != before)
        await incoming.get_nowait().bye()
        await until(lambda: {each.id for each in shared.recordings.entries} == before)
        await until(lambda: shared.focus.parties == 0 and not any(e.running for e in shared.recordings.entries))
        assert (await read(ben, made["sid"]))["status"] == "completed"
