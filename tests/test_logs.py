import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from softphone import logs
from softphone.config import LogConfig
from softphone.focus.token import VoiceCallToken


@pytest.fixture(autouse=True)
def _restore() -> object:
    yield
    structlog.reset_defaults()
    logging.basicConfig(force=True)


def test_secrets_are_blotted_out() -> None:
    out = io.StringIO()
    logs.configure(LogConfig(format="json"), out)
    structlog.get_logger().info(
        "event", password="hunter2", voice_call_token="conf_1", moderator_pin="9876", user="ada"
    )
    line = json.loads(out.getvalue())
    assert line["user"] == "ada"
    assert line["event"] == "event"
    assert not {"hunter2", "conf_1", "9876"} & set(line.values())


def test_ids_that_tokens_are_made_of_are_shortened() -> None:
    out = io.StringIO()
    logs.configure(LogConfig(format="json"), out)
    digits = "0123456789abcdef" * 2
    token = VoiceCallToken(f"s-{digits}", "127.0.0.1", 5060)
    structlog.get_logger().info(f"to {token}", session=token.session_id, party=f"p-{digits}-12", call_id=digits)
    line = json.loads(out.getvalue())
    assert (line["session"], line["party"]) == ("s-01234567…", "p-01234567…-12")
    assert line["event"] == "to conf_…"
    assert line["call_id"] == digits


def test_level_and_standard_library() -> None:
    out = io.StringIO()
    logs.configure(LogConfig(level="warning"), out)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    logging.getLogger("other").error("from elsewhere")
    assert "quiet" not in out.getvalue()
    assert "loud" in out.getvalue()
    assert "from elsewhere" in out.getvalue()


def test_nobody_commands_the_terminal() -> None:
    out = io.StringIO()
    logs.configure(LogConfig(), out)
    bad = "\x1b[2Jx\x9b\nforged"
    structlog.get_logger().info(f"called {bad}", call_id=bad, name="Zoë")
    logging.getLogger("other").error("got %s", bad)
    try:
        raise ValueError(bad)
    except ValueError:
        structlog.get_logger().exception("fault")
    text = out.getvalue()
    assert not {"\x1b", "\x9b"} & set(text)
    assert "call_id=\\x1b[2Jx\\x9b\\nforged" in text and "name=Zoë" in text and "ValueError: \\x1b[2Jx" in text
    assert "bad =" not in text  # values of variables may be secrets


def test_json_holds_what_was_said() -> None:
    out = io.StringIO()
    logs.configure(LogConfig(format="json"), out)
    structlog.get_logger().info("called", call_id="\x1b[2J")
    assert "\x1b" not in out.getvalue() and json.loads(out.getvalue())["call_id"] == "\x1b[2J"


@pytest.mark.parametrize("settings", [LogConfig(format="json"), LogConfig()], ids=["json", "console"])
def test_a_line_has_an_end_whatever_is_logged(settings: LogConfig) -> None:
    out = io.StringIO()
    logs.configure(settings, out)
    long = "x" * 5_000_000
    structlog.get_logger().info("called", call_id=long, names=[long, long], **{long: 1})
    logging.getLogger("other").error("got %s", long)
    try:
        raise ValueError(long)
    except ValueError:
        structlog.get_logger().exception("fault")
    lines = out.getvalue().split("\n")
    assert max(map(len, lines)) < 25_000 and len(out.getvalue()) < 40_000
    assert "4999000 more" in lines[0]


@given(st.text(st.characters(), max_size=50), st.text(st.characters(), max_size=50))
def test_any_text_is_one_line_that_programs_read(text: str, other: str) -> None:
    plain, out = io.StringIO(), io.StringIO()
    logs.configure(LogConfig(), plain)
    structlog.get_logger().info(text, value=other)
    assert all(line.isprintable() for line in plain.getvalue().split("\n")) and plain.getvalue().count("\n") == 1
    logs.configure(LogConfig(format="json"), out)
    structlog.get_logger().info(text, value=other)
    assert out.getvalue().count("\n") == 1 and out.getvalue().isascii()
    assert json.loads(out.getvalue())["level"] == "info"
