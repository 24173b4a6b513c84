"""The way a party is reached, as others may know it: by which transport, with which codec, and how it is encrypted."""

from softphone.calls.leg import CallLeg
from softphone.focus.session import PartyPath

__all__ = ["path_of"]


def path_of(leg: CallLeg) -> PartyPath | None:
    """Give the way of a leg; without a SIP call its party has joined by HTTP. None before anything is agreed on."""
    if leg.session.agreement.negotiated is None:
        return None
    transport = "http" if leg.call is None else leg.call.source.transport
    return PartyPath(transport, leg.spec.codec, leg.cipher)
