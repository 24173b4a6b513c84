"""Effects: the values that come out of `mixer.rules.session`, which the focus carries out.

They are carried out in order and without a second thought: whoever does so decides nothing about who may do what.
`PartyLeft` comes exactly once for each party that was `Admitted` or `Waits`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mixer.rules.roles import Place, Role
from mixer.rules.room_effects import (
    DropInvite,
    GroupsChanged,
    Invite,
    LockChanged,
    NoticesChanged,
    RecordingChanged,
    RestrictedChanged,
)

__all__ = [
    "Admitted",
    "DeafChanged",
    "Denied",
    "Effect",
    "Ended",
    "GroupChanged",
    "HeldChanged",
    "KeyPassed",
    "KeysTold",
    "LabelsChanged",
    "Music",
    "MuteChanged",
    "PartyLeft",
    "Prompt",
    "Refused",
    "RoleChanged",
    "Say",
    "Selected",
    "Sound",
    "TalksInVain",
    "UnknownKeys",
    "VoicesLevelled",
    "VolumeChanged",
    "Waits",
    "WhisperChanged",
]


@dataclass(frozen=True)
class Sound:
    """A sound that is not of the library: a name that a caller recorded, or one that was uploaded."""

    id: str


# What is said: the name of a prompt (as Asterisk's core sounds), a number to be spoken, or a sound.
Prompt = str | int | Sound


# Effects: who is where.


@dataclass(frozen=True)
class Admitted:
    """The party is in the room, with its microphone on or off; it hears, and is neither held nor whispering."""

    party: str
    muted: bool


@dataclass(frozen=True)
class Waits:
    """The party is there, but not in the room: it neither hears nor is heard, whatever else is said about it.

    Parameters
    ----------
    place
        `Place.INVITED`, `Place.LOBBY` or `Place.WAITING`.
    """

    party: str
    place: Place


@dataclass(frozen=True)
class Refused:
    """The party is not there: the room is ``full``, ``locked`` or has ``ended``, or it is ``banned`` or ``not_listed``.

    An invitation that was answered too late is ``cancelled``; a hidden listener has ``nobody_there`` to listen to.

    Parameters
    ----------
    say
        What a call that is already answered hears before it is hung up.
    """

    party: str
    reason: str
    say: tuple[Prompt, ...] = ()


@dataclass(frozen=True)
class PartyLeft:
    """The party is out: it left, is sent away, or the conference ends with it inside.

    Parameters
    ----------
    reason
        As in its `Leave`; or it is sent away: ``kicked``, ``banned``, ``rejected`` (in the lobby), ``dropped`` (by
        ``##``), ``unconfirmed`` (invited, but did not press 1), ``time`` (over `Settings.party_limit_s`), ``left`` (by
        a key); or, of invited parties who press 1 when there is no way in any more, as in `Refused`; or as in the
        `Ended` that follows.
    say
        What it hears before it is hung up; nothing when it has gone by itself.
    """

    party: str
    reason: str = "left"
    say: tuple[Prompt, ...] = ()


@dataclass(frozen=True)
class Ended:
    """The conference is over, all have left. Only refusals follow.

    Parameters
    ----------
    reason
        It was ``unclaimed``, ``empty``, its ``host_left``, there was long ``silence``, or as in the `End`.
    """

    reason: str


# Effects: what a party may do and hear.


@dataclass(frozen=True)
class MuteChanged:
    """The party's microphone went off (muted) or on."""

    party: str
    muted: bool


@dataclass(frozen=True)
class TalksInVain:
    """The party talks to a room that does not hear it, its microphone being off; told once in a while."""

    party: str


@dataclass(frozen=True)
class DeafChanged:
    """The party hears nothing of the room any more, or again."""

    party: str
    deaf: bool


@dataclass(frozen=True)
class HeldChanged:
    """The party is on hold: neither heard nor hearing, besides what mute and deaf say; or back."""

    party: str
    held: bool


@dataclass(frozen=True)
class VoicesLevelled:
    """All voices of the room are brought to one level, or are left as they are again."""

    on: bool


