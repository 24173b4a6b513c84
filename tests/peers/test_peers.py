"""The drivers of the foreign phones, each proven against another foreign phone: a fault here is not ours."""

from pathlib import Path

import pytest

from tests.peers.baresip import Baresip
from tests.peers.sipp import Sipp
from tests.support.processes import LOOPBACK
from tests.support.tones import amplitude_of, sine, tones_in, write_mulaw

pytestmark = [pytest.mark.timeout(120), pytest.mark.realtime]


@pytest.mark.peer("sipp")
def test_sipp_calls_sipp(tmp_path: Path) -> None:
    with Sipp(tmp_path, "answer", calls=3) as phone:
        with Sipp(tmp_path, "call", "-d", "100", remote=(LOOPBACK, phone.port), rows=[["anybody"]], calls=3) as caller:
            caller.finish()
        phone.finish()


@pytest.mark.peer("sipp")
def test_sipp_cancels_its_call_to_sipp(tmp_path: Path) -> None:
    with Sipp(tmp_path, "ring") as phone:
        with Sipp(tmp_path, "cancel", remote=(LOOPBACK, phone.port), rows=[["anybody"]]) as caller:
            caller.finish()
        phone.finish()


@pytest.mark.peer("sipp")
def test_a_failed_scenario_fails_the_test_and_says_why(tmp_path: Path) -> None:
    with (
        Sipp(tmp_path, "ring") as phone,
        Sipp(tmp_path, "busy", remote=(LOOPBACK, phone.port), rows=[["anybody"]]) as caller,
        pytest.raises(AssertionError, match="180"),
    ):
        caller.finish()


@pytest.mark.peer("sipp", "baresip")
def test_baresip_hears_its_own_tone_from_an_echo(tmp_path: Path) -> None:
    with Sipp(tmp_path, "answer", "-rtp_echo") as echo, Baresip(tmp_path / "baresip", 620.0) as phone:
        phone.dial(f"sip:echo@{LOOPBACK}:{echo.port}")
        phone.wait("CALL_RTPESTAB")
        phone.listen(1.0)
        phone.hang_up()
        echo.finish()
        assert tones_in(phone.heard(), [440.0, 620.0, 850.0]) == {620.0}


@pytest.mark.peer("sipp", "baresip")
def test_baresip_hears_the_stream_of_sipp(tmp_path: Path) -> None:
    with Baresip(tmp_path / "baresip", 620.0) as phone:
        folder = tmp_path / "sipp-talk"
        folder.mkdir()
        write_mulaw(folder / "tone.ulaw", sine(850.0, 5.0))
        to = (LOOPBACK, phone.sip_port)
        with Sipp(tmp_path, "talk", "-d", "1500", remote=to, rows=[["baresip"]]) as caller:
            phone.wait("CALL_INCOMING")
            phone.command("accept")
            caller.finish()
        phone.wait("CALL_CLOSED")
        assert amplitude_of(phone.heard(), 850.0) > 0.15
