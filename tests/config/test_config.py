import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone import config as settings
from softphone import secrets
from softphone.commands.serve import Chosen
from softphone.config import Config, check_exposure, from_table, load
from softphone.errors import ConfigError
from softphone.focus.room.settings import load_menu
from softphone.load.scenario import load_scenario
from softphone.sip.message.uri import Uri
from softphone.sip.where.locate import hop_of
from softphone.store.database import url_of

ROOT = Path(__file__).parents[2]
PRODUCTION = ROOT / "config" / "softphone.toml"


# Sections of which there may be several.
LISTED = {"extension": settings.ExtensionConfig, "client": settings.ClientConfig, "dial": settings.DialRule}


def test_the_commented_file_says_the_defaults() -> None:
    written = load(PRODUCTION)
    assert msgspec.structs.replace(written, extensions=(), clients=()) == Config()


def test_every_option_stands_in_the_commented_file() -> None:
    text = PRODUCTION.read_text()
    for section in msgspec.structs.fields(Config):
        kind = type(section.default) if section.default is not msgspec.NODEFAULT else None
        kind = LISTED.get(section.encode_name, kind)
        assert kind is not None
        for option in msgspec.structs.fields(kind):
            line = re.compile(rf"^(# )?{option.encode_name} = .*#|^id = |^secret = ", re.MULTILINE)
            assert line.search(text), f"{section.encode_name}.{option.encode_name}"


def test_dev_extensions_and_client() -> None:
    dev = load(settings.DEV_PATH)
    users = {e.number: (e.password, e.admin, e.conferencing) for e in dev.extensions if e.kind == "user"}
    assert users == {
        "101": ("dev-101", True, True),
        "102": ("dev-102", False, True),
        "103": ("dev-103", False, True),
        "104": ("dev-104", False, True),
        "105": ("dev-105", False, False),
    }
    rooms = {e.number: (e.pin, e.moderator_pin, e.mute_non_moderator) for e in dev.extensions if e.kind != "user"}
    assert rooms == {"201": ("1234", "9876", False), "202": ("", "", False), "203": ("1234", "9876", True)}
    assert [(c.id, c.secret) for c in dev.clients] == [("dev-client", "dev-secret")]
    assert (dev.account.id, dev.account.main_number) == ("1", "+16505550100")
    assert (ROOT / "config" / "dev.toml").resolve() == settings.DEV_PATH.resolve()


