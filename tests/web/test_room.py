"""The page in a conference, and after it: what is seen, what is commanded, and what is said when something happens."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.chromium import heard, seemly, visitor
from tests.support.processes import ServerProcess
from tests.support.tones import tones_in
from tests.web.conftest import Browsers
from tests.web.paper import ME, PaperServer, party

pytestmark = [pytest.mark.peer("chromium", "axe"), pytest.mark.timeout(180)]

TONE = 440.0
OTHERS = [
    party("a", "Ada Admin", role="host", via="phone", talking=True),
    party("b", "Ben User", via="phone", muted=True, quality="fair"),
    party("c", "+16505550123", via="phone", held=True, quality="poor"),
    party("d", "Bartholomew Featherstonehaugh-Cholmondeley of the Northern Offices", role="listener"),
]


def row(page: Page, name: str) -> str:
    """What a screen reader finds in the roster about one."""
    return page.locator("#roster li", has_text=name).inner_text()


def test_a_participant_sees_who_is_there(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url, *OTHERS)
        paper.join()
        assert page.title() == "Board meeting"
        names = page.locator("#roster .name").all_inner_texts()
        assert names == [each["name"] for each in (paper.parties[0], *OTHERS)]
        assert "is talking" in row(page, "Ada") and "Host" in row(page, "Ada") and "Phone" in row(page, "Ada")
        assert "muted" in row(page, "Ben") and "fair connection" in row(page, "Ben")
        assert "on hold" in row(page, "+1650") and "poor connection" in row(page, "+1650")
        expect(page.locator("#host")).to_be_hidden()
        expect(page.locator(".deeds:visible")).to_have_count(0)
        expect(page.locator("#mute")).to_be_focused()
        seemly(page, "room")


def test_what_happens_is_seen_and_said(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url, *OTHERS)
        paper.join()
        told = page.locator("#told")
        paper.tell("party", party=party("e", "Eve New"))
        expect(told).to_have_text("Eve New came in")
        paper.tell("left", party="a")
        expect(told).to_have_text("Ada Admin left")
        expect(page.locator("#count")).to_have_text("5")
        paper.tell("party", party=party("b", "Ben User", talking=True))
        expect(page.locator("#roster li.talking")).to_contain_text("Ben User")
        paper.tell("conference", conference={"recording": True, "locked": True})
        expect(page.locator("#is-recording")).to_be_visible()
        expect(page.locator("#is-locked")).to_be_visible()
        expect(told).to_have_text("This is being recorded now")
        for number in range(5):
            paper.tell("party", party=party(f"x{number}", f"Crowd {number}"))
        expect(told).to_have_text("5 people came in")


def test_a_host_has_the_room_in_hand(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url, *OTHERS[1:], role="host")
        paper.join()
        expect(page.locator("#host button")).to_have_count(4)
        for name in ("Mute all", "Lock", "Record"):
            page.get_by_role("button", name=name, exact=True).click()
        paper.tell("conference", conference={"muted": True, "locked": True, "recording": True})
        for name in ("Unmute all", "Unlock", "Stop recording"):
            page.get_by_role("button", name=name, exact=True).click()
        page.get_by_role("button", name="Unmute Ben User").click()
        page.get_by_role("button", name="Mute +16505550123").click()
        seemly(page, "room-host")
        page.get_by_role("button", name="Remove Ben User").click()
        expect(page.get_by_role("dialog")).to_contain_text("Remove Ben User?")
        seemly(page, "dialog-remove")
        page.get_by_role("dialog").get_by_role("button", name="Remove").click()
        page.get_by_role("button", name="Invite").click()
        page.get_by_label("Phone number or mail address").fill("105")
        seemly(page, "dialog-invite")
        page.keyboard.press("Enter")
        expect(page.locator("#banner")).to_have_text("105 is being called")
        paper.tell("invitation", state="failed", number="105", reason="busy")
        expect(page.locator("#banner")).to_have_text("105 was not reached (busy)")
        assert paper.commands == [
            {"do": "mute_all"}, {"do": "lock"}, {"do": "record"},
            {"do": "unmute_all"}, {"do": "unlock"}, {"do": "stop_recording"},
            {"do": "unmute", "party": "b"}, {"do": "mute", "party": "c"}, {"do": "kick", "party": "b"},
            {"do": "invite", "to": "105"},
        ]  # fmt: skip


def test_who_waits_in_front_of_the_door_is_let_in_or_not(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        waiting = [party("a", "Ann", stage="lobby"), party("b", "Bob", stage="lobby")]
        paper = PaperServer(page, server.http_url, *waiting, role="host")
        paper.join()
        assert "wants to come in" in row(page, "Ann")
        page.get_by_role("button", name="Let in Ann").click()
        page.get_by_role("button", name="Remove Bob").click()
        page.locator("#remove").click()
        assert paper.commands == [{"do": "admit", "party": "a"}, {"do": "reject", "party": "b"}]


LINKS = """document.addEventListener("click", (event) => {
  if (event.target.href) { event.preventDefault(); window.followed = event.target.href; }
}, true); HTMLAnchorElement.prototype.click = function () { window.followed = this.href; }"""


def test_only_what_is_for_others_is_given_to_others(server: ServerProcess, browsers: Browsers) -> None:
    """A host's code in a link would make hosts of all."""
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url, role="host")
        paper.join()
        paper.refusing, paper.refusal = "No mail server is configured", "no_mail"
        expect(page.locator("#copy")).to_be_hidden()
        page.get_by_role("button", name="Invite").click()
        page.keyboard.type("eve@example.com")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("no link")
        page.goto(f"{server.http_url}/j/conf_abc")
        paper.join()
        expect(page.locator("#copy")).to_be_visible()
        page.evaluate(LINKS)
        page.get_by_role("button", name="Invite").click()
        page.keyboard.type("eve@example.com")
        page.keyboard.press("Enter")
        followed = page.evaluate("decodeURIComponent(followed)")
        assert followed.startswith("mailto:eve@example.com?") and f"{server.http_url}/j/conf_abc" in followed
        assert {"do": "invite", "to": "eve@example.com"} in paper.commands
        paper.refusing = None  # with a mail server
        page.get_by_role("button", name="Invite").click()
        page.keyboard.type("fay@example.com")
        page.keyboard.press("Enter")
        expect(page.locator("#banner")).to_have_text("An invitation was sent to fay@example.com.")
        assert "fay" not in page.evaluate("decodeURIComponent(followed)")


