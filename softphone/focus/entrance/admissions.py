"""As what a call would come into a conference, by what it says and has proved."""

from mixer.rules.roles import PartyKind, Role
from softphone.focus.party.identity import caller_of
from softphone.focus.room.admission import Admission
from softphone.sip.ua.call import InviteSession
from softphone.store.values import Extension

__all__ = ["admission_of"]


def admission_of(
    call: InviteSession,
    caller: Extension | None,
    stranger: PartyKind,
    role: Role = Role.PARTICIPANT,
    *,
    trusted: bool = False,
) -> Admission:
    """Say as what a call comes in; `stranger` is the kind of somebody from outside, who may be `trusted` to say who."""
    host = call.source.host
    if caller is not None:
        return Admission(caller.number, caller.name, caller, role, PartyKind.INSIDE, host=host)
    who = caller_of(call.invite, trusted=trusted)
    return Admission(who.number, who.name, None, role, stranger, host=host)