@dataclass(frozen=True)
class VolumeChanged:
    """The party's volumes, in decibels, 0 as it came; and whether its voice is brought to one level."""

    party: str
    input_db: float
    output_db: float
    levelled: bool = False


@dataclass(frozen=True)
class RoleChanged:
    """The party is now a moderator, a participant or a listener."""

    party: str
    role: Role


@dataclass(frozen=True)
class LabelsChanged:
    """What is written on the party now, all of it."""

    party: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class GroupChanged:
    """The party went into a breakout group, 0: back to the main room; it speaks to all who are there."""

    party: str
    group: int


@dataclass(frozen=True)
class WhisperChanged:
    """Who hears the party instead of the room (an empty tuple: nobody); None: the room."""

    party: str
    to: tuple[str, ...] | None


@dataclass(frozen=True)
class Selected:
    """The parties that a `Select` has chosen, in the order they came; what became of it follows."""

    parties: tuple[str, ...]


@dataclass(frozen=True)
class Denied:
    """What was asked is not done, and nothing has changed.

    Parameters
    ----------
    party
        Of whom it was asked; empty: of the room.
    reason
        ``not_allowed``: its microphone is not its own affair, or who is to be sent away is a moderator. ``listener``:
        its microphone is never on. ``not_inside``: it waits, and what it hears and who hears it is settled when it
        comes in. ``not_in_lobby``: it was let in, or sent to wait elsewhere. ``locked``: nobody gets in. ``full``:
        nobody more can be invited. ``no_invitation``: it has invited nobody. ``nobody_inside``: there is nobody to be
        recorded. ``not_recording``: there is no recording to pause or stop. ``hidden``: a hidden listener is nothing
        else. ``nobody_there``: there is nobody for one to listen to. ``no_conference``: a call has no such thing.
        ``too_many_labels``: more would be written on it than `attendance.MOST_LABELS`.
    """

    party: str
    reason: str


# Effects: what is heard.


@dataclass(frozen=True)
class Say:
    """Play prompts, one after the other.

    Parameters
    ----------
    to
        A party; None: everybody in the room.
    prompts
        What.
    notice
        Somebody came or left: when many do at once, the prompt queue may leave this out.
    recorded
        Whether it may be in the recording.
    group
        Of what is said to all: the breakout group that hears it alone, 0: the main room; None: everybody hears it.
    when_recording
        It says that the recording runs: to be said as soon as that is so, and not at all when it cannot be made.
    """

    to: str | None
    prompts: tuple[Prompt, ...]
    notice: bool = False
    recorded: bool = False
    when_recording: bool = False
    group: int | None = None


@dataclass(frozen=True)
class Music:
    """The party hears music, or no more; it ends by itself with `PartyLeft`. Never in the recording.

    Parameters
    ----------
    sound
        The id of a `Sound`; empty: the usual music.
    """

    party: str
    on: bool
    sound: str = ""


# Effects: keys.


@dataclass(frozen=True)
class UnknownKeys:
    """The party pressed keys that mean nothing for it; what it hears is a `Say` of its own."""

    party: str
    keys: str


@dataclass(frozen=True)
class KeyPassed:
    """A key that the other end of a call, or another party, pressed is sent to this party's telephone."""

    party: str
    digit: str


@dataclass(frozen=True)
class KeysTold:
    """The party pressed keys that whoever watches is told of."""

    party: str
    keys: str


Effect = (
    Admitted
    | Waits
    | Refused
    | PartyLeft
    | Ended
    | MuteChanged
    | TalksInVain
    | DeafChanged
    | HeldChanged
    | VoicesLevelled
    | VolumeChanged
    | RoleChanged
    | WhisperChanged
    | LabelsChanged
    | GroupChanged
    | GroupsChanged
    | Selected
    | Denied
    | Say
    | Music
    | LockChanged
    | RestrictedChanged
    | NoticesChanged
    | RecordingChanged
    | Invite
    | DropInvite
    | UnknownKeys
    | KeyPassed
    | KeysTold
)
