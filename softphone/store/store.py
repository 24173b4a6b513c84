"""The store: accounts and their data, and access to everything else that is persistent.

::

    async with Store(config, data) as store:
        store.accounts.find("101")  # at once, from memory
        await store.set_properties(extension_id, {"pin": "1234"})
        page = await store.archive.conferences(live=False)
"""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import structlog
from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from softphone.address import is_loopback
from softphone.config import Config
from softphone.errors import ConfigError
from softphone.store import rows
from softphone.store.accounts import Accounts
from softphone.store.archive import Archive
from softphone.store.call_handling import CallHandling
from softphone.store.database import TIMEOUT_S, Database, WrongData, url_of
from softphone.store.errors import Conflict, NoSuchRow, PropertyError
from softphone.store.properties import ConferenceProperties
from softphone.store.seed import SHORTEST, Seed, Seedling, differences, identity_of, published, seed_of, weak
from softphone.store.shelf import Shelf
from softphone.store.tables import ACCOUNTS, CODES, CREDENTIALS, EXTENSIONS, HANDLINGS, PROPERTIES, SOUNDS
from softphone.store.values import Codes, Credential, Extension, PropertiesChanged

__all__ = ["Store"]

log = structlog.get_logger()

# Six digits can be told over the telephone and typed. Of more than a hundred codes each has so many that less than one
# number in ten thousand is one; whoever tries them is stopped by `softphone.focus.entrance.codes`.
CODE_DIGITS = 6
SPARSE_DIGITS = 4

# Extensions that nobody has said the date of.
NEW = update(EXTENSIONS).where(EXTENSIONS.c.created.is_(None))