@pytest.mark.parametrize(
    ("file", "read"), [("dev.toml", load), ("menus/host.toml", lambda path: load_menu(str(path)))], ids=["dev", "menu"]
)
def test_a_link_that_was_copied_alone_says_where_it_led(
    tmp_path: Path, file: str, read: Callable[[Path], object]
) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config", symlinks=True)
    copied = tmp_path / "config" / file
    with pytest.raises(ConfigError, match=rf"{copied}: it is a link to .*{copied.name}, which is not there.*cp -L"):
        read(copied)


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"sip": {"port": 70000}}, "sip.port = 70000"),
        ({"sip": {"port": "x"}}, "sip.port = 'x'"),
        ({"sip": {"prot": 1}}, "prot"),
        ({"nonsense": {}}, "nonsense"),
        ({"conference": {"max_members": 0}}, "conference.max_members = 0"),
        ({"extension": [{"number": "10x"}]}, "extension.0.number = '10x'"),
        ({"extension": [{"number": "1"}, {"number": "1"}]}, "extension '1' stands twice"),
        ({"log": {"level": "loud"}}, "log.level = 'loud'"),
        ({"prompts": {"language": "../en"}}, "prompts.language = '../en'"),
        ({"media": {"own_ports": "5000"}}, "media.own_ports = '5000'"),
        ({"media": {"own_ports": "5000-4000"}}, "media.own_ports = '5000-4000'"),
        ({"media": {"own_ports": "65000-70000"}}, "media.own_ports = '65000-70000'"),
        ({"media": {"own_ports": "5001-5004", "workers": 2}}, "media.own_ports = '5001-5004'"),
        ({"media": {"own_ports": "10003-20000", "workers": 2}}, "the workers share 10000-10003"),
        ({"media": {"codecs": ["PCMU", "GSM"]}}, "media.codecs = ['PCMU', 'GSM']"),
        ({"media": {"codecs": ["PCMU", "PCMU"]}}, "media.codecs = ['PCMU', 'PCMU']"),
        ({"media": {"codecs": []}}, "media.codecs = []"),
        ({"invite": {"web_url": "https://example.com/{pin}"}}, "invite.web_url = 'https://example.com/{pin}'"),
        ({"invite": {"web_url": "javascript:x"}}, "invite.web_url = 'javascript:x'"),
        ({"mail": {"host": "mail.example.com"}}, "set mail.sender"),
        ({"server": {"host": "[::1]"}}, "server.host = '[::1]': a host name or an IP"),
        ({"server": {"host": "::ffff:192.0.2.1"}}, "server.host = '::ffff:192.0.2.1'"),
        ({"server": {"host": "fe80::1%eth0"}}, "server.host = 'fe80::1%eth0'"),
        ({"server": {"host6": "192.0.2.1"}}, "server.host6 = '192.0.2.1': an IPv6 address"),
        ({"server": {"host": "::", "host6": "::1"}}, "server.host6 = '::1': server.host has an IPv6"),
        ({"server": {"advertised_host": "2001:db8::1"}}, "server.advertised_host = '2001:db8::1': it is not of the"),
        ({"server": {"host6": "::", "advertised_host6": "192.0.2.1"}}, "server.advertised_host6 = '192.0.2.1'"),
        ({"server": {"advertised_host6": "2001:db8::1"}}, "set server.host6"),
        ({"sip": {"domain": "2001:db8::1"}}, "sip.domain = '2001:db8::1'"),
        ({"sip": {"domain": "[2001:db8::1]:0"}}, "sip.domain = '[2001:db8::1]:0'"),
        ({"sip": {"domain": "[192.0.2.1]"}}, "sip.domain = '[192.0.2.1]'"),
        ({"trunk": {"uri": "sips:trunk.example.com;transport=udp"}}, "sip:HOST;transport=tcp"),
        ({"trunk": {"uri": "sip:trunk.example.com;transport=WSS"}}, "sip:HOST;transport=tcp"),
        ({"sip": {"tls_key": "key.pem"}}, "sip.tls_key = 'key.pem'"),
        ({"sip": {"tls_self_signed": True, "tls_cert": "a.pem"}}, "sip.tls_cert = 'a.pem'"),
        ({"mail": {"tls": "ssl"}}, "mail.tls = 'ssl'"),
        ({"trunk": {"uri": "sip:101@trunk.example.com"}}, "trunk.uri = 'sip:101@trunk.example.com': SIP goes"),
        ({"trunk": {"uri": "sip:"}}, "trunk.uri = 'sip:'"),
        ({"trunk": {"uri": "trunk.example.com"}}, "trunk.uri = 'trunk.example.com'"),
        ({"trunk": {"uri": "sip:2001:db8::1:5060"}}, "trunk.uri = 'sip:2001:db8::1:5060'"),
        ({"trunk": {"uri": "sip:h?Subject=x"}}, "trunk.uri = 'sip:h?Subject=x'"),
        ({"trunk": {"from_domain": "h:0"}}, "trunk.from_domain = 'h:0'"),
        ({"trunk": {"caller": "1\r\nX: y"}}, "trunk.caller = '1\\r\\nX: y': one line"),
        ({"server": {"host": "1.2.3.4:5060"}}, "server.host = '1.2.3.4:5060': a host name or an IP"),
        ({"server": {"host": "10.0.0"}}, "server.host = '10.0.0'"),
        ({"server": {"advertised_host": "sip:pbx.example.com"}}, "server.advertised_host = 'sip:pbx.example.com'"),
        ({"sip": {"domain": "pbx example"}}, "sip.domain = 'pbx example'"),
        ({"sip": {"domain": "300.1.1.1"}}, "sip.domain = '300.1.1.1'"),
        ({"sip": {"aliases": ["good.example", "pbx.example:5060"]}}, "sip.aliases = 'pbx.example:5060'"),
        ({"sip": {"dial_domains": ["*.example"]}}, "sip.dial_domains = '*.example'"),
        ({"sip": {"user_agent": "soft\nphone"}}, "sip.user_agent = 'soft\\nphone': one line"),
        ({"sip": {"realm": "a\x00b"}}, "sip.realm = 'a\\x00b': one line"),
        ({"http": {"cors_origins": ["https://a.example/"]}}, "http.cors_origins = 'https://a.example/'"),
        ({"http": {"cors_origins": ["a.example"]}}, "http.cors_origins = 'a.example'"),
        ({"mail": {"host": "m.example:587", "sender": "a@b.c"}}, "mail.host = 'm.example:587'"),
        ({"recording": {"webhook_url": "ftp://h/x"}}, "recording.webhook_url = 'ftp://h/x'"),
        ({"recording": {"webhook_url": "https://u:p@h/x"}}, "recording.webhook_url = 'https://…@h/x'"),
        ({"media": {"rtp_port": 65533, "workers": 2}}, "media.rtp_port = 65533: each of the 2 workers"),
    ],
)
def test_a_wrong_setting_is_named(table: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)):
        from_table(table)