def test_what_a_host_may_not_is_said_where_it_was_wished(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url, role="host")
        paper.join()
        paper.refusing = "Calls to that country are not allowed"
        page.get_by_role("button", name="Invite").click()
        page.keyboard.type("+8821234")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text(paper.refusing)
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Record").click()
        expect(page.locator("#banner")).to_have_text(paper.refusing)


def test_mute_is_heard_at_once_and_told(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url, *OTHERS)
        paper.join()
        page.keyboard.press("Space")
        expect(page.locator("#mute")).to_have_text("Unmute")
        expect(page.locator("#roster li").first).to_contain_text("muted")
        seemly(page, "room-muted")
        page.keyboard.press("m")
        expect(page.locator("#mute")).to_have_text("Mute")
        assert paper.commands == [{"do": "mute", "party": "me"}, {"do": "unmute", "party": "me"}]
        paper.tell("party", party=ME | {"muted": True})
        expect(page.locator("#aside")).to_have_text("The host has muted you.")
        paper.refusing = "Only the host may let you speak"
        page.locator("#mute").click()
        expect(page.locator("#banner")).to_have_text(paper.refusing)
        expect(page.locator("#mute")).to_have_text("Unmute")


def test_keys_go_as_telephone_events(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url)
        paper.join()
        page.evaluate("RTCDTMFSender.prototype.insertDTMF = function (keys) { paper.keys = keys; }")
        page.get_by_role("button", name="Keypad").click()
        page.keyboard.press("4")
        assert page.evaluate("paper.keys") == "4"
        page.get_by_role("button", name="star").click()
        assert page.evaluate("paper.keys") == "*"
        expect(page.locator("#pressed")).to_have_text("4*")
        seemly(page, "dialog-keypad")
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Keypad")).to_be_focused()


