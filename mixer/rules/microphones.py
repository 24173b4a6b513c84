"""Mute state of the parties, who may unmute itself, and the initial state of later parties."""

from mixer.rules.attendance import Attendance, Participant
from mixer.rules.effects import Effect, MuteChanged
from mixer.rules.roles import Role
from mixer.rules.settings import Settings

__all__ = ["Microphones"]


class Microphones:
    """The microphones of a session.

    Parameters
    ----------
    parties
        Who is there, now and later.
    settings
        As the session begins.

    Attributes
    ----------
    muted_all
        Whether who comes begins muted, unless it is a moderator.
    listen_only
        Whether a moderator took away the right to unmute oneself.
    """

    def __init__(self, parties: Attendance, settings: Settings) -> None:
        self._parties = parties
        self.begin(settings)

    def begin(self, settings: Settings) -> None:
        """Be as the settings say, as if nobody had commanded anything."""
        self.muted_all, self.listen_only = settings.mute_non_moderator, False

    def start_muted(self, role: Role) -> bool:
        """Whether a party of `role` begins with its microphone off."""
        return role is Role.LISTENER or (self.muted_all and role is not Role.MODERATOR)

    def may_unmute(self, party: Participant, settings: Settings) -> bool:
        """Whether the party's own microphone is its own affair."""
        if party.role is Role.LISTENER:
            return False
        return party.role is Role.MODERATOR or not (settings.mute_non_moderator or self.listen_only)

    def turn(self, party: Participant, off: bool) -> list[Effect]:
        """Turn a microphone off or on; a listener's is never on."""
        return [] if party.role is Role.LISTENER else self._set(party, off)

    def turn_others(self, off: bool, *, listen_only: bool = False) -> list[Effect]:
        """Turn the microphones of all but moderators off or on, and those of late joiners."""
        self.muted_all, self.listen_only = off, listen_only
        others = [party for party in self._parties.values() if party.role is not Role.MODERATOR]
        return [effect for party in others for effect in self.turn(party, off)]

    def follow_role(self, party: Participant, before: Role) -> list[Effect]:
        """Turn the microphone of a party as its new role wants it; what was muted as a listener is on again."""
        return self._set(party, self.start_muted(party.role) or (party.muted and before is not Role.LISTENER))

    def _set(self, party: Participant, off: bool) -> list[Effect]:
        if party.muted == off:
            return []
        self._parties.mute(party, off)
        return [MuteChanged(party.name, off)]
