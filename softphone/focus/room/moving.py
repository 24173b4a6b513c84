"""A party goes from one session into a conference, with its call and its leg: nothing is signalled to it."""

from dataclasses import replace

from mixer.rules.roles import Role
from softphone.focus.errors import WrongState
from softphone.focus.party.member import Member
from softphone.focus.room.admission import Admission
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.room.ruled import RuledRoom
from softphone.focus.session import TALKING, ConferenceRole, Party
from softphone.store.values import Extension

__all__ = ["bring_in", "check_host", "move", "other_end"]


def other_end(room: RuledRoom, member: Member) -> Member:
    """Give the other party of a call of two; raises WrongState where there is none."""
    found = next((each for each in room.members.values() if each is not member), None)
    if found is None:
        raise WrongState("Nobody is at the other end")
    return found


def move(
    member: Member,
    there: ConferenceRoom,
    caller: Extension | None,
    *,
    brought: bool = False,
    role: Role | None = None,
    muted: bool | None = None,
) -> Party:
    """Take a member over into a conference; what it may do, and how it is heard, stays.

    Parameters
    ----------
    caller
        The extension that it is; None: somebody from outside.
    brought
        Whether its place is one of those besides the host's.
    role, muted
        As what it comes in, and whether its microphone is off then; None: as where it was.

    Raises
    ------
    WrongState
        The conference does not let it in, or its client cannot follow; it stays where it is.
    """
    known, party = member.party.facts, member.party
    if known is None or (party.end is not None and party.status not in TALKING):
        raise WrongState("Its call is not answered")
    if not member.can_go(there.room):
        raise WrongState("Its client cannot be told to send its media to where that conference is")
    came = Admission.of(known, party, caller, brought=brought)
    wanted = replace(came, role=role or came.role, muted=came.muted if muted is None else muted)
    refused = there.admit(member, wanted)
    if refused is not None:
        raise WrongState(f"The conference does not let it in: {refused.reason}")
    return member.party


def check_host(there: ConferenceRoom) -> None:
    """Refuse to bring anybody into a conference whose host has no call that stands; raises WrongState."""
    parties = there.session.parties.values()
    if not any(each.role is ConferenceRole.HOST and each.status in TALKING for each in parties):
        raise WrongState("The host of the conference is not connected")


def bring_in(member: Member, there: ConferenceRoom, caller: Extension | None) -> Party:
    """Take a member over on behalf of a conference's host, whose call has to stand; raises WrongState."""
    check_host(there)
    return move(member, there, caller, brought=True)
