"""Ids as Restcomm writes them: two capitals and 32 hex digits, made of ours and led back to them.

========  ==========================================  =====================================================
``AC``    a user of the account, by extension id      decimal ids in full, others by hash
``CF``    a conference, by session id                 the digits of the session id
``CA``    a call, by party id, or session id          the session's, the party's number folded into the last
``RE``    a recording, by our id                      by hash
========  ==========================================  =====================================================
"""

import hashlib
import re

from softphone.store.accounts import Accounts
from softphone.store.values import Extension

__all__ = [
    "account_of",
    "account_sid",
    "call_id",
    "call_sid",
    "conference_sid",
    "recording_sid",
    "session_id",
    "session_start",
]

SID = re.compile(r"(AC|CF|CA|RE)([0-9a-f]{32})")
CALL = re.compile(r"(?:s-([0-9a-f]{32})|p-([0-9a-f]{32})-([0-9]{1,9}))")

# Digits at the end of a call's sid that hold the number of the party, too: of more parties than any session has.
FOLDED = 8


def _hex(kind: str, sid: str) -> str | None:
    match = SID.fullmatch(sid)
    return match[2] if match is not None and match[1] == kind else None


def account_sid(extension: Extension) -> str:
    """Give the sid of a user."""
    plain = extension.id.isascii() and extension.id.isdecimal() and len(extension.id) <= 32
    return "AC" + (extension.id.zfill(32) if plain else _hashed("account", extension.id))


def account_of(sid: str, accounts: Accounts) -> Extension | None:
    """Find the user that a sid means."""
    found = accounts.by_id((_hex("AC", sid) or "").lstrip("0"))
    if found is None or account_sid(found) != sid:
        # Ids that are no numbers, or begin with a nought: there are none that our configuration has made.
        found = next((each for each in accounts.extensions.values() if account_sid(each) == sid), None)
    return found if found is not None and found.kind == "user" else None


def conference_sid(session: str) -> str:
    """Give the sid of a conference."""
    return "CF" + session.removeprefix("s-")


def session_id(sid: str) -> str | None:
    """Give the id of the session that the sid of a conference means; None: it is none."""
    digits = _hex("CF", sid)
    return None if digits is None else f"s-{digits}"


def call_sid(call: str) -> str:
    """Give the sid of a call.

    Parameters
    ----------
    call
        Id of a party of a conference, or of the session of a call of two.
    """
    match = CALL.fullmatch(call)
    if match is None:
        return "CA" + _hashed("call", call)
    return f"CA{int(match[1] or match[2], 16) ^ int(match[3] or 0):032x}"


def session_start(sid: str) -> str | None:
    """Give what the id of a call's session begins with, after ``s-`` or ``p-``; None: it is no sid of a call."""
    digits = _hex("CA", sid)
    return None if digits is None else digits[:-FOLDED]


def call_id(sid: str, session: str) -> str | None:
    """Give the id of the party, or session, whose call a sid means.

    Parameters
    ----------
    session
        The session that it is of, or may be of.

    Returns
    -------
    str or None
        None: it is of another session.
    """
    digits, own = _hex("CA", sid), session.removeprefix("s-")
    if digits is None or not re.fullmatch(r"[0-9a-f]{32}", own):
        return None
    number = int(digits, 16) ^ int(own, 16)
    if number >= 16**FOLDED:
        return None
    return f"p-{own}-{number}" if number else f"s-{own}"


def recording_sid(recording: str) -> str:
    """Give the sid of a recording."""
    return "RE" + _hashed("recording", recording)


def _hashed(kind: str, own: str) -> str:
    return hashlib.sha256(f"{kind} {own}".encode()).hexdigest()[:32]
