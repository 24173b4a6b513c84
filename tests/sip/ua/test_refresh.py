"""Session timers (RFC 4028): what is asked, what is agreed, who refreshes, and when it is over."""

import pytest

from softphone.sip.message.message import Request, Response, response
from softphone.sip.ua.refresh import Due, Refresh, SessionSettings, too_brief
from tests.sip.wire import invite

SETTINGS = SessionSettings(expires_s=1800, min_s=90)
OFF = SessionSettings(expires_s=0)


def asked(length: str = "", *, supported: str = "timer", least: str = "") -> Request:
    return invite(Session_Expires=length, Supported=supported, Min_SE=least)


def answer(length: str = "", status: int = 200, least: str = "") -> Response:
    headers = [(name, value) for name, value in (("Session-Expires", length), ("Min-SE", least)) if value]
    return response(invite(), status, headers=headers)


def test_what_a_new_call_asks_for() -> None:
    assert Refresh(SETTINGS).asked() == [("Session-Expires", "1800"), ("Min-SE", "90")]
    assert Refresh(OFF).asked() == []


@pytest.mark.parametrize(
    ("length", "supported", "least", "agreed", "ours"),
    [
        ("1800;refresher=uac", "timer", "", 1800, False),
        ("1800;refresher=uas", "timer", "", 1800, True),
        ("1800", "timer", "", 1800, True),
        ("600 ; Refresher = UAC;x=y", "Timer, 100rel", "", 600, False),
        ("7200", "timer", "", 1800, True),
        ("7200;refresher=uac", "timer", "3600", 3600, False),
        ("", "timer", "", 1800, True),
        ("", "timer", "2000", 2000, True),
        ("1200;refresher=uac", "", "", 1200, True),  # a proxy put it in: the caller knows no timers
        ("", "", "", None, False),
        ("soon", "", "", None, False),
    ],
)
def test_what_a_call_that_comes_in_gets(
    length: str, supported: str, least: str, agreed: int | None, ours: bool
) -> None:
    refresh = Refresh(SETTINGS)
    headers = dict(refresh.answered(asked(length, supported=supported, least=least), 0.0))
    assert (refresh.interval_s, refresh.ours) == (agreed, ours)
    if agreed is None:
        assert headers == {} and refresh.deadline is None
    else:
        assert headers["Session-Expires"] == f"{agreed};refresher={'uas' if ours else 'uac'}"
        assert ("Require" in headers) is (not ours)


def test_without_a_wish_the_peers_is_taken() -> None:
    refresh = Refresh(OFF)
    refresh.answered(asked("240;refresher=uas"), 0.0)
    assert refresh.interval_s == 240
    refresh.answered(asked(""), 0.0)
    assert refresh.interval_s is None and refresh.deadline is None


def test_what_is_too_brief() -> None:
    refusal = too_brief(asked("89"), 90)
    assert refusal is not None and (refusal.status, refusal.get("Min-SE")) == (422, "90")
    assert too_brief(asked("90"), 90) is too_brief(asked(""), 90) is too_brief(asked("30", supported=""), 90) is None


def test_a_peer_that_wants_it_longer() -> None:
    refresh = Refresh(SETTINGS)
    assert not refresh.lengthened(answer("", 422)) and not refresh.lengthened(answer("", 422, "1800"))
    assert refresh.lengthened(answer("", 422, "3600"))
    assert dict(refresh.asked())["Session-Expires"] == dict(refresh.asked())["Min-SE"] == "3600"
    assert not refresh.lengthened(answer("", 422, "3600")) and not refresh.lengthened(answer("", 200, "7200"))


def test_who_refreshes_does_so_at_half_time_and_gives_up_before_the_end() -> None:
    refresh = Refresh(SETTINGS)
    refresh.agreed(answer("1800;refresher=uac"), 100.0)
    assert refresh.ours and refresh.deadline == 1000.0
    assert refresh.expire(999.9) is None
    assert refresh.expire(1000.0) is Due.REFRESH
    assert dict(refresh.asked())["Session-Expires"] == "1800;refresher=uac"
    refresh.refused(1000.5)
    assert refresh.deadline == 1010.5 and refresh.expire(1010.5) is Due.REFRESH
    assert refresh.deadline == 100 + 1800 - 32 and refresh.expire(1868.0) is Due.OVER
    assert refresh.deadline is None


def test_who_waits_for_a_refresh_hangs_up_before_the_end() -> None:
    refresh = Refresh(SETTINGS)
    refresh.agreed(answer("90;refresher=uas"), 0.0)
    assert not refresh.ours and refresh.deadline == 60.0
    assert dict(refresh.asked())["Session-Expires"] == "90;refresher=uas"
    refresh.answered(asked("90;refresher=uac"), 50.0)
    assert refresh.deadline == 110.0 and refresh.expire(110.0) is Due.OVER


def test_an_answer_without_a_length_ends_the_timer() -> None:
    refresh = Refresh(SETTINGS)
    refresh.agreed(answer("90"), 0.0)
    assert refresh.ours and refresh.deadline == 45.0
    refresh.agreed(answer(), 45.0)
    assert refresh.deadline is None and refresh.expire(1e6) is None
    refresh.refused(50.0)
    assert refresh.deadline is None
