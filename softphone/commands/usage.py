"""Names of commands, and usage errors: one line on stderr that says what to do, and exit status 2."""

from contextvars import ContextVar
from typing import NoReturn

import typer

__all__ = ["PROGRAM", "command", "remember", "wrong_use"]

PROGRAM = "softphone"

_command = ContextVar("command", default=PROGRAM)


def remember(context: typer.Context) -> None:
    """Note which command is about to run, for what it may have to say."""
    _command.set(f"{context.command_path} {context.invoked_subcommand or ''}".rstrip())


def command() -> str:
    """Name the command that runs as it was called, e.g. ``softphone conference list``."""
    return _command.get()


def wrong_use(message: str) -> NoReturn:
    """Say what is wrong and how it would be right, and stop.

    Raises
    ------
    typer.Exit
        With status 2.
    """
    typer.echo(f"{command()}: {message}", err=True)
    raise typer.Exit(2)
