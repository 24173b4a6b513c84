"""Caller identity: in our own INVITEs, and how far that of others is trusted (RFC 3323, RFC 3325).

P-Asserted-Identity is read from peers that are trusted by configuration, and sent to such only. ``Privacy: id`` hides
the number from everybody else, whoever asked for it.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from softphone.errors import BadMessage
from softphone.focus.party.outcome import refused
from softphone.sip.message.fields import Address
from softphone.sip.message.grammar import split_outside
from softphone.sip.message.message import Headers, Request
from softphone.sip.message.uri import Uri, number_of
from softphone.store.values import Extension

__all__ = ["ANONYMOUS", "Caller", "Shown", "caller_of", "calls", "hops_left", "is_trusted", "shown"]

ANONYMOUS = "anonymous"
"""The number of somebody who hides it."""

MAX_FORWARDS = 70

# RFC 3323 section 4.1.1.3
HIDDEN = Address(Uri("sip", "anonymous.invalid", None, ANONYMOUS), "Anonymous")

# Of a Diversion: so many like it (RFC 5806 section 10.2); two digits suffice.
COUNTER = re.compile(r";\s*counter\s*=\s*([0-9]{1,2})", re.IGNORECASE)

# What a Privacy header may ask for that hides the caller's identity from the callee (RFC 3323 section 4.2, RFC 3325).
HIDING = frozenset(("id", "user", "header"))


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever a call of ours is made for."""

    number: str
    name: str = ""
    private: bool = False
    "The called person is not shown who it is."
    account: str = ""
    "Id of the extension that has proved who it is and answers for the call; empty: nobody has."
    hops: int = MAX_FORWARDS
    "How many further the call may go (Max-Forwards; RFC 7332)."
    headers: Headers = ()
    "What the INVITE says besides: of whom it was made by, which call it replaces, who has forwarded it."
    forwarded: int = 0
    "How often it has been forwarded (RFC 5806, RFC 7044)."


@dataclass(frozen=True, slots=True)
class Shown:
    """What an INVITE of ours says of the caller."""

    from_: Address
    headers: Headers = ()


def shown(caller: Caller, address: Uri, *, asserted: Uri | None = None) -> Shown:
    """Say of the caller what a called party may see.

    Parameters
    ----------
    address
        Who calls, as a URI that can be called back, or as the trunk wants it.
    asserted
        The same for P-Asserted-Identity; only where the called party is trusted. None: it is not.
    """
    identity = [("P-Asserted-Identity", str(Address(asserted, caller.name)))] if asserted is not None else []
    if caller.private or caller.number == ANONYMOUS:
        known = identity if caller.number != ANONYMOUS else []
        return Shown(HIDDEN, [("Privacy", "id"), *known])
    return Shown(Address(address, caller.name), identity)


def caller_of(invite: Request, *, trusted: bool) -> Caller:
    """Read who calls.

    Parameters
    ----------
    trusted
        Whether the peer that sent the INVITE is believed what it asserts.
    """
    private = any(token.strip().lower() in HIDING for line in invite.get_all("Privacy") for token in _tokens(line))
    asserted = _asserted(invite) if trusted else None
    address = asserted or invite.from_
    number = number_of(address.uri)
    if not number or address.uri.host.lower() == HIDDEN.uri.host:
        private = True
    if private:
        return Caller(ANONYMOUS, private=True)
    return Caller(number, address.display or "")


def calls(invite: Request, caller: Extension | None, *, trusted: bool) -> Caller:
    """Say for whom an INVITE is passed on: an extension, which has proved who it is, or somebody outside."""
    who = replace(caller_of(invite, trusted=trusted and caller is None), forwarded=forwardings(invite))
    if caller is None:
        return who
    return replace(who, number=caller.number, name=caller.name, account=caller.id)


def forwardings(invite: Request) -> int:
    """Count how often a call has been forwarded before it came here: by Diversion, or by History-Info."""
    diversions = [each for line in invite.get_all("Diversion") for each in split_outside(line, ",", lenient=True)]
    counts = (COUNTER.search(each) for each in diversions)
    history = [each for line in invite.get_all("History-Info") for each in split_outside(line, ",", lenient=True)]
    # The first entry of a history is where it began (RFC 7044 section 5).
    return max(sum(int(found[1]) if found else 1 for found in counts), len(history) - 1, 0)


def hops_left(invite: Request) -> int:
    """Say how many further a call may go that an INVITE asks to be passed on, as a proxy counts (RFC 7332 section 4).

    Raises
    ------
    NotReached
        483: none. It has probably gone in circles.
    """
    hops = MAX_FORWARDS if invite.max_forwards is None else invite.max_forwards
    if hops < 1:
        raise refused(483, "loop")
    return hops - 1


def _tokens(line: str) -> list[str]:
    return line.replace(",", ";").split(";")


def _asserted(invite: Request) -> Address | None:
    """Read the first P-Asserted-Identity that names somebody (RFC 3325 section 9.1: a sip URI, a tel URI, or both)."""
    for line in invite.get_all("P-Asserted-Identity"):
        try:
            found = next((each for each in Address.parse_list(line) if number_of(each.uri)), None)
        except BadMessage:
            continue
        if found is not None:
            return found
    return None


def is_trusted(host: str, peers: Sequence[str]) -> bool:
    """Whether an address is one of `peers`: addresses, and networks such as ``10.1.0.0/16``."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(peer, strict=False) for peer in peers)
