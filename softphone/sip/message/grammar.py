"""The few productions of RFC 3261 section 25 that every header needs: tokens, quoted strings, lists, parameters."""

import re
from collections.abc import Mapping

from softphone.errors import BadMessage

__all__ = ["TOKEN", "Params", "format_params", "is_token", "parse_params", "quote", "split_outside", "unquote"]

Params = Mapping[str, str | None]
"""Parameters by lower-case name; the value as it was written, quotes included; None where there was no "="."""

# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")
TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"

_TOKEN = re.compile(TOKEN)
_PARAM = re.compile(rf'({TOKEN})(?:\s*=\s*("(?:[^"\\]|\\.)*"|[^\s"]*))?', re.DOTALL)
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|<[^>"]*(?:"[^>"]*"[^>"]*)*>|[,;]|[^"<,;]+', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = re.compile(r'(["\\])')


def is_token(text: str) -> bool:
    """Whether `text` is one token (a method, a header name, a parameter)."""
    return _TOKEN.fullmatch(text) is not None


def split_outside(text: str, separator: str, *, lenient: bool = False) -> list[str]:
    """Split at `separator` outside quoted strings and angle brackets; the pieces are stripped.

    Raises
    ------
    BadMessage
        A quote or bracket is not closed; `lenient` takes all from there on as one piece with what is before it.
    """
    if '"' not in text and "<" not in text:
        return [piece.strip() for piece in text.split(separator)]
    pieces, start, at = [], 0, 0
    while at < len(text):
        match = _PIECE.match(text, at)
        if match is None and lenient:
            break
        if match is None:
            raise BadMessage("Unbalanced quote or bracket")
        if match.group() == separator:
            pieces.append(text[start:at].strip())
            start = match.end()
        at = match.end()
    pieces.append(text[start:].strip())
    return pieces


def parse_params(pieces: list[str], *, lenient: bool = False) -> dict[str, str | None]:
    """Parameters from `pieces` that were split at ";"; of a repeated name the first counts.

    An empty piece says nothing, and a name with nothing behind its "=" says what the name alone does.

    Raises
    ------
    BadMessage
        A piece is no parameter; `lenient` passes over it instead.
    """
    params: dict[str, str | None] = {}
    for piece in filter(None, pieces):
        if match := _PARAM.fullmatch(piece):
            params.setdefault(match.group(1).lower(), match.group(2) or None)
        elif not lenient:
            raise BadMessage("Bad parameter")
    return params


def format_params(params: Params) -> str:
    """Parameters as text, each with its leading ";"."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


def quote(text: str) -> str:
    """`text` as a quoted string (RFC 3261 section 25.1)."""
    return '"' + _SPECIAL.sub(r"\\\1", text) + '"'


def unquote(text: str) -> str:
    """Return what a quoted string says, and anything else as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    return _ESCAPED.sub(r"\1", text[1:-1]) if "\\" in text else text[1:-1]
