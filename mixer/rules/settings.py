"""Settings of one conference."""

from dataclasses import dataclass
from enum import StrEnum

from mixer.rules.keypad import TIMEOUT_S, Menu
from mixer.rules.menus import DEFAULT_MENU

__all__ = ["KeyScope", "VOLUME_DB", "VOLUME_STEP_DB", "EndWithHost", "Settings"]

# Softest and loudest: below the first a party is better muted, above the second its noise is louder than its voice.
VOLUME_DB = (-30.0, 18.0)
# Of one press of a volume key: clearly heard, and five presses are a lot.
VOLUME_STEP_DB = 3.0


class EndWithHost(StrEnum):
    """Whether a conference ends when its hosts leave."""

    NEVER = "never"
    LAST = "last"
    "When no host is left."
    ANY = "any"
    "When one leaves, others or not."


class KeyScope(StrEnum):
    """Which keys of parties go further than the menu."""

    NONE = "none"
    UNKNOWN = "unknown"
    "Those that mean nothing to it."
    ALL = "all"
    "All, as they are pressed."


@dataclass(frozen=True)
class Settings:
    """What one conference may differ in.

    A time limit of 0 is none. Without more said, nothing is spoken and no music played, as programs want it.

    Parameters
    ----------
    max_members
        Calls at one time, those that wait included.
    claim_timeout_s
        A conference that nobody joined ends after this.
    empty_timeout_s
        One that everybody left ends after this, so that a party whose call broke can come back.
    menu
        The keys of each role.
    key_timeout_s
        The pause that ends a sequence of keys.
    hosted
        Whether anybody can come as moderator; if not, nobody waits for one.
    wait_for_host
        Who comes before the first moderator waits. Waiting for it leaves it a place: the last one of `max_members`.
    end_with_host
        Whether the conference ends when moderators leave.
    host_grace_s
        How long after; a moderator who comes meanwhile saves it.
    party_limit_s
        How long a party may stay, counted from its coming.
    silence_limit_s
        After how long without anybody talking the conference ends.
    lobby
        Whether all but moderators wait until they are admitted.
    hosts_pass_lock, hosts_pass_limit
        Whether moderators come into a locked room, and into a full one; there they count all the same.
    muted_notice
        Whether a party that talks with its microphone off is told so, in a room with `prompts`.
    level_voices
        Whether soft voices are made louder and loud ones softer, slowly.
    encrypted
        Whether only those come in whose media is encrypted.
    tell_keys
        Which keys of parties in the room are told to whoever watches. None of them is answered by saying that it means
        nothing: somebody listens.
    pass_keys
        Which are pressed on the telephones of all others who hear the party, likewise.
    confirm_timeout_s
        How long somebody invited may take to press 1.
    max_invited
        Numbers that ring, or are asked to press 1, at one time.
    mute_non_moderator
        All but moderators are muted and cannot change that.
    announce_caller_name
        Recorded names are said when their owners come and leave.
    enter_sound
        Id of the sound of somebody coming; empty: the usual one.
    music_on_hold_sound
        Id of the music; empty: the usual one.
    record_enabled
        The recording starts when the host comes, when somebody invited from outside does, or, in a conference that is
        not `hosted`, with the first.
    record_from
        The recording starts when so many are in the room, hidden listeners besides; 0: however many there are.
    count_from
        From so many in the room on, each that comes is told to the room by how many there are now; 0: nobody is.
    entry_notices
        Whether who comes and leaves is told to the room, by a sound or by name; ``*94`` and ``*95`` change it.
    prompts
        Whether parties are greeted and told what their keys did.
    music
        Whether there is music for who is alone. Who waits or is held always has it.
    record_notice
        Whether everybody is told that a recording begins or, by who comes later, runs: by a voice with `prompts`, else
        by a tone.
    record_prompts
        Whether what is said to all is in the recording; what is said to one never is.
    """

    max_members: int = 10
    claim_timeout_s: float = 38.0
    empty_timeout_s: float = 38.0
    menu: Menu = DEFAULT_MENU
    key_timeout_s: float = TIMEOUT_S
    hosted: bool = True
    wait_for_host: bool = False
    end_with_host: EndWithHost = EndWithHost.NEVER
    host_grace_s: float = 0.0
    party_limit_s: float = 0.0
    silence_limit_s: float = 0.0
    lobby: bool = False
    hosts_pass_lock: bool = False
    hosts_pass_limit: bool = False
    muted_notice: bool = True
    level_voices: bool = False
    encrypted: bool = False
    tell_keys: KeyScope = KeyScope.NONE
    pass_keys: KeyScope = KeyScope.NONE
    confirm_timeout_s: float = 30.0
    max_invited: int = 10
    mute_non_moderator: bool = False
    announce_caller_name: bool = False
    enter_sound: str = ""
    music_on_hold_sound: str = ""
    record_enabled: bool = False
    record_from: int = 0
    count_from: int = 0
    entry_notices: bool = False
    prompts: bool = False
    music: bool = False
    record_notice: bool = True
    record_prompts: bool = False

    @property
    def keys_go_on(self) -> bool:
        """Whether any key goes further than the menu."""
        return KeyScope.NONE is not self.tell_keys or KeyScope.NONE is not self.pass_keys
