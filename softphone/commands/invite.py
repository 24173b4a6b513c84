"""``softphone conference invite``: who is invited to a room, by mail or by any other way."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from softphone.commands.desk import RemoteServer, at, at_desk
from softphone.commands.usage import wrong_use

__all__ = ["invite"]


@at_desk
def invite(
    desk: RemoteServer,
    room: Annotated[str, typer.Argument(metavar="ROOM", help="A running conference (s-...), or the number of a room")],
    to: Annotated[list[str] | None, typer.Argument(help="Mail addresses; without one the text is printed")] = None,
    title: Annotated[str, typer.Option(help="What it is about")] = "Conference",
    start: Annotated[str, typer.Option(help="When, e.g. 2027-01-31T15:00+01:00; else now")] = "",
    minutes: Annotated[int, typer.Option(min=1, help="How long it is planned")] = 60,
    organizer: Annotated[str, typer.Option(help="Who invites and gets the answers; else the sender of mails")] = "",
    ics: Annotated[Path | None, typer.Option(help="Write the calendar file here", dir_okay=False)] = None,
) -> None:
    """Invite people by mail, or print the invitation to be sent by other ways.

    Example: softphone conference invite 203 ben@example.com --title Standup --start 2027-01-31T15:00+01:00
    """
    about: dict[str, Any] = {"title": title, "minutes": minutes, "organizer": organizer}
    if start:
        about["start"] = moment(start)
    path = at(room, "invitation") if room.startswith("s-") else f"/extensions/{quote(room, safe='')}/invitation"
    answer = desk.rest.ask("POST", path, about)
    if ics is not None:
        write(ics, answer["ics"])
    if not to:
        desk.tell(answer, answer["text"].rstrip("\n"))
        return
    answer = desk.rest.ask("POST", f"{path}/mail", about | {"to": to, "uid": answer["uid"]})
    desk.tell(answer, "\n".join(f"{each['to']}: {each['error'] or 'sent'}" for each in answer["deliveries"]))
    if any(each["error"] for each in answer["deliveries"]):
        raise typer.Exit(1)


def moment(written: str) -> str:
    """Check a time; raises typer.Exit (status 2) when it is none, or nobody knows where."""
    try:
        zone = datetime.fromisoformat(written).tzinfo
    except ValueError:
        wrong_use(f"--start takes a time such as 2027-01-31T15:00+01:00, not {written!r}")
    if zone is None:
        wrong_use(f"--start needs a time zone, as in 2027-01-31T15:00+01:00 or 2027-01-31T14:00Z, not {written!r}")
    return written


def write(path: Path, text: str) -> None:
    """Write a file; raises typer.Exit (status 2) when that cannot be."""
    try:
        path.write_bytes(text.encode())
    except OSError as error:
        wrong_use(f"--ics names a file that can be written, and {path} cannot: {error.strerror}")
