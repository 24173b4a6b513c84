"""Call statuses in Restcomm's terms."""

from collections.abc import Mapping
from typing import Any

from softphone.focus.placed import PlacedCall, PlacedState
from softphone.store.values import CallRecord

__all__ = ["CANCELED", "NO_ANSWER", "STATUSES", "held_by", "status_of", "status_of_record"]

QUEUED, RINGING, IN_PROGRESS, COMPLETED = "queued", "ringing", "in-progress", "completed"
BUSY, FAILED, NO_ANSWER, CANCELED = "busy", "failed", "no-answer", "canceled"
STATUSES = (QUEUED, RINGING, IN_PROGRESS, COMPLETED, BUSY, FAILED, NO_ANSWER, CANCELED)

# By why a call is over that nobody has answered (`softphone.focus.party.outcome.WORDS`); for all else it has failed.
WORDS: Mapping[str, str] = {
    "busy": BUSY,
    "declined": BUSY,
    "do not disturb": BUSY,
    "no answer": NO_ANSWER,
    "not registered": NO_ANSWER,
    "unreachable": NO_ANSWER,
    "cancelled": CANCELED,
    "dropped": CANCELED,
    "requested": CANCELED,
}

STATES: Mapping[PlacedState, str] = {
    PlacedState.QUEUED: QUEUED,
    PlacedState.RINGING: RINGING,
    PlacedState.ANSWERED: IN_PROGRESS,
}


def status_of(call: PlacedCall) -> str:
    """Say how far a call is that the server has placed."""
    return STATES.get(call.state) or _in_the_end(call.answered is not None, call.reason)


def status_of_record(call: CallRecord) -> str:
    """Say how far a call of the history is."""
    if call.ended is None:
        return RINGING if call.answered is None else IN_PROGRESS
    return _in_the_end(call.answered is not None, call.reason or "")


def _in_the_end(answered: bool, reason: str) -> str:
    return COMPLETED if answered else WORDS.get(reason, FAILED)


def held_by(status: str) -> dict[str, Any] | None:
    """Say what holds of the calls of the history with a status, as `CallFilter` has it; None: none has it."""
    if status in (RINGING, IN_PROGRESS):
        return {"ended": False, "answered": status == IN_PROGRESS}
    if status == COMPLETED:
        return {"ended": True, "answered": True}
    if status == FAILED:
        return {"ended": True, "answered": False, "other_reasons": tuple(WORDS)}
    words = tuple(word for word, each in WORDS.items() if each == status)
    return {"ended": True, "answered": False, "reasons": words} if words else None
