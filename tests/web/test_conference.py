"""Browsers and telephones in one conference of the real server: who hears whom."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest
from playwright.sync_api import Page, Response, expect

from tests.peers.baresip import Baresip
from tests.support.chromium import heard, visitor
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES
from tests.support.tones import tones_in
from tests.web.conftest import Browsers

pytestmark = [pytest.mark.peer("chromium", "baresip"), pytest.mark.timeout(240), pytest.mark.realtime]

# Of three browsers and two telephones; none is a multiple of another.
ADA, BEN, CAI = 440.0, 620.0, 850.0
DOT, EVE = 1100.0, 1400.0
TONES = [ADA, BEN, CAI, DOT, EVE]

# Asked by the test: the WebSockets of the page, to be cut.
SOCKETS = """(() => {
  const Real = WebSocket;
  window.sockets = [];
  window.WebSocket = class extends Real { constructor(...of) { super(...of); sockets.push(this); } };
})()"""

Heard = Callable[[], set[float]]


def in_page(page: Page) -> set[float]:
    """The tones that a page plays now."""
    pcm, rate_hz = heard(page)
    return tones_in(pcm, TONES, floor=0.01, rate_hz=rate_hz)


def in_phone(phone: Baresip) -> set[float]:
    """The tones that a telephone plays now."""
    phone.listen(0.4)
    return tones_in(phone.hears()[-2400:], TONES, floor=0.01)


def ice(answer: Response) -> set[str]:
    """The ICE user fragments of an offer that a page has sent, and of our answer to it."""
    offer, said = json.loads(answer.request.post_data or "")["offer"], answer.json()["answer"]
    return {found for sdp in (offer, said) for found in re.findall(r"a=ice-ufrag:(\S+)", sdp)}


def enter(page: Page, url: str, code: str, name: str, secret: str = "") -> Response:
    """Join as a person does."""
    page.add_init_script(SOCKETS)
    page.goto(f"{url}/j/{code}")
    page.get_by_label("Your name").fill(name)
    if secret:
        page.get_by_text("Password or host code").click()
        page.locator("#secret").fill(secret)
    with page.expect_response("**/web/join") as joined:
        page.get_by_role("button", name="Join").click()
    expect(page.locator("#roster li", has_text=name)).to_have_count(1)
    return joined.value


@dataclass
class Room:
    """A host, two guests in browsers, two on the telephone; each says a tone of its own."""

    ada: Page
    ben: Page
    cai: Page
    dot: Baresip
    eve: Baresip
    first_ice: set[str]
    "With what Cai has joined."

    @property
    def pages(self) -> tuple[Page, Page, Page]:
        return self.ada, self.ben, self.cai

    def ears(self) -> dict[float, Heard]:
        """What each hears, by its own tone."""
        pages = {tone: partial(in_page, page) for tone, page in zip((ADA, BEN, CAI), self.pages, strict=True)}
        return {**pages, DOT: partial(in_phone, self.dot), EVE: partial(in_phone, self.eve)}

    def all_hear(self, talking: set[float], *, deaf: frozenset[float] = frozenset()) -> None:
        """Until each hears those who talk, but not itself: what comes late is on its way, what is wrong stays."""
        for own, ear in self.ears().items():
            wanted = set() if own in deaf else talking - {own}
            found: set[float] = set()
            for _ in range(40):
                if (found := ear()) == wanted:
                    break
            assert found == wanted, f"the one of {own} Hz"


@pytest.fixture(scope="module")
def room(
    server: ServerProcess, rest: Rest, browsers: Browsers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Room]:
    session = rest.conference()
    token = session["voiceCallToken"]
    made = rest.http.post(f"{CONFERENCES}/{session['id']}/passes", json={"role": "host"}).raise_for_status().json()
    folder = tmp_path_factory.mktemp("phones")
    with ExitStack() as stack:
        ada, ben, cai = (stack.enter_context(visitor(browsers(tone))) for tone in (ADA, BEN, CAI))
        enter(ada, server.http_url, token, "Ada", made["number"])
        enter(ben, server.http_url, token, "Ben")
        first_ice = ice(enter(cai, server.http_url, token, "Cai"))
        dot = stack.enter_context(Baresip(folder / "dot", DOT))
        eve = stack.enter_context(Baresip(folder / "eve", EVE, codec="opus"))
        for phone in (dot, eve):
            phone.dial(server.call_uri(token))
        for page in (ada, ben, cai):
            expect(page.locator("#roster li")).to_have_count(5)
        yield Room(ada, ben, cai, dot, eve, first_ice)


def test_everybody_hears_everybody_else(room: Room) -> None:
    room.all_hear(set(TONES))


def test_a_cut_socket_and_another_network_are_mended(room: Room) -> None:
    before = room.cai.evaluate("sockets.length")
    room.cai.evaluate("sockets.at(-1).close()")
    room.cai.wait_for_function(f"() => sockets.length > {before} && sockets.at(-1).readyState === 1")
    with room.cai.expect_response(lambda response: response.request.method == "PATCH") as restarted:
        room.cai.evaluate("window.dispatchEvent(new Event('online'))")
    assert restarted.value.ok
    found = ice(restarted.value)
    assert len(found) == 2 and found.isdisjoint(room.first_ice), "both have other credentials (RFC 8445 section 9)"
    expect(room.cai.locator("#banner")).to_be_hidden()
    expect(room.cai.locator("#roster li")).to_have_count(5)
    room.all_hear(set(TONES))
