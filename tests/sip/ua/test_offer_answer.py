"""Whose offer is open: every state with every input, and the rules of RFC 3261 section 14 in the table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.sip.ua.offer_answer import OfferAnswer, OfferInput, OfferState

STABLE, OFFERING, ASKED, OFFERED, ANSWERED = OfferState
OFFER, DONE, ASK, REFUSE, ANSWER, OFFER_BACK, ACK = OfferInput

MOVES = {
    (STABLE, OFFER): OFFERING,
    (STABLE, ASK): ASKED,
    (OFFERING, DONE): STABLE,
    (ASKED, REFUSE): STABLE,
    (ASKED, ANSWER): ANSWERED,
    (ASKED, OFFER_BACK): OFFERED,
    (OFFERED, ACK): STABLE,
    (ANSWERED, ACK): STABLE,
    (ANSWERED, ASK): ASKED,
}


@pytest.mark.parametrize("state", OfferState)
@pytest.mark.parametrize("what", OfferInput)
def test_every_state_with_every_input(state: OfferState, what: OfferInput) -> None:
    table = OfferAnswer(state)
    table.step(what)
    assert table.state is MOVES.get((state, what), state)


def test_what_an_offer_of_the_peer_meets() -> None:
    met = {state: OfferAnswer(state).refusal for state in OfferState}
    assert met == {STABLE: None, OFFERING: 491, ASKED: 500, OFFERED: 491, ANSWERED: None}


def test_we_offer_only_when_nothing_is_open() -> None:
    assert [state for state in OfferState if OfferAnswer(state).is_stable] == [STABLE]


@given(st.sampled_from(OfferState), st.lists(st.sampled_from(OfferInput), max_size=30))
def test_nobody_is_locked_out_for_ever(begun: OfferState, inputs: list[OfferInput]) -> None:
    """Whatever happened, what ends each step leads back to where both sides may offer."""
    table = OfferAnswer(begun)
    for each in inputs:
        table.step(each)
    for each in (REFUSE, DONE, ACK):
        table.step(each)
    assert table.is_stable and table.refusal is None
