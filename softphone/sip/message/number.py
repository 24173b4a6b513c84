"""Who a URI means: one spelling for each number and each name (RFC 3261 section 19.1.6, RFC 3966).

People, telephones and trunks write one number in many ways: ``tel:+1-650-555-0100``,
``sip:+1(650)555.0100@host;user=phone``, ``sip:%2B16505550100;npdi@host``. Whoever routes, bans, dials or
compares asks here.
"""

import re
from urllib.parse import unquote

from softphone.errors import BadMessage
from softphone.sip.message.uri import Uri

__all__ = ["number_of", "spelled"]

# phonedigit and visual-separator of RFC 3966 section 3, "*" and "#" of star codes, blanks as people write them
_NUMBER = re.compile(r"\+?[0-9*#().\-\s]+")
# With letters only where the URI says that it is a number: phonedigit-hex of a local number.
_HEX_NUMBER = re.compile(r"\+?[0-9A-Fa-f*#().\-\s]+")
_SEPARATORS = re.compile(r"[().\-\s]+")
_CONTEXT = re.compile(r";phone-context=(\+[0-9().\-]+)(?:;|$)", re.IGNORECASE)


def number_of(uri: Uri) -> str:
    """Say which number or user a URI means; empty where it names none.

    Of a number no visual separators are left, and nothing of its parameters: ``ext``, ``isub``, and ``npdi`` and ``rn``
    of number portability, which say how it is reached, not which it is. A local number is put behind its
    ``phone-context`` when that is a prefix; a domain as context is left out. Any other user is as it was written,
    without escapes.
    """
    if uri.scheme == "tel":
        return _number(unquote(uri.opaque), _HEX_NUMBER)
    is_phone = (uri.params.get("user") or "").lower() == "phone"
    return _number(uri.user or "", _HEX_NUMBER if is_phone else _NUMBER)


def spelled(text: str) -> str:
    """Say which number or user a text means that somebody typed: a number, a name, or a whole URI."""
    text = text.strip()
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in ("sip", "sips", "tel"):
        return _number(text, _NUMBER)
    try:
        # in a number for people there may be blanks, in a URI not
        return number_of(Uri.parse(f"{scheme}:{''.join(rest.split())}"))
    except BadMessage:
        return text


def _number(text: str, kind: re.Pattern[str]) -> str:
    digits, semicolon, params = text.partition(";")
    number = _SEPARATORS.sub("", digits).upper()
    if kind.fullmatch(digits) is None or not any(each in "0123456789*#" for each in number):
        return text
    context = _CONTEXT.search(semicolon + params)
    if context is None or number.startswith("+"):
        return number
    return _SEPARATORS.sub("", context.group(1)) + number
