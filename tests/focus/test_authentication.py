"""Who sends a request, over the whole life of the throttle; with the time as an argument."""

import msgspec
import pytest
from structlog.testing import capture_logs

from softphone.config import DEV_PATH, SipConfig, load
from softphone.errors import CallRefused
from softphone.focus.entrance.authentication import Authentication
from softphone.sip.message.digest import Challenge, Credentials
from softphone.sip.message.message import Request, Response
from softphone.sip.services.auth import Authenticator
from softphone.sip.transport.hop import Hop
from softphone.store.accounts import Accounts
from softphone.store.seed import seed_of, weak
from tests.sip.wire import ALICE, invite

URI = "sip:softphone.local"


class Office:
    """Telephones behind one address, and the door."""

    def __init__(self) -> None:
        self.now = 0.0
        self.accounts = Accounts.from_config(load(DEV_PATH))
        self.guard = Authenticator("softphone.local", self.accounts.ha1)
        self.proofs = Authentication(self.accounts, self.guard, SipConfig(), clock=lambda: self.now)

    def register(self, user: str, password: str, source: Hop = ALICE, nonce_of: Hop | None = None) -> int:
        """A REGISTER with credentials; 200 for somebody who is let in."""
        (challenge,) = Challenge.parse_list(self.guard.challenge(nonce_of or source, self.now)[0])
        proof = challenge.answer(Credentials(user, password), "REGISTER", URI)
        sent = invite(method="REGISTER", CSeq="1 REGISTER", uri=URI, Authorization=proof)
        answer = self.answer(sent, source)
        return answer.status if isinstance(answer, Response) else 200

    def answer(self, request: Request, source: Hop) -> object:
        self.last = self.proofs.sender(request, source)
        return self.last


@pytest.mark.parametrize("failures", [10, 60])
def test_the_throttle_opens_again_whatever_closed_it(failures: int) -> None:
    office = Office()
    for number in range(failures):
        office.register("101" if failures == 10 else f"1{number}", "wrong")
    assert office.register("101", "dev-101") == 503
    assert isinstance(office.last, Response) and 0 < int(office.last.get("Retry-After") or 0) <= 60
    for later in (60.0, 100.0, 10_000.0):
        office.now = later
        assert office.register("101", "dev-101") == 200


def test_an_old_password_of_one_telephone_is_nothing_to_the_others() -> None:
    office = Office()
    for second in range(600):
        office.now = float(second)
        assert office.register("101", "old") in (403, 503)
    assert [office.register(user, f"dev-{user}") for user in ("102", "103")] == [200, 200]


def test_forged_datagrams_lock_nobody_out() -> None:
    """The forger has nonces of his own only, and writes the office's address into his datagrams."""
    office, forger = Office(), Hop("udp", "203.0.113.66", 5060)
    for number in range(500):
        assert office.register(str(101 + number % 5), "wrong", ALICE, nonce_of=forger) == 401
    assert [office.register(user, f"dev-{user}") for user in ("101", "102")] == [200, 200]


@pytest.mark.parametrize("username", ["104", "104@softphone.local", "sip:104@softphone.local"])
def test_a_user_in_all_its_spellings(username: str) -> None:
    office = Office()
    assert office.register(username, "dev-104") == 200
    assert getattr(office.last, "number", "") == "104"
    assert office.register(username, "wrong") == 403


@pytest.mark.parametrize(
    "username", ["104@192.0.2.9", "sip:104@192.0.2.9", "104@SOFTPHONE.local", '"104"', "sip:104", "16505550100*104"]
)
def test_what_cannot_be_checked_is_refused_and_counts_for_nothing(username: str) -> None:
    office = Office()
    with capture_logs() as logged:
        assert [office.register(username, "dev-104") for _ in range(100)] == [403] * 100
    assert [line["event"] for line in logged] == ["credentials_not_checkable"], "once"
    assert isinstance(office.last, Response)
    assert "N@softphone.local or sip:N@softphone.local" in (office.last.get("Warning") or "")
    assert office.register("104", "dev-104") == 200


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("sip:101@softphone.local", True),
        ("sip:101@SOFTPHONE.LOCAL", True),
        ("sip:999@softphone.local", True),
        ("sip:101@example.com", True),
        ("sip:101@other.example", False),
        ("sip:+15550100@softphone.local", False),
        ("sip:guest@softphone.local", False),
        ("sip:anonymous@anonymous.invalid", False),
        ("tel:101", False),
    ],
)
def test_whose_from_is_one_of_ours(address: str, asked: bool) -> None:
    office = Office()
    sent = invite(From=f"<{address}>;tag=a")
    if asked:
        with pytest.raises(CallRefused, match="407"):
            office.proofs.caller(sent, ALICE)
    else:
        assert office.proofs.caller(sent, ALICE) is None


@pytest.mark.parametrize(
    ("password", "found"), [("101", True), ("1234", True), ("101101", True), ("kjh", True), ("Eh7vkq2plxw", False)]
)
def test_passwords_that_are_soon_guessed(password: str, found: bool) -> None:
    config = load(DEV_PATH)
    first = msgspec.structs.replace(config.extensions[0], password=password)
    (entry, *_) = seed_of(msgspec.structs.replace(config, extensions=(first,))).extensions
    assert weak(entry.extension, entry.credentials, password) is found
