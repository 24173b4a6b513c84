"""The JSON and XML of a call, running or from the history."""

from datetime import datetime
from typing import Any

from softphone.api.restcomm.accounts import RestcommAccount
from softphone.api.restcomm.rendering import Resource, date
from softphone.api.restcomm.representation import VERSION
from softphone.api.restcomm.running import RcmlCall
from softphone.api.restcomm.sids import call_sid
from softphone.api.restcomm.statuses import status_of_record
from softphone.store.values import CallRecord

__all__ = ["made_view", "record_view"]

# Of the server: there is one.
INSTANCE = "ID" + "0" * 32


def made_view(made: RcmlCall, account: RestcommAccount) -> Resource:
    """Show a call that was made through this API."""
    call = made.call
    return _view(
        account,
        made.sid,
        to=made.to,
        from_=made.from_,
        status=made.status,
        direction="outbound-api",
        created=call.created,
        updated=call.updated,
        answered=call.answered,
        ended=call.ended,
    )


def record_view(record: CallRecord, account: RestcommAccount) -> Resource:
    """Show a call of the history."""
    return _view(
        account,
        call_sid(record.id),
        to=record.callee,
        from_=record.caller,
        status=status_of_record(record),
        direction="inbound" if record.direction == "inbound" else "outbound-api",
        created=record.started,
        updated=record.ended or record.answered or record.started,
        answered=record.answered,
        ended=record.ended,
    )


def _view(
    account: RestcommAccount,
    sid: str,
    *,
    to: str,
    from_: str,
    status: str,
    direction: str,
    created: datetime,
    updated: datetime,
    answered: datetime | None,
    ended: datetime | None,
) -> Resource:
    uri = account.uri("Calls", sid)
    over: dict[str, Any] = {}
    if ended is not None:
        over = {"end_time": date(ended), "duration": int((ended - answered).total_seconds()) if answered else 0}
    return Resource(
        "Call",
        {
            "sid": sid,
            "instance_id": INSTANCE,
            "date_created": date(created),
            "date_updated": date(updated),
            "account_sid": account.sid,
            "to": to,
            "from": from_,
            "status": status,
            "start_time": date(created),
            **over,
            "price": "0.0",
            "price_unit": "USD",
            "direction": direction,
            "api_version": VERSION,
            "uri": uri + account.suffix,
            "subresource_uris": {"notifications": f"{uri}/Notifications", "recordings": f"{uri}/Recordings"},
        },
    )
