"""Commands to a room as a whole: part of what `mixer.rules.events` lists."""

from dataclasses import dataclass

from mixer.rules.roles import RecordingState, Role
from mixer.rules.settings import Settings

__all__ = [
    "Dial",
    "EndGroups",
    "Lock",
    "MuteAll",
    "NewSettings",
    "OpenGroups",
    "SetAllowed",
    "SetNotices",
    "SetRecording",
    "Unban",
]


@dataclass(frozen=True)
class Dial:
    """Invite a number, as ``*8`` does.

    Parameters
    ----------
    number
        Whom: an extension or a number outside.
    by
        The party that invites, who hears what becomes of it; empty: nobody in the room.
    role
        Of the invited.
    hidden
        Whether whoever answers is a hidden listener, as in `Join`; it is not asked to press 1.
    confirm
        Whether whoever answers is asked to press 1: answering machines do not.
    """

    number: str
    by: str = ""
    role: Role = Role.PARTICIPANT
    confirm: bool = True
    hidden: bool = False


@dataclass(frozen=True)
class Unban:
    """Take an identity back."""

    identity: str


@dataclass(frozen=True)
class MuteAll:
    """Do what ``*91`` (on) and ``*90`` (off) do."""

    on: bool


@dataclass(frozen=True)
class Lock:
    """Let nobody more in, a moderator neither but by `Settings.hosts_pass_lock`; or again everybody."""

    on: bool


@dataclass(frozen=True)
class SetNotices:
    """Do what ``*95`` (on) and ``*94`` (off) do: say who comes and leaves."""

    on: bool


@dataclass(frozen=True)
class SetRecording:
    """Start (from off), pause, resume (from paused) or stop the recording; also told when it stopped by itself."""

    state: RecordingState


@dataclass(frozen=True)
class NewSettings:
    """The settings of the conference were changed; they are in force at once.

    They send nobody away but who has been here longer than `Settings.party_limit_s`. A new `Settings.silence_limit_s`
    is counted from now.
    """

    settings: Settings


@dataclass(frozen=True)
class SetAllowed:
    """Let in only who is on a list, moderators and whom somebody calls in besides; None: again everybody."""

    identities: frozenset[str] | None


@dataclass(frozen=True)
class OpenGroups:
    """Open breakout groups, numbered from 1.

    Parameters
    ----------
    names
        Of the groups, at least one; a name may be empty.
    parties
        Who goes into which; None: all in the room but the moderators, dealt out evenly in the order they came.
    ends_in_s
        After this all return; 0: when somebody ends them.
    may_return
        Whether who is in a group may return by itself.
    """

    names: tuple[str, ...]
    parties: tuple[tuple[str, ...], ...] | None = None
    ends_in_s: float = 0.0
    may_return: bool = True


@dataclass(frozen=True)
class EndGroups:
    """Let all return to the main room, after so many seconds."""

    in_s: float = 0.0
