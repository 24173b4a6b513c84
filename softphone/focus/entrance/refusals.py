"""How a call is refused: which final response an error makes."""

from softphone.errors import CallRefused, NoCommonCodec, OwnAddress, SdpError
from softphone.focus.entrance.authentication import AuthRefusal
from softphone.focus.errors import NotAllowed
from softphone.sip.message.fields import warning

__all__ = ["refusal_of"]


def refusal_of(error: Exception) -> AuthRefusal | None:
    """Say with which answer a call is refused for `error`; None: the fault is not the caller's."""
    match error:
        case AuthRefusal():
            return error
        case CallRefused():
            return AuthRefusal(error.status, error.reason, [("Contact", f"<{uri}>") for uri in error.contacts])
        case NotAllowed():
            return AuthRefusal(403, "Forbidden", [])
        case NoCommonCodec() | OwnAddress():
            return AuthRefusal(488, "Not Acceptable Here", [warning(error)])
        case SdpError():
            return AuthRefusal(400, "Bad Session Description", [warning(error)])
    return None