PORTED = {
    "sip.domain": "pbx.example:{}",
    "trunk.uri": "sip:trunk.example:{};transport=tcp",
    "trunk.from_domain": "192.0.2.1:{}",
    "http.cors_origins": "https://phone.example:{}",
    "recording.webhook_url": "http://hooks.example:{}/x",
    "invite.web_url": "https://j.example:{}/{{code}}",
}


def ported(option: str, port: object) -> Config:
    section, _, name = option.partition(".")
    value = PORTED[option].format(port)
    return from_table({section: {name: [value] if name == "cors_origins" else value}})


@given(st.sampled_from(sorted(PORTED)), st.integers(65536, 10**9) | st.just(0) | st.sampled_from(["-1", "x", "5060:1"]))
def test_a_port_that_is_none_is_named_wherever_it_is_said(option: str, port: object) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{option} = ")):
        ported(option, port)


@given(st.sampled_from(sorted(PORTED)), st.integers(1, 65535))
def test_any_port_is_taken(option: str, port: int) -> None:
    ported(option, port)


@given(st.from_regex(r"sip:[a-z0-9.\[\]:;=?@_-]{0,20}", fullmatch=True))
def test_a_trunk_that_is_taken_can_be_called(uri: str) -> None:
    try:
        (trunk,) = from_table({"trunk": {"uri": uri}}).trunks
    except ConfigError:
        return
    scheme, _, place = trunk.uri.partition(":")
    hop_of(Uri.parse(f"{scheme}:+15550123@{place}"))


def test_the_last_ports_are_ports() -> None:
    assert from_table({"media": {"rtp_port": 65532, "workers": 2}}).media.rtp_port == 65532
    assert from_table({"media": {"rtp_port": 0, "workers": 2}}).media.rtp_port == 0


@pytest.mark.parametrize("url", ["postgresql://user:hush@host:99999/name", "postgresql://user:hush@host:0/name"])
def test_a_database_at_no_port_is_named_without_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"store\.url: there is no port") as caught:
        url_of(url, tmp_path)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("section", "options", "named"),
    [
        ("media", {"rtp_port": 65535, "workers": 1}, "media.rtp_port = 65535"),
        ("server", {"host": "127.0.0.1:5060"}, "server.host = '127.0.0.1:5060': a host"),
    ],
)
def test_options_of_the_command_line_are_checked_as_those_of_the_file(
    section: str, options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)):
        Chosen(None, **{section: options}).read()


def test_ports_of_parties() -> None:
    assert from_table({}).media.own_range is None
    assert from_table({"media": {"own_ports": "10002-10003"}}).media.own_range == (10002, 10003)


