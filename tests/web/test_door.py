"""The page before the conference: what it says when something is in the way; nobody is kept out by how it is made."""

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.chromium import ELSEWHERE, seemly, visitor
from tests.support.processes import ServerProcess
from tests.web.conftest import Browsers

pytestmark = [pytest.mark.peer("chromium", "axe"), pytest.mark.timeout(180)]

TONE = 440.0


def words(page: Page) -> str:
    return page.locator("#mic-words").inner_text()


def test_a_link_needs_a_name_alone(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        page.goto(f"{server.http_url}/j/conf_nobody")
        expect(page.locator("#by-link")).to_be_visible()
        expect(page.locator("#code")).to_be_hidden()
        # Who has allowed it once is not asked again.
        expect(page.locator("#mic")).to_be_visible()
        seemly(page, "door-link")
        page.get_by_role("button", name="Use a code instead").click()
        expect(page.locator("#code")).to_be_focused()
        expect(page.locator("#code")).to_have_value("")


def test_the_level_of_the_microphone_is_seen_before_joining(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        page.goto(server.http_url)
        level = page.locator("#mic-part [role=meter]")
        expect(level).to_have_attribute("aria-valuenow", re.compile(r"[3-9]\d|100"))
        expect(page.locator("#mic option")).not_to_have_count(0)


def test_a_refused_microphone_leaves_listening(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE), allowed=False) as page:
        page.goto(server.http_url)
        expect(page.locator("#go")).to_have_text("Join")
        page.get_by_role("button", name="Check the microphone").click()
        expect(page.locator("#mic-words")).to_contain_text("does not let this page use the microphone")
        expect(page.locator("#go")).to_have_text("Join and listen")
        seemly(page, "door-refused")


def test_a_machine_without_a_microphone(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(None)) as page:
        page.goto(server.http_url)
        expect(page.locator("#mic-words")).to_contain_text("No microphone was found")
        expect(page.locator("#go")).to_have_text("Join and listen")


def test_a_page_that_is_not_secure_says_so(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(None)) as page:
        page.goto(server.http_url.replace("127.0.0.1", ELSEWHERE))
        expect(page.locator("#mic-words")).to_contain_text("https")
        expect(page.locator("#mic-ask")).to_be_hidden()
        expect(page.locator("#go")).to_have_text("Join and listen")
        seemly(page, "door-insecure")


def test_nothing_typed(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        page.goto(server.http_url)
        page.get_by_role("button", name="Join").click()
        expect(page.get_by_role("alert")).to_contain_text("Type the code")
        expect(page.locator("#code")).to_be_focused()


def test_a_name_is_kept_for_the_next_time(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        page.goto(server.http_url)
        page.get_by_label("Your name").fill("Zoë Ünal")
        page.get_by_label("Conference code").fill("0000")
        page.get_by_role("button", name="Join").click()
        expect(page.get_by_role("alert")).to_be_visible()
        page.reload()
        expect(page.get_by_label("Your name")).to_have_value("Zoë Ünal")
        expect(page.get_by_label("Conference code")).to_have_value("")


# What a server may answer, as contract and proxies have it; the words tell what to do.
ANSWERS = [
    (403, "wrong_code", "", "code or the password is not right"),
    (404, "not_found", "", "no conference with this code"),
    (403, "locked", "", "locked"),
    (409, "full", "", "full"),
    (406, "no_common_codec", "", "no sound format in common"),
    (429, "too_many", "7", "in 7 seconds"),
    (429, "too_many", "600", "in 10 minutes"),
    (503, "busy", "5", "too much to do"),
    (502, None, "", "cannot be reached"),
    (0, None, "", "cannot be reached"),
]


def answer(page: Page, status: int, body: str, headers: dict[str, str]) -> None:
    """Let this be what the server says to who wants to join; status 0: nothing."""

    def said(route: Route) -> None:
        if status:
            route.fulfill(status=status, body=body, headers=headers)
        else:
            route.abort()

    page.unroute_all()
    page.route("**/web/join", said)


def test_each_refusal_says_what_to_do(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        page.goto(f"{server.http_url}/j/1234")
        for status, code, wait, says in ANSWERS:
            body = f'{{"error": {{"code": "{code}", "message": ""}}}}' if code else "<html>"
            answer(page, status, body, {"Retry-After": wait} if wait else {})
            page.locator("#go").click()
            expect(page.get_by_role("alert")).to_contain_text(says)
            expect(page.locator("#go")).to_have_text("Join")
            if code == "wrong_code":
                expect(page.locator("#secret")).to_be_visible()
                seemly(page, "door-wrong-code")
