"""Keys that come as SIP INFO: ``application/dtmf-relay`` (``Signal=5``) and ``application/dtmf`` (a bare ``5``)."""

import re

__all__ = ["digits_of"]

# Some senders put a blank around the equals sign; some name the star and the hash by their event numbers (RFC 4733).
SIGNAL = re.compile(rb"^\s*Signal\s*=\s*([0-9]{1,2}|[A-D*#])\s*$", re.IGNORECASE | re.MULTILINE)
BARE = re.compile(rb"\s*([0-9]{1,2}|[A-D*#])\s*", re.IGNORECASE)

NUMBERED = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}


def digits_of(content_type: str, body: bytes) -> str:
    """Give the key that an INFO body reports; empty when it reports none."""
    kind = content_type.partition(";")[0].strip().lower()
    match kind:
        case "application/dtmf-relay":
            found = SIGNAL.search(body)
        case "application/dtmf":
            found = BARE.fullmatch(body)
        case _:
            return ""
    if found is None:
        return ""
    text = found[1].decode("ascii").upper()
    key = NUMBERED.get(text, text)
    return key if len(key) == 1 else ""
