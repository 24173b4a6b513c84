"""Offer/answer state, as tables: which message may carry an offer or answer (RFC 3264 section 4, RFC 6337).

A state is two: whose INVITE is under way (RFC 3261 section 14), and whose offer is open (RFC 3262 section 5, RFC 3311
section 5). There is one offer at a time. It goes in an INVITE, in an UPDATE or PRACK, or, where an INVITE has none, in
the first reliable response to it: a 1xx or the 2xx. Its answer goes in the first reliable response to that request, or
in the PRACK or ACK for that response. A description in a 1xx that is not reliable is an announcement of the answer.
"""

from enum import Enum, auto

__all__ = ["InviteTurn", "OfferAnswer", "OfferInput", "OfferState"]


class InviteTurn(Enum):
    """Whose INVITE is under way."""

    NONE = auto()
    OURS = auto()
    """One of ours has no final response yet."""
    THEIRS = auto()
    """One of the peer has none."""
    ACCEPTED = auto()
    """Our 2xx to one of the peer waits for its ACK."""


class OfferState(Enum):
    """Whose offer is open."""

    AGREED = auto()
    """Nobody's: both sides know the same session."""
    DUE = auto()
    """An INVITE of the peer holds none: ours comes in our first reliable response."""
    ASKED = auto()
    """That of an INVITE of the peer."""
    UPDATED = auto()
    """That of an UPDATE or PRACK of the peer."""
    OURS = auto()
    """One of ours: in an INVITE, in a reliable 1xx, or in a 2xx."""
    UNCONFIRMED = auto()
    """Nobody's, but the reliable 1xx with our answer has no PRACK yet."""


class OfferInput(Enum):
    """What can happen."""

    INVITE = auto()
    """We send an INVITE with an offer."""
    DONE = auto()
    """It has its final response, or will have none."""
    ASK = auto()
    """The peer sends an INVITE with an offer."""
    ASK_LATE = auto()
    """The peer sends an INVITE without one."""
    PROGRESS = auto()
    """A reliable 1xx of ours holds what the INVITE asks for: our answer, or our offer."""
    PRACK = auto()
    """Its PRACK came, with the answer if the 1xx held our offer."""
    ACCEPT = auto()
    """We answer its INVITE with a 2xx, which holds what no reliable 1xx held."""
    ACK = auto()
    """The ACK for the last 2xx came, with the answer if the 2xx held our offer."""
    REFUSE = auto()
    """We refuse its INVITE."""
    UPDATE = auto()
    """The peer sends an UPDATE or PRACK with an offer."""
    DECIDE = auto()
    """We answer that, or refuse it: what was agreed on before stays."""
    ANSWER = auto()
    """A reliable 1xx to our INVITE holds the answer."""


T, S, I = InviteTurn, OfferState, OfferInput  # noqa: E741

# What is not listed changes nothing, as the ACK of a 2xx before the last.
_TURNS: dict[tuple[InviteTurn, OfferInput], InviteTurn] = {
    (T.NONE, I.INVITE): T.OURS,
    (T.OURS, I.DONE): T.NONE,
    (T.NONE, I.ASK): T.THEIRS,
    (T.NONE, I.ASK_LATE): T.THEIRS,
    (T.THEIRS, I.ACCEPT): T.ACCEPTED,
    (T.THEIRS, I.REFUSE): T.NONE,
    (T.ACCEPTED, I.ACK): T.NONE,
    # Who asks anew has our 2xx: only its ACK is late, or lost.
    (T.ACCEPTED, I.ASK): T.THEIRS,
    (T.ACCEPTED, I.ASK_LATE): T.THEIRS,
}
_OFFERS: dict[tuple[OfferState, OfferInput], OfferState] = {
    (S.AGREED, I.INVITE): S.OURS,
    (S.OURS, I.ANSWER): S.AGREED,
    (S.OURS, I.DONE): S.AGREED,
    (S.AGREED, I.ASK): S.ASKED,
    (S.ASKED, I.PROGRESS): S.UNCONFIRMED,
    (S.ASKED, I.ACCEPT): S.AGREED,
    (S.ASKED, I.REFUSE): S.AGREED,
    (S.AGREED, I.ASK_LATE): S.DUE,
    (S.DUE, I.PROGRESS): S.OURS,
    (S.DUE, I.ACCEPT): S.OURS,
    (S.DUE, I.REFUSE): S.AGREED,
    (S.OURS, I.PRACK): S.AGREED,
    (S.OURS, I.ACK): S.AGREED,
    (S.OURS, I.REFUSE): S.AGREED,
    (S.UNCONFIRMED, I.PRACK): S.AGREED,
    (S.UNCONFIRMED, I.REFUSE): S.AGREED,
    (S.AGREED, I.UPDATE): S.UPDATED,
    # Who offers anew has our answer: only its PRACK is late.
    (S.UNCONFIRMED, I.UPDATE): S.UPDATED,
    (S.UPDATED, I.DECIDE): S.AGREED,
}