class Store:
    """What outlives the process; an async context manager.

    Parameters
    ----------
    config
        Settings, complete with passwords: where the database is, and what it is first filled with.
    data
        The data folder.
    timeout_s
        After so long without an answer the database counts as away.

    Raises
    ------
    StoreUnavailable
        On entering: the database is away.
    ConfigError
        The settings of the store or an extension are wrong; or, on entering, the database belongs to another account,
        was made by a newer version, or holds published passwords while we listen beyond loopback.
    """

    accounts: Accounts
    "The image of accounts and settings in memory; there once the store is entered."

    def __init__(self, config: Config, data: Path, timeout_s: float = TIMEOUT_S) -> None:
        self.database = Database(url_of(config.store.url, data), timeout_s)
        self.archive = Archive(self.database)
        self.shelf = Shelf(self.database)
        self.listeners: list[Callable[[PropertiesChanged], None]] = []
        "Called, in the event loop, with every change that was committed."
        self._config = config
        self._changing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Migrate, fill, and read the directory."""
        try:
            await self.database.start()
            await self._fill(seed_of(self._config))
        except WrongData as error:
            await self.database.stop()
            raise ConfigError(f"{self.database.name} holds an extension that collides with a configured one") from error
        except BaseException:
            await self.database.stop()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Close the connections."""
        await self.database.stop()

    async def set_properties(self, extension_id: str, changes: Mapping[str, object]) -> ConferenceProperties:
        """Change some properties of a conference extension; the others stay.

        Parameters
        ----------
        extension_id
            Of the extension.
        changes
            New values by name, as they came from outside.

        Raises
        ------
        NoSuchRow
            There is no such conference extension.
        PropertyError
            A property is unknown or cannot have the value, or there is no such sound.
        StoreUnavailable
            The database is away; nothing has changed.
        """
        async with self._changing:
            entry = self.accounts.entry(extension_id)
            if entry is None or entry.properties is None:
                raise NoSuchRow("no such conference extension")
            properties = entry.properties.changed(changes)
            async with self.database.write() as connection:
                await _check_sounds(connection, properties)
                await _put_properties(connection, extension_id, properties)
            self.accounts.put(Seedling(entry.extension, properties=properties))
        self._tell(PropertiesChanged(extension_id, properties))
        return properties

    async def add_conference(self, number: str, name: str) -> Extension:
        """Make a conference extension, with the properties that one has from the beginning.

        Parameters
        ----------
        number
            Digits.
        name
            Shown to others; empty: the number.

        Raises
        ------
        Conflict
            There is an extension with this number, or with one that differs by leading zeros only.
        StoreUnavailable
        """
        account = self.accounts.account.id
        now, id = datetime.now(UTC), identity_of(account, number)
        made = Extension(id, number, name or number, "conference", created=now)
        async with self._changing:
            if number in self.accounts.extensions or self.accounts.by_id(made.id) is not None:
                raise Conflict(f"there is an extension {number}")
            entry = Seedling(made, properties=ConferenceProperties())
            async with self.database.write() as connection:
                await _put_entry(connection, account, entry)
            self.accounts.put(entry)
        return made

    async def set_join_before_host(self, extension_id: str, on: bool | None) -> Extension:
        """Say whether who comes into a user's room before it does waits for it; None: as the server is set.

        Raises
        ------
        NoSuchRow
            There is no such user.
        StoreUnavailable
            The database is away; nothing has changed.
        """
        async with self._changing:
            entry = self.accounts.entry(extension_id)
            if entry is None or entry.extension.kind != "user":
                raise NoSuchRow("no such user")
            extension = replace(entry.extension, join_before_host=on)
            async with self.database.write() as connection:
                await rows.put(connection, EXTENSIONS, {"id": extension_id}, {"join_before_host": on})
            self.accounts.put(replace(entry, extension=extension))
        self._tell(PropertiesChanged(extension_id, None))
        return extension

    async def set_handling(self, extension_id: str, changes: Mapping[str, object]) -> CallHandling:
        """Change what becomes of calls to a user, in part.

        Raises
        ------
        NoSuchRow
            There is no such user.
        PropertyError, StoreUnavailable
            As for :meth:`set_properties`.
        """
        async with self._changing:
            entry = self.accounts.entry(extension_id)
            if entry is None or entry.extension.kind != "user":
                raise NoSuchRow("no such user")
            handling = entry.handling.changed(changes)
            async with self.database.write() as connection:
                await _put_handling(connection, extension_id, handling)
            self.accounts.put(replace(entry, handling=handling))
        return handling

    def _tell(self, change: PropertiesChanged) -> None:
        for listener in self.listeners:
            listener(change)

    async def _fill(self, seed: Seed) -> None:
        """Take from the configuration what the database lacks, and read what it then has."""
        async with self.database.write() as connection:
            await _put_account(connection, seed)
            present = {entry.extension.number: entry for entry in await _entries(connection)}
            for wanted in seed.extensions:
                await self._plant(connection, seed, wanted, present.get(wanted.extension.number))
            await connection.execute(NEW.values(created=datetime.now(UTC)))
            entries, codes = await _entries(connection), await _codes(connection)
        _tell_unconfigured(seed, present)
        self.accounts = Accounts(seed.account, seed.realm, entries, codes, secret=self._config.token.secret)
        self._check_exposure(entries)
        self._tell_weak(entries)
        await self._give_codes([e.extension for e in entries if e.extension.id not in codes])

    async def _plant(self, connection: AsyncConnection, seed: Seed, wanted: Seedling, present: Seedling | None) -> None:
        if present is None or self._config.store.seed == "always":
            await _put_entry(connection, seed.account.id, wanted)
            return
        if seed.realm not in {each.realm for each in present.credentials}:
            # A digest is of one realm: after `sip.realm` has changed the old ones open nothing.
            await _put_credentials(connection, wanted)
            present = replace(present, credentials=wanted.credentials)
        elif set(present.credentials) < set(wanted.credentials):
            # The same password, kept before user names were hashed in all their spellings.
            await _put_credentials(connection, wanted)
        if fields := differences(wanted, present):
            log.warning(
                "database_wins_over_configuration",
                extension=wanted.extension.number,
                fields=fields,
                mend='seed = "always" in [store] has the configuration win',
            )

    def _check_exposure(self, entries: Iterable[Seedling]) -> None:
        """Refuse to show passwords that everybody knows to a network: they may be left from a try-out.

        Raises
        ------
        ConfigError
        """
        hosts = self._config.server.hosts
        known = [e.extension for e in entries if published(e.extension, e.credentials)]
        if known and not all(map(is_loopback, hosts)):
            raise ConfigError(
                f"server.host = {hosts[0]!r}: extension {known[0].number} has its development password in "
                f'{self.database.name}; use another data folder, or set store.seed = "always"'
            )

    def _tell_weak(self, entries: Iterable[Seedling]) -> None:
        """Log which users have passwords that are soon guessed; once, at the start."""
        configured = {each.number: each.password for each in self._config.extensions}
        numbers = [
            entry.extension.number
            for entry in entries
            if weak(entry.extension, entry.credentials, configured.get(entry.extension.number, ""))
        ]
        if numbers:
            log.warning(
                "weak_passwords",
                extensions=numbers,
                mend=f"give them {SHORTEST} characters or more that nobody guesses",
            )

    async def _give_codes(self, extensions: Iterable[Extension]) -> None:
        """Make host and participant codes for the users among `extensions` that have none."""
        for extension in extensions:
            if extension.kind == "user" and self.accounts.codes(extension.id) is None:
                self.accounts.put_codes(extension.id, await self._new_codes(extension))

    async def _new_codes(self, extension: Extension) -> Codes:
        while True:
            digits = max(CODE_DIGITS, len(str(self.accounts.code_count + 2)) + SPARSE_DIGITS)
            codes = Codes(_new_code(digits), _new_code(digits))
            made = [
                {"code": codes.host, "extension_id": extension.id, "role": "host"},
                {"code": codes.participant, "extension_id": extension.id, "role": "participant"},
            ]
            try:
                async with self.database.write() as connection:
                    await connection.execute(insert(CODES), made)
            except WrongData:
                log.debug("code_taken", extension=extension.number)
            else:
                return codes


