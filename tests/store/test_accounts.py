from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from softphone.config import DEV_PATH, Config, ExtensionConfig, load
from softphone.errors import ConfigError
from softphone.store.accounts import Accounts
from softphone.store.errors import Conflict, NoSuchRow, PropertyError
from softphone.store.properties import ConferenceProperties
from softphone.store.seed import ha1, seed_of
from softphone.store.store import Store
from softphone.store.values import PropertiesChanged, Webhook
from tests.store.databases import Databases

ROOM = "100201"
REALM = "softphone.local"


def with_extension(config: Config, number: str, **changes: Any) -> Config:
    """`config` with an extension that is changed, or new."""
    others = tuple(e for e in config.extensions if e.number != number)
    known = next((e for e in config.extensions if e.number == number), ExtensionConfig(number))
    return msgspec.structs.replace(config, extensions=(*others, msgspec.structs.replace(known, **changes)))


async def test_the_first_start_takes_the_configuration(store: Store, config: Config) -> None:
    expected = Accounts.from_config(config)
    assert store.accounts.extensions == expected.extensions
    assert len(expected.extensions) == 8
    assert store.accounts.account == expected.account
    assert store.accounts.ha1("101", "MD5") == ha1("md5", "101", REALM, "dev-101")
    assert store.accounts.ha1("102", "SHA-256") == ha1("sha-256", "102", REALM, "dev-102")
    assert store.accounts.ha1("201", "MD5") is None
    assert store.accounts.properties(ROOM) == ConferenceProperties(pin="1234", moderator_pin="9876", max_members=100)
    assert store.accounts.properties("100101") is None


async def test_no_password_stands_in_the_database(store: Store, database: Databases) -> None:
    if not database.url:
        written = b"".join(path.read_bytes() for path in database.data.iterdir())
        assert b"Ada Admin" in written
        assert b"dev-101" not in written
        assert {path.stat().st_mode & 0o077 for path in database.data.iterdir()} == {0}


async def test_what_was_changed_stands_after_a_restart(config: Config, database: Databases) -> None:
    before = with_extension(config, "101", name="Ada Lovelace", password="other")
    before = with_extension(before, "300", kind="conference", name="Added")
    kept = tuple(each for each in before.extensions if each.number != "104")
    async with Store(msgspec.structs.replace(before, extensions=kept), database.data) as store:
        await store.set_properties(ROOM, {"pin": "777", "record_enabled": True})
        codes = store.accounts.codes("100101")
    with capture_logs() as logs:
        async with Store(config, database.data) as store:
            directory = store.accounts
    assert directory.properties(ROOM) == ConferenceProperties(
        pin="777", moderator_pin="9876", max_members=100, record_enabled=True
    )
    assert directory.extensions["101"].name == "Ada Lovelace"
    assert directory.ha1("101", "MD5") == ha1("md5", "101", REALM, "other")
    assert directory.codes("100101") == codes
    assert directory.extensions["300"].name == "Added"
    assert directory.properties("100300") == ConferenceProperties(max_members=100)
    assert "104" in directory.extensions, "configured for the first time: it is planted"
    assert any("always" in entry.get("mend", "") for entry in logs)
    told = {entry["extension"]: entry["fields"] for entry in logs if entry["event"].startswith("database_wins")}
    assert told == {"101": ["name", "password"], "201": ["pin", "record_enabled"]}
    assert [entry["numbers"] for entry in logs if entry["event"] == "extensions_only_in_database"] == [["300"]]
    assert "777" not in str(logs)


async def test_the_configuration_wins_when_told_to(config: Config, database: Databases) -> None:
    async with Store(config, database.data) as store:
        await store.set_properties(ROOM, {"pin": "777"})
    always = msgspec.structs.replace(config, store=msgspec.structs.replace(config.store, seed="always"))
    async with Store(with_extension(always, "101", password="fresh"), database.data) as store:
        properties = store.accounts.properties(ROOM)
        assert properties is not None
        assert properties.pin == "1234"
        assert store.accounts.ha1("101", "MD5") == ha1("md5", "101", REALM, "fresh")


