"""``softphone bot``: run a bot class from the command line."""

import asyncio
import importlib
import importlib.util
import inspect
import sys
import sysconfig
import traceback
from pathlib import Path
from types import ModuleType
from typing import Annotated

import msgspec
import typer

import softphone
from softphone.bot import Bot, run_bot
from softphone.commands.call import callee, identity
from softphone.commands.usage import wrong_use
from softphone.errors import SoftphoneError

__all__ = ["bot", "load_bot"]


# Where no bot is: our own package, and Python's library.
NOT_THE_BOTS = (str(Path(softphone.__file__).parent), sysconfig.get_path("stdlib"), "<frozen ")


def bot(
    target: Annotated[str, typer.Argument(metavar="MODULE:OBJECT", help="A Bot class, by module or by path of a file")],
    uri: Annotated[str, typer.Argument(metavar="URI", help="Whom to call, e.g. sip:conf_...@127.0.0.1:5060")],
    user: Annotated[str, typer.Option(help="Who the bot is: a user name, or a whole sip: URI")] = "bot",
    password: Annotated[
        str | None, typer.Option(help="Answers the digest challenge", envvar="SOFTPHONE_PASSWORD")
    ] = None,
    registrar: Annotated[str | None, typer.Option(help="Register here first")] = None,
    duration: Annotated[float | None, typer.Option(help="Hang up after so many seconds", min=0)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON")] = False,
) -> None:
    """Run a bot until its call is over; what it raises is shown with its own lines only, and is exit status 1.

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
    except Exception as error:
        typer.echo(f"softphone bot: {target} failed\n{own_lines(error)}", err=True)
        raise typer.Exit(1) from None
    if json:
        typer.echo(msgspec.json.encode({"bot": target, "uri": uri, "reason": reason}).decode())
    else:
        typer.echo(reason, err=True)


def own_lines(error: Exception) -> str:
    """Write a traceback without what is ours and Python's: whoever writes a bot looks for the mistake in the bot."""
    return "".join([*traceback.format_list(_frames(error)), *traceback.format_exception_only(error)]).rstrip()


def _frames(error: Exception) -> list[traceback.FrameSummary]:
    every = traceback.extract_tb(error.__traceback__)
    return [frame for frame in every if not frame.filename.startswith(NOT_THE_BOTS)]


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
    if isinstance(found, type) and issubclass(found, Bot):
        return _make(found, target)
    if not isinstance(found, Bot):
        wrong_use(f"{target} is no softphone.Bot")
    return found


def _make(kind: type[Bot], target: str) -> Bot:
    try:
        inspect.signature(kind).bind()
    except TypeError as error:
        wrong_use(f"{target} cannot be made without arguments ({error}): name an object that is made already")
    return kind()


def _import(name: str) -> ModuleType:
    """Import a module by its dotted name from the search path and this folder, or by its path."""
    if not name.endswith(".py"):
        sys.path.insert(0, str(Path.cwd()))
        try:
            return importlib.import_module(name)
        except Exception as error:
            wrong_use(f"cannot import {name}: {_in_one_line(error)}")
    path = Path(name)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        wrong_use(f"no such file: {name}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        wrong_use(f"cannot run {name}: {_in_one_line(error)}")
    return module


def _in_one_line(error: Exception) -> str:
    """Say what is wrong with a module, and in which line."""
    frames = _frames(error)
    where = f" (line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}".replace("\n", " ")
