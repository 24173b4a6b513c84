"""The image of accounts, extensions, credentials, properties and codes in memory.

Signalling asks it for every call: it answers at once, also while the database is away. It is read when the server
starts, and follows each change that the store has committed.
"""

from collections.abc import Iterable
from typing import Literal

from softphone.store.digest import spelling
from softphone.store.properties import ConferenceProperties
from softphone.store.seed import Seedling
from softphone.store.values import Account, Codes, Extension

__all__ = ["Directory"]


class Directory:
    """Who and what there is.

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
    """

    def __init__(
        self, account: Account, realm: str, entries: Iterable[Seedling] = (), codes: dict[str, Codes] | None = None
    ) -> None:
        self.account = account
        self.realm = realm
        self.extensions: dict[str, Extension] = {}
        "By number."
        self._entries: dict[str, Seedling] = {}
        self._codes: dict[str, Codes] = {}
        self._rooms: dict[str, tuple[str, Literal["host", "participant"]]] = {}
        for entry in entries:
            self.put(entry)
        for extension_id, each in (codes or {}).items():
            self.put_codes(extension_id, each)

    def extension(self, extension_id: str) -> Extension | None:
        """Find an extension by its id."""
        entry = self._entries.get(extension_id)
        return entry.extension if entry else None

    def by_number(self, number: str) -> Extension | None:
        """Find an extension by its number."""
        return self.extensions.get(number)

    def properties(self, extension_id: str) -> ConferenceProperties | None:
        """Give the properties of a conference extension; None when it is none."""
        entry = self._entries.get(extension_id)
        return entry.properties if entry else None

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

        The user is its number, ``<number>@<realm>`` or ``sip:<number>@<realm>``.
        """
        number, kind = spelling(user, self.realm)
        extension = self.extensions.get(number)
        if extension is None:
            return None
        wanted = (self.realm, algorithm.lower() + kind)
        credentials = self._entries[extension.id].credentials
        return next((each.ha1 for each in credentials if (each.realm, each.algorithm) == wanted), None)

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
        """Take the codes of a user in, in place of the old ones."""
        self._drop_codes(extension_id)
        self._codes[extension_id] = codes
        self._rooms[codes.host] = (extension_id, "host")
        self._rooms[codes.participant] = (extension_id, "participant")

    def remove(self, extension_id: str) -> None:
        """Forget an extension."""
        entry = self._entries.pop(extension_id, None)
        if entry is not None:
            self.extensions.pop(entry.extension.number, None)
        self._drop_codes(extension_id)

    def _drop_codes(self, extension_id: str) -> None:
        codes = self._codes.pop(extension_id, None)
        if codes is not None:
            self._rooms.pop(codes.host, None)
            self._rooms.pop(codes.participant, None)
