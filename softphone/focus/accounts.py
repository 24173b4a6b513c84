"""Who we know: the account, its extensions and the programs that may use the API.

What is known of a password is the HA1 of SIP digest (RFC 7616 section 3.4.2), which serves both doors: a SIP phone
proves it knows it, and an API log-in is hashed and compared.
"""

import hashlib
import hmac
from collections.abc import Iterable

from softphone.config import ClientConfig, Config
from softphone.sip.message.number import spelled
from softphone.store.digest import ha1, spelling
from softphone.store.directory import Directory
from softphone.store.seed import seed_of
from softphone.store.values import Extension

__all__ = ["Accounts", "Extension"]


class Accounts:
    """The directory of one account, as log-ins and calls ask it.

    Parameters
    ----------
    directory
        Of the store: what changes there is in force here at once.
    clients
        As configured; every one has a secret.
    """

    def __init__(self, directory: Directory, clients: Iterable[ClientConfig]) -> None:
        self.directory = directory
        self._clients = {client.id: _hash(client.secret) for client in clients}

    @classmethod
    def from_config(cls, config: Config) -> "Accounts":
        """Build the directory that the settings describe, without a store; every user has a password."""
        seed = seed_of(config)
        return cls(Directory(seed.account, seed.realm, seed.extensions), config.clients)

    @property
    def account_id(self) -> str:
        """Whose extensions these are."""
        return self.directory.account.id

    @property
    def main_number(self) -> str:
        """Of the account; E.164, or empty."""
        return self.directory.account.main_number

    @property
    def realm(self) -> str:
        """Of SIP digest: the SIP domain."""
        return self.directory.realm

    @property
    def extensions(self) -> dict[str, Extension]:
        """All extensions by number."""
        return self.directory.extensions

    def find(self, user: str) -> Extension | None:
        """Find the extension that a SIP user name or log-in means.

        Parameters
        ----------
        user
            ``101``, or ``<main number>*101`` with or without the ``+``; also ``101@<realm>`` and ``sip:101@<realm>``,
            as telephones write it into their credentials.
        """
        return self.extensions.get(self.canonical(user))

    def canonical(self, user: str) -> str:
        """Give the one spelling of a user name, whether there is such a user or not: the number of an extension."""
        user, _ = spelling(user.strip('"'), self.realm)
        number, star, extension = user.partition("*")
        if star and self.is_main_number(number):
            return extension
        return user

    def could_be(self, user: str) -> bool:
        """Whether a user name looks like an extension's, so that no answer shows whether it is one."""
        number = self.canonical(user)
        return number.isdecimal() and len(number) <= max(map(len, self.extensions), default=0)

    def is_main_number(self, user: str) -> bool:
        """Whether a user name is the account's main number; phones leave its ``+`` away."""
        main = spelled(self.main_number).lstrip("+")
        return main != "" and user.lstrip("+") == main

    def names(self, extension: Extension) -> list[str]:
        """List the user names that mean an extension, the shortest first."""
        main = spelled(self.main_number).lstrip("+")
        long = [f"{plus}{main}*{extension.number}" for plus in ("", "+")] if main else []
        return [extension.number, *long]

    def by_id(self, extension_id: str) -> Extension | None:
        """Find an extension by its id."""
        return self.directory.extension(extension_id)

    def lookup(self, user: str, algorithm: str) -> str | None:
        """Give the HA1 of a user for a digest algorithm (``MD5``, ``SHA-256``); None for a stranger."""
        return self.directory.ha1(user, algorithm)

    def login(self, user: str, password: str) -> Extension | None:
        """Check a user's password; equally slow for a wrong password and an unknown user."""
        extension = self.find(user)
        number = extension.number if extension else ""
        expected = self.directory.ha1(number, "sha-256") or ""
        given = ha1("sha-256", number, self.realm, password)
        return extension if hmac.compare_digest(given, expected) else None

    def client(self, client_id: str, secret: str) -> bool:
        """Check a program's secret; equally slow for a wrong secret and an unknown program."""
        return hmac.compare_digest(_hash(secret), self._clients.get(client_id, b""))


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
