"""What callers call themselves, shown by the command line: neither markup nor commands to the terminal."""

import io
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from softphone.commands.console import PlainFace
from softphone.commands.desk import RemoteServer
from softphone.commands.rest import Rest

NASTY = [
    "\x1b]8;;http://x\x07click",
    "\x1b[2J",
    "[/red]",
    "[bold]x",
    "[link=http://x]y[/link]",
    "\u202egnp",
    "a\nb",
    "\x9b1m",
]


def table(capsys: pytest.CaptureFixture[str], name: str) -> str:
    rest: Any = None
    row = {"id": "p-1", "name": name}
    RemoteServer(rest, False).table([row], [row], ("id", "name"))
    return capsys.readouterr().out


@pytest.mark.parametrize("name", NASTY)
def test_a_table_shows_any_name_as_it_is(capsys: pytest.CaptureFixture[str], name: str) -> None:
    out = table(capsys, name)
    assert all(line.isprintable() for line in out.split("\n")) and out.count("\n") == 2
    rest: Any = None
    RemoteServer(rest, False).tell({}, f"answered by {name}")
    assert all(line.isprintable() for line in capsys.readouterr().out.split("\n"))


def test_brackets_are_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    assert "[/red] [bold]x" in table(capsys, "[/red] [bold]x")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_line_of_a_call_is_one_line_of_any_text(text: str) -> None:
    out = io.StringIO()
    PlainFace(Console(file=out, force_terminal=True, color_system="truecolor")).show(text)
    assert out.getvalue().endswith("\n") and out.getvalue()[:-1].isprintable()


def test_an_error_of_the_server_commands_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    from typer.testing import CliRunner

    from softphone.commands.conference import app
    from softphone.commands.rest import ControlFailed

    with patch("softphone.commands.desk.Rest", side_effect=ControlFailed("no \x1b[2J here")):
        told = CliRunner().invoke(app, ["list", "--token", "x"])
    assert told.exit_code == 1 and "\x1b" not in told.output and "no \\x1b[2J here" in told.output


def test_a_list_in_parts_is_shown_whole() -> None:
    class Parts(Rest):
        def __init__(self) -> None:
            self.asked: list[Any] = []

        def ask(self, method: str, path: str, body: object = None, *, query: Mapping[str, str] | None = None) -> Any:
            self.asked.append(query)
            return [{"things": [1], "next": "a"}, {"things": [2], "next": "b"}, {"things": [3]}][len(self.asked) - 1]

    rest = Parts()
    assert rest.all("/things", "things") == {"things": [1, 2, 3]}
    assert rest.asked == [None, {"after": "a"}, {"after": "b"}]
