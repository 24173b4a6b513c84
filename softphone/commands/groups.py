"""``softphone conference groups``, ``group``, ``gather``: breakout groups, from the command line."""

from typing import Annotated, Any

import typer

from softphone.commands.desk import ConferenceId, RemoteServer, at, at_desk

__all__ = ["gather", "group", "groups"]

LISTED = ("number", "name", "parties")


@at_desk
def groups(
    desk: RemoteServer,
    conference: ConferenceId,
    count: Annotated[
        int | None, typer.Option(min=1, max=50, help="Number of groups; all but the hosts are distributed to them")
    ] = None,
    parties: Annotated[
        list[str] | None,
        typer.Option("--group", help="A group and its parties: NAME=p-...,p-...; repeat it for each group"),
    ] = None,
    minutes: Annotated[float, typer.Option(min=0, help="Minutes until all return; 0: no limit")] = 0,
    may_return: Annotated[bool, typer.Option(help="Whether parties may return by themselves")] = True,
) -> None:
    """Open breakout groups, or list them (without --count and --group).

    Example: softphone conference groups s-0123... --count 3 --minutes 10 --server http://127.0.0.1:8080
    """
    path = at(conference, "groups")
    if count is None and not parties:
        answer = desk.rest.ask("GET", path)
    else:
        wish: dict[str, Any] = {"count": count} if count else {}
        if parties:
            wish["groups"] = [meant(each) for each in parties]
        answer = desk.rest.ask("POST", path, wish | {"ends_in_s": minutes * 60, "may_return": may_return})
    desk.table(answer, [each | {"parties": " ".join(each["parties"])} for each in answer["groups"]], LISTED)


def meant(written: str) -> dict[str, Any]:
    """Read a group: its name, and who is to be in it."""
    name, sign, those = written.rpartition("=")
    return {"name": name if sign else "", "parties": [each for each in those.split(",") if each]}


@at_desk
def group(
    desk: RemoteServer,
    conference: ConferenceId,
    party: Annotated[str, typer.Argument(metavar="PARTY", help="A party id (p-...), or all, others, last, or a role")],
    number: Annotated[int, typer.Argument(min=0, max=50, help="Number of the group; 0: the main room")],
) -> None:
    """Move a party into a breakout group, or back to the main room (0).

    Example: softphone conference group s-0123... p-0123...-2 1 --server http://127.0.0.1:8080
    """
    answer = desk.change(conference, party, {"group": number})
    desk.tell(answer, f"in group {number}" if number else "in the main room")


@at_desk
def gather(
    desk: RemoteServer,
    conference: ConferenceId,
    seconds: Annotated[float, typer.Option("--in", min=0, help="Seconds until they return; the parties are told")] = 0,
) -> None:
    """Close the breakout groups: all parties return.

    Example: softphone conference gather s-0123... --in 60 --server http://127.0.0.1:8080
    """
    desk.rest.ask("PATCH", at(conference, "groups"), {"ends_in_s": seconds})
    desk.tell({"ends_in_s": seconds}, f"all return in {seconds:g} s" if seconds else "all are back")
