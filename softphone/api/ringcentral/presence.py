"""Whether extensions talk, and with whom, as values of the core say it: bodies of presence and of active calls."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from softphone.api.ringcentral.models import instant, legacy_id
from softphone.focus.focus import Focus
from softphone.focus.session import CallEnd, Party, PartyAddress, PartyStatus, SessionOrigin, TelephonySession

__all__ = [
    "ActiveCall",
    "SipData",
    "active_call",
    "calls_by_extension",
    "calls_of",
    "dialogs_of",
    "log_record",
    "presence_of",
    "telephony_status",
]

TelephonyStatus = Literal["NoCall", "CallConnected", "Ringing", "OnHold", "ParkedCall"]

# What counts of several calls, the first that there is.
ORDER: tuple[TelephonyStatus, ...] = ("CallConnected", "Ringing", "OnHold", "ParkedCall")
OVER = (PartyStatus.DISCONNECTED, PartyStatus.GONE)


@dataclass(frozen=True, slots=True)
class ActiveCall:
    """A call of an extension: its party of a session."""

    session: TelephonySession
    party: Party


@dataclass(frozen=True, slots=True)
class SipData:
    """How a call's dialog is named, as its telephone sees it."""

    call_id: str
    from_tag: str
    to_tag: str


def calls_by_extension(sessions: Iterable[TelephonySession]) -> dict[str, list[ActiveCall]]:
    """Give the calls of each extension that has any, by its id, the oldest first."""
    found: dict[str, list[ActiveCall]] = {}
    for session in sessions:
        for party in session.parties.values():
            if party.extension_id is not None and party.status not in OVER:
                found.setdefault(party.extension_id, []).append(ActiveCall(session, party))
    for calls in found.values():
        calls.sort(key=lambda call: call.party.created)
    return found


def calls_of(extension_id: str, focus: Focus) -> list[ActiveCall]:
    """Give the calls of an extension, the oldest first."""
    found = [
        ActiveCall(room.session, party)
        for room in focus.rooms.values()
        for party in room.session.calls_of(extension_id)
        if party.status not in OVER
    ]
    return sorted(found, key=lambda call: call.party.created)


def telephony_status(call: ActiveCall) -> TelephonyStatus:
    """Say how far a call is."""
    if call.party.parked:
        return "ParkedCall"
    if call.party.stands_alone:
        return "OnHold"
    return "CallConnected" if call.party.status is PartyStatus.ANSWERED else "Ringing"


def presence_of(
    calls: Iterable[ActiveCall],
    *,
    busy: bool = False,
    detailed: bool = False,
    sip: Mapping[str, SipData] | None = None,
) -> dict[str, Any]:
    """Say whether an extension talks, in the order of the documented answer.

    Parameters
    ----------
    busy
        It is not to be disturbed.
    detailed
        Whether each call is told.
    sip
        How the dialogs of its calls are named, by party id; None: it is not told.
    """
    calls = list(calls)
    seen = {telephony_status(call) for call in calls}
    body = {
        "allowSeeMyPresence": True,
        "dndStatus": "DoNotAcceptAnyCalls" if busy else "TakeAllCalls",
        "meetingStatus": "Disconnected",
        "pickUpCallsOnHold": False,
        "presenceStatus": "Busy" if busy or calls else "Available",
        "ringOnMonitoredCall": False,
        "telephonyStatus": next((each for each in ORDER if each in seen), "NoCall"),
        "userStatus": "Available",
    }
    if not detailed:
        return body
    return {"activeCalls": [active_call(call, sip) for call in calls], **body}


def active_call(call: ActiveCall, sip: Mapping[str, SipData] | None = None) -> dict[str, Any]:
    """Show a call as presence does: the numbers as text, and the name of the other side."""
    session, party = call.session, call.party
    conference = session.origin is SessionOrigin.CONFERENCE
    body: dict[str, Any] = {
        "direction": party.direction.value,
        "from": party.caller.number,
        "id": call_name(call),
        "partyId": party.id,
        "sessionId": "0" if conference else legacy_id(session.id),
        "startTime": instant(party.created),
        "telephonySessionId": session.id,
        "telephonyStatus": telephony_status(call),
        "to": party.callee.number,
    }
    incoming = party.end is CallEnd.CALLEE
    other = party.caller if incoming else party.callee
    if other.name and other.name != other.number:
        body["fromName" if incoming else "toName"] = other.name
    if sip is not None:
        body["sipData"] = _sip_data(sip.get(party.id))
    return body


def _sip_data(data: SipData | None) -> dict[str, str]:
    unknown = {"remoteUri": "-", "localUri": "-"}
    if data is None:
        return {"toTag": "", "fromTag": "", **unknown}
    return {"callId": data.call_id, "toTag": data.to_tag, "fromTag": data.from_tag, **unknown}


def call_name(call: ActiveCall) -> str:
    """Name a call, the same as long as it is in its session."""
    return hashlib.sha256(call.party.id.encode()).hexdigest()[:20]


def dialogs_of(calls: Iterable[ActiveCall], focus: Focus) -> dict[str, SipData]:
    """Name the dialogs of the calls that have any."""
    found = {}
    for session, party in ((call.session, call.party) for call in calls):
        room = focus.rooms.get(session.id)
        member = None if room is None else room.members.get(party.id)
        if member is None or member.call is None:
            continue
        name = member.call.dialog.id
        ours_first = member.call.direction == "out"
        tags = (name.local_tag, name.remote_tag) if ours_first else (name.remote_tag, name.local_tag)
        found[party.id] = SipData(name.call_id, *tags)
    return found


def log_record(call: ActiveCall, uri: str, now: datetime | None = None) -> dict[str, Any]:
    """Show a call as lists of active calls do."""
    party, session = call.party, call.session
    seconds = ((now or datetime.now(UTC)) - party.created).total_seconds()
    return {
        "id": call_name(call),
        "uri": f"{uri}/{call_name(call)}",
        "sessionId": legacy_id(session.id),
        "telephonySessionId": session.id,
        "partyId": party.id,
        "startTime": instant(party.created),
        "duration": max(0, int(seconds)),
        "type": "Voice",
        "direction": party.direction.value,
        "action": "VoIP Call",
        "result": "In Progress",
        "from": dict(_address(party.caller)),
        "to": dict(_address(party.callee)),
    }


def _address(address: PartyAddress) -> Iterator[tuple[str, str]]:
    yield "phoneNumber", address.number
    if address.name:
        yield "name", address.name
    if address.extension_id is not None:
        yield "extensionId", address.extension_id
