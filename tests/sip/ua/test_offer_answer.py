"""Who may offer: every state with every input, and the rules of RFC 6337 in the table."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.sip.ua.offer_answer import InviteTurn, OfferAnswer, OfferInput, OfferState

NONE, MINE, THEIRS, ACCEPTED = InviteTurn
AGREED, DUE, ASKED, UPDATED, OURS, UNCONFIRMED = OfferState
INVITE, DONE, ASK, ASK_LATE, PROGRESS, PRACK, ACCEPT, ACK, REFUSE, UPDATE, DECIDE, ANSWER = OfferInput

TURNS = {
    INVITE: {NONE: MINE},
    DONE: {MINE: NONE},
    ASK: {NONE: THEIRS, ACCEPTED: THEIRS},
    ASK_LATE: {NONE: THEIRS, ACCEPTED: THEIRS},
    ACCEPT: {THEIRS: ACCEPTED},
    ACK: {ACCEPTED: NONE},
    REFUSE: {THEIRS: NONE},
}
OFFERS = {
    INVITE: {AGREED: OURS},
    DONE: {OURS: AGREED},
    ANSWER: {OURS: AGREED},
    ASK: {AGREED: ASKED},
    ASK_LATE: {AGREED: DUE},
    PROGRESS: {ASKED: UNCONFIRMED, DUE: OURS},
    PRACK: {UNCONFIRMED: AGREED, OURS: AGREED},
    ACCEPT: {ASKED: AGREED, DUE: OURS},
    ACK: {OURS: AGREED},
    REFUSE: {ASKED: AGREED, DUE: AGREED, OURS: AGREED, UNCONFIRMED: AGREED},
    UPDATE: {AGREED: UPDATED, UNCONFIRMED: UPDATED},
    DECIDE: {UPDATED: AGREED},
}
STATES = list(itertools.product(InviteTurn, OfferState))


@pytest.mark.parametrize("what", OfferInput)
def test_every_state_with_every_input(what: OfferInput) -> None:
    for turn, offer in STATES:
        table = OfferAnswer(turn, offer)
        table.step(what)
        assert table.turn is TURNS.get(what, {}).get(turn, turn)
        assert table.offer is OFFERS.get(what, {}).get(offer, offer)


def test_what_an_offer_of_the_peer_meets() -> None:
    met = {offer: OfferAnswer(offer=offer).refusal(invite=False) for offer in OfferState}
    assert met == {AGREED: None, DUE: 500, ASKED: 500, UPDATED: 500, OURS: 491, UNCONFIRMED: None}


def test_what_an_invite_of_the_peer_meets() -> None:
    met = {turn: OfferAnswer(turn).refusal(invite=True) for turn in InviteTurn}
    assert met == {NONE: None, MINE: 491, THEIRS: 500, ACCEPTED: None}
    for turn, offer in STATES:
        if met[turn] is None:
            table = OfferAnswer(turn, offer)
            assert table.refusal(invite=True) == table.refusal(invite=False)


def test_we_offer_only_when_nothing_is_open() -> None:
    assert [state for state in STATES if OfferAnswer(*state).is_stable] == [(NONE, AGREED)]


def test_a_2xx_does_not_overtake_what_has_been_said_reliably() -> None:
    acceptable = [offer for offer in OfferState if OfferAnswer(THEIRS, offer).is_acceptable]
    assert acceptable == [AGREED, DUE, ASKED]
    described = [offer for offer in OfferState if OfferAnswer(THEIRS, offer).wants_description]
    assert described == [DUE, ASKED]


def test_the_six_ways_of_rfc_6337() -> None:
    """Table 1 there: which message the offer is in, and which one the answer."""
    ways = (
        (OfferAnswer.calling(), [DONE]),
        (OfferAnswer.called(offered=True), [ACCEPT, ACK]),
        (OfferAnswer.called(offered=False), [ACCEPT, ACK]),
        (OfferAnswer.calling(), [ANSWER, DONE]),
        (OfferAnswer.called(offered=True), [PROGRESS, PRACK, ACCEPT, ACK]),
        (OfferAnswer.called(offered=False), [PROGRESS, PRACK, ACCEPT, ACK]),
        (OfferAnswer.called(offered=True), [PROGRESS, PRACK, UPDATE, DECIDE, ACCEPT, ACK]),
        (OfferAnswer.called(offered=True), [PROGRESS, UPDATE, PRACK, DECIDE, ACCEPT, ACK]),
        (OfferAnswer.calling(), [ANSWER, UPDATE, DECIDE, DONE]),
    )
    for table, inputs in ways:
        for each in inputs:
            assert not table.is_stable
            table.step(each)
        assert table.is_stable


@given(st.sampled_from(STATES), st.lists(st.sampled_from(OfferInput), max_size=30))
def test_nobody_is_locked_out_for_ever(begun: tuple[InviteTurn, OfferState], inputs: list[OfferInput]) -> None:
    """Whatever happened, what ends each step leads back to where both sides may offer."""
    table = OfferAnswer(*begun)
    for each in inputs:
        table.step(each)
    for each in (REFUSE, DONE, ACK, PRACK, DECIDE):
        table.step(each)
    assert table.is_stable and table.refusal(invite=True) is None


@given(st.lists(st.sampled_from(OfferInput), max_size=30))
def test_there_is_one_offer_at_a_time(inputs: list[OfferInput]) -> None:
    """Whoever keeps to the refusals and to what is acceptable never has two open."""
    table = OfferAnswer()
    for each in inputs:
        asks = each in (ASK, ASK_LATE, UPDATE) and table.refusal(invite=each is not UPDATE) is not None
        if asks or (each is INVITE and not table.is_stable) or (each is ACCEPT and not table.is_acceptable):
            continue
        table.step(each)
        if table.offer in (ASKED, DUE, UNCONFIRMED):
            assert table.turn is THEIRS
