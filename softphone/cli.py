"""The command line: ties the commands together, each of which is a module of its own in `softphone.commands`."""

import sys

import typer

from softphone.commands.bot import bot
from softphone.commands.call import call
from softphone.commands.conference import app as conference
from softphone.commands.demo import demo
from softphone.commands.serve import serve

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A SIP softphone agent with an audio conference bridge inside.",
)
app.command("serve")(serve)
app.command("demo")(demo)
app.command("call")(call)
app.command("bot")(bot)
app.add_typer(conference, name="conference")


@app.callback()
def softphone() -> None:
    """Run a conference bridge, join one by SIP, or find out what one can carry."""


def main() -> None:
    """Run the command line; wrong use gets one line and exit status 2."""
    try:
        status = app(standalone_mode=False)
    except typer.TyperException as error:
        status = _complain(error)
    except (typer.Abort, KeyboardInterrupt):
        status = 130
    sys.exit(status if isinstance(status, int) else 0)


def _complain(error: typer.TyperException) -> int:
    """Say in one line what was wrong with the command line; where the help has been shown, it has said so already."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "softphone"
    if message := error.format_message():
        typer.echo(f"{command}: {message} See {command} --help.", err=True)
    return 2
