"""The lite side of ICE: what a check moves, and what it does not."""

import pytest
from aioice import stun as library

from softphone.media.contract.leg import MediaAddress
from softphone.media.rtp.ice import CONSENT_S, IceLite
from softphone.media.rtp.stun import BindingRequest, parse
from tests.media.rtp.checks import check

PASSWORD = "p" * 24
HOME, MOBILE, OTHER = (MediaAddress(host, 40_000) for host in ("192.0.2.1", "192.0.2.2", "203.0.113.9"))


def request(name: str = "ours", password: str = PASSWORD, **said: object) -> BindingRequest:
    found = parse(check(f"{name}:theirs", password.encode(), **said))  # type: ignore[arg-type]
    assert found is not None
    return found


def agent() -> IceLite:
    return IceLite("ours", PASSWORD)


def test_the_first_good_check_says_where_the_peer_is() -> None:
    ice = agent()
    assert ice.address is None and not ice.reaches(HOME)
    answer = library.parse_message(ice.check(request(nominate=False), HOME, 1.0))
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == (HOME.host, HOME.port)
    assert ice.address == HOME and ice.reaches(HOME) and ice.seen_s == 1.0


@pytest.mark.parametrize(
    "said", [{"password": "guessed"}, {"name": "other"}, {"role": "ICE-CONTROLLED"}, {"priority": None}]
)
def test_no_other_check_says_anything(said: dict[str, object]) -> None:
    ice = agent()
    ice.check(request(**said), HOME, 1.0)  # type: ignore[arg-type]
    assert ice.address is None and not ice.reaches(HOME) and ice.seen_s is None
    ice.check(request(), HOME, 1.0)
    ice.check(request(**said), OTHER, 2.0)  # type: ignore[arg-type]
    assert ice.address == HOME and not ice.reaches(OTHER) and ice.seen_s == 1.0


def test_only_nomination_moves_it() -> None:
    ice = agent()
    ice.check(request(nominate=False), HOME, 1.0)
    ice.check(request(nominate=False), MOBILE, 1.1)
    assert ice.address == HOME and ice.reaches(MOBILE)
    ice.check(request(nominate=True), MOBILE, 1.2)
    assert ice.address == MOBILE


def test_who_nominates_all_its_paths_is_where_its_best_one_is() -> None:
    ice = agent()
    for now in range(5):
        ice.check(request(priority=100), MOBILE, now + 0.1)
        ice.check(request(priority=200), HOME, now + 0.2)
        assert ice.address == HOME
    ice.check(request(priority=100), MOBILE, 4.3)
    assert ice.address == HOME


def test_a_new_port_of_the_same_path_is_followed_at_once() -> None:
    ice, rebound = agent(), MediaAddress(HOME.host, 50_000)
    ice.check(request(), HOME, 1.0)
    ice.check(request(), rebound, 1.1)
    assert ice.address == rebound


def test_a_path_that_was_left_gives_way_to_any() -> None:
    ice = agent()
    ice.check(request(priority=200), HOME, 1.0)
    ice.check(request(priority=100), MOBILE, 5.0)
    assert ice.address == HOME
    ice.check(request(priority=100), MOBILE, 10.0)
    assert ice.address == MOBILE


def test_a_check_that_somebody_else_sends_again_moves_nothing() -> None:
    ice, heard = agent(), request()
    assert ice.check(heard, HOME, 1.0)
    assert ice.check(heard, HOME, 1.1)  # a retransmission
    assert ice.check(heard, OTHER, 1.2) == b""
    assert ice.address == HOME and not ice.reaches(OTHER)


def test_consent_ends_where_no_check_comes() -> None:
    ice = agent()
    assert not ice.expired(1e9)
    ice.check(request(), HOME, 1.0)
    assert not ice.expired(1.0 + CONSENT_S) and ice.expired(1.1 + CONSENT_S)
    ice.check(request(nominate=False), MOBILE, 20.0)  # another path is none to where we send
    assert ice.expired(1.1 + CONSENT_S)
    ice.check(request(nominate=False), HOME, 20.0)
    assert not ice.expired(20.0 + CONSENT_S)
    ice.leave()
    assert ice.address is None and not ice.reaches(HOME)


def test_a_restart_takes_the_new_name_beside_the_old_one() -> None:
    ice = agent()
    ice.check(request(priority=200), HOME, 1.0)
    ice.restart("new", "q" * 24)
    assert ice.address == HOME and ice.names == ("ours", "new")
    assert ice.check(request(nominate=False), HOME, 2.0)  # consent goes on meanwhile
    ice.check(request("new", "q" * 24, priority=100), MOBILE, 3.0)
    assert ice.address == MOBILE
    ice.restart("newer", "r" * 24)
    assert ice.names == ("new", "newer") and ice.check(request(), OTHER, 4.0) == b""


def test_the_same_name_again_restarts_nothing() -> None:
    ice = agent()
    ice.check(request(priority=200), HOME, 1.0)
    ice.restart("ours", PASSWORD)
    ice.check(request(priority=100), MOBILE, 1.1)
    assert ice.names == ("ours",) and ice.address == HOME


def test_nobody_without_the_password_gets_more_bytes_than_he_sent() -> None:
    ice = agent()
    bare = library.Message(library.Method.BINDING, library.Class.REQUEST)
    bare.attributes["USERNAME"] = "ours:t"
    for datagram in (bytes(bare), check("ours:t", b"guessed"), check("ours:" + "t" * 200, b"guessed")):
        found = parse(datagram)
        assert found is not None and len(ice.check(found, OTHER, 1.0)) <= len(datagram)


def test_the_paths_of_one_peer_are_few() -> None:
    ice = agent()
    ice.check(request(), HOME, 1.0)
    for port in range(1, 100):
        ice.check(request(nominate=False), MediaAddress("192.0.2.7", port), 1.0)
    assert ice.reaches(HOME) and not ice.reaches(MediaAddress("192.0.2.7", 1))
    assert ice.reaches(MediaAddress("192.0.2.7", 99))
