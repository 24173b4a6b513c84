"""Roles, kinds and places of a party of a conference; states of its recorder."""

from enum import StrEnum

__all__ = [
    "PartyKind",
    "Place",
    "RecordingState",
    "Role",
    "Selector",
]


class Role(StrEnum):
    """What a party may do; together with its `PartyKind` it names its menu (`mixer.rules.keypad.Menu.of`)."""

    MODERATOR = "moderator"
    PARTICIPANT = "participant"
    LISTENER = "listener"


class PartyKind(StrEnum):
    """Where a party is from."""

    INSIDE = "inside"
    "An extension of the account."
    TOKEN = "token"
    "Somebody else who holds the token of a ``conf_`` room."
    OUTSIDE = "outside"
    "Anybody else: a number that called in or was invited."


class Place(StrEnum):
    """How far in a party is. Only who has joined hears the room and is heard in it."""

    INVITED = "invited"
    "It was rung, has answered, and is asked to press 1."
    LOBBY = "lobby"
    "Until a moderator admits it."
    WAITING = "waiting"
    "For the host."
    JOINED = "joined"
    HELD = "held"
    "In the room, but neither hearing nor heard; with music."


class RecordingState(StrEnum):
    """What the recorder of the room does."""

    OFF = "off"
    RUNNING = "running"
    PAUSED = "paused"


class Selector(StrEnum):
    """Which of the parties that are there are meant, where a command is for more than one."""

    ALL = "all"
    OTHERS = "others"
    "All but the moderators, and but who commands."
    LAST = "last"
    "Who came last of those in the room; of those in the lobby, where the command is about them."
    MODERATOR = "moderator"
    PARTICIPANT = "participant"
    LISTENER = "listener"
