"""Finding the call that a sid means: one made here, somebody in a conference, or one of the history."""

from dataclasses import dataclass

from softphone.api.context import ApiContext
from softphone.api.restcomm.accounts import RestcommAccount
from softphone.api.restcomm.call_views import made_view, record_view
from softphone.api.restcomm.rendering import Resource
from softphone.api.restcomm.running import Calls, RcmlCall
from softphone.api.restcomm.sids import call_sid, session_start
from softphone.store import archive_lists
from softphone.store.values import CallRecord

__all__ = ["SeenCall", "seen_call"]


@dataclass(frozen=True, slots=True)
class SeenCall:
    """A call, and how it can be commanded."""

    made: RcmlCall | None = None
    record: CallRecord | None = None
    session: str = ""
    "That it is in now; of one that was made here see `made`. Empty: it is over."
    party: str = ""
    "Empty: it is a call of two."

    @property
    def live(self) -> bool:
        """Whether it can be commanded."""
        return bool(self.session) if self.made is None else not self.made.call.over

    @property
    def where(self) -> tuple[str, str]:
        """Session and party that it is now; without a party nobody is to be commanded."""
        if self.made is not None:
            return self.made.call.session, self.made.call.party
        return self.session, self.party

    def view(self, account: RestcommAccount) -> Resource:
        """Show it."""
        if self.made is not None:
            return made_view(self.made, account)
        assert self.record is not None
        return record_view(self.record, account)


async def seen_call(sid: str, account: RestcommAccount, context: ApiContext, calls: Calls) -> SeenCall | None:
    """Find a call of an account; None: there is none."""
    made = calls.find(sid)
    if made is not None:
        return SeenCall(made) if account.sees_all or made.owner.id == account.owner.id else None
    start = session_start(sid)
    if start is None:
        return None
    await context.settle()
    found = await archive_lists.calls_named(context.store.database, [f"{kind}-{start}" for kind in "sp"])
    record = next((each for each in found if call_sid(each.id) == sid), None)
    if record is None or not await _theirs(record, account, context):
        return None
    room = context.focus.rooms.get(record.session_id)
    if record.ended is not None or room is None:
        return SeenCall(record=record)
    party = record.id if record.id in room.session.parties else ""
    return SeenCall(record=record, session=record.session_id, party=party)


async def _theirs(record: CallRecord, account: RestcommAccount, context: ApiContext) -> bool:
    """Whether a call is the account's: its own, or one of a conference of its own."""
    if account.sees_all or record.extension_id == account.owner.id:
        return True
    return bool(await context.store.archive.owned(account.owner.id, [record.session_id]))
