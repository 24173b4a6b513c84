"""``softphone conference stream``: an audio stream of a conference over WebSocket, from the command line."""

from typing import Annotated

import typer

from softphone.commands.desk import ConferenceId, RemoteServer, at, at_desk

__all__ = ["stream"]


@at_desk
def stream(
    desk: RemoteServer,
    conference: ConferenceId,
    party: Annotated[
        str | None, typer.Option(metavar="PARTY", help="Hear this party, and be heard by it alone; default: all")
    ] = None,
    says: Annotated[bool, typer.Option("--says", help="Also speak: the stream is a party of the conference")] = False,
    rate: Annotated[int, typer.Option(help="Sample rate in Hz: 8000, 16000, 24000 or 48000")] = 16000,
    encoding: Annotated[str, typer.Option(help="Encoding of the messages: l16 or opus")] = "l16",
) -> None:
    """Open an audio stream by WebSocket; prints its URL, and the key that its client brings as a bearer token.

    Example: softphone conference stream s-0123... --says --rate 24000 --server http://127.0.0.1:8080
    """
    wish = {"party": party, "says": says, "rate_hz": rate, "encoding": encoding}
    answer = desk.rest.ask("POST", at(conference, "streams"), wish)
    desk.tell(answer, f"{answer['url']}\n{answer['key']}")
