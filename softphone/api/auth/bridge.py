"""The codes of a user's room behind the bridge number: who may learn them, for both faces that tell them."""

from softphone.api.context import ApiContext
from softphone.api.http.errors import ApiError
from softphone.focus.accounts import Extension
from softphone.store.values import Codes

__all__ = ["bridge_codes"]


def bridge_codes(extension: Extension, caller: Extension, context: ApiContext) -> Codes:
    """Give the codes of a user, to itself or to an administrator.

    Raises
    ------
    ApiError
        403: it is another's, or no user, or may not hold conferences. 503: the account has no bridge number.
    """
    if not caller.admin and extension.id != caller.id:
        raise ApiError(403, "CMN-404", "Access to another extension is not allowed")
    if extension.kind != "user":
        raise ApiError(403, "CMN-112", "Feature [Conferencing] is not available for current extension type")
    codes = context.accounts.directory.codes(extension.id)
    if codes is None or not extension.conferencing:
        raise ApiError(403, "BIL-103", "Feature [Conferencing] is not available for current account")
    if not context.accounts.main_number:
        raise ApiError(503, "FCC-103", "Conference group is not set for current account")
    return codes
