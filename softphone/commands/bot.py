"""``softphone bot``: run a bot class from the command line."""

import asyncio
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from softphone.bot import Bot, run_bot
from softphone.commands.call import callee, identity
from softphone.commands.usage import wrong_use
from softphone.errors import SoftphoneError

__all__ = ["bot", "load_bot"]


def bot(
    target: Annotated[str, typer.Argument(metavar="MODULE:OBJECT", help="A Bot class, by module or by path of a file")],
    uri: Annotated[str, typer.Argument(help="Whom to call, e.g. sip:conf_...@127.0.0.1:5060")],
    user: Annotated[str, typer.Option(help="Who the bot is: a user name, or a whole sip: URI")] = "bot",
    password: Annotated[
        str | None, typer.Option(help="Answers the digest challenge", envvar="SOFTPHONE_PASSWORD")
    ] = None,
    registrar: Annotated[str | None, typer.Option(help="Register here first")] = None,
    duration: Annotated[float | None, typer.Option(help="Hang up after so many seconds", min=0)] = None,
) -> None:
    """Run a bot until its call is over.

    Example: softphone bot examples/echo_bot.py:EchoBot sip:conf_...@127.0.0.1:5060
    """
    chosen = load_bot(target)
    uri = callee(uri, registrar)
    who = identity(user, uri, registrar)
    try:
        reason = asyncio.run(
            run_bot(chosen, uri, identity=who, password=password, registrar=registrar, duration_s=duration)
        )
    except SoftphoneError as error:
        typer.echo(f"softphone bot: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        reason = "interrupted"
    typer.echo(reason, err=True)


def load_bot(target: str) -> Bot:
    """Find and make the bot that ``MODULE:OBJECT`` names: a Bot class that needs no argument, or a Bot.

    Raises
    ------
    typer.Exit
        There is no such thing (status 2).
    """
    module_name, colon, name = target.rpartition(":")
    if not colon or not module_name or not name:
        wrong_use(f"name the bot as MODULE:OBJECT, for example examples/echo_bot.py:EchoBot, not {target!r}")
    found = getattr(_import(module_name), name, None)
    made = found() if isinstance(found, type) and issubclass(found, Bot) else found
    if not isinstance(made, Bot):
        wrong_use(f"{target} is no softphone.Bot")
    return made


def _import(name: str) -> ModuleType:
    """Import a module by its dotted name from the search path and this folder, or by its path."""
    if not name.endswith(".py"):
        sys.path.insert(0, str(Path.cwd()))
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            wrong_use(f"cannot import {name}: {error}")
    path = Path(name)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        wrong_use(f"no such file: {name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
