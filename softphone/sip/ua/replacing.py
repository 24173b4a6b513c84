"""An INVITE with Replaces (RFC 3891 section 3): the replaced call, or the reason of the refusal."""

from softphone.errors import BadMessage, CallRefused
from softphone.sip.dialog.replaces import Replaces
from softphone.sip.dialog.table import DialogTable
from softphone.sip.message.message import Request
from softphone.sip.ua.call import InviteSession, InviteState
from softphone.sip.ua.early import EarlyDialog

__all__ = ["replaced_by"]


def replaced_by(request: Request, dialogs: DialogTable) -> InviteSession | EarlyDialog | None:
    """Find the call whose place an INVITE is to take; None: it is an ordinary one.

    It may be one of ours that rings; who rings here is replaced by nobody.

    Whether its sender may is for others to decide.

    Raises
    ------
    CallRefused
        400: the header is none. 481: there is no such call, or we have not answered it. 486: it has, and only one that
        has not is meant. 603: it is over.
    """
    try:
        wanted = Replaces.of(request)
    except BadMessage as error:
        raise CallRefused(error.status, error.reason) from error
    if wanted is None:
        return None
    found = next((user for name in wanted.names() if (user := dialogs.named(name)) is not None), None)
    if isinstance(found, EarlyDialog):
        return found
    if not isinstance(found, InviteSession):
        over = any(dialogs.is_over(name) for name in wanted.names())
        raise CallRefused(603 if over else 481)
    if (status := _refusal(found, wanted)) is not None:
        raise CallRefused(status)
    return found


def _refusal(found: InviteSession, wanted: Replaces) -> int | None:
    """Say why a call is not replaced; None: it is."""
    match found.state:
        case InviteState.EARLY:
            return 481
        case InviteState.ENDED:
            return 603
    return 486 if wanted.early_only else None
