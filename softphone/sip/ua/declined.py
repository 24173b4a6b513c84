"""An SDP answer that declines all streams, for phones that need one before a refusal."""

import base64
import secrets

from softphone.address import family_of
from softphone.srtp import SRTP_PROFILES

__all__ = ["declined"]

# Clients read the key of this suite without checking that there is one (RFC 4568 section 6.2).
SUITE = "AES_CM_128_HMAC_SHA1_80"


def declined(offer: str, host: str) -> str:
    """Answer an offer by a description in which no stream is taken (RFC 3264 section 6).

    Parameters
    ----------
    host
        Ours, an address.
    """
    here = f"IN IP{family_of(host) or 4} {host}"
    lines = ["v=0", f"o=- 1 1 {here}", "s=-", f"c={here}", "t=0 0"]
    for line in offer.splitlines():
        if line.startswith("m=") and len(parts := line.split(" ")) >= 4:
            lines += [" ".join((parts[0], "0", *parts[2:])), "a=inactive"]
        elif line.startswith("a=crypto:") and SUITE in line:
            key = base64.b64encode(secrets.token_bytes(SRTP_PROFILES[SUITE])).decode()
            lines.append(f"{line.partition(' ')[0]} {SUITE} inline:{key}")
    return "\r\n".join((*lines, ""))
