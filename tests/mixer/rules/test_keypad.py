"""Keys to commands: the default menu, the whole product's menu, pauses, slips and nonsense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixer.rules.keypad import KEYS, MAX_KEYS, UNKNOWN, Command, Keypad, KeypadError, Menu
from mixer.rules.menus import DEFAULT_MENU

# The keys of a whole conference product, as data: every kind of sequence that the rules must be able to grow into.
PRODUCT = {
    "*1": "toggle_own_mute",
    "*8N": "invite",
    "##": "drop_invited",
    **{f"*9{digit}": f"room_{digit}" for digit in range(6)},
}
HOST = {"*#2": "count", "*#3": "leave", "*#*": "help", "*#5": "mute", "*#51": "mute_hard", "*#6": "lock"}


def typed(table: dict[str, str], keys: str, *, each_s: float = 0.3, pause_s: float = 10.0) -> list[tuple[str, str]]:
    """(name, number) of the commands that `keys` give, with a long pause at the end; a space is one as well."""
    keypad, now, done = Keypad(table), 100.0, list[Command]()
    for key in keys:
        now += pause_s if key == " " else each_s
        done += keypad.expire(now) if key == " " else keypad.press(key, now)
    done += keypad.expire(now + pause_s)
    assert keypad.deadline is None
    return [(command.name, command.number) for command in done]


@pytest.mark.parametrize(
    ("role", "keys", "names"),
    [
        ("moderator", "*1", ["toggle_own_mute"]),
        ("moderator", "*90", ["unmute_all"]),
        ("moderator", "*91*90*1", ["mute_all", "unmute_all", "toggle_own_mute"]),
        ("moderator", "*92*93*94*95", ["lock", "unlock", "notices_off", "notices_on"]),
        ("moderator", "*96*42#*3", ["end_groups", "visit_group", "return_to_main"]),
        ("moderator", "*7", [UNKNOWN]),
        ("participant", "*8102###", ["invite", "drop_invited"]),
        ("token", "*1*8102#", ["toggle_own_mute", UNKNOWN]),
        ("outside", "*1*3", [UNKNOWN, "return_to_main"]),
        ("participant", "*1*1", ["toggle_own_mute"] * 2),
        ("participant", "*91", [UNKNOWN]),
        ("participant", "*91*1", [UNKNOWN, "toggle_own_mute"]),
        ("listener", "*1", [UNKNOWN]),
        ("nobody", "5", [UNKNOWN]),
    ],
)
def test_default_menu(role: str, keys: str, names: list[str]) -> None:
    assert [name for name, _ in typed(dict(DEFAULT_MENU.of(role)), keys)] == names


@pytest.mark.parametrize(
    ("keys", "commands"),
    [
        ("*8102#", [("invite", "102")]),
        ("*8102 ", [("invite", "102")]),
        ("*84915112345678#*1", [("invite", "4915112345678"), ("toggle_own_mute", "")]),
        ("*8102###", [("invite", "102"), ("drop_invited", "")]),
        ("##", [("drop_invited", "")]),
        ("# #", [(UNKNOWN, ""), (UNKNOWN, "")]),
        ("*8#", [(UNKNOWN, "")]),
        ("*8 ", [(UNKNOWN, "")]),
        ("*812*1", [(UNKNOWN, ""), ("toggle_own_mute", "")]),
        ("*93*94", [("room_3", ""), ("room_4", "")]),
        ("**1", [(UNKNOWN, ""), ("toggle_own_mute", "")]),
        ("*9 1", [(UNKNOWN, ""), (UNKNOWN, "")]),
        ("*97", [(UNKNOWN, "")]),
        ("123456", [(UNKNOWN, "")]),
        ("1234*1", [(UNKNOWN, ""), ("toggle_own_mute", "")]),
    ],
)
def test_the_whole_product(keys: str, commands: list[tuple[str, str]]) -> None:
    assert typed(PRODUCT, keys) == commands


@pytest.mark.parametrize(
    ("keys", "names"),
    [("*#2", ["count"]), ("*#*", ["help"]), ("*#5 ", ["mute"]), ("*#51", ["mute_hard"]), ("*#5*#6", ["mute", "lock"])],
)
def test_host_commands(keys: str, names: list[str]) -> None:
    assert [name for name, _ in typed(HOST, keys)] == names


def test_a_prefix_waits_for_the_pause_and_no_longer() -> None:
    keypad = Keypad({"*9": "short", "*90": "long"}, timeout_s=2.0)
    assert keypad.press("*", 10.0) == []
    assert keypad.press("9", 11.0) == []
    assert keypad.deadline == 13.0
    assert keypad.expire(12.999) == []
    assert keypad.expire(13.0) == [Command("short", "*9")]
    assert keypad.deadline is None
    assert keypad.expire(99.0) == []


def test_a_late_key_finds_the_pause_over() -> None:
    keypad = Keypad({"*9": "short", "*90": "long", "0": "zero"}, timeout_s=2.0)
    keypad.press("*", 10.0)
    keypad.press("9", 11.0)
    assert keypad.press("0", 13.5) == [Command("short", "*9"), Command("zero", "0")]


def test_a_sequence_that_is_a_number_as_well_waits() -> None:
    table = {"*90": "fixed", "*9N": "number"}
    assert typed(table, "*90") == [("fixed", "")]
    assert typed(table, "*905#") == [("number", "05")]
    assert typed(table, "*91") == [("number", "1")]


def test_a_digit_after_a_slip_is_not_a_command() -> None:
    assert typed({"1": "dangerous", "*2": "other"}, "*71") == [(UNKNOWN, "")]


def test_unknown_tells_the_keys() -> None:
    keypad = Keypad(PRODUCT)
    assert [keypad.press(key, 1.0) for key in "*A7"] == [[], [], []]
    assert keypad.expire(9.0) == [Command(UNKNOWN, "*A7")]


def test_no_sequence_grows_without_end() -> None:
    keypad, done = Keypad(PRODUCT), list[Command]()
    for _ in range(100):
        done += keypad.press("5", 1.0)
    assert [len(command.keys) for command in done] == [MAX_KEYS] * 3


@pytest.mark.parametrize("key", ["", "12", "E", " ", "N", "٣"])
def test_not_a_key(key: str) -> None:
    with pytest.raises(KeypadError, match="not a key"):
        Keypad(PRODUCT).press(key, 0.0)


@pytest.mark.parametrize("sequence", ["", "N", "*8NN", "*8N#", "hello", "*" * 40])
def test_not_a_menu(sequence: str) -> None:
    with pytest.raises(KeypadError, match="not a sequence"):
        Menu({"moderator": {sequence: "command"}})


def test_menu_lists_its_commands() -> None:
    assert Menu({"a": {"1": "x", "2": "y"}, "b": {"1": "x"}}).commands == {"x", "y"}


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.floats(0.0, 6.0))), st.sampled_from([PRODUCT, HOST, {}]))
def test_no_key_is_lost_or_told_twice(presses: list[tuple[str, float]], table: dict[str, str]) -> None:
    keypad, now, done = Keypad(table), 0.0, list[Command]()
    for key, wait_s in presses:
        now += wait_s
        done += keypad.press(key, now)
    done += keypad.expire(now + 3.0)
    assert "".join(command.keys for command in done) == "".join(key for key, _ in presses)
    assert keypad.deadline is None