async def test_a_new_realm_gets_new_credentials(config: Config, database: Databases) -> None:
    async with Store(config, database.data):
        pass
    moved = msgspec.structs.replace(config, sip=msgspec.structs.replace(config.sip, domain="example.com"))
    async with Store(moved, database.data) as store:
        assert store.accounts.ha1("101", "MD5") == ha1("md5", "101", "example.com", "dev-101")


async def test_a_database_of_another_account_is_refused(config: Config, database: Databases) -> None:
    async with Store(config, database.data):
        pass
    other = msgspec.structs.replace(config, account=msgspec.structs.replace(config.account, id="2"))
    with pytest.raises(ConfigError, match=r"account\.id = '2'"):
        await Store(other, database.data).__aenter__()


async def test_development_passwords_left_in_the_database_are_not_shown_to_a_network(
    config: Config, database: Databases
) -> None:
    async with Store(config, database.data):
        pass
    exposed = msgspec.structs.replace(
        config, server=msgspec.structs.replace(config.server, host="0.0.0.0"), extensions=()
    )
    with pytest.raises(ConfigError, match="development password"):
        await Store(exposed, database.data).__aenter__()


async def test_codes_are_unique_numbers_of_users(config: Config, database: Databases) -> None:
    crowd = [ExtensionConfig(str(number), password="x") for number in range(500, 530)]
    many = msgspec.structs.replace(config, extensions=(*config.extensions, *crowd))
    async with Store(many, database.data) as store:
        found = {
            extension.id: codes
            for extension in store.accounts.extensions.values()
            if (codes := store.accounts.codes(extension.id)) is not None
        }
        numbers = [code for codes in found.values() for code in (codes.host, codes.participant)]
        assert len(found) == 35
        assert len(set(numbers)) == 70
        assert all(len(code) == 6 and code.isdecimal() for code in numbers)
        host = found["100101"].host
        assert store.accounts.find_code(host) == ("100101", "host")
        assert store.accounts.find_code(found["100102"].participant) == ("100102", "participant")
        assert store.accounts.find_code("") is None


async def test_changes_are_in_force_at_once_and_told(store: Store) -> None:
    changes: list[PropertiesChanged] = []
    store.listeners.append(changes.append)
    properties = await store.set_properties(ROOM, {"max_members": 7})
    assert store.accounts.properties(ROOM) == properties
    assert changes == [PropertiesChanged(ROOM, properties)]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"moderator_pin": "1234"}, "moderator_pin"),
        ({"pin": None}, "moderator_pin"),
        ({"pin": "12a4"}, "pin"),
        ({"pin": ""}, "pin"),
        ({"pin": 1234}, "pin"),
        ({"pin": "12345678901234567"}, "pin"),
        ({"max_members": 0}, "max_members"),
        ({"max_members": True}, "max_members"),
        ({"record_enabled": 1}, "record_enabled"),
        ({"enter_sound": 12}, "enter_sound"),
        ({"music_on_hold_sound": -1}, "music_on_hold_sound"),
        ({"limit": 3}, "limit"),
    ],
)
async def test_a_wrong_property_is_named_and_nothing_changes(
    store: Store, changes: dict[str, object], named: str
) -> None:
    before = store.accounts.properties(ROOM)
    with pytest.raises(PropertyError) as caught:
        await store.set_properties(ROOM, changes)
    assert caught.value.name == named
    assert "12345678901234567" not in str(caught.value)
    assert store.accounts.properties(ROOM) == before


async def test_only_conference_extensions_have_properties(store: Store) -> None:
    for extension_id in ("100101", "nobody"):
        with pytest.raises(NoSuchRow):
            await store.set_properties(extension_id, {})


