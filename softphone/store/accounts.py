"""The account, its extensions, credentials, properties and codes in memory.

Signalling asks it for every call: it answers at once, also while the database is away. It is read when the server
starts, and follows each change that the store has committed.

What is known of a password is the HA1 of SIP digest (RFC 7616 section 3.4.2), which serves both doors: a SIP phone
proves it knows it, and an API log-in is hashed and compared.
"""

import hmac
import re
from collections.abc import Iterable
from typing import Literal

from softphone.config import Config
from softphone.store.call_handling import CallHandling
from softphone.store.properties import ConferenceProperties
from softphone.store.provisioned import Provisioned
from softphone.store.seed import Seedling, ha1, seed_of, spelling
from softphone.store.values import Account, Codes, Extension

__all__ = ["Accounts"]

# Of a telephone number as people write it; phones leave the ``+`` away.
SEPARATORS = re.compile(r"[+().\-\s]+")


class Accounts:
    """The account, its extensions and their users, as calls, log-ins and commands ask for them.

    Parameters
    ----------
    account
        Whose extensions they are.
    realm
        Of SIP digest: credentials of other realms are not looked at.
    entries
        The extensions.
    codes
        Of users, by extension id.
    secret
        Makes the passwords of provisioned telephones; empty: one that ends with this object.

    Attributes
    ----------
    provisioned
        Credentials of telephones beside the users' own.
    """

    def __init__(
        self,
        account: Account,
        realm: str,
        entries: Iterable[Seedling] = (),
        codes: dict[str, Codes] | None = None,
        *,
        secret: str = "",
    ) -> None:
        self.account = account
        self._main_digits = SEPARATORS.sub("", account.main_number)
        self.realm = realm
        self.extensions: dict[str, Extension] = {}
        "By number."
        self._entries: dict[str, Seedling] = {}
        self._codes: dict[str, Codes] = {}
        self._rooms: dict[str, tuple[str, Literal["host", "participant"]]] = {}
        self.provisioned = Provisioned(secret, self._kept)
        for entry in entries:
            self.put(entry)
        for extension_id, each in (codes or {}).items():
            self.put_codes(extension_id, each)

    @classmethod
    def from_config(cls, config: Config) -> "Accounts":
        """Build what the settings describe, without a store; every user has a password."""
        seed = seed_of(config)
        return cls(seed.account, seed.realm, seed.extensions, secret=config.token.secret)

    @property
    def account_id(self) -> str:
        """Whose extensions these are."""
        return self.account.id

    @property
    def main_number(self) -> str:
        """Of the account; E.164, or empty."""
        return self.account.main_number

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
        return self._main_digits != "" and user.lstrip("+") == self._main_digits

    def names(self, extension: Extension) -> list[str]:
        """List the user names that mean an extension, the shortest first."""
        main = self._main_digits
        long = [f"{plus}{main}*{extension.number}" for plus in ("", "+")] if main else []
        return [extension.number, *long]

    def by_id(self, extension_id: str) -> Extension | None:
        """Find an extension by its id."""
        entry = self._entries.get(extension_id)
        return entry.extension if entry else None

    def properties(self, extension_id: str) -> ConferenceProperties | None:
        """Give the properties of a conference extension; None when it is none."""
        entry = self._entries.get(extension_id)
        return entry.properties if entry else None

    def handling(self, extension_id: str) -> CallHandling:
        """Say what becomes of calls to a user."""
        entry = self._entries.get(extension_id)
        return entry.handling if entry else CallHandling()

    def codes(self, extension_id: str) -> Codes | None:
        """Give the codes of a user's personal room; None when it has none."""
        return self._codes.get(extension_id)

    @property
    def code_count(self) -> int:
        """How many codes open a room."""
        return len(self._rooms)

    def find_code(self, code: str) -> tuple[str, Literal["host", "participant"]] | None:
        """Find the extension id whose room a code opens, and as what; None for a wrong one."""
        return self._rooms.get(code)

    def ha1(self, user: str, algorithm: str) -> str | None:
        """Give the HA1 of a user for a digest algorithm (``MD5``, ``SHA-256``); None for a stranger.

        The user is its number, ``<number>@<realm>`` or ``sip:<number>@<realm>``; or the name that a telephone was
        provisioned with, written in the same ways.
        """
        number, kind = spelling(user, self.realm)
        extension = self.extensions.get(number)
        if extension is None:
            password = self.provisioned.password(number)
            return None if password is None else ha1(algorithm, user, self.realm, password)
        wanted = (self.realm, algorithm.lower() + kind)
        credentials = self._entries[extension.id].credentials
        return next((each.ha1 for each in credentials if (each.realm, each.algorithm) == wanted), None)

    def proven(self, user: str) -> Extension | None:
        """Give the extension that somebody is who has answered a challenge as `user`."""
        owner = self.provisioned.owner_id(spelling(user, self.realm)[0])
        return self.find(user) or (self.by_id(owner) if owner is not None else None)

    def _kept(self, extension_id: str) -> str | None:
        entry = self._entries.get(extension_id)
        if entry is None or entry.extension.kind != "user":
            return None
        return self.ha1(entry.extension.number, "sha-256") or ""

    def login(self, user: str, password: str) -> Extension | None:
        """Check a user's password; equally slow for a wrong password and an unknown user."""
        extension = self.find(user)
        number = extension.number if extension else ""
        expected = self.ha1(number, "sha-256") or ""
        given = ha1("sha-256", number, self.realm, password)
        return extension if hmac.compare_digest(given, expected) else None

    def entry(self, extension_id: str) -> Seedling | None:
        """Give an extension with what belongs to it."""
        return self._entries.get(extension_id)

    def put(self, entry: Seedling) -> None:
        """Take an extension in, in place of what had its id."""
        before = self._entries.get(entry.extension.id)
        if before is not None:
            self.extensions.pop(before.extension.number, None)
        self._entries[entry.extension.id] = entry
        self.extensions[entry.extension.number] = entry.extension

    def put_codes(self, extension_id: str, codes: Codes) -> None:
        """Take the codes of a user in, who has none."""
        self._codes[extension_id] = codes
        self._rooms[codes.host] = (extension_id, "host")
        self._rooms[codes.participant] = (extension_id, "participant")
