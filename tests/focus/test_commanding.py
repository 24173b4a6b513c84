"""Every command is one line of the log: who, what, whom, and what became of it; never a secret."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mixer.rules.roles import PartyKind, Role
from mixer.rules.settings import Settings
from softphone.errors import CallRefused
from softphone.focus.commanding import Actor, acting
from softphone.focus.errors import NoSuchParty, NoSuchSession, WrongState
from softphone.focus.room.referrals import refer
from softphone.focus.room.settings import load_menu
from softphone.sip.message.fields import Address
from softphone.testing.bridge import PaperBridge
from softphone.testing.clock import run

Line = Mapping[str, Any]

HOST = {"number": "101", "role": Role.MODERATOR}
GUEST = {"number": "+15550123", "kind": PartyKind.TOKEN}


def commands(lines: list[Any]) -> list[Line]:
    return [line for line in lines if line["event"] == "command"]


def without(line: Line, *names: str) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in ("event", "log_level", *names)}


def test_a_command_is_told_with_who_gave_it_and_what_came_of_it(tmp_path: Path) -> None:
    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        room = await bridge.room(Settings())
        await bridge.call(room, **HOST)
        (party,), session = room.session.parties, room.session.id
        ada = Actor("extension 101", "http", "dev-client", "softphone-cli")
        with capture_logs() as lines:
            with acting(ada):
                await bridge.control.mute(session, party, True)
                await bridge.control.role(session, party, Role.LISTENER)
                with pytest.raises(WrongState):
                    await bridge.control.mute(session, party, False)
                with pytest.raises(NoSuchParty):
                    await bridge.control.kick(session, "p-0", ban=True)
            with pytest.raises(NoSuchSession):
                await bridge.control.lock("s-0", True)
        told = commands(lines)
        assert {(line["who"], line["way"], line.get("program"), line.get("agent")) for line in told[:4]} == {
            ("extension 101", "http", "dev-client", "softphone-cli")
        }
        assert [without(line, "who", "way", "program", "agent") for line in told] == [
            {"command": "mute", "session": session, "party": party, "on": True, "outcome": "done"},
            {"command": "role", "session": session, "party": party, "role": "listener", "outcome": "done"},
            {
                "command": "mute", "session": session, "party": party, "on": False,
                "outcome": "WrongState: A listener's microphone is never on: give it another role first",
            },
            {"command": "kick", "session": session, "party": "p-0", "ban": True, "outcome": "NoSuchParty: p-0"},
            {"command": "lock", "session": "s-0", "on": True, "outcome": "NoSuchSession: s-0"},
        ]  # fmt: skip
        assert told[4]["who"] == "server"

    run(scene())


@pytest.mark.parametrize(
    ("who", "keys", "expected"),
    [
        (HOST, "*92", [("extension 101", "lock", "done")]),
        (GUEST, "*1", [("caller +15550123", "toggle_own_mute", "done")]),
        (HOST, "*1*1", [("extension 101", "toggle_own_mute", "done")] * 2),
        (GUEST, "*92", []),
        (HOST, "4711#", []),
    ],
)
def test_keys_are_commands_of_who_pressed_them(
    tmp_path: Path, who: dict[str, Any], keys: str, expected: list[tuple[str, str, str]]
) -> None:
    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        room = await bridge.room(Settings(menu=load_menu("default")))
        with capture_logs() as lines:
            await bridge.call(room, **who, caller=bridge.accounts.find(who["number"]))
            (member,) = room.members.values()
            for key in keys:
                assert member.pressed(key, "event")
                member.keeper.key(member, key)
                await asyncio.sleep(0.5)
            await asyncio.sleep(10.0)
        told = commands(lines)
        assert [(line["who"], line["command"], line["outcome"]) for line in told] == expected
        assert {(line["way"], line["session"]) for line in told} <= {("keys", room.session.id)}
        assert "4711" not in str(told)

    run(scene())


@pytest.mark.parametrize(
    ("uri", "command", "outcome"),
    [
        ("sip:nobody@h;method=BYE", "kick", "CallRefused: 404 Not Found"),
        ("sip:102@h;method=MESSAGE", "refer", "CallRefused: 501 Not Implemented"),
        ("sip:102@h?Replaces=a", "dial", "CallRefused: 400 Bad Request"),
    ],
)
def test_a_refer_is_a_command_too(tmp_path: Path, uri: str, command: str, outcome: str) -> None:
    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        room = await bridge.room(Settings())
        await bridge.call(room, **HOST, caller=bridge.accounts.find("101"))
        (member,) = room.members.values()
        with capture_logs() as lines, pytest.raises(CallRefused):
            await refer(room, member, Address.parse(f"<{uri}>"))
        (line,) = commands(lines)
        assert (line["who"], line["way"], line["command"]) == ("extension 101", "refer", command)
        assert line["outcome"].startswith(outcome)
        assert line["target"] == uri.partition("@")[0].removeprefix("sip:")

    run(scene())


def test_what_is_typed_is_not_told(tmp_path: Path) -> None:
    async def scene() -> None:
        bridge = PaperBridge(tmp_path)
        room = await bridge.room(Settings())
        await bridge.call(room, **GUEST)
        (party,) = room.session.parties
        with capture_logs() as lines:
            await bridge.control.send_keys(room.session.id, party, "4711#")
        (line,) = commands(lines)
        assert (line["command"], line["keys"], line["outcome"]) == ("send_keys", 5, "done")
        assert "4711" not in str(lines)

    run(scene())