# With what the peer's INVITE is refused (RFC 3261 section 14.2), and its offer (RFC 3311 section 5.2): 491 while we are
# the one who asks, 500 with Retry-After while we are the one who is asked.
_TURN_REFUSALS = {T.OURS: 491, T.THEIRS: 500}
_OFFER_REFUSALS = {S.OURS: 491, S.DUE: 500, S.ASKED: 500, S.UPDATED: 500}

# When our next reliable response to an INVITE holds a description (RFC 3261 section 13.3.1, RFC 3262 section 5).
_UNANSWERED = (S.DUE, S.ASKED)
# When a 2xx to an INVITE may be sent (RFC 3262 section 3): not before the PRACK for a 1xx with a description.
_ACCEPTABLE = (S.DUE, S.ASKED, S.AGREED)


class OfferAnswer:
    """The offers of one dialog; as :meth:`called`, :meth:`calling` or, made plainly, of one that stands."""

    def __init__(self, turn: InviteTurn = InviteTurn.NONE, offer: OfferState = OfferState.AGREED) -> None:
        self.turn = turn
        self.offer = offer

    @classmethod
    def called(cls, *, offered: bool) -> "OfferAnswer":
        """Begin with an INVITE of the peer; `offered`: it holds an offer."""
        return cls(InviteTurn.THEIRS, OfferState.ASKED if offered else OfferState.DUE)

    @classmethod
    def calling(cls) -> "OfferAnswer":
        """Begin with an INVITE of ours."""
        return cls(InviteTurn.OURS, OfferState.OURS)

    @property
    def is_stable(self) -> bool:
        """Whether we may send an INVITE with an offer."""
        return self.turn is InviteTurn.NONE and self.offer is OfferState.AGREED

    @property
    def is_acceptable(self) -> bool:
        """Whether a 2xx to the peer's INVITE may be sent."""
        return self.offer in _ACCEPTABLE

    @property
    def wants_ours(self) -> bool:
        """Whether our offer is due."""
        return self.offer is OfferState.DUE

    @property
    def wants_description(self) -> bool:
        """Whether our next reliable response to the peer's INVITE is to hold our offer or answer."""
        return self.offer in _UNANSWERED

    @property
    def awaits_answer(self) -> bool:
        """Whether an offer of ours is open."""
        return self.offer is OfferState.OURS

    def refusal(self, *, invite: bool) -> int | None:
        """With what an INVITE of the peer, or an offer in another request, is refused now; None: it is not."""
        turn = _TURN_REFUSALS.get(self.turn) if invite else None
        return turn or _OFFER_REFUSALS.get(self.offer)

    def step(self, what: OfferInput) -> None:
        """Take what happened."""
        self.turn = _TURNS.get((self.turn, what), self.turn)
        self.offer = _OFFERS.get((self.offer, what), self.offer)
