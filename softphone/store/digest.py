"""The secret of digest authentication, HA1 (RFC 7616 section 3.4.2)."""

import hashlib

__all__ = ["ALGORITHMS", "ha1"]

# Digest algorithms (RFC 7616 section 6.1) by their name in a challenge, in lower case.
ALGORITHMS = {"md5": hashlib.md5, "sha-256": hashlib.sha256}


def ha1(algorithm: str, user: str, realm: str, password: str) -> str:
    """Hash a password as digest authentication does: ``H(user:realm:password)``, hex."""
    return ALGORITHMS[algorithm.lower()](f"{user}:{realm}:{password}".encode()).hexdigest()
