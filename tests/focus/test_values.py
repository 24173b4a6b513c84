import hashlib

import pytest

from softphone.config import DEV_PATH, load
from softphone.focus.ended import EndedMemory
from softphone.focus.entrance.routing import Destination, ToConference, ToExtension, ToNowhere, ToRoom, route
from softphone.focus.session import SessionOrigin, TelephonySession
from softphone.focus.token import VoiceCallToken
from softphone.store.accounts import Accounts

TOKEN = VoiceCallToken("s-" + "ab" * 16, "127.0.0.1", 5060)


@pytest.fixture
def accounts() -> Accounts:
    return Accounts.from_config(load(DEV_PATH))


def test_ha1_is_that_of_digest_authentication(accounts: Accounts) -> None:
    text = b"101:softphone.local:dev-101"
    assert accounts.ha1("101", "MD5") == hashlib.md5(text).hexdigest()
    assert accounts.ha1("101", "SHA-256") == hashlib.sha256(text).hexdigest()
    assert accounts.ha1("101", "SHA-512") is None
    assert accounts.ha1("201", "MD5") is None
    assert accounts.ha1("999", "MD5") is None


@pytest.mark.parametrize("user", ["101", "+16505550100*101", "16505550100*101"])
def test_names_of_an_extension(accounts: Accounts, user: str) -> None:
    found = accounts.find(user)
    assert found is not None
    assert found.number == "101"
    login = accounts.login(user, "dev-101")
    assert login is found


@pytest.mark.parametrize("user", ["", "10", "16505550101*101", "*101", "16505550100*"])
def test_names_of_nobody(accounts: Accounts, user: str) -> None:
    assert accounts.find(user) is None
    assert accounts.login(user, "dev-101") is None


@pytest.mark.parametrize(("user", "password"), [("101", ""), ("101", "dev-102"), ("201", ""), ("999", "dev-999")])
def test_refused_log_in(accounts: Accounts, user: str, password: str) -> None:
    assert accounts.login(user, password) is None


def test_extensions_differ_in_their_ids(accounts: Accounts) -> None:
    ids = {extension.id for extension in accounts.extensions.values()}
    assert len(ids) == len(accounts.extensions)
    for extension in accounts.extensions.values():
        assert accounts.by_id(extension.id) is extension


def test_routing(accounts: Accounts) -> None:
    cases: dict[str, type[Destination]] = {
        str(TOKEN): ToConference,
        "conf_00": ToConference,
        "102": ToExtension,
        "+16505550100*102": ToExtension,
        "201": ToRoom,
        "999": ToNowhere,
        "": ToNowhere,
    }
    assert {user: type(route(user, accounts)) for user in cases} == cases


def test_the_lowest_party_number_is_kept_for_the_host() -> None:
    session = TelephonySession("s-" + "ab" * 16, SessionOrigin.CONFERENCE, "1", TOKEN)
    numbers = [session.new_party_id(host=host) for host in (False, True, False, True)]
    assert [number.rpartition("-")[2] for number in numbers] == ["2", "1", "3", "4"]
    assert numbers[0] == "p-" + "ab" * 16 + "-2"


def test_the_memory_of_the_ended_is_bounded_in_time_and_count() -> None:
    memory = EndedMemory(keep_s=10.0, max_count=3)
    memory.add("a", 0.0)
    assert memory.holds("a", 9.9)
    assert not memory.holds("a", 10.0)
    for name in "bcde":
        memory.add(name, 1.0)
    assert [memory.holds(name, 2.0) for name in "abcde"] == [False, False, True, True, True]
