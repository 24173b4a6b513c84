"""Playing and speaking in conferences, from the command line."""

from typing import Annotated

import typer

from softphone.commands.desk import ConferenceId, RemoteServer, at, at_desk
from softphone.commands.usage import wrong_use

__all__ = ["play", "say"]


@at_desk
def play(
    desk: RemoteServer,
    conference: ConferenceId,
    sounds: Annotated[list[str], typer.Argument(help="Names of prompts, numbers to speak, sound:ID for uploads")],
    party: Annotated[str | None, typer.Option(help="Only for this party")] = None,
    group: Annotated[int | None, typer.Option(min=0, help="Only for this breakout group; 0: the main room")] = None,
    loop: Annotated[bool, typer.Option("--loop", help="Repeat until it is stopped")] = False,
) -> None:
    """Play sounds one after the other; prints the id of the playback.

    Example: softphone conference play s-0123... conf-muted 42 --server http://127.0.0.1:8080
    """
    wish = {"sounds": [sound(each) for each in sounds], "party": party, "group": group, "loop": loop}
    answer = desk.rest.ask("POST", at(conference, "playbacks"), wish)
    desk.tell(answer, str(answer["id"]))


def sound(written: str) -> str | int | dict[str, int]:
    """Read what is to be played.

    Raises
    ------
    typer.Exit
        It is ``sound:`` without a number (status 2).
    """
    if written.isascii() and written.isdigit():
        return int(written)
    kind, colon, number = written.partition(":")
    if not colon:
        return written
    if kind != "sound" or not (number.isascii() and number.isdigit()):
        wrong_use(f"an uploaded sound is sound:ID, for example sound:7, not {written!r}")
    return {"sound": int(number)}


@at_desk
def say(
    desk: RemoteServer,
    conference: ConferenceId,
    text: Annotated[str, typer.Argument(help="Text, spoken by the command in [speech] of the server's configuration")],
    party: Annotated[str | None, typer.Option(help="Only for this party")] = None,
    group: Annotated[int | None, typer.Option(min=0, help="Only for this breakout group; 0: the main room")] = None,
    voice: Annotated[str, typer.Option(help="A voice of the server's configuration")] = "",
    language: Annotated[str, typer.Option(help="Language, for example de")] = "",
) -> None:
    """Speak a text; prints the id of the playback.

    Example: softphone conference say s-0123... 'We begin in five minutes' --server http://127.0.0.1:8080
    """
    wish = {"sounds": [{"text": text, "voice": voice, "language": language}], "party": party, "group": group}
    answer = desk.rest.ask("POST", at(conference, "playbacks"), wish)
    desk.tell(answer, str(answer["id"]))
