"""Phones from outside over TLS and WebSocket: RingCentral's own, baresip, and openssl as the judge of the handshake."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from softphone import Agent
from softphone.errors import CallRefused
from tests.agent.test_agent import talking, until_heard
from tests.peers.baresip import Baresip
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import until
from tests.support.tones import sine
from tests.support.web_phones import installed, provisioned

pytestmark = [pytest.mark.timeout(180), pytest.mark.realtime]


def secure(server: ServerProcess) -> tuple[str, str, str]:
    """Host and port of TLS, those of secure WebSockets, and the file of the certificate."""
    sips = server.ready["sips"].removeprefix("sip:").partition(";")[0]
    return sips, server.ready["https"].removeprefix("https://"), str(server.data / "certificate.pem")


@pytest.fixture(scope="session")
def phones() -> Path:
    return installed()


def node(script: Path, certificate: str, /, **wish: Any) -> "subprocess.Popen[str]":
    command = [shutil.which("node") or "node", str(script), json.dumps(wish)]
    surroundings = os.environ | {"NODE_EXTRA_CA_CERTS": certificate}
    return subprocess.Popen(
        command, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=script.parent
    )


def said(process: "subprocess.Popen[str]") -> list[dict[str, Any]]:
    """All that a telephone tells until it ends."""
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, out + err
    return [json.loads(line) for line in out.splitlines()]


def heard(process: "subprocess.Popen[str]", what: str) -> dict[str, Any]:
    """Read until a telephone tells this; one that does not for a minute is ended."""
    assert process.stdout is not None
    deadline = Timer(60.0, process.kill)
    deadline.start()
    try:
        for line in process.stdout:
            if (told := json.loads(line))["what"] == what:
                found: dict[str, Any] = told
                return found
    finally:
        deadline.cancel()
    raise AssertionError(f"no {what}: {process.communicate()}")


@pytest.mark.peer("node")
def test_ringcentrals_web_phone_calls_a_conference(server: ServerProcess, rest: Rest, phones: Path) -> None:
    _, _, certificate = secure(server)
    token = rest.conference()["voiceCallToken"]
    told = said(node(phones / "web.mjs", certificate, sipInfo=provisioned(rest, "WSS"), script="call", to=token))
    assert [each["what"] for each in told if each["what"] != "answer"] == [
        *("registered", "called", "held", "recording", "hung up", "gone")
    ]
    called = next(each for each in told if each["what"] == "called")
    assert called["state"] == "answered" and called["conference"]
    assert called["session"].startswith("s-") and called["party"] == f"p-{called['session'][2:]}-1"
    recording = next(each for each in told if each["what"] == "recording")
    assert (recording["code"], recording["stopped"]) == (0, 0)


@pytest.mark.peer("node")
def test_ringcentrals_web_phone_is_refused(server: ServerProcess, rest: Rest, phones: Path) -> None:
    _, _, certificate = secure(server)
    told = said(node(phones / "web.mjs", certificate, sipInfo=provisioned(rest, "WSS"), script="call", to="conf_00"))
    assert told[1]["what"] == "called" and told[1]["state"] in ("failed", "disposed")


@pytest.mark.peer("node")
@pytest.mark.parametrize("act", ["decline", "toVoicemail", "answer"])
async def test_ringcentrals_web_phone_is_called(server: ServerProcess, rest: Rest, phones: Path, act: str) -> None:
    _, _, certificate = secure(server)
    process = node(phones / "web.mjs", certificate, sipInfo=provisioned(rest, "WSS"), script="inbound", act=act)
    await asyncio.to_thread(heard, process, "registered")
    async with Agent(uri="sip:102@127.0.0.1", password="dev-102") as caller:
        if act == "answer":
            call = await caller.invite(server.call_uri("101"))
            await asyncio.to_thread(heard, process, "answer")
            await call.hangup()
        else:
            with pytest.raises(CallRefused) as refused:
                await caller.invite(server.call_uri("101"))
            assert refused.value.status == {"decline": 603, "toVoicemail": 480}[act]
        ends = await asyncio.to_thread(said, process)
    assert [each["what"] for each in ends][-2:] == ["over", "gone"]


@pytest.mark.peer("node")
@pytest.mark.parametrize("codec", ["OPUS/16000", "OPUS/48000/2", "PCMU/8000"])  # the first one by itself
async def test_ringcentrals_softphone_hears_a_conference_and_is_heard_encrypted(
    server: ServerProcess, rest: Rest, phones: Path, codec: str
) -> None:
    sips, _, certificate = secure(server)
    info = {**provisioned(rest, "TLS"), "codec": codec}
    assert info["outboundProxy"] == sips
    session = rest.conference()
    token = session["voiceCallToken"]
    async with Agent(uri="sip:102@127.0.0.1", password="dev-102", codecs=("PCMU",)) as agent:
        call = await agent.invite(server.call_uri(token))
        async with talking(call, sine(440, 60.0)):
            wish: dict[str, Any] = {"to": [token, "conf_00"], "says": 700, "hears": 440}
            process = node(phones / "stream.mjs", certificate, sipInfo=info, **wish)
            await asyncio.to_thread(heard, process, "heard")
            await until_heard(call, 700)
            rest.end(session["id"])
        told = await asyncio.to_thread(said, process)
    assert [each["what"] for each in told] == ["over", "refused"]
    assert told[1]["subject"] == "SIP/2.0 486 Busy Here" and told[1]["busy"]
    assert told[1]["progress"] == "SIP/2.0 183 Session Progress"


@pytest.mark.peer("node")
async def test_ringcentrals_softphone_is_called_and_has_its_sound_encrypted(
    server: ServerProcess, rest: Rest, phones: Path
) -> None:
    """It looks for a key in each offer, and answers with its one codec whatever was offered."""
    wish: dict[str, Any] = {"to": [], "called": True, "says": 700, "hears": 440}
    info = {**provisioned(rest, "TLS"), "codec": "OPUS/16000"}
    process = node(phones / "stream.mjs", secure(server)[2], sipInfo=info, **wish)
    await asyncio.to_thread(heard, process, "registered")
    async with Agent(uri="sip:102@127.0.0.1", password="dev-102", codecs=("PCMU",)) as agent:
        call = await agent.invite(server.call_uri("101"))
        async with talking(call, sine(440, 60.0)):
            await asyncio.to_thread(heard, process, "heard")
            await until_heard(call, 700)
            await call.hangup()
        assert [each["what"] for each in await asyncio.to_thread(said, process)] == ["over"]


@pytest.mark.peer("baresip")
def test_baresip_calls_over_tls(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    sips, _, certificate = secure(server)
    session = rest.conference()
    account = f'<sip:baresip@127.0.0.1>;outbound="sip:{sips};transport=tls";regint=0'
    more = f"sip_cafile {certificate}\nsip_verify_server yes\n"
    with Baresip(tmp_path, 440.0, account=account, settings=more) as phone:
        phone.dial(f"sip:{session['voiceCallToken']}@127.0.0.1")
        until(lambda: rest.connected(session["id"]) == 1)
        phone.listen(0.5)
        phone.command("hangup")
        until(lambda: rest.connected(session["id"]) == 0)


@pytest.mark.peer("openssl")
def test_openssl_believes_the_certificate(server: ServerProcess) -> None:
    sips, https, certificate = secure(server)
    for place in (sips, https):
        command = ["openssl", "s_client", "-connect", place, "-CAfile", certificate, "-verify_return_error", "-brief"]
        done = subprocess.run(
            [*command, "-verify_ip", "127.0.0.1"], input=b"", capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0 and b"Verification: OK" in done.stderr, done.stderr
        old = subprocess.run([*command, "-tls1_1"], input=b"", capture_output=True, timeout=60, check=False)
        assert old.returncode != 0