def test_sound_is_chosen_in_the_room(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        PaperServer(page, server.http_url).join()
        page.get_by_role("button", name="Sound").click()
        choices = page.locator("#sound-mic option").all_inner_texts()
        assert len(choices) >= 2
        page.locator("#sound-mic").select_option(label=choices[1])
        expect(page.locator("#sound-mic")).to_have_value(
            page.locator("#sound-mic option").nth(1).get_attribute("value") or ""
        )
        seemly(page, "dialog-sound")


def test_what_is_played_is_the_conference(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        PaperServer(page, server.http_url).join()
        pcm, rate_hz = heard(page)
        assert tones_in(pcm, [TONE, 850.0], rate_hz=rate_hz) == {850.0}


def test_who_has_no_microphone_listens(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE), allowed=False) as page:
        paper = PaperServer(page, server.http_url)
        page.get_by_role("button", name="Check the microphone").click()
        paper.join()
        expect(page.locator("#aside")).to_contain_text("listening only")
        seemly(page, "room-listening")
        page.locator("#mute").click()
        expect(page.get_by_role("dialog")).to_contain_text("does not let this page use the microphone")


def test_whoever_waits_is_told_for_what(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url)
        paper.parties[0]["stage"] = "waiting"
        paper.join()
        expect(page.locator("#banner")).to_contain_text("waiting for the host")
        seemly(page, "room-waiting")
        for stage, says in (("lobby", "asked to let you in"), ("held", "on hold")):
            paper.tell("party", party=ME | {"stage": stage})
            expect(page.locator("#banner")).to_contain_text(says)
        paper.tell("party", party=ME)
        expect(page.locator("#banner")).to_be_hidden()


def test_the_end_is_told_with_its_reason(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url)
        for reason, says in (
            ("ended", "is over"),
            ("something new", "has ended"),
            ("removed", "The host has removed you"),
        ):
            paper.join()
            paper.tell("over", reason=reason)
            expect(page.get_by_role("heading", level=1)).to_contain_text(says)
            expect(page.get_by_role("heading", level=1)).to_be_focused()
            if reason == "removed":
                seemly(page, "over-removed")
            page.get_by_role("button", name="Join again").click()
            expect(page.get_by_label("Your name")).to_have_value("Me Myself")


def test_leaving_is_told_to_the_server(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url)
        paper.join()
        page.get_by_role("button", name="Leave").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("You have left")
        (asked,) = paper.asked("DELETE")
        assert (asked["path"], asked["key"]) == ("/web/parties/me", "Bearer k")


def test_lost_events_come_back_by_themselves(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url, *OTHERS)
        paper.join()
        paper.parties.pop()
        paper.sockets[-1].close(code=1012)
        expect(page.locator("#roster li")).to_have_count(len(paper.parties))
        expect(page.locator("#banner")).to_be_hidden()
        assert len(paper.sockets) == 2 and len(paper.asked("POST")) == 1


def test_another_network_is_an_ice_restart_and_asks_nobody(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url, *OTHERS)
        paper.join()
        page.evaluate("paper.refuse = [[0, ''], [503, 'busy']]")
        page.evaluate("window.dispatchEvent(new Event('online'))")
        expect(page.locator("#banner")).to_contain_text("being connected again")
        expect(page.locator("#banner")).to_be_hidden()
        offers = [each["body"]["offer"] for each in paper.asked("PATCH")]
        assert len(offers) == 3 and len(paper.asked("POST")) == 1
        users = {line for offer in offers for line in offer.splitlines() if line.startswith("a=ice-ufrag")}
        assert len(users) >= 2
        pcm, rate_hz = heard(page)
        assert tones_in(pcm, [TONE, 850.0], rate_hz=rate_hz) == {850.0}


def test_a_place_that_is_gone_is_taken_again_with_the_same_words(server: ServerProcess, browsers: Browsers) -> None:
    """Whether HTTP says so, the WebSocket, or the farewell of a party that was not heard for too long."""
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url, *OTHERS)
        paper.join("Zoë")
        page.locator("#mute").click()
        page.evaluate("paper.refuse = [[404, 'not_found']]; window.dispatchEvent(new Event('online'))")
        for number, lose in enumerate(
            [None, lambda: paper.sockets[-1].close(code=4404), lambda: paper.tell("over", reason="no_media")]
        ):
            if lose:
                lose()
            page.wait_for_function(
                f"() => paper.asked.filter(({{ method }}) => method === 'POST').length === {number + 2}"
            )
            expect(page.locator("#banner")).to_be_hidden()
            expect(page.locator("#roster li")).to_have_count(len(paper.parties))
        wished = [each["body"] | {"offer": ""} for each in paper.asked("POST")]
        assert wished == [{"to": "1234", "name": "Zoë", "secret": None, "offer": ""}] * 4
        # Who was muted stays so, and the others are told.
        assert paper.commands == [{"do": "mute", "party": "me"}] * 4
        expect(page.locator("#mute")).to_have_text("Unmute")


