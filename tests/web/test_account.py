"""The page for who has an account: signs in, begins a conference of its own, records it, and hears that again."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.chromium import seemly, visitor
from tests.support.processes import ServerProcess
from tests.web.conftest import Browsers

pytestmark = [pytest.mark.peer("chromium", "axe"), pytest.mark.timeout(180)]

TONE = 440.0

# How far a player is, and whether what it plays is sound.
HEARD = """async (player) => {
  if (player.readyState < 2) await new Promise((done) => player.addEventListener("canplay", done, { once: true }));
  return [player.duration, new URL(player.src).protocol];
}"""


def sign_in(page: Page, user: str, password: str) -> None:
    if not page.locator("#account-part[open]").count():
        page.get_by_text("I have an account here").click()
    page.get_by_label("Extension").fill(user)
    page.get_by_label("Its password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_user_records_a_conference_of_its_own_and_hears_it_again(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        page.goto(server.http_url)
        sign_in(page, "101", "wrong")
        expect(page.get_by_role("alert")).to_contain_text("not its password")
        expect(page.get_by_label("Its password")).to_be_focused()
        seemly(page, "door-wrong-login")
        sign_in(page, "101", "dev-101")
        expect(page.get_by_role("button", name="Start a conference")).to_be_focused()
        seemly(page, "door-signed-in")
        page.get_by_role("button", name="Start a conference").click()
        expect(page.locator("#host")).to_be_visible()
        expect(page.locator("#roster .name")).to_have_text(["Ada Admin"])
        expect(page.get_by_role("button", name="Copy link")).to_be_visible()
        page.get_by_role("button", name="Record").click()
        expect(page.get_by_role("button", name="Stop recording")).to_be_visible()
        expect(page.locator("#clock-time")).to_have_text(re.compile(r"0:0[3-9]"))
        page.get_by_role("button", name="Stop recording").click()
        expect(page.get_by_role("button", name="Record", exact=True)).to_be_visible()
        page.get_by_role("button", name="Leave").click()
        page.get_by_role("button", name="Join again").click()
        page.get_by_role("button", name="Recordings").click()
        item = page.locator("#recordings-list li").first
        expect(item).to_contain_text("Ada Admin")
        item.get_by_role("button").click()
        player = item.locator("audio")
        expect(player).to_be_visible()
        seconds, scheme = player.evaluate(HEARD)
        assert 0.5 < seconds < 60 and scheme == "blob:"
        seemly(page, "recordings")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("I have an account here")).to_be_visible()


def test_who_is_signed_out_by_the_server_is_asked_again(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        page.goto(server.http_url)
        sign_in(page, "102", "dev-102")
        expect(page.get_by_role("button", name="Recordings")).to_be_visible()
        page.route("**/api/v1/**", lambda route: route.fulfill(status=401, json={"message": "expired"}))
        page.get_by_role("button", name="Recordings").click()
        expect(page.get_by_role("alert")).to_contain_text("signed out")
        expect(page.locator("#recordings")).to_be_hidden()
        expect(page.get_by_label("Extension")).to_be_visible()
