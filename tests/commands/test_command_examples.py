"""Every command that `--help`, the README or a page shows is one that the program takes, with its real options."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from softphone.cli import app
from softphone.commands.call import callee, identity

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LINE = re.compile(r"^ *(?:\.venv/bin/)?softphone (?P<words>[^\n]*(?:\\\n[^\n]*)*)$", re.MULTILINE)
INLINE = re.compile(r"`(?:\.venv/bin/)?softphone (?P<words>[^`]+)`")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)

# Typer types the commands that it makes of functions as `click` does, and brings a `click` of its own.
Command = Any


def commands(command: Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Command]]:
    """Every command and group, with the words that lead to it."""
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, (*path, name))


PROGRAM: Command = get_command(app)
COMMANDS = dict(commands(PROGRAM))


def find(words: list[str]) -> tuple[Command, list[str]]:
    """The command that is meant, and what follows its name."""
    path: tuple[str, ...] = ()
    while len(path) < len(words) and (*path, words[len(path)]) in COMMANDS:
        path = (*path, words[len(path)])
    return COMMANDS[path], words[len(path) :]


def parse(words: list[str]) -> dict[str, Any]:
    """Read a command line as the program would, but run nothing; raises what the program would complain of."""
    command, rest = find(words)
    assert not hasattr(command, "commands"), f"no such command: {words}"
    params: dict[str, Any] = command.make_context(command.name, rest).params
    return params


def shown() -> list[str]:
    """The whole command lines of the pages: in blocks, indented or fenced."""
    return [
        match["words"].replace("\\\n", " ")
        for page in PAGES
        for match in LINE.finditer(page.read_text())
        if match[0].startswith("    ") or any(match[0] in block for block in FENCED.findall(page.read_text()))
    ]


def mentioned() -> list[str]:
    """The commands that the text of the pages mentions, of which the arguments may be left out."""
    return [
        " ".join(match["words"].split())
        for page in PAGES
        for match in INLINE.finditer(FENCED.sub("", page.read_text()))
    ]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_shows_an_example_that_works(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    # A paragraph: the help is wrapped anew for each terminal.
    examples = re.findall(r"^Example: softphone (.*?)(?:\n\n|\Z)", command.help, re.MULTILINE | re.DOTALL)
    assert examples, "its help has no example"
    for example in examples:
        words = shlex.split(example)
        assert tuple(words[: len(path)]) == path
        parse(words)


@pytest.mark.parametrize("line", shown())
def test_a_command_of_a_page_works(line: str) -> None:
    words = shlex.split(line, comments=True)
    params = parse(words)
    if words[0] == "call":
        assert identity(params["user"], callee(params["uri"], params["registrar"]), params["registrar"])


@pytest.mark.parametrize("words", mentioned())
def test_a_command_that_is_mentioned_exists(words: str) -> None:
    first, *alternatives = words.split("|")
    command, rest = find(first.split())
    assert command is not PROGRAM
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known
    group = tuple(first.split()[:-1])
    assert all((*group, name.strip()) in COMMANDS for name in alternatives), alternatives


def test_the_pages_are_read() -> None:
    assert len(shown()) > 15
    assert len(mentioned()) > 8
