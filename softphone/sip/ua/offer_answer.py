"""Whose offer is open in a call (RFC 3264 section 4, RFC 3261 section 14, RFC 3311 section 5, RFC 6337), as a table.

There is one offer at a time. While one of ours is open the peer's is answered with 491, while one of the peer's is
undecided with 500; we send none until everything is settled, and no INVITE before the last one has its ACK.
"""

from enum import Enum, auto

__all__ = ["OfferAnswer", "OfferInput", "OfferState"]


class OfferState(Enum):
    """What is open."""

    STABLE = auto()
    """Nothing: both sides know the same session."""
    OFFERING = auto()
    """A request of ours with an offer has no final response yet."""
    ASKED = auto()
    """An INVITE of the peer, or an UPDATE with an offer, has no final response yet."""
    OFFERED = auto()
    """A 2xx of ours holds our offer; the answer comes in its ACK."""
    ANSWERED = auto()
    """A 2xx of ours holds our answer, and waits for its ACK."""


class OfferInput(Enum):
    """What can happen to it."""

    OFFER = auto()
    """We send a request with an offer."""
    DONE = auto()
    """It has its final response, or will have none."""
    ASK = auto()
    """The peer sends an INVITE, or an UPDATE with an offer."""
    REFUSE = auto()
    """We refuse it, or answer the offer of an UPDATE: no ACK will follow."""
    ANSWER = auto()
    """We answer its INVITE with a 2xx that holds our answer."""
    OFFER_BACK = auto()
    """We answer its INVITE, which held no offer, with a 2xx that holds ours."""
    ACK = auto()
    """The ACK for the last 2xx came."""


S, I = OfferState, OfferInput  # noqa: E741

# What is not listed does not happen or changes nothing, as the ACK of a 2xx before the last.
_TABLE: dict[tuple[OfferState, OfferInput], OfferState] = {
    (S.STABLE, I.OFFER): S.OFFERING,
    (S.STABLE, I.ASK): S.ASKED,
    (S.OFFERING, I.DONE): S.STABLE,
    (S.ASKED, I.REFUSE): S.STABLE,
    (S.ASKED, I.ANSWER): S.ANSWERED,
    (S.ASKED, I.OFFER_BACK): S.OFFERED,
    (S.OFFERED, I.ACK): S.STABLE,
    (S.ANSWERED, I.ACK): S.STABLE,
    # Who asks anew has our 2xx: only its ACK is late, or lost.
    (S.ANSWERED, I.ASK): S.ASKED,
}

# RFC 3261 section 14.2, RFC 3311 section 5.2.
_REFUSALS = {S.OFFERING: 491, S.OFFERED: 491, S.ASKED: 500}


class OfferAnswer:
    """The offers of one call.

    Parameters
    ----------
    state
        At the beginning: ASKED for a call that comes in, STABLE for one that a 2xx to our INVITE began.
    """

    def __init__(self, state: OfferState = OfferState.STABLE) -> None:
        self.state = state

    @property
    def is_stable(self) -> bool:
        """Whether we may offer."""
        return self.state is OfferState.STABLE

    @property
    def refusal(self) -> int | None:
        """With what an INVITE or offer of the peer is refused now; None: it is not."""
        return _REFUSALS.get(self.state)

    def step(self, what: OfferInput) -> None:
        """Take what happened."""
        self.state = _TABLE.get((self.state, what), self.state)