def _new_code(digits: int) -> str:
    return "".join(secrets.choice("0123456789") for _ in range(digits))


def _tell_unconfigured(seed: Seed, present: Iterable[str]) -> None:
    extra = set(present) - {each.extension.number for each in seed.extensions}
    if extra:
        log.info("extensions_only_in_database", numbers=sorted(extra))


async def _put_account(connection: AsyncConnection, seed: Seed) -> None:
    """Note whose database this is.

    Raises
    ------
    ConfigError
        It is another account's.
    """
    owner: str | None = await connection.scalar(select(ACCOUNTS.c.id))
    if owner is not None and owner != seed.account.id:
        raise ConfigError(f"account.id = {seed.account.id!r}: the database is of account {owner!r}")
    await rows.put(connection, ACCOUNTS, {"id": seed.account.id}, {"main_number": seed.account.main_number})


async def _put_entry(connection: AsyncConnection, account_id: str, entry: Seedling) -> None:
    values = rows.values_of(entry.extension)
    identity = values.pop("id")
    if values["created"] is None:
        del values["created"]
    await rows.put(connection, EXTENSIONS, {"id": identity}, values | {"account_id": account_id})
    await _put_credentials(connection, entry)
    if entry.properties is not None:
        await _put_properties(connection, identity, entry.properties)
    else:
        await _put_handling(connection, identity, entry.handling)


async def _put_credentials(connection: AsyncConnection, entry: Seedling) -> None:
    for each in entry.credentials:
        key = {"extension_id": each.extension_id, "realm": each.realm, "algorithm": each.algorithm}
        await rows.put(connection, CREDENTIALS, key, {"ha1": each.ha1})


async def _put_properties(connection: AsyncConnection, extension_id: str, properties: ConferenceProperties) -> None:
    await rows.put(connection, PROPERTIES, {"extension_id": extension_id}, rows.values_of(properties))


async def _put_handling(connection: AsyncConnection, extension_id: str, handling: CallHandling) -> None:
    await rows.put(connection, HANDLINGS, {"extension_id": extension_id}, rows.values_of(handling))


async def _check_sounds(connection: AsyncConnection, properties: ConferenceProperties) -> None:
    for name in ("enter_sound", "music_on_hold_sound"):
        wanted = getattr(properties, name)
        if wanted is not None and not await connection.scalar(select(SOUNDS.c.id).where(SOUNDS.c.id == wanted)):
            raise PropertyError(name, "no such sound")


async def _entries(connection: AsyncConnection) -> list[Seedling]:
    """Read all extensions with what belongs to them."""
    credentials: dict[str, list[Credential]] = {}
    for each in await rows.read(connection, Credential, CREDENTIALS):
        credentials.setdefault(each.extension_id, []).append(each)
    properties, handlings = await _by_extension(connection, PROPERTIES), await _by_extension(connection, HANDLINGS)
    return [
        Seedling(
            extension,
            tuple(credentials.get(extension.id, ())),
            ConferenceProperties(**properties[extension.id]) if extension.id in properties else None,
            CallHandling(**handlings.get(extension.id, {})),
        )
        for extension in await rows.read(connection, Extension, EXTENSIONS)
    ]


async def _by_extension(connection: AsyncConnection, table: Table) -> dict[str, dict[str, Any]]:
    """Read what each extension has of something, by its id."""
    found = (dict(row) for row in (await connection.execute(select(table))).mappings())
    return {values.pop("extension_id"): values for values in found}


async def _codes(connection: AsyncConnection) -> dict[str, Codes]:
    found: dict[str, dict[str, str]] = {}
    for extension_id, role, code in await connection.execute(select(CODES.c.extension_id, CODES.c.role, CODES.c.code)):
        found.setdefault(extension_id, {})[role] = code
    return {key: Codes(**codes) for key, codes in found.items() if len(codes) == 2}
