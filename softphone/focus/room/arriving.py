"""How somebody comes into a conference, whatever way: the rules let it in, and only then is its client answered."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from mixer.rules.effects import Refused
from softphone.focus.party.member import Member
from softphone.focus.party.signalling import HttpCall
from softphone.focus.room.admission import Admission, NotAdmitted
from softphone.focus.session import Party

__all__ = ["begin", "join"]

T = TypeVar("T")


class Hall(Protocol):
    """What somebody comes into; a `softphone.focus.room.conference.ConferenceRoom` is one."""

    def newcomer(self, admission: Admission) -> Member:
        """Make a member of somebody who is going to be let in."""

    def let_in(self, member: Member, party: Party, admission: Admission) -> Refused | None:
        """Take a member in as this party; or say why not, and it stays with who has it."""


async def begin(room: Hall, member: Member, admission: Admission, answer: Callable[[], Awaitable[T]]) -> T:
    """Ask the rules for a member, and answer its client; what that gives is given back.

    Raises
    ------
    NotAdmitted
        The rules say no.
    SdpError, MediaError, CallEnded
        It came to nothing; the party is gone again.
    """
    refused = room.let_in(member, member.party, admission)
    if refused is not None:
        raise NotAdmitted(refused.reason)
    try:
        return await answer()
    except BaseException:  # however it failed: nobody else would ever end it
        member.keeper.over(member, "failed")
        raise


async def join(
    room: Hall, client: HttpCall, offer: str | None, admission: Admission, member: Member | None = None
) -> tuple[Member, str]:
    """Let somebody in who has come by HTTP, and give our answer to its offer; raises as :func:`begin`.

    Parameters
    ----------
    member
        What it is to be; None: a new one.
    """
    member = member or room.newcomer(admission)
    return member, await begin(room, member, admission, lambda: member.join(client, offer))
