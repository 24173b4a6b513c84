"""Which packets belong to a party: the rule for bridge and agent alike.

Media is taken from the address that the party's description names, and sent there. One other source is accepted in its
place, once, as long as the named address is not heard: any port of the host that the party's signalling comes from,
when the description names that host, too (RFC 4961: the party sends from another port than it says), or an address that
is not globally routable (a NAT, RFC 7362). Nobody else is ever heard.

It must be sound in a codec that was agreed on, from a source (SSRC) that no other party of that host has, and it must
have begun after the leg was opened: what an ended call still sends, and what was there before, is not this party's.
Who is quiet for a second and sends again has begun anew. When it could be of several parties of that host on a port
that they share, nobody is guessed at, and it is counted (`softphone_unclaimed_datagrams`).

What was named wins when it speaks, and then for good. Sound is sent to where it comes from (RFC 4961), unless reports
(RFC 3550) come from the named address: then it is there that the party listens.

A party that has been heard is found again when it moves its port within the host of its signalling, keeps its SSRC and
is quiet where it was. A new description begins all of this anew if it names another address.

`other_source` decides whether there may be another source; `softphone.media.engine.sources` carries the rest out.

Whom we know is sent sound wherever it says. A stranger by UDP may be elsewhere than its INVITE says till it has shown
that it receives what we send (`softphone.sip.ua.address_proof`): till then three times the bytes that come go to where
it wants sound. After that it may still name another host than its own, which has two seconds of sound until something
comes from there, once in a call. A report on our stream is as good as either (`trust_in`).
"""

from typing import Literal

from softphone.address import canonical, family_of, is_loopback, is_public, is_wildcard
from softphone.media.contract.leg import MediaAddress
from softphone.sip.ua.call import InviteSession

__all__ = ["is_behind_nat", "other_source", "signalling_host", "trust_in"]


def signalling_host(call: InviteSession) -> str:
    """Give the address that a peer's own signalling comes from.

    A caller behind proxies is where the first of them saw it: the last Via (RFC 3261 section 18.2.1).
    """
    vias = call.invite.vias
    if call.direction == "in" and len(vias) > 1:
        return canonical(vias[-1].params.get("received") or vias[-1].host)
    return call.source.host


def trust_in(
    call: InviteSession | None, known: bool, remote: MediaAddress | None, source: str | None = None
) -> Literal["free", "early", "earned"]:
    """Say how sure it is that sound for the peer of a call is wanted at an address; see `LegSpec.trust`.

    Parameters
    ----------
    known
        Whether the peer has proved who it is.
    source
        Of a peer without a SIP call, where its requests come from; None: nobody asked, we call it.
    """
    if known or (call is None and source is None):
        return "free"
    if call is not None and not call.proved:
        return "earned"
    host = source if call is None else call.source.host
    return "free" if remote is not None and remote.host == host else "early"


def is_behind_nat(media_host: str, signalled: str) -> bool:
    """Whether the packets of a peer will not come from where its description says: a NAT rewrites their address.

    Parameters
    ----------
    media_host
        The address of the description.
    signalled
        The address that its signalling comes from.
    """
    family = family_of(media_host)
    if media_host == signalled or is_wildcard(media_host) or family == 0 or family != family_of(signalled):
        return False
    return not is_public(media_host) and not (is_loopback(media_host) and is_loopback(signalled))


def other_source(media_host: str, signalled: str) -> str | None:
    """Give the host that media may come from instead of the named address; None: from nowhere else.

    Parameters
    ----------
    media_host
        The address of the description.
    signalled
        The address that its signalling comes from.
    """
    return signalled if media_host == signalled or is_behind_nat(media_host, signalled) else None
