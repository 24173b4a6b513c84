"""Keys of media that others can read on their way: keys in descriptions are as secret as the path of signalling."""

import logging
from functools import cache

from softphone.address import is_loopback
from softphone.sdp import Plain, Profile, Sdes
from softphone.sip.ua.call import InviteSession

__all__ = ["notice"]

log = logging.getLogger(__name__)


def notice(call: InviteSession | None, remote: Profile | Plain | None) -> None:
    """Say it, once for each transport, where keys go over one that is not encrypted (RFC 4568 section 9.1)."""
    if call is None or not isinstance(remote, Sdes):
        return
    if not call.source.kind.secure and not is_loopback(call.source.host):
        say(call.source.transport)


@cache
def say(transport: str) -> None:
    """Write the line of the log."""
    log.warning("SRTP keys came by SIP over %s, where others may read them; TLS keeps them secret", transport)
