"""Whom wrong passwords are held against, with the time as an argument."""

from hypothesis import given
from hypothesis import strategies as st

from softphone.focus.entrance.authentication import TRUSTED_S, Logins

OFFICE, HOME = "192.0.2.1", "198.51.100.7"


def failures(logins: Logins, address: str, user: str, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        logins.failed(address, user, now)


def test_one_user_with_an_old_password_shuts_out_nobody_else() -> None:
    logins = Logins(10, 50, 60.0)
    for second in range(600):
        if not logins.wait_s(OFFICE, "101", float(second)):
            logins.failed(OFFICE, "101", float(second))
        assert logins.wait_s(OFFICE, "102", float(second)) == 0
        assert logins.wait_s(HOME, "101", float(second)) == 0


def test_an_address_that_tries_many_users_is_closed_but_for_those_it_knows() -> None:
    logins = Logins(10, 50, 60.0)
    logins.succeeded(OFFICE, "102", 0.0)
    for number in range(50):
        logins.failed(OFFICE, f"user {number}", 1.0)
    assert [logins.wait_s(OFFICE, user, 1.0) for user in ("101", "102", "x")] == [60, 0, 60]
    assert logins.wait_s(HOME, "101", 1.0) == 0
    assert logins.wait_s(OFFICE, "101", 61.0) == 0, "it opens"
    failures(logins, OFFICE, "102", 10, 2.0)
    assert logins.wait_s(OFFICE, "102", 2.0) == 60, "what is known is no licence to guess"


def test_success_takes_back_the_users_failures_and_not_the_addresses() -> None:
    logins = Logins(3, 4, 60.0)
    for user in ("101", "102", "103", "104"):
        failures(logins, OFFICE, user, 1)
        logins.succeeded(OFFICE, "105", 0.0)
    assert logins.wait_s(OFFICE, "101", 0.0) == 60
    failures(logins, HOME, "101", 2)
    logins.succeeded(HOME, "101", 0.0)
    failures(logins, HOME, "101", 2)
    assert logins.wait_s(HOME, "101", 0.0) == 0


def test_a_guess_from_everywhere_meets_a_limit_and_the_user_at_home_none() -> None:
    logins = Logins(10, 50, 60.0, anywhere=50)
    logins.succeeded(HOME, "101", 0.0)
    for number in range(50):
        logins.failed(f"203.0.113.{number}", "101", 5.0)
    assert logins.wait_s("203.0.113.99", "101", 5.0) == 60
    assert logins.wait_s(HOME, "101", 5.0) == 0
    assert logins.wait_s("203.0.113.99", "102", 5.0) == 0
    assert logins.wait_s("203.0.113.99", "101", 65.0) == 0


def test_trust_ends() -> None:
    logins = Logins(1, 1, 60.0)
    logins.succeeded(OFFICE, "102", 0.0)
    logins.failed(OFFICE, "101", TRUSTED_S)
    assert logins.wait_s(OFFICE, "102", TRUSTED_S) == 60


NAMES = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.tuples(NAMES, NAMES, st.booleans(), st.floats(0.0, 100.0)), max_size=80))
def test_the_wait_is_a_whole_number_of_seconds_that_passes(
    events: list[tuple[str, str, bool, float]],
) -> None:
    logins, now = Logins(2, 5, 60.0, anywhere=7), 0.0
    for address, user, right, wait in events:
        now += wait
        if not logins.wait_s(address, user, now):
            (logins.succeeded if right else logins.failed)(address, user, now)
        wait_s = logins.wait_s(address, user, now)
        assert isinstance(wait_s, int) and 0 <= wait_s <= 60
        assert logins.wait_s(address, user, now + wait_s) == 0
