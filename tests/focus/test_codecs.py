"""Which codecs the server speaks is a setting."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from softphone import opus, sdp
from softphone.errors import CallRefused
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import offer
from tests.focus.phone import Phone, bridge, conference
from tests.focus.table import until


def spoken(call: InviteSession) -> list[str]:
    names = [each.name for each in sdp.parse(call.remote_sdp or "").media[0].payload_formats()]
    return [name for name in names if name != "TELEPHONE-EVENT"]


@pytest.mark.parametrize(
    ("codecs", "taken"), [(["PCMA"], "PCMA"), (["PCMA", "PCMU"], "PCMU"), (["PCMU", "PCMA"], "PCMU")]
)
async def test_what_is_set_is_offered_in_its_order_and_taken_in_the_callers(
    tmp_path: Path, codecs: list[str], taken: str
) -> None:
    calls: list[InviteSession] = []

    async def answer(call: InviteSession) -> None:
        calls.append(call)
        await call.answer(offer("8 101"))

    async with bridge(tmp_path, media={"codecs": codecs}) as server, Phone(server, "102") as called:
        session = await conference(server)
        called.behaviour = answer
        await called.register()
        async with Phone(server, "101") as host:
            call = await host.call(session.token, offer("0 8 101"))
            assert spoken(call) == [taken]
            await server.control.dial(session.id, "102", confirm=False)
            await until(lambda: len(calls) == 1)
            assert spoken(calls[0]) == codecs
            await until(lambda: len(server.focus.room(session.id).members) == 2)
            await calls[0].bye()
            await call.bye()


async def test_a_caller_with_none_of_them_is_refused_with_488(tmp_path: Path) -> None:
    async with bridge(tmp_path, media={"codecs": ["PCMA"]}) as server:
        session = await conference(server)
        async with Phone(server) as phone:
            with pytest.raises(CallRefused, match="488"):
                await phone.call(session.token, offer("0 101"))
            call = await phone.call(session.token, offer("0 8 101"))
            await call.bye()


async def test_opus_is_left_out_where_there_is_no_library_and_it_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opus, "library", lambda: None)
    with capture_logs() as told:
        async with bridge(tmp_path, media={"codecs": ["OPUS", "PCMA"]}) as server:
            session = await conference(server)
            async with Phone(server) as phone:
                call = await phone.call(session.token, offer("111 8 101"))
                assert spoken(call) == ["PCMA"]
                await call.bye()
    assert [each["spoken"] for each in told if each["event"] == "codecs_left_out"] == [("PCMA",)]
