"""The final response to a call for each exception."""

from softphone.errors import CallRefused, NoCommonCodec, OwnAddress, SdpError
from softphone.focus.errors import NotAllowed
from softphone.sip.message.fields import warning

__all__ = ["refusal_of"]


def refusal_of(error: Exception) -> CallRefused | None:
    """Say with which answer a call is refused for `error`; None: the fault is not the caller's."""
    match error:
        case CallRefused():
            contacts = [("Contact", f"<{uri}>") for uri in error.contacts]
            return CallRefused(error.status, error.reason, headers=(*error.headers, *contacts))
        case NotAllowed():
            return CallRefused(403)
        case NoCommonCodec() | OwnAddress():
            return CallRefused(488, headers=[warning(error)])
        case SdpError():
            return CallRefused(400, "Bad Session Description", headers=[warning(error)])
    return None
