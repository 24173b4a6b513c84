"""Sessions and parties as the JSON that their readers see."""

from softphone.api.ringcentral.models import (
    AddressModel,
    OriginModel,
    OwnerModel,
    PartyModel,
    SessionModel,
    StatusModel,
)
from softphone.focus.session import ConferenceRole, Party, PartyAddress, PartyStatus, TelephonySession
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

__all__ = ["party_view", "session_view"]


def session_view(session: TelephonySession, reader: Extension, accounts: Accounts) -> SessionModel:
    """Show a session to `reader`."""
    return SessionModel(
        id=session.id,
        creation_time=session.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        origin=OriginModel(type=session.origin.value),
        parties=[party_view(party, reader, accounts) for party in session.parties.values()],
        voice_call_token=str(session.token) if session.token else None,
    )


def party_view(party: Party, reader: Extension, accounts: Accounts) -> PartyModel:
    """Show a party to `reader`; only the reader's own party carries its owner, which is how clients find themselves."""
    own = party.extension_id == reader.id
    # That API has no word for a listener.
    role = ConferenceRole.PARTICIPANT if party.role is ConferenceRole.LISTENER else party.role
    return PartyModel(
        id=party.id,
        direction=party.direction.value,
        conference_role=role.value if role else None,
        muted=party.muted,
        talking=party.talking,
        stand_alone=party.status is PartyStatus.HOLD,
        status=StatusModel(code=party.status.value),
        owner=OwnerModel(account_id=accounts.account_id, extension_id=reader.id) if own else None,
        from_=_address(party.caller),
        to=_address(party.callee),
    )


def _address(address: PartyAddress) -> AddressModel:
    return AddressModel(
        phone_number=address.number, name=address.name or None, extension_id=address.extension_id or None
    )
