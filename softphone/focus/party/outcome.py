"""Outcome of a called leg: one table from what a callee said, or did not say, to what follows from it.

====================  =========================================  ==================  ==========================
what came             next step                                  caller's answer     word (API, events, history)
====================  =========================================  ==================  ==========================
300, 301, 302         follow the Contacts, within limits         the same, Contacts  moved
other 3xx             try the next target                        480                 moved
4xx, 5xx              try the next target                        see ``ROWS``        see ``ROWS``
6xx                   cancel all other targets                   see ``ROWS``        see ``ROWS``
nothing at all        try the next target                        408                 unreachable
cannot be sent        try the next target                        500 (503 is one)    unreachable
ringing for too long  try the next target                        480                 no answer
cancelled by us       give up                                    487                 cancelled
====================  =========================================  ==================  ==========================

Several targets: :func:`best` chooses as a proxy does (RFC 3261 section 16.7, step 6). What concerns our own INVITE, and
not the caller's (a challenge, a missing extension), is not passed on: the caller's telephone would act on it. Where
somebody else has asked for headers of that INVITE, by a REFER, it is told what was wrong with these (``WISHED``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from softphone.errors import (
    CallEnded,
    CallRefused,
    MediaError,
    NoCommonCodec,
    SdpError,
    SipNetworkError,
    SipTimeout,
    SoftphoneError,
)
from softphone.phrases import PHRASES
from softphone.sip.message.message import Headers

__all__ = [
    "CANCELLED",
    "DROPPED",
    "FAILED",
    "RANG_OUT",
    "WORDS",
    "NotReached",
    "Outcome",
    "Step",
    "best",
    "outcome_of",
    "refused",
]


class Step(Enum):
    """What is done next."""

    TRY_NEXT = "try the next target"
    FOLLOW = "ask at the Contacts of a redirection"
    CANCEL_ALL = "the callee has decided: no other target is wanted"
    GIVE_UP = "nobody wants an answer any more"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a called leg, or of all of a number."""

    status: int
    "The caller's SIP answer."
    reason: str
    "Its reason phrase."
    word: str
    "One of ``WORDS``."
    step: Step = Step.TRY_NEXT
    targets: tuple[str, ...] = ()
    "Where a redirection says to ask instead: Contacts, the preferred first."
    rank: tuple[int, int] = (9, 0)
    "Order of choice among several: the lowest wins."
    on_the_way: bool = False
    "Whether it says something of the way alone: another one to the same telephone may do."
    flow_failed: bool = False
    "Whether the telephone was not even asked: another of its flows is to be taken (RFC 5626 section 5.3)."


class NotReached(CallRefused):
    """Nobody answered a call of ours, or we did not even place it.

    Parameters
    ----------
    outcome
        What the caller is told, and the API and the history.
    """

    final = False
    "Whether it goes nowhere else, whatever the called has set."

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.status, outcome.reason, contacts=outcome.targets)
        self.outcome = outcome


def refused(status: int, word: str) -> NotReached:
    """Make our own refusal to place a call; `word` is one of ``WORDS``."""
    return NotReached(Outcome(status, PHRASES[status], word, rank=_rank(status), on_the_way=status in ON_THE_WAY))


# Status of the callee: (the caller's answer, word). An unknown status is as the x00 of its class (RFC 3261 section
# 8.1.3.2). Answers of 500 stand for complaints about our INVITE: the caller's is another one.
ROWS: Mapping[int, tuple[int, str]] = {
    300: (300, "moved"),
    301: (301, "moved"),
    302: (302, "moved"),
    305: (480, "moved"),
    380: (480, "moved"),
    400: (500, "failed"),
    401: (500, "unauthorized"),
    402: (403, "forbidden"),
    403: (403, "forbidden"),
    404: (404, "unknown"),
    406: (488, "no common codec"),
    407: (500, "unauthorized"),
    408: (480, "no answer"),
    410: (410, "unknown"),
    415: (488, "no common codec"),
    416: (404, "unknown"),
    430: (480, "unreachable"),
    433: (433, "forbidden"),
    480: (480, "no answer"),
    482: (482, "loop"),
    483: (483, "loop"),
    484: (484, "unknown"),
    485: (485, "unknown"),
    486: (486, "busy"),
    487: (480, "no answer"),
    488: (488, "no common codec"),
    500: (500, "failed"),
    502: (502, "unreachable"),
    503: (500, "unreachable"),
    504: (504, "unreachable"),
    600: (600, "busy"),
    603: (603, "declined"),
    604: (604, "unknown"),
    606: (606, "no common codec"),
    607: (607, "declined"),
    608: (608, "declined"),
}

