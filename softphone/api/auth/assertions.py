"""JSON Web Tokens that log a user in (RFC 7523 section 3): signed with HMAC-SHA256 by the secret of this installation.

``softphone jwt`` makes them; whoever holds ``token.secret`` may make them otherwise. The claims are ``iss`` and ``aud``
(both name the account), ``sub`` (the extension's id), ``exp``, and, if only one program may use it, ``client_id``. A
token is good until its end; a new ``token.secret`` ends all of them.
"""

import base64
import binascii
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Assertion", "Assertions", "BadAssertion"]

# Longer than any that we make; what is longer is not even hashed.
LONGEST = 4096
HEADER = {"alg": "HS256", "typ": "JWT"}


class BadAssertion(ValueError):
    """A token logs nobody in; the message says why."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a token says."""

    extension_id: str
    client_id: str
    "The only program that may use it; empty: any."


class Assertions:
    """Makes and checks them, with the time as an argument: seconds since 1970.

    Parameters
    ----------
    secret
        Signs them; empty: one that ends with this object.
    account_id
        Whose users they log in.
    """

    def __init__(self, secret: str, account_id: str) -> None:
        self._key = (secret or secrets.token_urlsafe(32)).encode()
        self._issuer = f"softphone:{account_id}"

    def make(self, extension_id: str, now: float, lifetime_s: float, client_id: str = "") -> str:
        """Give a token for an extension."""
        claims = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": extension_id,
            "iat": int(now),
            "exp": int(now + lifetime_s),
            "jti": secrets.token_urlsafe(12),
        } | ({"client_id": client_id} if client_id else {})
        signed = f"{_encoded(json.dumps(HEADER).encode())}.{_encoded(json.dumps(claims).encode())}"
        return f"{signed}.{_encoded(self._mac(signed))}"

    def check(self, token: str, now: float) -> Assertion:
        """Read a token.

        Raises
        ------
        BadAssertion
            It is none, not signed by our secret, for somebody else, or over.
        """
        signed, _, mac = token.rpartition(".")
        header, _, body = signed.partition(".")
        if len(token) > LONGEST or _object(header).get("alg") != HEADER["alg"]:
            raise BadAssertion("it is not signed with HS256")
        if not hmac.compare_digest(_decoded(mac), self._mac(signed)):
            raise BadAssertion("it is not signed with this server's secret")
        claims = _object(body)
        self._check_claims(claims, now)
        return Assertion(str(claims.get("sub", "")), str(claims.get("client_id", "")))

    def _check_claims(self, claims: Mapping[str, Any], now: float) -> None:
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self._issuer or self._issuer not in audiences:
            raise BadAssertion(f"its iss and aud have to be {self._issuer!r}")
        if not _time(claims, "nbf", 0) <= now < _time(claims, "exp"):
            raise BadAssertion("it is over, or not yet good")

    def _mac(self, signed: str) -> bytes:
        return hmac.digest(self._key, signed.encode("ascii", "replace"), "sha256")


def _time(claims: Mapping[str, Any], name: str, default: float | None = None) -> float:
    value = claims.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadAssertion(f"its {name} is no time")
    return value


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadAssertion("it is no JSON Web Token") from None


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(_decoded(text))
    except (ValueError, RecursionError) as error:
        raise BadAssertion("it is no JSON Web Token") from error
    if not isinstance(found, dict):
        raise BadAssertion("it is no JSON Web Token")
    return found
