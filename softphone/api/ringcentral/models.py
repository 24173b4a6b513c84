"""The JSON shapes of RingCentral's API, and sessions and parties shown in them. None is left out of the answers."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from softphone.focus.room.recording import RecordingStatus
from softphone.focus.session import ConferenceRole, Party, PartyAddress, PartyStatus, TelephonySession
from softphone.focus.token import session_of
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

__all__ = [
    "DEVICE_KINDS",
    "BringIn",
    "CallOut",
    "Camel",
    "ConferenceRequest",
    "DeviceType",
    "PartyModel",
    "PartyRemoval",
    "PartyUpdate",
    "PartyRecording",
    "SessionAnswer",
    "SessionModel",
    "device_id",
    "instant",
    "legacy_id",
    "party_view",
    "recordings_of",
    "session_view",
]


DeviceType = Literal["OtherPhone", "WebPhone"]

# Of which kind a device is, before the id of its extension: every user has one of each.
DEVICE_KINDS: dict[str, DeviceType] = {"1": "OtherPhone", "2": "WebPhone"}

SESSION_ID = re.compile(r"s-[0-9a-f]{32}")


class Camel(BaseModel):
    """Python names inside, camel case on the wire."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class OriginModel(BaseModel):
    """How a session began."""

    type: Literal["Call", "Conference"]


class PeerModel(Camel):
    """Where a party is now that has moved."""

    session_id: str
    telephony_session_id: str
    party_id: str


class StatusModel(Camel):
    """How far a party is."""

    code: Literal["Setup", "Proceeding", "Answered", "Hold", "Parked", "Disconnected", "Gone"]
    park_data: str | None = None
    peer_id: PeerModel | None = None


class ParkModel(BaseModel):
    """Where a party waits to be picked up: what is named to pick it up."""

    id: str


class AddressModel(Camel):
    """One end of a party's call."""

    phone_number: str
    name: str | None = None
    extension_id: str | None = None
    device_id: str | None = None


class OwnerModel(Camel):
    """The extension that a party is."""

    account_id: str
    extension_id: str


class PartyRecording(BaseModel):
    """A recording that runs, or pauses."""

    id: str
    active: bool


class PartyModel(Camel):
    """A participant."""

    id: str
    account_id: str | None = None
    extension_id: str | None = None
    direction: Literal["Inbound", "Outbound"]
    conference_role: Literal["Host", "Participant"] | None = None
    muted: bool
    talking: bool
    stand_alone: bool
    status: StatusModel
    owner: OwnerModel | None = None
    from_: Annotated[AddressModel, Field(alias="from")]
    to: AddressModel
    recordings: list[PartyRecording] = []
    park: ParkModel | None = None


class SessionModel(Camel):
    """A telephony session."""

    creation_time: str
    id: str
    origin: OriginModel
    parties: list[PartyModel]
    voice_call_token: str | None = None


class SessionAnswer(BaseModel):
    """A session just made."""

    session: SessionModel


class ConferenceRequest(BaseModel):
    """What may, and need not, be said when a conference is made."""

    max_members: Annotated[int, Field(ge=1, le=100_000)] | None = None


class MutedUpdate(BaseModel):
    """The one thing of a party that can be changed."""

    muted: bool


class BringIn(Camel):
    """Whom to bring in: a party of another session, which clients name by either key; ``sessionId`` goes first."""

    session_id: str | None = None
    telephony_session_id: str | None = None
    party_id: str | None = None


class CallTo(Camel):
    """Whom a call goes to."""

    phone_number: str = ""
    extension_number: str = ""


class CallOut(Camel):
    """A call that is to be placed; all telephones of the caller ring, whichever ``from`` names."""

    to: CallTo = CallTo()


class PartyRemoval(Camel):
    """What may be said when a party is removed."""

    keep_conference_alive: bool = False


class PartyUpdate(BaseModel):
    """A change of a party, bare or wrapped: clients send both."""

    muted: bool | None = None
    party: MutedUpdate | None = None

    def wanted(self) -> bool | None:
        """Give the microphone state that either form asks for."""
        return self.party.muted if self.party is not None else self.muted


def recordings_of(status: RecordingStatus | None) -> list[PartyRecording]:
    """Show the recording of a session, if there is one."""
    return [] if status is None else [PartyRecording(id=status.id, active=status.active and not status.paused)]


def session_view(
    session: TelephonySession, reader: Extension, accounts: Accounts, recordings: Sequence[PartyRecording] = ()
) -> SessionModel:
    """Show a session to `reader`; its recordings are those of each party."""
    return SessionModel(
        id=session.id,
        creation_time=session.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        origin=OriginModel(type=session.origin.value),
        parties=[party_view(party, reader, accounts, recordings) for party in session.parties.values()],
        voice_call_token=str(session.token) if session.token else None,
    )


def party_view(
    party: Party, reader: Extension, accounts: Accounts, recordings: Sequence[PartyRecording] = ()
) -> PartyModel:
    """Show a party to `reader`; only the reader's own party carries its owner, which is how clients find themselves."""
    own = party.extension_id == reader.id
    owner = OwnerModel(account_id=accounts.account_id, extension_id=reader.id) if own else None
    # That API has no word for a listener.
    role = ConferenceRole.PARTICIPANT if party.role is ConferenceRole.LISTENER else party.role
    return PartyModel(
        id=party.id,
        account_id=owner.account_id if owner else None,
        extension_id=owner.extension_id if owner else None,
        direction=party.direction.value,
        conference_role=role.value if role else None,
        muted=party.muted,
        talking=party.talking,
        stand_alone=party.stands_alone,
        status=_status(party),
        owner=owner,
        from_=_address(party.caller),
        to=_address(party.callee),
        recordings=list(recordings),
        park=ParkModel(id=party.orbit or party.id) if party.parked else None,
    )


def _status(party: Party) -> StatusModel:
    over = party.status in (PartyStatus.DISCONNECTED, PartyStatus.GONE)
    if party.parked and not over:
        return StatusModel(code="Parked", park_data=party.orbit or party.id)
    status = PartyStatus.HOLD if party.stands_alone and not over else party.status
    if party.moved_to is None:
        return StatusModel(code=status.value)
    there = session_of(party.moved_to)
    return StatusModel(
        code=status.value,
        peer_id=PeerModel(session_id=legacy_id(there), telephony_session_id=there, party_id=party.moved_to),
    )


def _address(address: PartyAddress) -> AddressModel:
    inside = address.extension_id or None
    return AddressModel(
        phone_number=address.number,
        name=address.name or None,
        extension_id=inside,
        device_id=device_id(inside, "WebPhone") if inside else None,
    )


def device_id(extension_id: str, kind: DeviceType) -> str:
    """Name the device of a kind that a user has."""
    return next(digit for digit, each in DEVICE_KINDS.items() if each == kind) + extension_id


def instant(time: datetime) -> str:
    """Write a time with milliseconds."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"


def legacy_id(session_id: str) -> str:
    """Give the number that older clients know a session by."""
    return str(int(session_id[2:12], 16)) if SESSION_ID.fullmatch(session_id) else "0"
