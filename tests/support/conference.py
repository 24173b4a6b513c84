"""Conferences for tests of the rules: one line makes a room with people in it."""

from typing import Any

from mixer.rules.effects import Effect, Say, UnknownKeys
from mixer.rules.events import InviteAnswered, Join, Keys
from mixer.rules.roles import PartyKind, Role
from mixer.rules.room_events import Dial
from mixer.rules.session import Conference
from mixer.rules.settings import Settings


def role_of(name: str) -> Role:
    """The role that a name stands for in these tests: 'host...' is a moderator, '...-l' a listener."""
    if name.startswith("host"):
        return Role.MODERATOR
    return Role.LISTENER if name.endswith("-l") else Role.PARTICIPANT


def room(*members: str, now: float = 0.0, **settings: Any) -> Conference:
    """A conference with `members` in it, who came in this order."""
    conference = Conference(Settings(**{"record_notice": False, **settings}), now)
    for name in members:
        conference.handle(Join(name, role_of(name)), now)
    return conference


def press(conference: Conference, party: str, keys: str, now: float = 1.0) -> list[Effect]:
    """What follows when a party types `keys` at one time."""
    return [effect for key in keys for effect in conference.handle(Keys(party, key), now)]


def no_keys(party: str, keys: str) -> list[Effect]:
    """What follows in a silent room when a party typed what means nothing."""
    return [UnknownKeys(party, keys), Say(party, ("beeperr",))]


def invite(conference: Conference, by: str = "host", **answer: PartyKind) -> None:
    """Let `by` invite 102, who answers as "guest"."""
    conference.handle(Dial("102", by), 1.0)
    conference.handle(InviteAnswered(1, "guest", **answer), 2.0)
