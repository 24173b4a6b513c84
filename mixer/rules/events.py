"""Events: the values that go into `mixer.rules.session`, one at a time, with the time.

A party is named by whoever runs the conference, at its `Join` or `InviteAnswered`; an event about a name that is not
there has no effect. What comes out is in `mixer.rules.effects`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mixer.rules.roles import PartyKind, Role, Selector
from mixer.rules.room_events import (
    Dial,
    EndGroups,
    Lock,
    MuteAll,
    NewSettings,
    OpenGroups,
    SetAllowed,
    SetNotices,
    SetRecording,
    Unban,
)

__all__ = [
    "Admit",
    "CancelInvite",
    "Change",
    "End",
    "Event",
    "InviteAnswered",
    "InviteFailed",
    "Join",
    "Keys",
    "Kick",
    "Leave",
    "Park",
    "PeerHeld",
    "Reject",
    "Select",
    "SetDeaf",
    "SetGroup",
    "SetHeld",
    "SetLabels",
    "SetMuted",
    "SetRole",
    "SetVolume",
    "SetWhisper",
    "SpokeMuted",
    "Talking",
    "Time",
    "WaitAlone",
]


# Events: calls.


@dataclass(frozen=True)
class Join:
    """A call is ready to come in, its codes checked.

    Answered by `Admitted`, `Waits` or `Refused`; by nothing when the party is already there.

    Parameters
    ----------
    party
        Its name from now on.
    role, kind
        What it may do.
    identity
        What a ban is remembered by (a number, an extension, an address); empty: it cannot be banned.
    name
        The `Sound` id of its recorded name, for `Settings.announce_caller_name`; empty: it has none.
    muted, deaf, input_db, output_db, levelled
        As it was in the session that it comes from, if it was moved.
    brought
        Whether the host brings it in from a call: hosts do not count towards `Settings.max_members` then.
    invited
        Whether somebody in control has let it in: then it need not be on a list of `SetAllowed`.
    hidden
        Whether it only listens and nobody but administrators knows of it. It comes where others are, past the lobby and
        the wait for a host, and leaves with the last of them.
    labels
        What is written on it.
    """

    party: str
    role: Role = Role.PARTICIPANT
    kind: PartyKind = PartyKind.INSIDE
    identity: str = ""
    name: str = ""
    muted: bool = False
    deaf: bool = False
    input_db: float = 0.0
    output_db: float = 0.0
    levelled: bool = False
    brought: bool = False
    invited: bool = False
    hidden: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Leave:
    """A call is over, is to be sent away, or was moved to another room; `PartyLeft` repeats why."""

    party: str
    reason: str = "left"


@dataclass(frozen=True)
class Park:
    """A party of a call of two leaves it, and the other waits, with music or without, until somebody else comes."""

    party: str
    reason: str = "parked"
    music: bool = True


@dataclass(frozen=True)
class WaitAlone:
    """A party that is alone in a call of two waits with music until somebody comes."""

    party: str


@dataclass(frozen=True)
class Keys:
    """A key was pressed, one of ``0-9 * # A-D``."""

    party: str
    digit: str


@dataclass(frozen=True)
class Talking:
    """A party started or stopped talking; for `Settings.silence_limit_s` alone."""

    party: str
    on: bool


@dataclass(frozen=True)
class SpokeMuted:
    """A party has been talking, for a sentence, while its microphone is off."""

    party: str


@dataclass(frozen=True)
class PeerHeld:
    """A party's phone put the call on hold, or took it back."""

    party: str
    on: bool


@dataclass(frozen=True)
class InviteAnswered:
    """An invitation was answered; with `Dial.confirm` it joins by pressing 1, else at once.

    Answered by `Waits` or `Admitted`; by `Refused` when the invitation is gone or there is no room any more.

    Parameters
    ----------
    invitation
        Of the `Invite`.
    party
        Its name from now on.
    kind, identity, name
        As for `Join`.
    """

    invitation: int
    party: str
    kind: PartyKind = PartyKind.OUTSIDE
    identity: str = ""
    name: str = ""


