"""Authorization codes (RFC 6749 section 4.1.2) with PKCE (RFC 7636), with the time as an argument.

Only hashes of the codes are kept. A code is good once, for a minute, for the program and the address it was made for.
"""

import base64
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

__all__ = ["AuthorizationCodes", "Authorized"]

CODE_S = 60.0
# Bounds the memory; whoever logs in over and over drops the oldest.
MOST = 10_000
# RFC 7636 section 4.1.
VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


@dataclass(frozen=True, slots=True)
class Authorized:
    """What a user has let a program do: have a token, sent to an address."""

    client_id: str
    redirect_uri: str
    extension_id: str
    challenge: str = ""
    "PKCE; empty: none."
    method: str = "plain"
    "How the challenge is made of the verifier: ``plain`` or ``S256``."

    def proved_by(self, verifier: str) -> bool:
        """Whether who has the verifier is who has asked."""
        if not self.challenge:
            return not verifier
        if not VERIFIER.fullmatch(verifier):
            return False
        made = verifier
        if self.method == "S256":
            made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        return hmac.compare_digest(made.encode(), self.challenge.encode())


class AuthorizationCodes:
    """The codes that were given and not used yet."""

    def __init__(self) -> None:
        self._codes: dict[bytes, tuple[float, Authorized]] = {}

    def issue(self, authorized: Authorized, now: float) -> str:
        """Give a code."""
        while self._codes:
            key, (until, _) = next(iter(self._codes.items()))
            if now < until and len(self._codes) < MOST:
                break
            del self._codes[key]
        code = secrets.token_urlsafe(32)
        self._codes[_hash(code)] = now + CODE_S, authorized
        return code

    def redeem(self, code: str, client_id: str, redirect_uri: str, verifier: str, now: float) -> str | None:
        """Give the extension that a code is of, which is used up; None: it is not good, or not for who shows it."""
        until, authorized = self._codes.pop(_hash(code), (0.0, None))
        if authorized is None or now >= until:
            return None
        asked = authorized.client_id, authorized.redirect_uri
        if asked != (client_id, redirect_uri) or not authorized.proved_by(verifier):
            return None
        return authorized.extension_id


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
