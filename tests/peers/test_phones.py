"""Phones that nobody here wrote meet in one conference of the real server and hear each other."""

import json
import sys
from pathlib import Path

import pytest

from tests.peers.baresip import Baresip
from tests.peers.pyvoip import PyVoip
from tests.support.processes import Program, ServerProcess, port_block
from tests.support.rest import Rest
from tests.support.sounding import until
from tests.support.tones import read_mulaw, sine, tones_in, write_mulaw

pytestmark = [pytest.mark.timeout(180), pytest.mark.realtime]

AIOSIP = Path(__file__).with_name("aiosip_phone.py")
TONES = [440.0, 620.0, 850.0, 1100.0]


@pytest.mark.peer("baresip")
@pytest.mark.parametrize(
    "codecs",
    [
        *(("pcmu", each) for each in ("pcmu", "pcma", "g722", "opus")),
        ("opus", "opus"),
        ("opus", "g722"),
        ("g722", "g722"),
    ],
    ids="-".join,
)
def test_two_baresips_hear_each_other(
    tmp_path: Path, server: ServerProcess, rest: Rest, codecs: tuple[str, str]
) -> None:
    uri, (first, second) = server.call_uri(rest.token()), codecs
    with Baresip(tmp_path / "one", 440.0, codec=first) as one, Baresip(tmp_path / "two", 850.0, codec=second) as two:
        one.dial(uri)
        two.dial(uri)
        one.listen(2.0)
        two.listen(1.0)
        two.hang_up()
        one.hang_up()
        assert tones_in(one.heard(), TONES) == {850.0}
        assert tones_in(two.heard(), TONES) == {440.0}


@pytest.mark.peer("baresip")
@pytest.mark.parametrize(
    ("codec", "ptime_ms"), [("pcmu", 10), ("pcmu", 30), ("pcmu", 40), ("pcmu", 60), ("opus", 10), ("opus", 60)]
)
def test_baresips_with_packets_of_another_length(
    tmp_path: Path, server: ServerProcess, rest: Rest, codec: str, ptime_ms: int
) -> None:
    """One of them sends and wants such packets."""
    uri = server.call_uri(rest.token())
    account = f"<sip:baresip@127.0.0.1>;regint=0;ptime={ptime_ms}"
    phones = Baresip(tmp_path / "one", 440.0, account=account, codec=codec), Baresip(tmp_path / "two", 850.0)
    with phones[0] as one, phones[1] as two:
        one.dial(uri)
        two.dial(uri)
        one.listen(2.0)
        two.listen(1.0)
        two.hang_up()
        one.hang_up()
        assert tones_in(one.heard(), TONES) == {850.0}
        assert tones_in(two.heard(), TONES) == {440.0}


@pytest.mark.peer("baresip")
def test_baresip_as_an_extension(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    """It registers with its password, and its INVITE from an own account is challenged and let in."""
    host, port = server.sip_address
    account = f"<sip:103@{host}:{port}>;auth_user=103;auth_pass=dev-103;regint=60"
    session = rest.conference()
    with Baresip(tmp_path / "phone", 440.0, account=account) as phone:
        phone.wait_registered()
        phone.dial(server.call_uri(session["voiceCallToken"]))
        until(lambda: rest.connected(session["id"]) == 1)
        rest.end(session["id"])
        phone.wait("CALL_CLOSED")


@pytest.mark.peer("pyVoIP", "baresip")
def test_pyvoip_and_baresip_hear_each_other(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    """pyVoIP's clock runs 6,000-9,000 ppm slow, its ACK has a foreign To tag, its BYE the branch of its INVITE."""
    session = rest.conference()
    token = session["voiceCallToken"]
    with Baresip(tmp_path / "baresip", 440.0) as other:
        other.dial(server.call_uri(token))
        with PyVoip(tmp_path / "pyvoip", server.sip_address, 850.0, number=token, seconds=3.0) as phone:
            for event in ("ready", "calling", "answered"):
                phone.expect(event)
            assert phone.expect("ended")["by"] == "us"
            assert phone.wait(30.0) == 0
            assert tones_in(phone.heard(), TONES, floor=0.05) == {440.0}
        until(lambda: rest.connected(session["id"]) == 1)  # its BYE was taken
        other.hang_up()
        assert tones_in(other.heard(), TONES) == {850.0}


@pytest.mark.peer("pyVoIP")
def test_pyvoip_answers_our_bye(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    session = rest.conference()
    plan = {"number": session["voiceCallToken"], "hang_up": False, "seconds": 1.0}
    with PyVoip(tmp_path / "pyvoip", server.sip_address, 850.0, **plan) as phone:
        for event in ("ready", "calling", "answered"):
            phone.expect(event)
        rest.end(session["id"])
        assert phone.expect("ended")["by"] == "them"
        assert phone.wait(30.0) == 0


@pytest.mark.peer("pyVoIP", "baresip")
def test_baresip_calls_pyvoip_through_the_server(tmp_path: Path, server: ServerProcess) -> None:
    """pyVoIP registers as 102 (digest without qop) and is called by 103."""
    host, port = server.sip_address
    account = f"<sip:103@{host}:{port}>;auth_user=103;auth_pass=dev-103;regint=0"
    plan = {"user": "102", "password": "dev-102", "hang_up": False, "seconds": 2.0}
    with (
        PyVoip(tmp_path / "pyvoip", server.sip_address, 850.0, **plan) as called,
        Baresip(tmp_path / "baresip", 440.0, account=account) as caller,
    ):
        called.expect("ready")
        caller.dial(server.call_uri("102"))
        called.expect("ringing")
        called.expect("answered")
        caller.listen(3.0)
        caller.hang_up()
        assert called.expect("ended")["by"] == "them"
        assert tones_in(called.heard(), TONES, floor=0.05) == {440.0}
        assert tones_in(caller.heard(), TONES) == {850.0}


@pytest.mark.peer("aiosip", "baresip")
def test_aiosip_registers_and_calls(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    session = rest.conference()
    token = session["voiceCallToken"]
    host, port = server.sip_address
    plan = {"server": host, "server_port": port, "sip_port": port_block(2), "user": "104", "password": "dev-104"}
    sound, heard = write_mulaw(tmp_path / "tone.ulaw", sine(850.0, 2.0)), tmp_path / "heard.ulaw"
    plan |= {"number": token, "sound": str(sound), "heard": str(heard)}
    with Baresip(tmp_path / "baresip", 440.0) as other:
        other.dial(server.call_uri(token))
        with Program([sys.executable, AIOSIP, json.dumps(plan)], tmp_path / "aiosip", pipe_out=True) as phone:
            assert phone.expect("registered")["status"] == 200
            phone.expect("answered")
            assert phone.expect("ended")["packets"] > 40
            assert phone.wait(30.0) == 0
        until(lambda: rest.connected(session["id"]) == 1)  # its BYE was taken
        other.hang_up()
        assert tones_in(other.heard(), TONES) == {850.0}
        assert tones_in(read_mulaw(heard), TONES) == {440.0}
