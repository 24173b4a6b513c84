"""The secret of digest authentication, HA1 (RFC 7616 section 3.4.2)."""

import hashlib

__all__ = ["ALGORITHMS", "ha1", "spelling", "spellings"]

# Digest algorithms (RFC 7616 section 6.1) by their name in a challenge, in lower case.
ALGORITHMS = {"md5": hashlib.md5, "sha-256": hashlib.sha256}


def ha1(algorithm: str, user: str, realm: str, password: str) -> str:
    """Hash a password as digest authentication does: ``H(user:realm:password)``, hex."""
    return ALGORITHMS[algorithm.lower()](f"{user}:{realm}:{password}".encode()).hexdigest()


def spellings(user: str, realm: str, password: str) -> dict[str, str]:
    """Hash a password for each way in which telephones write a user name: the name itself is a part of what is hashed.

    Returns
    -------
    dict
        Kind, as `spelling` tells it for a user name, to HA1 in hex.
    """
    return {
        f"{algorithm}{kind}": ha1(algorithm, text.format(user=user, realm=realm), realm, password)
        for algorithm in ALGORITHMS
        for kind, text in _SPELLINGS.items()
    }


_SPELLINGS = {"": "{user}", "-domain": "{user}@{realm}", "-uri": "sip:{user}@{realm}"}


def spelling(text: str, realm: str) -> tuple[str, str]:
    """Split a user name into the user that it means and how it is written: ``104@softphone.local`` -> 104, -domain."""
    user = text.removesuffix(f"@{realm}")
    if user == text:
        return text, ""
    return (user.removeprefix("sip:"), "-uri") if user.startswith("sip:") else (user, "-domain")
