"""Admission to a conference by SIP or HTTP: first the rules decide, then the client is answered."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from softphone.focus.party.member import Member
from softphone.focus.party.signalling import HttpCall
from softphone.focus.room.admission import Admission, NotAdmitted
from softphone.focus.room.conference import ConferenceRoom
from softphone.sip.ua.call import InviteSession

__all__ = ["enter", "join"]

T = TypeVar("T")


async def enter(room: ConferenceRoom, call: InviteSession, admission: Admission) -> None:
    """Let a call in, or refuse it.

    Raises
    ------
    NotAdmitted
        The rules say no; with the status and reason to answer.
    SdpError, MediaError, CallEnded
        It came to nothing; the party is gone again.
    """
    member = room.newcomer(admission, call)
    await _begin(room, member, admission, lambda: member.answer(room.identity(member)))


async def join(
    room: ConferenceRoom, client: HttpCall, offer: str | None, admission: Admission, member: Member | None = None
) -> tuple[Member, str]:
    """Let somebody in who has come by HTTP, and give our answer to its offer; raises as :func:`enter`.

    Parameters
    ----------
    member
        What it is to be; None: a new one.
    """
    member = member or room.newcomer(admission)
    return member, await _begin(room, member, admission, lambda: member.join(client, offer))


async def _begin(room: ConferenceRoom, member: Member, admission: Admission, answer: Callable[[], Awaitable[T]]) -> T:
    """Ask the rules for a member, and answer its client; what that gives is given back."""
    refused = room.let_in(member, member.party, admission)
    if refused is not None:
        raise NotAdmitted(refused.reason)
    try:
        return await answer()
    except BaseException:  # however it failed: nobody else would ever end it
        member.keeper.over(member, "failed")
        raise
