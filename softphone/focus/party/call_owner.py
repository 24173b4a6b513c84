"""Who has the calls of parties, and reacts to what their telephones do."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from softphone.focus.session import Party, PartyStatus
from softphone.media.contract.leg import LegVoice

if TYPE_CHECKING:
    from softphone.focus.party.member import Member

__all__ = ["NOBODY", "CallOwner"]


class CallOwner:
    """Has members, and is told what their telephones do. This one has none, and does nothing about it."""

    members: "Mapping[str, Member]" = MappingProxyType({})  # who talk with each other here, by the id of their party

    def keeps(self, member: "Member") -> bool:
        """Say whether a member is on its list."""
        return False

    def lost(self, member: "Member") -> None:
        """Strike a member from the list: another keeper has it now. It still has the name that it had here."""

    def key(self, member: "Member", digit: str) -> None:
        """Take a pressed key."""

    def over(self, member: "Member", reason: str) -> None:
        """Take notice that its call is over."""

    def noticed(self, member: "Member", event: LegVoice) -> None:
        """Take notice of what the worker hears of it."""

    def held(self, member: "Member", on: bool) -> None:
        """Take notice that its telephone put the call on hold, or took it back."""

    def silent(self, member: "Member") -> None:
        """Take notice that no media came for too long."""

    def progressed(self, party: Party, status: PartyStatus) -> None:
        """Take notice how far a party's call is."""


NOBODY = CallOwner()
"""Whose a call is before somebody takes it: it has no leg, so nothing is to be ended."""