def test_who_cannot_come_back_is_told_why(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url)
        for answer, says in (("[410, 'ended']", "The conference is over"), ("[403, 'locked']", "could not come back")):
            paper.join()
            page.evaluate(f"paper.refuse = [{answer}]")
            paper.sockets[-1].close(code=4404)
            expect(page.get_by_role("heading", level=1)).to_contain_text(says)
            page.get_by_role("button", name="Join again").click()


def reach(page: Page, name: str) -> None:
    """Go on by the tabulator until the focus, which is seen, is on what bears this name."""
    for _ in range(30):
        page.keyboard.press("Tab")
        here = page.evaluate(
            "[document.activeElement.textContent || document.activeElement.id, document.activeElement.id]"
        )
        if name in here:
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", name
            return
    raise AssertionError(f"{name} is not reached by the keyboard")


def test_the_keyboard_is_enough(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url, *OTHERS[1:], role="host")
        reach(page, "name")
        page.keyboard.type("Kay Board")
        reach(page, "go")
        page.keyboard.press("Enter")
        expect(page.locator("#roster li")).to_have_count(len(paper.parties))
        expect(page.locator("#mute")).to_be_focused()
        page.keyboard.press("Space")
        page.keyboard.press("Space")
        reach(page, "Keypad")
        page.keyboard.press("Enter")
        page.keyboard.type("12#")
        expect(page.locator("#pressed")).to_have_text("12#")
        page.keyboard.press("Escape")
        reach(page, "Remove Ben User")
        page.keyboard.press("Enter")
        reach(page, "remove")
        page.keyboard.press("Enter")
        # The focus is back where it was, on what is there.
        reach(page, "Leave")
        page.keyboard.press("Enter")
        expect(page.locator("#over-title")).to_be_focused()
        reach(page, "again")
        assert [each["do"] for each in paper.commands] == ["mute", "unmute", "kick"]
        assert paper.asked("POST")[0]["body"]["name"] == "Kay Board"


def test_media_are_taken_elsewhere_by_a_connection_of_its_own(server: ServerProcess, browsers: Browsers) -> None:
    with visitor(browsers(TONE)) as page:
        paper = PaperServer(page, server.http_url, *OTHERS)
        paper.join()
        paper.tell("renew")
        page.wait_for_function("() => paper.asked.some(({ method }) => method === 'PATCH')")
        (first,), (again,) = paper.asked("POST"), paper.asked("PATCH")
        assert again["key"] == "Bearer k"
        prints = {re.findall("a=fingerprint:(.*)", each["body"]["offer"])[0] for each in (first, again)}
        assert len(prints) == 2
        page.wait_for_function("() => paper.peer.connectionState === 'connected'")
        pcm, rate_hz = heard(page)
        assert tones_in(pcm, [850.0], floor=0.01, rate_hz=rate_hz) == {850.0}
