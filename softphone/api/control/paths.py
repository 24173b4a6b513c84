"""Path parameters, and their sessions."""

from typing import Annotated

from fastapi import Depends, Path, Request

from softphone.api.auth import access
from softphone.api.auth.tokens import CallerDep
from softphone.api.context import ContextDep
from softphone.api.http.errors import not_found
from softphone.focus.session import Party, SessionOrigin, TelephonySession
from softphone.store.values import Extension

__all__ = ["ManagedDep", "OwnPartyDep", "PartyDep", "PartyId", "SeenDep", "SessionId", "party_of", "shown_to"]

SessionId = Annotated[str, Path(alias="id", max_length=64)]
PartyId = Annotated[str, Path(alias="party", max_length=80)]


async def origin(request: Request) -> SessionOrigin:
    """Say which sessions the path is of."""
    return SessionOrigin.CALL if request.url.path.startswith("/api/v1/calls/") else SessionOrigin.CONFERENCE


OriginDep = Annotated[SessionOrigin, Depends(origin)]


def _of(session: TelephonySession, origin: SessionOrigin) -> TelephonySession:
    if session.origin is not origin:
        raise not_found("id")
    return session


async def seen(session_id: SessionId, caller: CallerDep, context: ContextDep, origin: OriginDep) -> TelephonySession:
    """Give a conference, or a call, that the caller may see."""
    return _of(access.visible(session_id, caller, context), origin)


async def managed(session_id: SessionId, caller: CallerDep, context: ContextDep, origin: OriginDep) -> TelephonySession:
    """Give a conference, or a call, that the caller decides about."""
    return _of(access.manageable(session_id, caller, context), origin)


SeenDep = Annotated[TelephonySession, Depends(seen)]
ManagedDep = Annotated[TelephonySession, Depends(managed)]


def party_of(session: TelephonySession, party_id: str, parameter: str = "party") -> Party:
    """Give a party of a session; one that is not there is answered 404, by the name of who asks for it."""
    try:
        return session.parties[party_id]
    except KeyError:
        raise not_found(parameter) from None


def shown_to(session: TelephonySession, caller: Extension) -> dict[str, Party]:
    """Give the parties of a session that a caller may know of: to an administrator the hidden listeners, too."""
    return {**session.parties, **session.hidden} if caller.admin else session.parties


async def seen_party(session: SeenDep, party_id: PartyId, caller: CallerDep) -> Party:
    """Give a party of a conference that the caller may see."""
    return shown_to(session, caller).get(party_id) or party_of(session, party_id)


async def own_party(
    session_id: SessionId, party_id: PartyId, caller: CallerDep, context: ContextDep, origin: OriginDep
) -> Party:
    """Give a party that the caller is, or decides about."""
    session = _of(access.own_or_manageable(session_id, party_id, caller, context), origin)
    return shown_to(session, caller).get(party_id) or party_of(session, party_id)


PartyDep = Annotated[Party, Depends(seen_party)]
OwnPartyDep = Annotated[Party, Depends(own_party)]
