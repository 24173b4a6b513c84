"""Menus as files: those that come along, one's own, and what is wrong with a wrong one."""

from pathlib import Path

import pytest

from mixer.rules.menus import FOLDER
from softphone.errors import ConfigError
from softphone.focus.room.settings import load_menu


@pytest.mark.parametrize("name", [path.stem for path in FOLDER.glob("*.toml")])
def test_what_comes_along_can_be_carried_out_and_stands_in_config(name: str) -> None:
    assert load_menu(name).commands
    assert (Path("config/menus") / f"{name}.toml").resolve() == (FOLDER / f"{name}.toml").resolve()


def test_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[moderator]\n"*5N" = "invite"\n[help]\nmoderator = "my-help"\n')
    menu = load_menu(str(path))
    assert menu.of("moderator") == {"*5N": "invite"}
    assert menu.help == {"moderator": "my-help"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[boss]\n"*1" = "lock"\n', "no role 'boss'"),
        ('[moderator]\n"*1" = "dance"\n', "no command 'dance'"),
        ('[moderator]\n"hello" = "lock"\n', "'hello' is not a sequence"),
        ('[moderator]\n"*1" = 1\n', "moderator is not a table of names"),
        ('moderator = "lock"\n', "moderator is not a table of names"),
        ('[help]\nmoderator = "x"\n', "help: no role 'moderator'"),
        ("[moderator\n", "not TOML"),
        ("a = " + "[" * 5_000, "not TOML"),
        ("\xff", "cannot read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=message):
        load_menu(str(path))


@pytest.mark.parametrize("name", ["nothing", "../dev", "/no/such/file.toml", ""])
def test_no_such_menu(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_menu(name)
