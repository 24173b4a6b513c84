"""``softphone conference record``, ``recordings``, ``download``: what a server records, from the command line."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from softphone.commands.desk import ConferenceId, RemoteServer, at, at_desk
from softphone.commands.usage import wrong_use

__all__ = ["download", "record", "recordings"]

LISTED = ("id", "conference", "state", "started", "seconds", "format", "reason")


@at_desk
def record(
    desk: RemoteServer,
    conference: ConferenceId,
    stop: Annotated[bool, typer.Option("--stop", help="End it")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Record silence from now on")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue after a pause")] = False,
) -> None:
    """Start, pause, resume or stop a recording; prints its id, and to administrators its folder.

    Example: softphone conference record s-0123... --pause --server http://127.0.0.1:8080
    """
    if stop + pause + resume > 1:
        wrong_use("--stop, --pause and --resume exclude each other")
    path = at(conference, "recording")
    if pause or resume:
        answer = desk.rest.ask("PATCH", path, {"paused": pause})
    else:
        answer = desk.rest.ask("DELETE" if stop else "POST", path)
    # Only administrators are told where it is on the server.
    folder = [str(Path(answer["path"]).parent)] if answer["path"] else []
    desk.tell(answer, "\n".join([answer["id"], *folder]))


@at_desk
def recordings(
    desk: RemoteServer,
    conference: Annotated[str, typer.Option(help="Only those of this conference")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most entries, newest first")] = 100,
) -> None:
    """List the recordings.

    Example: softphone conference recordings --conference s-0123... --server http://127.0.0.1:8080
    """
    query = {"limit": str(limit)} | ({"conference": conference} if conference else {})
    answer = desk.rest.ask("GET", "/recordings", query=query)
    desk.table(answer, answer["recordings"], LISTED)


@at_desk
def download(
    desk: RemoteServer,
    recording: Annotated[str, typer.Argument(metavar="RECORDING", help="Its id")],
    party: Annotated[str, typer.Option(help="The track of this party instead of the mix")] = "",
    out: Annotated[Path | None, typer.Option(help="File to write", dir_okay=False)] = None,
) -> None:
    """Download a finished recording into the current folder; prints the file name.

    Example: softphone conference download 20261121T050827Z-4a9acda66a912aba --server http://127.0.0.1:8080
    """
    one = f"/recordings/{quote(recording, safe='')}"
    name = file_of(desk.rest.ask("GET", one), party)
    path = out or Path(f"{recording}-{name}")
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            desk.rest.download(f"{one}/files/{quote(name, safe='')}", file)
        part.replace(path)
    except OSError as error:
        wrong_use(f"--out names a file that can be written, and {path} cannot: {error.strerror}")
    finally:
        part.unlink(missing_ok=True)
    desk.tell({"recording": recording, "file": str(path)}, str(path))


def file_of(entry: dict[str, Any], party: str) -> str:
    """Choose the file of a recording; raises typer.Exit (status 2) when the party has none."""
    if not party:
        return str(entry["mix"])
    if party not in entry["tracks"]:
        wrong_use(f"--party takes one of {', '.join(entry['tracks']) or 'none: there are no tracks'}")
    return str(entry["tracks"][party])
