"""What follows from how a called leg failed: every status, and what is no status."""

import itertools

import pytest

from softphone.errors import (
    CallEnded,
    CallRefused,
    MediaFull,
    NoCommonCodec,
    SdpError,
    SipNetworkError,
    SipTimeout,
    SoftphoneError,
)
from softphone.focus.party.outcome import CANCELLED, WORDS, Outcome, Step, best, outcome_of, refused
from softphone.phrases import PHRASES

NO_STATUS = (SipNetworkError(), SipTimeout(), CallEnded(), MediaFull(), SdpError(), NoCommonCodec(), SoftphoneError())
EVERY = [*(CallRefused(status, "As They Say", contacts=["sip:a@b"]) for status in range(300, 700)), *NO_STATUS]

# Answers that the caller's telephone would act on, though they are about our INVITE: with a password, another
# extension, another length of the session, or by thinking that its own dialog is gone.
ABOUT_US = {400, 401, 405, 407, 413, 414, 416, 420, 421, 422, 423, 428, 429, 469, 470, 481, 489, 491, 493, 494, 503}


def of(status: int, reason: str = "") -> Outcome:
    return outcome_of(CallRefused(status, reason))


@pytest.mark.parametrize("rang", [False, True])
def test_everything_that_can_come_is_decided(rang: bool) -> None:
    for error in EVERY:
        outcome = outcome_of(error, rang=rang)
        assert outcome.word in WORDS and outcome.reason, error
        assert outcome.status in PHRASES and outcome.status >= 300, error
        assert not isinstance(error, CallRefused) or outcome.status not in ABOUT_US, error
        assert (outcome.targets != ()) is (outcome.step is Step.FOLLOW), error


def test_the_next_step_by_class() -> None:
    steps = {status: of(status).step for status in range(300, 700)}
    assert {step for status, step in steps.items() if status >= 600} == {Step.CANCEL_ALL}
    assert {step for status, step in steps.items() if 400 <= status < 600} == {Step.TRY_NEXT}
    # Not by a proxy of the callee's choice, and not to another service.
    assert [status for status in range(300, 400) if steps[status] is not Step.FOLLOW] == [305, 380]
    assert {outcome_of(error).step for error in NO_STATUS} == {Step.TRY_NEXT}
    assert CANCELLED.step is Step.GIVE_UP


@pytest.mark.parametrize(
    ("status", "answer", "word"),
    [
        (302, 302, "moved"),
        (401, 500, "unauthorized"),
        (403, 403, "forbidden"),
        (404, 404, "unknown"),
        (484, 484, "unknown"),
        (486, 486, "busy"),
        (488, 488, "no common codec"),
        (480, 480, "no answer"),
        (487, 480, "no answer"),
        (499, 500, "failed"),
        (503, 500, "unreachable"),
        (504, 504, "unreachable"),
        (599, 500, "failed"),
        (600, 600, "busy"),
        (603, 603, "declined"),
        (604, 604, "unknown"),
        (699, 600, "busy"),
    ],
)
def test_what_the_caller_and_the_history_are_told(status: int, answer: int, word: str) -> None:
    assert (of(status).status, of(status).word) == (answer, word)


@pytest.mark.parametrize(("header", "status"), [("Replaces", 481), ("Require", 420)])
def test_what_was_wrong_with_headers_that_somebody_asked_for_is_told(header: str, status: int) -> None:
    error, asked = CallRefused(status, "As They Say"), [("Referred-By", "<sip:a@b>"), (header, "x")]
    told = outcome_of(error, wished=asked)
    assert (told.status, told.reason, told.word, told.step) == (status, "As They Say", "unknown", Step.TRY_NEXT)
    assert outcome_of(error, wished=asked[:1]).status == outcome_of(error).status == 500
    assert outcome_of(CallRefused(901 - status), wished=asked).status == 500, "that is about another one"


def test_what_is_no_status() -> None:
    told = [(outcome.status, outcome.word) for outcome in map(outcome_of, NO_STATUS)]
    assert told == [
        (500, "unreachable"),
        (408, "unreachable"),
        (480, "no answer"),
        (503, "failed"),
        (502, "failed"),
        (488, "no common codec"),
        (500, "failed"),
    ]
    assert outcome_of(SipTimeout(), rang=True).word == "no answer"
    assert (refused(404, "no trunk").outcome.word, outcome_of(refused(404, "no trunk")).word) == ("no trunk",) * 2


def test_the_words_of_the_callee_are_kept_where_its_status_is() -> None:
    assert of(486, "In a meeting").reason == "In a meeting"
    assert of(401, "Who are you").reason == "Server Internal Error"
    assert of(486).reason == "Busy Here"


@pytest.mark.parametrize(
    ("statuses", "chosen"),
    [
        ((486, 603), 603),  # 6xx first
        ((404, 302), 302),  # else the lowest class
        ((503, 486, 500), 486),
        ((404, 484), 484),  # of 4xx what says how to ask again
        ((401, 486), 401),
        ((480, 486), 486),  # a person before the want of one
        ((480, 404), 404),
        ((408, 480), 408),
        ((486, 404), 486),
        ((502, 503), 502),
    ],
)
def test_the_best_of_several(statuses: tuple[int, ...], chosen: int) -> None:
    outcomes = [of(status) for status in statuses]
    assert best(outcomes) == of(chosen)


def test_a_dead_telephone_never_outdoes_a_live_one() -> None:
    dead = [outcome_of(SipTimeout()), outcome_of(SipNetworkError())]
    for status in (*range(300, 500), *range(600, 700)):
        for order in itertools.permutations([*dead, of(status)]):
            assert best(order) == of(status), status
    assert best([]).word == "no answer"
