"""Conferences and parties as JSON."""

from collections.abc import Mapping
from typing import Any

from softphone.focus.quality import Quality
from softphone.focus.room.ruled import RuledRoom
from softphone.focus.session import Party

__all__ = ["conference_view", "farewell", "party_view"]

View = dict[str, Any]

REMOVED = ("removed", "You were removed from the conference")

# Why a party is gone, by what the rules say: the word and what it is told.
FAREWELLS: Mapping[str, tuple[str, str]] = {
    "bye": ("left", "You have left the conference"),
    "left": ("left", "You have left the conference"),
    "kicked": REMOVED,
    "banned": REMOVED,
    "dropped": REMOVED,
    "rejected": REMOVED,
    "removed": REMOVED,
    "time": ("time", "The time that a party may stay is over"),
    "no media": ("no_media", "Nothing was heard from you for too long"),
    "failed": ("failed", "The connection could not be made"),
    "hangup": ("failed", "The connection could not be kept"),
}
ENDED = ("ended", "The conference is over")


def farewell(reason: str) -> tuple[str, str]:
    """Say why a party is gone: a word for programs, and words for people."""
    return FAREWELLS.get(reason, ENDED)


def party_view(party: Party, *, by_http: bool, quality: Quality | None) -> View:
    """Show a party."""
    return {
        "id": party.id,
        "name": party.caller.name or party.address.number,
        "role": party.role.word if party.role else "participant",
        "stage": party.place.value,
        "muted": party.muted,
        "talking": party.talking,
        "held": party.stands_alone,
        "group": party.group,
        "echoing": party.echoing,
        "quality": quality,
        "via": "browser" if by_http else "phone",
    }


def conference_view(room: RuledRoom, title: str) -> View:
    """Show a conference."""
    session = room.session
    return {
        "title": title,
        "locked": session.locked,
        "muted": session.muted_all,
        "recording": room.recorder.running and not room.recorder.paused,
        "paused": room.recorder.paused,
    }