@dataclass(frozen=True)
class InviteFailed:
    """An invitation came to nothing before it was answered: ``busy``, ``no answer``, ``failed`` and the like."""

    invitation: int
    reason: str = ""


@dataclass(frozen=True)
class CancelInvite:
    """Take an invitation back, whether it still rings or was answered."""

    invitation: int


# Events: somebody in control (the API, SIP) wants something. Keys do the same through the menus.


@dataclass(frozen=True)
class SetMuted:
    """Turn a microphone off or on; `own`: the party itself wants it, which the room may not leave to it."""

    party: str
    on: bool
    own: bool = False


@dataclass(frozen=True)
class SetDeaf:
    """Let a party in the room hear nothing, or again the room."""

    party: str
    on: bool


@dataclass(frozen=True)
class SetHeld:
    """Put a party that has joined on hold, muted and deaf and with music, or take it back."""

    party: str
    on: bool


@dataclass(frozen=True)
class SetVolume:
    """Make a party louder or softer; each in decibels, limited to `settings.VOLUME_DB`, None: as it is.

    Parameters
    ----------
    input_db
        What the others hear of it.
    output_db
        What it hears of the others.
    levelled
        Whether its voice is brought to one level, slowly.
    """

    party: str
    input_db: float | None = None
    output_db: float | None = None
    levelled: bool | None = None


@dataclass(frozen=True)
class SetRole:
    """Make a party a moderator, a participant, or a listener, who only listens."""

    party: str
    role: Role
    ends: bool = False
    "Whether the conference is over when it leaves."


@dataclass(frozen=True)
class SetLabels:
    """Write on a party what the rules do not care about; the labels that are not named stay, None takes one off."""

    party: str
    labels: Mapping[str, str | None]


@dataclass(frozen=True)
class SetGroup:
    """Send a party in the room into a breakout group, 0: back to the main room; `own`: the party itself wants it."""

    party: str
    group: int
    own: bool = False


@dataclass(frozen=True)
class SetWhisper:
    """Let a party be heard by some alone, or by nobody (an empty tuple), or again by the room (None)."""

    party: str
    to: tuple[str, ...] | None


@dataclass(frozen=True)
class Admit:
    """Let a party in from the lobby."""

    party: str


@dataclass(frozen=True)
class Reject:
    """Send a party away from the lobby."""

    party: str


@dataclass(frozen=True)
class Kick:
    """Send a party away, wherever it is; with `ban` its identity does not get in again."""

    party: str
    ban: bool = False


Change = SetMuted | SetDeaf | SetHeld | SetVolume | SetRole | SetLabels | SetGroup | Admit | Reject | Kick


@dataclass(frozen=True)
class Select:
    """Do the same to several parties: to those chosen for whom it means something where they are.

    Answered by `Selected`, and by whatever follows for each; one that is `Denied` keeps none of the others from it.

    Parameters
    ----------
    which
        Who is chosen.
    changes
        What is done to each, in this order; their own party is nobody's.
    by
        The party that commands; empty: nobody in the room.
    """

    which: Selector
    changes: tuple[Change, ...]
    by: str = ""


@dataclass(frozen=True)
class End:
    """End the conference; `Ended` repeats why."""

    reason: str = "requested"


@dataclass(frozen=True)
class Time:
    """Time has passed; the `deadline` of a conference, an entrance or a prompt queue tells when to say so."""


Event = (
    Join
    | Leave
    | Keys
    | Talking
    | SpokeMuted
    | PeerHeld
    | InviteAnswered
    | InviteFailed
    | CancelInvite
    | SetMuted
    | SetDeaf
    | SetHeld
    | SetVolume
    | SetRole
    | SetLabels
    | SetGroup
    | SetWhisper
    | Admit
    | Reject
    | Kick
    | Park
    | WaitAlone
    | Select
    | Unban
    | SetAllowed
    | Dial
    | MuteAll
    | Lock
    | SetNotices
    | SetRecording
    | NewSettings
    | OpenGroups
    | EndGroups
    | End
    | Time
)