# Redirections that are not followed: through a proxy of the callee's choice, and to another service.
ELSEWHERE = (305, 380)

# What a proxy or a gateway says for want of somebody behind it.
ON_THE_WAY = (408, 500, 502, 503, 504)

# What a proxy says whose connection to the telephone is gone (RFC 5626 section 11.5).
FLOW_FAILED = 430

OURS = (
    "not registered",
    "no trunk",
    "not allowed",
    "too many calls",
    "do not disturb",
    "forwarded",
    "cancelled",
    "dropped",
)

WORDS = frozenset(word for _, word in ROWS.values()) | frozenset(OURS)
"""All words there are: the API and the history promise them."""

# RFC 3261 section 16.7 step 6: answers that say how to ask again go before others of their class; after them those of
# a person, and last what a telephone says for want of one.
INFORMATIVE = (401, 407, 415, 420, 484)
PERSONAL = (486,)
ABSENT = (408, 480, 487)

CANCELLED = Outcome(487, PHRASES[487], "cancelled", Step.GIVE_UP, rank=(0, 0))
DROPPED = replace(CANCELLED, word="dropped")
FAILED = Outcome(500, PHRASES[500], "failed", rank=(5, 2))
RANG_OUT = Outcome(480, PHRASES[480], "no answer", rank=(4, 3))
SILENT = Outcome(408, PHRASES[408], "unreachable", rank=(4, 4), on_the_way=True, flow_failed=True)


# Headers that a REFER may ask for, and the answer that is about each: there is no such call to be replaced (RFC 3891
# section 3), or the telephone does not know the extension.
WISHED: Mapping[str, int] = {"Replaces": 481, "Require": 420}


def outcome_of(error: SoftphoneError, *, rang: bool = False, wished: Headers = ()) -> Outcome:
    """Look up what follows from how a called leg failed.

    Parameters
    ----------
    error
        What calling it raised.
    rang
        Whether it had shown a sign of life before: silence afterwards is no answer, and else nobody was reached.
    wished
        Headers of the INVITE that somebody has asked for.
    """
    match error:
        case NotReached():
            return error.outcome
        case CallRefused() if any(WISHED.get(name) == error.status for name, _ in wished):
            return Outcome(error.status, error.reason or PHRASES[error.status], "unknown", rank=_rank(error.status))
        case CallRefused():
            return _of_status(error)
        case SipTimeout() if not rang:
            return SILENT
    return next((outcome for kind, outcome in NO_STATUS if isinstance(error, kind)), FAILED)


def _of_status(refused: CallRefused) -> Outcome:
    status = refused.status
    answer, word = ROWS.get(status) or ROWS[status // 100 * 100]
    step = _step(status)
    return Outcome(
        answer,
        (answer == status and refused.reason) or PHRASES[answer],
        word,
        step,
        refused.contacts if step is Step.FOLLOW else (),
        _rank(status),
        status in ON_THE_WAY,
        status == FLOW_FAILED,
    )


def _step(status: int) -> Step:
    if status >= 600:
        return Step.CANCEL_ALL
    return Step.FOLLOW if status < 400 and status not in ELSEWHERE else Step.TRY_NEXT


def _rank(status: int) -> tuple[int, int]:
    if status >= 600:
        return (0, 0)
    within = next((place for place, group in enumerate((INFORMATIVE, PERSONAL)) if status in group), 2)
    return (status // 100, 3 if status in ABSENT else within)


def best(outcomes: Sequence[Outcome]) -> Outcome:
    """Choose what the caller is told when no target answered; the earliest among equals (RFC 3261 section 16.7)."""
    return min(outcomes, key=lambda each: each.rank, default=RANG_OUT)


# What is no status: a network that does not take a request counts as 503 (RFC 3261 section 16.9).
NO_STATUS: Sequence[tuple[type[SoftphoneError], Outcome]] = (
    (SipTimeout, RANG_OUT),
    (CallEnded, RANG_OUT),
    (SipNetworkError, replace(_of_status(CallRefused(503)), flow_failed=True)),
    (NoCommonCodec, _of_status(CallRefused(488))),
    (SdpError, Outcome(502, PHRASES[502], "failed", rank=(5, 1))),
    (MediaError, Outcome(503, PHRASES[503], "failed", rank=(5, 1))),
)
