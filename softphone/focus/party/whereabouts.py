"""What a party's media address says about the legs that are there: it is ours, or that of an older leg."""

import ipaddress
from collections.abc import Iterable
from typing import TYPE_CHECKING

from softphone.errors import OwnAddress
from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress

if TYPE_CHECKING:
    from softphone.focus.context import Context
    from softphone.focus.party.member import Member

__all__ = ["check_foreign", "check_named", "older"]

# Who only wants to be called names the discard port: many do, and none of them is there.
DISCARD = 9


def check_foreign(remote: MediaAddress | None, ours: Iterable[LegInfo], listening: Iterable[MediaAddress] = ()) -> None:
    """Refuse media that would come back to us: a leg would be its own echo, or a room that of another.

    Parameters
    ----------
    remote
        Where media or reports are to be sent.
    ours
        The legs that there are.
    listening
        Where this node takes what is no media, such as SIP.

    Raises
    ------
    OwnAddress
        When `remote` is one of these, or where one of our legs takes media or reports.
    """
    if remote is None or remote.port == DISCARD:
        return
    legs = ((info.host, port) for info in ours for port in (info.port, info.rtcp_port))
    for host, port in (*legs, *((each.host, each.port) for each in listening)):
        if remote.port != port:
            continue
        if remote.host == host or (_is_loopback(remote.host) and not _is_loopback(host)):
            raise OwnAddress(f"media cannot be sent to {remote.host}:{remote.port}: that is our own address")


def check_named(spec: LegSpec, context: "Context") -> None:
    """Refuse where a peer wants media and reports, when it is an address of this node; raises OwnAddress."""
    infos = [member.media.info for member in context.legs.values() if member.media.info is not None]
    for named in (spec.remote, spec.remote_rtcp):
        check_foreign(named, infos, context.listening)


def older(newcomer: "Member", members: Iterable["Member"]) -> list["Member"]:
    """Give the earlier legs of the newcomer's extension at its media address.

    Its telephone has begun anew and knows nothing of them: it would go on to play the old stream.
    """
    spec, extension = newcomer.media.spec, newcomer.party.extension_id
    remote = spec.remote
    if remote is None or remote.port == DISCARD or extension is None:
        return []
    return [
        other
        for other in members
        if other is not newcomer
        and other.party.extension_id == extension
        and (other.media.spec.remote, other.media.spec.latch_host) == (remote, spec.latch_host)
        and not other.held
    ]


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback
