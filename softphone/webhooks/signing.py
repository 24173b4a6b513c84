"""Signatures of webhooks, of Standard Webhooks and of our own older kind."""

import base64
import binascii
import hashlib
import hmac
import secrets

__all__ = ["headers", "new_secret", "signature", "verify"]

# Receivers accept signatures that are this old; clocks differ.
TOLERANCE_S = 300.0

# What the key of Standard Webhooks begins with; base64 follows.
KEY_PREFIX = "whsec_"


def new_secret() -> str:
    """Make a secret in the form that the libraries of Standard Webhooks take."""
    return KEY_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(secret: str, id: str, event: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the headers of a delivery; without a secret there is no signature among them."""
    fields = {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "X-Softphone-Event": event,
        "X-Softphone-Delivery": id,
        "X-Softphone-Timestamp": str(timestamp),
    }
    if secret:
        fields["webhook-signature"] = _standard(secret, id, timestamp, body)
        fields["X-Softphone-Signature"] = signature(secret, timestamp, body)
    return fields


def _standard(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """Sign as Standard Webhooks does."""
    digest = hmac.digest(_key(secret), f"{id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(digest).decode()}"


def _key(secret: str) -> bytes:
    """Return the key: base64 behind ``whsec_``, and of any other secret its own bytes."""
    if secret.startswith(KEY_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(KEY_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """Sign as X-Softphone-Signature: "sha256=" and the hex HMAC-SHA256 of the timestamp, a dot and the body."""
    signed = f"{timestamp}.".encode() + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def verify(secret: str, timestamp: str, body: bytes, given: str, now: float, tolerance_s: float = TOLERANCE_S) -> bool:
    """Tell whether a request is from somebody who knows the secret, and fresh.

    Parameters
    ----------
    secret
        What both sides know.
    timestamp, given
        The headers X-Softphone-Timestamp and X-Softphone-Signature.
    body
        As it came.
    now
        Unix seconds.
    tolerance_s
        How much the timestamp may be off.
    """
    if not (timestamp.isascii() and timestamp.isdigit()) or abs(now - int(timestamp)) > tolerance_s:
        return False
    return hmac.compare_digest(signature(secret, int(timestamp), body).encode(), given.encode())
