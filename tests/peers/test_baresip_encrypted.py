"""baresip with encrypted media beside a plain telephone: who hears whom while it talks, is muted, holds and is back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from softphone import Agent, Call
from tests.agent.test_agent import talking, until_heard
from tests.peers.baresip import Baresip
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES, parties, until
from tests.support.tones import sine, tones_in

pytestmark = [pytest.mark.peer("baresip"), pytest.mark.timeout(180), pytest.mark.realtime]

SECRET, PLAIN = 440.0, 850.0
TONES = [SECRET, PLAIN]
MODULES = "module srtp.so\nmodule dtls_srtp.so\n"
KINDS = {
    "dtls": ("mediaenc=dtls_srtp", "", "DTLS"),
    "dtls, one port": ("mediaenc=dtls_srtp", "rtcp_mux yes\n", "DTLS"),
    "sdes": ("mediaenc=srtp-mand", "", "AES_CM_128_HMAC_SHA1_80"),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Baresip]:
    with Baresip(tmp_path_factory.mktemp("plain"), PLAIN) as phone:
        yield phone


def account(server: ServerProcess, how: str, transport: str) -> str:
    if transport == "udp":
        return f"<sip:baresip@127.0.0.1>;{how};regint=0"
    place = server.ready["sips"].removeprefix("sip:").partition(";")[0]
    return f'<sip:baresip@127.0.0.1>;outbound="sip:{place};transport=tls";{how};regint=0'


def heard_now(phone: Baresip) -> set[float]:
    """The tones of what a phone hears from now on."""
    begin = phone.heard_samples()
    phone.listen(0.4)
    return tones_in(phone.hears()[begin:], TONES)


@pytest.mark.parametrize(("kind", "transport"), [("dtls", "udp"), ("dtls, one port", "tls"), ("sdes", "tls")])
def test_who_hears_whom_through_mute_hold_and_back(
    tmp_path: Path, server: ServerProcess, rest: Rest, plain: Baresip, kind: str, transport: str
) -> None:
    how, more, cipher = KINDS[kind]
    certificate = f"sip_cafile {server.data / 'certificate.pem'}\nsip_verify_server yes\n"
    session = rest.conference()
    token = session["voiceCallToken"]
    settings = MODULES + more + certificate
    with Baresip(tmp_path, SECRET, account=account(server, how, transport), settings=settings) as phone:
        phone.dial(f"sip:{token}@127.0.0.1" if transport == "tls" else server.call_uri(token))
        until(lambda: rest.connected(session["id"]) == 1)
        (party,) = parties(rest, session["id"])
        plain.dial(server.call_uri(token))
        until(lambda: rest.connected(session["id"]) == 2)
        until(lambda: heard_now(plain) == {SECRET} and heard_now(phone) == {PLAIN})
        assert parties(rest, session["id"])[0]["path"]["encryption"] == cipher
        place = f"{CONFERENCES}/{session['id']}/parties/{party['id']}"
        rest.http.patch(place, json={"muted": True}).raise_for_status()
        until(lambda: heard_now(plain) == set())
        assert heard_now(phone) == {PLAIN}
        rest.http.patch(place, json={"muted": False}).raise_for_status()
        until(lambda: heard_now(plain) == {SECRET})
        phone.command("hold")
        until(lambda: heard_now(plain) == set())
        phone.command("resume")
        until(lambda: heard_now(plain) == {SECRET})  # itself, it writes down no more what it hears after a hold
        phone.hang_up()
        plain.hang_up()
        until(lambda: rest.connected(session["id"]) == 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_agent_answers_it(tmp_path: Path, kind: str) -> None:
    """As it answers every offer of keys, and hears it from the first sample on."""
    how, more, cipher = KINDS[kind]
    answered: asyncio.Queue[Call] = asyncio.Queue()

    async def answer(call: Call) -> None:
        await call.accept()
        answered.put_nowait(call)

    account = f"<sip:baresip@127.0.0.1>;{how};regint=0"
    async with Agent(on_call=answer) as agent:
        phone = await asyncio.to_thread(Baresip, tmp_path, SECRET, account=account, settings=MODULES + more)
        with phone:
            await asyncio.to_thread(phone.dial, agent.contact)
            call = await answered.get()
            assert call._control.leg.cipher == cipher
            async with talking(call, sine(PLAIN, 60.0, rate_hz=call.rate)):
                await until_heard(call, SECRET)
                while await asyncio.to_thread(heard_now, phone) != {PLAIN}:
                    pass
                await call.hold()
                await call.unhold()
                await until_heard(call, SECRET)
            found = await call.stats()
            assert found.packets_received > 20 and found.packets_sent > 20
            await call.hangup(drain=True)


async def test_an_agent_whose_calls_are_in_clear_refuses_it(tmp_path: Path) -> None:
    async def answer(call: Call) -> None:
        await call.accept()

    account = "<sip:baresip@127.0.0.1>;mediaenc=dtls_srtp;regint=0"
    async with Agent(encryption="off", on_call=answer) as agent:
        with Baresip(tmp_path, SECRET, account=account, settings=MODULES) as phone:
            phone.command("dial", agent.contact)
            closed = await asyncio.to_thread(phone.wait, "CALL_CLOSED")
            assert "488" in str(closed)
        assert agent.calls == []