async def test_sounds_that_are_played_stay(store: Store) -> None:
    first = await store.shelf.add_sound("gong", "/sounds/gong.wav", 1.5)
    second = await store.shelf.add_sound("waltz", "/sounds/waltz.flac", 180.0)
    assert await store.shelf.sounds() == [first, second]
    await store.set_properties(ROOM, {"enter_sound": first.id, "music_on_hold_sound": second.id})
    with pytest.raises(Conflict):
        await store.shelf.remove_sound(first.id)
    await store.set_properties(ROOM, {"enter_sound": None})
    await store.shelf.remove_sound(first.id)
    with pytest.raises(NoSuchRow):
        await store.shelf.remove_sound(first.id)
    with pytest.raises(NoSuchRow):
        await store.shelf.sound(first.id)
    third = await store.shelf.add_sound("again", "/sounds/again.wav", 0.5)
    assert third.id not in (first.id, second.id)


async def test_webhooks_come_and_go(store: Store) -> None:
    hook = await store.shelf.add_webhook("https://example.com/key", "hush", ["party.joined"])
    every = await store.shelf.add_webhook("https://example.com/2", "hush")
    assert await store.shelf.webhooks() == [hook, every]
    assert (await store.shelf.webhook(hook.id)).secret == "hush"
    await store.shelf.remove_webhook(hook.id)
    with pytest.raises(NoSuchRow):
        await store.shelf.remove_webhook(hook.id)
    assert await store.shelf.webhooks() == [every]


async def test_invitations_are_remembered(store: Store) -> None:
    made = await store.shelf.add_invitation("100101", "guest@example.com", "mail")
    other = await store.shelf.add_invitation("100102", "x@example.com", "mail")
    await store.shelf.set_invitation(made.id, "failed", "550 no such user")
    page = await store.shelf.invitations(extension_id="100101")
    assert [(each.recipient, each.state, each.error) for each in page.items] == [
        ("guest@example.com", "failed", "550 no such user")
    ]
    assert page.items[0].created == made.created
    assert page.items[0].changed >= made.changed
    assert [each.id for each in (await store.shelf.invitations()).items] == [other.id, made.id]
    with pytest.raises(NoSuchRow):
        await store.shelf.set_invitation("nothing", "sent")


def test_secrets_are_not_shown() -> None:
    shown = repr(ConferenceProperties(pin="4711", moderator_pin="4712"))
    shown += repr(seed_of(load(DEV_PATH)))
    shown += repr(Webhook("1", "https://example.com/4713", "4714", (), None))  # type: ignore[arg-type]
    assert not any(secret in shown for secret in ("4711", "4712", "4713", "4714", "9876"))
    assert ha1("md5", "101", REALM, "dev-101") not in shown


@pytest.mark.parametrize(
    ("extension", "named"),
    [
        (ExtensionConfig("300", kind="conference", moderator_pin="1"), "extension 300: moderator_pin"),
        (ExtensionConfig("300", kind="conference", pin="abc"), "extension 300: pin"),
        (ExtensionConfig("0101", password="x"), "extension '0101'"),
    ],
)
def test_a_wrong_extension_is_named(extension: ExtensionConfig, named: str) -> None:
    dev = load(DEV_PATH)
    with pytest.raises(ConfigError, match=named):
        seed_of(msgspec.structs.replace(dev, extensions=(*dev.extensions, extension)))


@pytest.mark.parametrize(
    "url", ["mysql://root:hush@localhost/x", "not a url with hush", "postgresql://u:hush@h:notaport/x"]
)
def test_a_wrong_url_is_refused_without_its_password(url: str, tmp_path: Path) -> None:
    dev = load(DEV_PATH)
    with pytest.raises(ConfigError, match=r"store\.url") as caught:
        Store(msgspec.structs.replace(dev, store=msgspec.structs.replace(dev.store, url=url)), tmp_path)
    assert "hush" not in str(caught.value)