@pytest.mark.parametrize("extra", [{"password": 12345678}, {"password": "12345678", "color": 1}])
def test_an_error_never_shows_a_secret(extra: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        from_table({"extension": [{"number": "1", **extra}]})
    assert "12345678" not in str(caught.value)


def test_a_missing_file_and_a_broken_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no.toml: No such file"):
        load(tmp_path / "no.toml")
    broken = tmp_path / "broken.toml"
    for text in ("[sip\n", "a = " + "[" * 5_000 + "]" * 5_000, "a = " + "{a = " * 5_000):
        broken.write_text(text)
        with pytest.raises(ConfigError, match=r"broken\.toml is not TOML"):
            load(broken)


@pytest.mark.parametrize(
    "table",
    [
        {"server": {"host": "::1"}, "sip": {"domain": "[2001:db8::1]:5070", "aliases": ["2001:db8::2"]}},
        {"server": {"host": "0.0.0.0", "host6": "::", "advertised_host6": "2001:db8::1"}},
        {"trunk": {"uri": "sip:[2001:db8::1]:5060;transport=tcp", "addresses": ["2001:db8::/64"]}},
        {"http": {"cors_origins": ["http://[::1]:8080"]}},
    ],
)
def test_ipv6_addresses_are_taken_where_addresses_are(table: dict[str, Any]) -> None:
    settings.check(from_table(table))


def test_development_credentials_stay_on_loopback() -> None:
    dev = load(settings.DEV_PATH)
    check_exposure(dev)
    exposed = msgspec.structs.replace(dev, server=msgspec.structs.replace(dev.server, host="0.0.0.0"))
    with pytest.raises(ConfigError, match="development credentials"):
        check_exposure(exposed)


def test_first_run_makes_secrets_that_only_the_owner_reads(tmp_path: Path) -> None:
    data = tmp_path / "data"
    complete, made = secrets.complete(load(PRODUCTION), data)
    assert made == data / "secrets.toml"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert len(complete.clients[0].secret) >= 32
    assert len(complete.extensions[0].password) >= 32
    assert complete.clients[0].secret != complete.extensions[0].password
    again, made = secrets.complete(load(PRODUCTION), data)
    assert made is None
    assert again == complete


def test_a_new_extension_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    first, _ = secrets.complete(from_table({"extension": [{"number": "1"}]}), tmp_path)
    second, made = secrets.complete(from_table({"extension": [{"number": "1"}, {"number": "2"}]}), tmp_path)
    assert made is not None
    assert second.extensions[0] == first.extensions[0]
    assert second.extensions[1].password not in ("", first.extensions[0].password)


def test_nothing_is_written_when_no_secret_is_missing(tmp_path: Path) -> None:
    dev = load(settings.DEV_PATH)
    assert secrets.complete(dev, tmp_path / "data") == (dev, None)
    assert not (tmp_path / "data").exists()


def test_the_mail_password_may_stand_with_the_secrets_and_outlives_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "secrets.toml"
    path.write_text("[mail]\npassword = 'a\"b\\c\u00e4'\n")
    mail = {"host": "m.example.com", "sender": "us@example.com", "username": "us"}
    filled, made = secrets.complete(from_table({"mail": mail}), tmp_path)
    assert (filled.mail.password, made) == ('a"b\\c\u00e4', None)
    for number in ("1", "2"):
        filled, made = secrets.complete(from_table({"mail": mail, "extension": [{"number": number}]}), tmp_path)
        assert (filled.mail.password, made) == ('a"b\\c\u00e4', path)
    written, _ = secrets.complete(from_table({"mail": mail | {"password": "typed"}}), tmp_path)
    assert written.mail.password == "typed"


def test_a_broken_secrets_file_is_named_and_kept(tmp_path: Path) -> None:
    (tmp_path / "secrets.toml").write_text("[client\nsecret-text")
    with pytest.raises(ConfigError, match=r"secrets\.toml") as caught:
        secrets.complete(load(PRODUCTION), tmp_path)
    assert "secret-text" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('[sip]\nrealm = "caf\u00e9"\n', load),
        ('[participant]\n"*1" = "toggle_own_mute"\n', lambda path: load_menu(str(path))),
        ('title = "caf\u00e9"\n[[step]]\ndo = "wait"\n', lambda path: load_scenario(str(path), {})),
    ],
)
def test_a_file_may_begin_with_a_byte_order_mark(text: str, read: Callable[[Path], object], tmp_path: Path) -> None:
    """Editors of Windows write one."""
    plain, marked = tmp_path / "plain.toml", tmp_path / "marked.toml"
    plain.write_bytes(text.encode())
    marked.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(marked) == read(plain)


def test_secrets_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    config = from_table({"extension": [{"number": "101"}]})
    whole, made = secrets.complete(config, tmp_path)
    assert made is not None
    made.write_bytes(b"\xef\xbb\xbf" + made.read_bytes())
    assert secrets.complete(config, tmp_path) == (whole, None)
