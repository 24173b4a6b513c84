"""Web phones that nobody here wrote, in Chromium over secure WebSockets: who hears whom, till they hang up."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.peers.baresip import Baresip
from tests.support.chromium import heard, visitor
from tests.support.processes import ServerProcess
from tests.support.rest import SESSIONS, Rest
from tests.support.sounding import until
from tests.support.tones import tones_in
from tests.support.web_phones import WebPhone
from tests.web.conftest import Browsers

pytestmark = [pytest.mark.peer("chromium", "baresip", "node"), pytest.mark.timeout(240), pytest.mark.realtime]

OURS, THEIRS = 440.0, 850.0


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Baresip]:
    """A plain telephone."""
    with Baresip(tmp_path_factory.mktemp("other"), THEIRS) as phone:
        yield phone


def hearing(phone: WebPhone) -> Callable[[], set[float]]:
    def now() -> set[float]:
        pcm, rate_hz = heard(phone.page)
        return tones_in(pcm, [OURS, THEIRS], floor=0.01, rate_hz=rate_hz)

    return now


def heard_by(other: Baresip) -> set[float]:
    other.listen(0.4)
    return tones_in(other.hears()[-2400:], [OURS, THEIRS], floor=0.01)


@pytest.mark.parametrize("kind", ["jssip", "second", "first"])
def test_who_hears_whom_through_mute_hold_and_another_path(
    server: ServerProcess, rest: Rest, browsers: Browsers, other: Baresip, kind: str
) -> None:
    session = rest.conference()
    with visitor(browsers(OURS)) as page:
        phone = WebPhone(page, kind, rest)
        hears = hearing(phone)
        phone("call", session["voiceCallToken"])
        other.dial(server.call_uri(session["voiceCallToken"]))
        until(lambda: rest.connected(session["id"]) == 2)
        until(lambda: hears() == {THEIRS} and heard_by(other) == {OURS})
        phone("mute", True)
        until(lambda: heard_by(other) == set())
        assert hears() == {THEIRS}
        phone("mute", False)
        until(lambda: heard_by(other) == {OURS})
        phone("hold", True)
        until(lambda: heard_by(other) == set())
        phone("hold", False)
        until(lambda: hears() == {THEIRS} and heard_by(other) == {OURS})
        phone("restart")
        until(lambda: hears() == {THEIRS} and heard_by(other) == {OURS})
        phone("hang_up")
        until(lambda: rest.connected(session["id"]) == 1)
        phone("stop")
        other.hang_up()


def code(party: dict[str, Any]) -> tuple[str, str]:
    return party["id"][-2:], party["status"]["code"]


def test_the_other_end_of_a_call_is_brought_in_and_heard_on_both_sides_of_it(
    server: ServerProcess, rest: Rest, browsers: Browsers, tmp_path: Path
) -> None:
    host, port = server.sip_address
    account = f"<sip:102@{host}:{port}>;auth_user=102;auth_pass=dev-102;regint=60;answermode=auto"
    with visitor(browsers(OURS)) as page, Baresip(tmp_path, THEIRS, account=account) as callee:
        callee.wait_registered()
        session, phone = rest.conference(), WebPhone(page, "second", rest)
        hears = hearing(phone)
        phone("call", session["voiceCallToken"])
        phone("call", "102")
        until(lambda: hears() == {THEIRS} and heard_by(callee) == {OURS})
        call = {key: page.evaluate(f"phone.session.{key}") for key in ("sessionId", "partyId")}
        parties = f"{SESSIONS}/{session['id']}/parties"
        brought = rest.http.post(f"{parties}/bring-in", json=call).raise_for_status().json()
        page.evaluate("phone.over")  # by our BYE
        page.evaluate("attend(0)")
        shown = rest.parties(session["id"])
        assert [code(each) for each in shown] == [("-1", "Answered"), ("-2", "Answered")]
        assert [each["conferenceRole"] for each in shown] == ["Host", "Participant"] and brought["id"] == shown[1]["id"]
        until(lambda: hears() == {THEIRS} and heard_by(callee) == {OURS})
        assert rest.http.delete(f"{parties}/{brought['id']}").status_code == httpx.codes.NO_CONTENT
        callee.wait("CALL_CLOSED")
        rest.end(session["id"])
        with pytest.raises(httpx.HTTPStatusError):
            rest.session(session["id"])
        phone("stop")
