"""Linphone in a conference of the real server: plain, encrypted, on hold and back, and called."""

from pathlib import Path

import pytest

from tests.peers.baresip import Baresip
from tests.peers.linphone import Linphone
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES, until
from tests.support.tones import tones_in

pytestmark = [pytest.mark.peer("linphonec", "baresip"), pytest.mark.timeout(180), pytest.mark.realtime]

TONES = [440.0, 620.0, 850.0, 1100.0]


def test_it_holds_and_comes_back(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    """Its re-INVITE says `sendonly`, then `sendrecv`; the others do not hear it meanwhile, and it is there after it."""
    session = rest.conference()
    uri = server.call_uri(session["voiceCallToken"])
    with Linphone(tmp_path / "linphone", 440.0) as phone, Baresip(tmp_path / "other", 850.0) as other:
        phone.dial(uri)
        phone.command("pause")
        phone.said("is now paused")
        other.dial(uri)
        other.listen(1.0)
        assert tones_in(other.hears(), TONES) == set()
        phone.command("resume")
        phone.said("Media streams established", 2)
        other.listen(2.0)
        phone.hang_up()
        other.hang_up()
        assert tones_in(other.heard(), TONES) == {440.0}
        assert tones_in(phone.heard(), TONES) == {850.0}


@pytest.mark.parametrize("encryption", ["none", "srtp", "dtls", "zrtp"])
def test_it_hears_and_is_heard(tmp_path: Path, server: ServerProcess, rest: Rest, encryption: str) -> None:
    """In Opus; with keys in the descriptions; and its ZRTP, which is not spoken here, falls back to plain."""
    session = rest.conference()
    uri = server.call_uri(session["voiceCallToken"])
    with (
        Linphone(tmp_path / "linphone", 440.0, encryption=encryption) as phone,
        Baresip(tmp_path / "other", 850.0) as other,
    ):
        phone.dial(uri)
        other.dial(uri)
        other.listen(2.0)
        paths = [each["path"] for each in rest.http.get(f"{CONFERENCES}/{session['id']}/parties").json()["parties"]]
        assert ("OPUS", encryption in ("srtp", "dtls")) in {(path["codec"], bool(path["encryption"])) for path in paths}
        phone.hang_up()
        until(lambda: rest.connected(session["id"]) == 1)
        other.hang_up()
        assert tones_in(phone.heard(), TONES) == {850.0}
        assert tones_in(other.heard(), TONES) == {440.0}
