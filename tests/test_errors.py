import pytest

from softphone.errors import CallRefused
from softphone.focus.entrance.refusals import refusal_of
from softphone.focus.room.admission import REFUSALS, NotAdmitted
from softphone.phrases import PHRASES


@pytest.mark.parametrize("status", sorted(status for status in PHRASES if status >= 300))
def test_a_refusal_has_the_standard_phrase_of_its_status(status: int) -> None:
    refused = CallRefused(status)
    assert refused.reason == PHRASES[status]
    assert str(refused) == f"{status} {PHRASES[status]}"


def test_a_refusal_may_have_words_of_its_own() -> None:
    assert str(CallRefused(403, "Conference Locked")) == "403 Conference Locked"
    assert CallRefused(499).reason == "Unknown"


def test_whoever_is_not_admitted_reads_why() -> None:
    assert NotAdmitted("locked").reason == "Conference Locked"
    assert {NotAdmitted(why).reason for why in REFUSALS} > {"Forbidden", "Busy Here", "Gone"}


def test_the_answer_to_a_call_has_the_header_fields_of_its_refusal() -> None:
    refused = CallRefused(302, contacts=["sip:101@192.0.2.1"], headers=[("Retry-After", "5")])
    answer = refusal_of(refused)
    assert answer is not None
    assert (answer.status, answer.reason) == (302, "Moved Temporarily")
    assert answer.headers == (("Retry-After", "5"), ("Contact", "<sip:101@192.0.2.1>"))
