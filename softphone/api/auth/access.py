"""Authorization: who may see a session, who may command it, and who may read the codes of a user's room."""

from softphone.api.context import ApiContext
from softphone.api.http.errors import ApiError, coded
from softphone.focus.errors import NoSuchSession
from softphone.focus.session import TelephonySession
from softphone.store.values import Codes, Extension

__all__ = ["administrator", "bridge_codes", "manageable", "may_manage", "may_see", "own_or_manageable", "visible"]


def may_manage(session: TelephonySession, caller: Extension) -> bool:
    """Whether the caller decides about the session and all its parties: it made it, is its host, or administers all."""
    return session.is_led_by(caller)


def may_see(session: TelephonySession, caller: Extension) -> bool:
    """Whether the caller knows of the session: it decides about it, or is in it."""
    return may_manage(session, caller) or bool(session.calls_of(caller.id))


def visible(session_id: str, caller: Extension, context: ApiContext) -> TelephonySession:
    """Give a session that the caller may see; to others it does not exist."""
    session = context.focus.session(session_id)
    if not may_see(session, caller):
        raise NoSuchSession(session_id)
    return session


def manageable(session_id: str, caller: Extension, context: ApiContext) -> TelephonySession:
    """Give a session that the caller decides about."""
    session = visible(session_id, caller, context)
    if not may_manage(session, caller):
        raise ApiError(403, "CMN-408", "Operation is not allowed for current user")
    return session


def own_or_manageable(session_id: str, party_id: str, caller: Extension, context: ApiContext) -> TelephonySession:
    """Give a session whose party `party_id` the caller is or decides about."""
    session = visible(session_id, caller, context)
    party = session.parties.get(party_id)
    if party is not None and party.extension_id == caller.id:
        return session
    return manageable(session_id, caller, context)


def administrator(caller: Extension) -> Extension:
    """Give the caller, who has to administer the account."""
    if not caller.admin:
        raise coded("CMN-402")
    return caller


def bridge_codes(extension: Extension, caller: Extension, context: ApiContext) -> Codes:
    """Give the codes of a user, to itself or to an administrator.

    Raises
    ------
    ApiError
        403: it is another's, or no user, or may not hold conferences, or the account has no bridge number.
    """
    if not caller.admin and extension.id != caller.id:
        raise coded("CMN-404")
    if extension.kind != "user":
        raise coded("CMN-112", "Conferencing")
    codes = context.accounts.codes(extension.id)
    if codes is None or not extension.conferencing or not context.accounts.main_number:
        raise coded("BIL-103", "Conferencing")
    return codes
