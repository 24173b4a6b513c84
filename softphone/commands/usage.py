"""Wrong use of the command line: one line on stderr that names the mend, and exit status 2."""

from typing import NoReturn

import typer

__all__ = ["wrong_use"]


def wrong_use(message: str) -> NoReturn:
    """Say what is wrong and how it would be right, and stop.

    Raises
    ------
    typer.Exit
        With status 2.
    """
    typer.echo(f"softphone: {message}", err=True)
    raise typer.Exit(2)
