"""Effects of a conference on its room as a whole: part of what `mixer.rules.effects` lists."""

from dataclasses import dataclass

from mixer.rules.roles import RecordingState

__all__ = [
    "DropInvite",
    "GroupsChanged",
    "Invite",
    "LockChanged",
    "NoticesChanged",
    "RecordingChanged",
    "RestrictedChanged",
]


@dataclass(frozen=True)
class GroupsChanged:
    """Breakout groups were opened, end at another time, or are no more.

    Parameters
    ----------
    names
        Of the groups, number 1 first; empty: there are none.
    ends_in_s
        When all return; None: when somebody ends them.
    """

    names: tuple[str, ...]
    ends_in_s: float | None = None


@dataclass(frozen=True)
class LockChanged:
    """The room was locked or unlocked."""

    locked: bool


@dataclass(frozen=True)
class RestrictedChanged:
    """Only those on a list are let in from now on, or again everybody."""

    on: bool


@dataclass(frozen=True)
class NoticesChanged:
    """Entry notices went on or off."""

    on: bool


@dataclass(frozen=True)
class RecordingChanged:
    """Start, pause, resume or stop the recorder of the room."""

    state: RecordingState


@dataclass(frozen=True)
class Invite:
    """Ring a number; told back by `InviteAnswered` or `InviteFailed`, unless a `DropInvite` comes first.

    Parameters
    ----------
    invitation
        Its number in this conference.
    number
        Digits.
    by
        The party that invites; empty: somebody in control.
    hidden
        Whether it is to be a hidden listener.
    """

    invitation: int
    number: str
    by: str = ""
    hidden: bool = False


@dataclass(frozen=True)
class DropInvite:
    """Stop ringing."""

    invitation: int
