"""What the documents name is there: tests, files, modules."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from mixer.rules.menus import load_menu

ROOT = Path(__file__).parents[1]
TESTING = (ROOT / "docs" / "testing.md").read_text()
CONFERENCE = (ROOT / "docs" / "conference.md").read_text()
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
KEYS = re.compile(r"`([*#0-9N]+)`")
NUMBER = "` number `#`"
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


# Columns of the tables of keys, and the table of the menu that each is of.
COLUMNS = {"default": {1: "moderator", 2: "participant"}, "host": {1: "moderator", 2: "participant", 3: "token"}}


def told_keys(menu: str) -> dict[str, set[str]]:
    """The keys of a menu as the table in the documents tells them, for each role that has a column."""
    table = CONFERENCE.partition(f"The menu `{menu}`")[2].partition("\n\n")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    return {
        role: {
            keys for row in cells if row[at].startswith("yes") for keys in KEYS.findall(row[0].replace(NUMBER, "N`"))
        }
        for at, role in COLUMNS[menu].items()
    }


@cache
def functions(path: Path) -> set[str]:
    """The test functions of a file, those in classes too."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@cache
def classes() -> set[str]:
    """The names of all classes of the product."""
    paths = [path for root in ("mixer", "softphone") for path in (ROOT / root).rglob("*.py")]
    return {
        node.name for path in paths for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)
    }


def rows(page: str) -> list[str]:
    """The rows of the tables below the heading, without heads and rules."""
    lines = page.partition("## Behaviour → test")[2].splitlines()
    return [line for line in lines if line.startswith("| ") and line != "| rule | test |"]


@pytest.mark.parametrize("row", rows(TESTING))
def test_a_rule_names_tests_that_exist(row: str) -> None:
    rule, tests = row.strip("| ").split(" | ")
    named = NAMED.findall(tests)
    assert rule and named, "a rule without a test"
    assert ", ".join(f"`{path}::{name}`" for path, name in named) == tests, "something that is not read as a test"
    missing = [f"{path}::{name}" for path, name in named if name not in functions(ROOT / "tests" / path)]
    assert not missing


def test_every_group_of_rules_is_there() -> None:
    """The page is read at all: an empty table would hold every rule of it."""
    page = TESTING.partition("## Behaviour → test")[2]
    groups = [part.partition("\n")[0] for part in page.split("\n### ")[1:]]
    assert groups == [
        "Media", "WebRTC", "Keys", "SDP", "Dialogs", "Flows", "Identity and admission",
        "The API in RingCentral's shape", "The API in Restcomm's shape", "Rooms",
        "Telephones of particular kinds", "Called legs", "Text",
        "Streams and lists", "Recordings", "Operations", "Text to speech",
        "Streams of sound", "Large rooms", "The browser page", "Bots", "Joining by HTTP",
        "Load",
    ]  # fmt: skip
    assert all(rows("## Behaviour → test" + part) for part in page.split("\n### ")[1:])


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_files_that_a_page_names_are_there(page: str) -> None:
    """Paths below the packages, in full or from `softphone/` on, as the pages write them."""
    named = re.findall(r"`((?:[a-z_0-9]+/)+(?:[a-z_0-9]+\.(?:py|toml|md))?)`", (ROOT / page).read_text())
    assert len(named) > 10
    assert not [path for path in named if not ((ROOT / path).exists() or (ROOT / "softphone" / path).exists())]


def test_the_classes_of_the_glossary_are_there() -> None:
    """A word of the glossary names the class that is it, or the module of the mixer."""
    rows = [line.strip("| ").split(" | ") for line in GLOSSARY.splitlines() if line.startswith("| ")]
    named = [re.findall(r"`([\w.]+)`", row[2])[0] for row in rows if len(row) == 3 and row[2].startswith("`")]
    assert len(named) > 40
    modules = {str(path.relative_to(ROOT).with_suffix("")).replace("/", ".") for path in ROOT.glob("mixer/*.py")}
    assert not set(named) - classes() - modules


def test_the_glossary_has_every_word_once() -> None:
    words = [line[2:].partition(" | ")[0] for line in GLOSSARY.splitlines() if line.startswith("| ")]
    once = [word for word in words if word != "word"]
    assert len(once) > 60
    assert len(once) == len(set(once))
    for part in GLOSSARY.split("\n## ")[1:]:
        listed = [line[2:].partition(" | ")[0] for line in part.splitlines() if line.startswith("| ")][1:]
        assert listed == sorted(listed, key=str.casefold)


@pytest.mark.parametrize("menu", COLUMNS)
def test_the_tables_of_keys_are_the_menus(menu: str) -> None:
    roles = load_menu(menu).roles
    assert told_keys(menu) == {role: set(roles[role]) for role in COLUMNS[menu].values()}
