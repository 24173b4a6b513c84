"""Provisioned SIP credentials of phones: a name that identifies the user, and a password derived from it.

Nothing is kept of them. The name is the extension's id and a number; the password is what the installation's secret
makes of the name and of what is kept of the user's own password. So they are good after a restart, there may be any
number of them, and they end with the secret, with the user, and when the user gets another password.
"""

import base64
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from softphone.store.values import Extension

__all__ = ["Provisioned", "SipCredentials"]

# Of the number behind the extension's id.
DIGITS = 9
PASSWORD_BYTES = 18


@dataclass(frozen=True, slots=True)
class SipCredentials:
    """What a telephone answers challenges with."""

    name: str
    password: str = field(repr=False)


class Provisioned:
    """Gives credentials, and knows them again.

    Parameters
    ----------
    secret
        Makes the passwords; empty: one that ends with this object.
    known
        Gives what is kept of an extension's own password, by its id; None where there is no such user.
    """

    def __init__(self, secret: str, known: Callable[[str], str | None]) -> None:
        self._key = hmac.digest((secret or secrets.token_urlsafe(32)).encode(), b"telephones", "sha256")
        self._known = known

    def fresh(self, extension: Extension) -> SipCredentials:
        """Give a user credentials that nobody else has."""
        return self._of(extension, 1 + secrets.randbelow(10**DIGITS - 1))

    def fixed(self, extension: Extension) -> SipCredentials:
        """Give a user those that are always the same."""
        return self._of(extension, 0)

    def owner_id(self, name: str) -> str | None:
        """Say whose a name is: the id of the extension; None: of nobody's."""
        if len(name) <= DIGITS or not (name.isascii() and name[-DIGITS:].isdecimal()):
            return None
        return name[:-DIGITS] if self._known(name[:-DIGITS]) is not None else None

    def password(self, name: str) -> str | None:
        """Give the password that belongs to a name; None: it is nobody's."""
        owner = self.owner_id(name)
        kept = None if owner is None else self._known(owner)
        if kept is None:
            return None
        made = hmac.digest(self._key, f"{name}:{kept}".encode(), "sha256")
        return base64.urlsafe_b64encode(made[:PASSWORD_BYTES]).decode()

    def _of(self, extension: Extension, number: int) -> SipCredentials:
        name = f"{extension.id}{number:0{DIGITS}d}"
        password = self.password(name)
        if password is None:
            raise ValueError(f"extension {extension.number} is no user")
        return SipCredentials(name, password)
