"""Codes and guesses: who is shut out by whose wrong codes, with the time as an argument."""

import pytest

from mixer.rules.entrance import Code, CodeVerdict
from mixer.rules.roles import PartyKind, Role
from softphone.config import DEV_PATH, ConferenceConfig, load
from softphone.focus.entrance.codes import CodeBook
from softphone.focus.room.admission import Admission
from softphone.store.accounts import Accounts
from softphone.store.values import Codes

HOST, GUEST, WRONG = Code("190204"), Code("128576"), Code("471100")
LIMIT, OUTSIDE = 3, 10


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def accounts() -> Accounts:
    made = Accounts.from_config(load(DEV_PATH))
    made.put_codes(made.extensions["101"].id, Codes(HOST.digits, GUEST.digits))
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def codes(accounts: Accounts, clock: Clock) -> CodeBook:
    settings = ConferenceConfig(wrong_codes=LIMIT, wrong_codes_outside=OUTSIDE, wrong_codes_window_s=600.0)
    return CodeBook(accounts, settings, clock)


def outside(number: str, host: str = "192.0.2.1") -> Admission:
    return Admission(number, kind=PartyKind.OUTSIDE, host=host)


def guess(codes: CodeBook, caller: Admission, times: int) -> list[CodeVerdict]:
    return [codes.judge(None, WRONG, caller)[0] for _ in range(times)]


def test_codes_open_the_bridge_room_of_their_user(codes: CodeBook) -> None:
    for code, role in ((HOST, Role.MODERATOR), (GUEST, Role.PARTICIPANT)):
        verdict, passage = codes.judge(None, code, outside("15550001111"))
        assert passage is not None
        assert (verdict, passage.extension.number, passage.role) == (CodeVerdict.RIGHT, "101", role)


@pytest.mark.parametrize("host", [outside("15550002222"), outside("15550001111", "192.0.2.2")])
def test_a_stranger_that_guesses_shuts_out_itself_alone(codes: CodeBook, host: Admission) -> None:
    stranger = outside("15550001111")
    assert guess(codes, stranger, LIMIT + 2) == [CodeVerdict.WRONG] * (LIMIT + 1) + [CodeVerdict.CLOSED]
    assert codes.judge(None, HOST, stranger)[0] is CodeVerdict.CLOSED
    assert codes.judge(None, HOST, host)[0] is CodeVerdict.RIGHT


def test_who_takes_another_name_for_each_guess_is_stopped_all_the_same(
    codes: CodeBook, accounts: Accounts, clock: Clock
) -> None:
    found = [codes.judge(None, WRONG, outside(str(number)))[0] for number in range(OUTSIDE + 5)]
    assert found == [CodeVerdict.WRONG] * (OUTSIDE + 1) + [CodeVerdict.CLOSED] * 4
    extension = accounts.extensions["102"]
    known = Admission(extension.number, extension.name, extension)
    assert codes.judge(None, HOST, outside("new"))[0] is CodeVerdict.CLOSED
    assert codes.judge(None, HOST, known)[0] is CodeVerdict.RIGHT, "who has proved who it is"
    clock.now += 600.0
    assert codes.judge(None, HOST, outside("new"))[0] is CodeVerdict.RIGHT


def test_an_extension_that_guesses_closes_no_door_to_others(codes: CodeBook, accounts: Accounts) -> None:
    callers = [Admission(number, "", accounts.extensions[number]) for number in ("102", "103")]
    assert guess(codes, callers[0], OUTSIDE + 5)[-1] is CodeVerdict.CLOSED
    for other in (callers[1], outside("15550001111")):
        assert codes.judge(None, HOST, other)[0] is CodeVerdict.RIGHT


def test_the_codes_of_a_called_room_are_counted_by_room(codes: CodeBook, accounts: Accounts) -> None:
    room, other = accounts.extensions["201"], accounts.extensions["203"]
    callers = [Admission(number, "", accounts.extensions[number]) for number in ("102", "103")]
    for caller in (*callers, *callers):
        assert codes.judge(room, WRONG, caller)[0] is CodeVerdict.WRONG
    assert codes.judge(room, Code("9876"), callers[0])[0] is CodeVerdict.CLOSED
    assert codes.judge(other, Code("9876"), callers[0])[0] is CodeVerdict.RIGHT
    codes.forgive()
    assert codes.judge(room, Code("9876"), callers[0])[0] is CodeVerdict.RIGHT


def test_many_networks_together_find_no_code_and_shut_nobody_out(codes: CodeBook, clock: Clock) -> None:
    """A thousand networks that guess for two days, as much as they may; and an honest one, whenever it comes."""
    networks = [f"10.{number // 250}.{number % 250}" for number in range(1000)]
    tried = dict.fromkeys(networks, 0)
    for hour in range(48):
        for number, network in enumerate(networks):
            while (
                codes.judge(None, WRONG, outside(f"{hour}.{tried[network]}", f"{network}.{hour}"))[0]
                is CodeVerdict.WRONG
            ):
                tried[network] += 1
                assert tried[network] < 100
            if number % 100 == 0:
                assert codes.judge(None, HOST, outside("+15550001111", f"198.51.{hour}.1"))[0] is CodeVerdict.RIGHT
        clock.now += 3600.0
    # The alarm needs a few to go off; then each network has five, two, and one at a time, ever less often.
    assert max(tried.values()) < 30
    assert sum(tried.values()) < 16 * len(networks)


def test_an_honest_network_may_mistype_while_others_guess(codes: CodeBook) -> None:
    for number in range(OUTSIDE + 5):
        codes.judge(None, WRONG, outside(str(number)))
    honest = [outside("15550003333", "198.51.100.7"), outside("15550004444", "198.51.100.8")]
    assert [codes.judge(None, WRONG, caller)[0] for caller in honest * 2] == [CodeVerdict.WRONG] * 4
    assert codes.judge(None, HOST, honest[0])[0] is CodeVerdict.RIGHT


def test_through_the_trunk_every_number_is_somebody_else(accounts: Accounts, clock: Clock) -> None:
    settings = ConferenceConfig(wrong_codes=LIMIT, wrong_codes_outside=OUTSIDE, wrong_codes_window_s=600.0)
    codes = CodeBook(accounts, settings, clock, {"192.0.2.1"})
    assert guess(codes, outside("15550001111"), 9)[-1] is CodeVerdict.CLOSED
    for number in range(OUTSIDE + 5):
        codes.judge(None, WRONG, outside(str(number)))
    assert codes.judge(None, HOST, outside("15550009999"))[0] is CodeVerdict.RIGHT
    assert codes.judge(None, HOST, outside("15550001111"))[0] is CodeVerdict.CLOSED


def test_a_room_is_closed_to_who_guessed_and_not_to_who_comes_with_its_code(
    codes: CodeBook, accounts: Accounts, clock: Clock
) -> None:
    room = accounts.extensions["201"]
    offender, honest = (Admission(number, "", accounts.extensions[number]) for number in ("102", "103"))
    for _ in range(LIMIT + 1):
        codes.judge(room, WRONG, offender)
    assert codes.judge(room, Code("9876"), offender)[0] is CodeVerdict.CLOSED
    assert codes.judge(room, Code("9876"), honest)[0] is CodeVerdict.RIGHT
    assert codes.judge(room, WRONG, honest)[0] is CodeVerdict.WRONG
    assert codes.judge(room, Code("9876"), honest)[0] is CodeVerdict.CLOSED, "one try, no more"
    clock.now += 600.0
    assert codes.judge(room, Code("9876"), honest)[0] is CodeVerdict.RIGHT
