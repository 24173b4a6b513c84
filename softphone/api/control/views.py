"""Conferences and parties as the JSON of the control API."""

from softphone.api.context import ApiContext
from softphone.api.control.models import ConferenceView, DialView, PartyView, RulesView
from softphone.focus.party.invitations import DialOutStatus
from softphone.focus.session import Party, TelephonySession

__all__ = ["conference_view", "dial_view", "party_view", "sip_uri", "uri_of"]


def sip_uri(session: TelephonySession, context: ApiContext) -> str:
    """Say what a telephone calls to join."""
    user = str(session.token) if session.token else session.extension or ""
    if session.kind.value == "bridge":
        user = context.accounts.main_number or user
    return uri_of(user, context)


def uri_of(user: str, context: ApiContext) -> str:
    """Write the URI of a user of this server."""
    host, port = context.focus.node
    return f"sip:{user}@{f'[{host}]' if ':' in host else host}:{port}"


def conference_view(session: TelephonySession, context: ApiContext) -> ConferenceView:
    """Show a conference."""
    return ConferenceView(
        id=session.id,
        kind=session.kind.value,
        owner_id=session.owner_id,
        extension=session.extension,
        created=session.created,
        locked=session.locked,
        muted_all=session.muted_all,
        notices=session.notices,
        recording=context.focus.room(session.id).recorder.running,
        rules=RulesView.model_validate(context.control.life_rules(session.id), from_attributes=True),
        parties=len(session.parties),
        token=str(session.token) if session.token else None,
        sip_uri=sip_uri(session, context),
    )


def party_view(party: Party) -> PartyView:
    """Show a party."""
    return PartyView.model_validate(
        {
            "id": party.id,
            "number": party.address.number,
            "name": party.address.name,
            "extension_id": party.extension_id,
            "role": party.role.word if party.role else None,
            "stage": party.place.value,
            "status": party.status.value,
            "muted": party.muted,
            "deaf": party.deaf,
            "talking": party.talking,
            "volume_in_db": party.volume_in_db,
            "volume_out_db": party.volume_out_db,
            "whispers_to": None if party.whispers_to is None else list(party.whispers_to),
        }
    )


def dial_view(invitation: DialOutStatus) -> DialView:
    """Show what became of somebody who is called."""
    return DialView(
        id=invitation.id,
        number=invitation.number,
        state=invitation.state.value,
        reason=invitation.reason,
        party=invitation.party,
    )
