"""``softphone trace``: the SIP messages that passed a running server."""

import json
import time
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from softphone.commands.desk import RemoteServer, at_desk
from softphone.commands.usage import wrong_use
from softphone.text import printable

__all__ = ["trace"]

# How often a server is asked for what is new.
FOLLOW_S = 1.0
ARROWS = {"in": "-->", "out": "<--"}


@at_desk
def trace(
    desk: RemoteServer,
    call: Annotated[str, typer.Option(metavar="ID", help="Full messages of one call: c-..., or its Call-ID")] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Wait for new messages, until Ctrl-C")] = False,
    calls: Annotated[int, typer.Option(min=1, help="Most calls, latest first")] = 100,
    pcap: Annotated[Path | None, typer.Option(help="Write a pcap file for Wireshark", dir_okay=False)] = None,
) -> None:
    """Show SIP messages, one line each, with secrets masked; for administrators.

    Example: softphone trace --server http://127.0.0.1:8080 --user 101 --password dev-101
    """
    if pcap is not None:
        if follow:
            wrong_use("--pcap and --follow exclude each other")
        save(desk, call, pcap)
        return
    seen = show(desk, call, calls, seen=0)
    while follow:
        time.sleep(FOLLOW_S)
        seen = show(desk, call, calls, seen)


def save(desk: RemoteServer, call: str, path: Path) -> None:
    """Write messages to a file; raises typer.Exit (status 2) when it cannot be written."""
    content = desk.rest.fetch("GET", at_call(call) if call else "/trace", query={"format": "pcap"})
    try:
        path.write_bytes(content)
    except OSError as error:
        wrong_use(f"--pcap names a file that can be written, and {path} cannot: {error.strerror}")
    desk.tell({"file": str(path)}, str(path))


def at_call(name: str) -> str:
    """Give the path of a call."""
    return f"/trace/{quote(name, safe='')}"


def show(desk: RemoteServer, call: str, most: int, seen: int) -> int:
    """Show the messages behind number `seen`, of one call or of the `most` latest; gives the number of the last one."""
    calls = [desk.rest.ask("GET", at_call(call))] if call else everything(desk, most, seen)
    found = sorted(
        ({"call": each["id"]} | message for each in calls for message in each["messages"] if message["number"] > seen),
        key=lambda message: int(message["number"]),
    )
    if desk.as_json:
        for message in found:
            typer.echo(json.dumps(message))
    else:
        for message in found:
            typer.echo(whole(message) if call else line(message))
    return int(found[-1]["number"]) if found else seen


def everything(desk: RemoteServer, most: int, seen: int) -> list[dict[str, Any]]:
    """Ask for the calls that have something new; those that have gone meanwhile are left out."""
    listed = desk.rest.all("/trace", "calls")["calls"]
    new = sorted((each for each in listed if each["number"] > seen), key=lambda each: int(each["number"]))
    asked = (desk.rest.find(at_call(each["id"])) for each in new[-most:])
    return [each for each in asked if each is not None]


def line(message: dict[str, Any]) -> str:
    """Show a message as a step of a ladder, the server on the right."""
    moment = message["time"][11:23]
    remote, arrow = message["remote"], ARROWS[message["direction"]]
    return printable(f"{moment}  {message['call']}  {remote:>21} {arrow} {message['transport']}  {message['line']}")


def whole(message: dict[str, Any]) -> str:
    """Show a message with all that is in it."""
    ways = (message["remote"], ARROWS[message["direction"]], message["local"])
    head = printable(f"{message['time']}  {' '.join(ways)} {message['transport']}")
    return "\n".join([head, *(f"  {printable(each)}" for each in message["text"].splitlines()), ""])
