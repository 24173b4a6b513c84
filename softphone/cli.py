"""The command line: ties the commands together, each of which is a module of its own in `softphone.commands`."""

import sys
from importlib import metadata
from typing import Annotated

import typer

from softphone.commands.bot import bot
from softphone.commands.call import call
from softphone.commands.compile import compile_
from softphone.commands.conference import app as conference
from softphone.commands.demo import demo
from softphone.commands.jwt import jwt
from softphone.commands.load import load
from softphone.commands.registrations import app as registrations
from softphone.commands.serve import serve
from softphone.commands.trace import trace
from softphone.commands.usage import PROGRAM, remember

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve)
app.command("demo")(demo)
app.command("compile")(compile_)
app.command("call")(call)
app.command("bot")(bot)
app.command("load")(load)
app.command("trace")(trace)
app.command("jwt")(jwt)
app.add_typer(conference, name="conference")
app.add_typer(registrations, name="registrations")


def tell_version(wanted: bool) -> None:
    """Print the version if it is asked for, and stop."""
    if wanted:
        typer.echo(f"softphone {metadata.version('softphone')}")
        raise typer.Exit


@app.callback()
def softphone(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=tell_version, is_eager=True, help="Print the version and exit")
    ] = False,
) -> None:
    """Run a conference bridge, or join one by SIP.

    Example: softphone demo
    """
    remember(context)


def main() -> None:
    """Run the command line; wrong use gets one line and exit status 2."""
    try:
        status = app(prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as error:
        status = _complain(error)
    except (typer.Abort, KeyboardInterrupt):
        status = 130
    sys.exit(status if isinstance(status, int) else 0)


def _complain(error: typer.TyperException) -> int:
    """Say in one line what was wrong with the command line; where the help has been shown, it has said so already."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else PROGRAM
    if message := error.format_message():
        typer.echo(f"{command}: {message} See {command} --help.", err=True)
    return 2
