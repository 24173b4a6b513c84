"""Messages made fit to be shown: what proves who somebody is, or lets him in, is overwritten, and nothing moves.

Every byte of a secret becomes ``*``: lengths stay, so that Content-Length stays true and the message can be read as
before. It works on the bytes, whatever they are: what is no message, or half of one, has its secrets overwritten, too.
"""

import re

__all__ = ["blotted"]

# It ends with the line, unless that is folded: what is broken is what people look for in a trace.
_QUOTED = rb'"(?:[^"\\\r\n]|\\[^\r\n]|\r(?!\n)|\r\n[ \t])*+"?'
_VALUE = rb"(" + _QUOTED + rb'|[^\s,;&?@<>"]+)'
_EQUALS = rb"\s*(?:=|%3d)\s*"


def _spelled(word: str) -> bytes:
    """Match a word in which any character may be written as ``%hh`` (RFC 3261 section 19.1.2)."""
    return b"".join(
        b"(?:"
        + re.escape(each.encode())
        + b"|"
        + b"|".join(sorted({b"%%%02x" % ord(each), b"%%%02x" % ord(each.upper())}))
        + b")"
        for each in word
    )


# What each finds is its last group.
_EVERYWHERE = [
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # RFC 8760 and RFC 3310: what answers a challenge, and what the answer was made with.
        rb"\b(?:response|cnonce|rspauth|auts)" + _EQUALS + _VALUE,
        # Other schemes send the password or a token itself.
        rb"(?:^|\n)(?:Proxy-)?Authorization[ \t]*:[ \t]*+(?:\r\n[ \t]++)?(?!Digest\b)(?:[!-~]++[ \t]++)?"
        rb"([^\r\n]*+(?:\r\n[ \t][^\r\n]*+)*+)",
        # The token of a conference, and most of an id from which it can be told (`softphone.focus.token`).
        _spelled("conf_") + rb"((?:[0-9a-z]|%[0-9a-f]{2})+)",
        rb"\b[ps]-[0-9a-f]{8}([0-9a-f]{24})",
        # What others call a password.
        rb"\b(?:pin|passcode|passw(?:or)?d|pwd|secret|token|access_token)" + _EQUALS + _VALUE,
        # Keys pressed, in a KPML document (RFC 4730); keys of media (RFC 4568, RFC 8839, RFC 8866).
        rb"\bdigits\s*=\s*(" + _QUOTED + rb"|'[^']*'?)",
        rb"\binline:([^\s|]+)",
        rb"\ba=ice-pwd:([^\r\n]+)",
        rb"(?:^|\n)k=([^\r\n]+)",
    )
]
# RFC 3261 section 19.1.1: a password in a URI. Whatever follows, what was read is not read again: a long message of
# nothing but colons takes no longer than others.
_USERINFO = re.compile(rb'\bsips?:[^@:<>\s"]*+(?::([^@<>\s"]*+)@?)?+', re.IGNORECASE)
_INFO = re.compile(rb"\s*INFO ", re.IGNORECASE)
# A key in an INFO: ``Signal=5``, or a line without a name.
_SIGNAL = re.compile(rb"(?:^|\n)[ \t]*+(?:Signal[ \t]*+[=:]([^\r\n]*)|([^=:\r\n]++)(?![=:]))", re.IGNORECASE)
_SEEN = re.compile(rb"[^\s\"']")


def blotted(data: bytes) -> bytes:
    """Overwrite the secrets of a message; the result has the same length."""
    for pattern in _EVERYWHERE:
        data = pattern.sub(_overwrite, data)
    data = _USERINFO.sub(_password, data)
    if _INFO.match(data):
        head, gap, body = data.partition(b"\r\n\r\n")
        data = head + gap + _SIGNAL.sub(_overwrite, body)
    return data


def _overwrite(found: re.Match[bytes]) -> bytes:
    whole, start = found[0], found.start()
    first, last = found.span(found.lastindex or 0)
    return whole[: first - start] + _SEEN.sub(b"*", whole[first - start : last - start]) + whole[last - start :]


def _password(found: re.Match[bytes]) -> bytes:
    return _overwrite(found) if found[1] and found[0].endswith(b"@") else found[0]
