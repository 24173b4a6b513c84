"""``softphone bot``: run a bot class from the command line."""

import asyncio
import importlib
import importlib.util
import inspect
import os
import signal
import sys
import sysconfig
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, TypeVar

import msgspec
import typer

import softphone
from softphone.agent import Agent
from softphone.bot import Bot, run_bot, serve_bot
from softphone.commands.call import Password, bearer, callee, identity
from softphone.commands.usage import wrong_use
from softphone.config import LogConfig
from softphone.errors import SipNetworkError, SoftphoneError
from softphone.logs import configure

__all__ = ["bot", "load_bot", "load_bots"]

T = TypeVar("T")

# Where no bot is: our own package, and Python's library.
NOT_THE_BOTS = (str(Path(softphone.__file__).parent), sysconfig.get_path("stdlib"), "<frozen ")


def bot(
    target: Annotated[
        str, typer.Argument(metavar="MODULE:OBJECT", help="A Bot class or object; MODULE is a name or a file")
    ],
    uri: Annotated[
        str | None, typer.Argument(metavar="URI", help="URI to call, e.g. sip:conf_...@127.0.0.1:5060")
    ] = None,
    listen: Annotated[bool, typer.Option("--listen", help="Answer calls; each call gets its own bot")] = False,
    user: Annotated[str, typer.Option(help="The bot's user name or SIP URI")] = "bot",
    password: Password = None,
    registrar: Annotated[str | None, typer.Option(help="Registrar to register with")] = None,
    host: Annotated[str | None, typer.Option(help="With --listen: local address")] = None,
    port: Annotated[int, typer.Option(help="With --listen: local SIP port; 0: any free one", min=0, max=65535)] = 0,
    max_calls: Annotated[int, typer.Option(help="With --listen: most calls at a time", min=1)] = 32,
    duration: Annotated[float | None, typer.Option(help="Hang up after this many seconds", min=0)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON")] = False,
) -> None:
    """Run a bot: place one call with it, or answer calls (--listen) until SIGTERM or Ctrl-C.

    What the bot of a call raises is shown with its own lines only, and is exit status 1. One that listens logs it, ends
    that call and goes on; at its end it hangs up everywhere and unregisters.

    Example: softphone bot examples/echo_bot.py:EchoBot sip:conf_...@127.0.0.1:5060

    Example: softphone bot examples/echo_bot.py:EchoBot --listen --user 104 --password dev-104 --registrar
    sip:127.0.0.1:5060
    """
    if listen == (uri is not None):
        wrong_use("give either a URI to call, for example sip:conf_...@127.0.0.1:5060, or --listen")
    configure(LogConfig())
    if uri is None:
        where = Where(_identity_of_listener(user, registrar), password, registrar, host, port, max_calls, duration)
        _guarded(target, listen_for_calls(load_bots(target), where, _announcer(json)))
        return
    chosen = load_bot(target)
    uri = callee(uri, registrar)
    who = identity(user, uri, registrar)
    shown = bearer(uri, password)
    running = run_bot(
        chosen, uri, identity=who, password=password, registrar=registrar, duration_s=duration, headers=shown
    )
    reason = _guarded(target, running) or "interrupted"
    if json:
        typer.echo(msgspec.json.encode({"bot": target, "uri": uri, "reason": reason}).decode())
    else:
        typer.echo(reason, err=True)


def _guarded(target: str, work: Coroutine[Any, Any, T]) -> T | None:
    """Run it to its end, None when that is Ctrl-C; what goes wrong is told in the bot's own lines, with status 1."""
    try:
        return asyncio.run(work)
    except SoftphoneError as error:
        typer.echo(f"softphone bot: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        return None
    except Exception as error:
        typer.echo(f"softphone bot: {target} failed\n{own_lines(error)}", err=True)
        raise typer.Exit(1) from None


def _identity_of_listener(user: str, registrar: str | None) -> str:
    if registrar is not None:
        callee("bot", registrar)  # refuses a registrar that is none
    return identity(user, "sip:127.0.0.1", registrar)


def _announcer(json: bool) -> Callable[[Agent], None]:
    """Say on stdout where the bot listens, once it does."""

    def announce(agent: Agent) -> None:
        ready = {"event": "ready", "sip": agent.contact, "pid": os.getpid()}
        typer.echo(msgspec.json.encode(ready).decode() if json else f"listening at {agent.contact}")
        sys.stdout.flush()

    return announce


@dataclass(frozen=True)
class Where:
    """Who answers calls, where, and how many: see `softphone.serve_bot`."""

    identity: str
    password: str | None
    registrar: str | None
    host: str | None
    port: int
    max_calls: int
    duration_s: float | None


async def listen_for_calls(make: Callable[[], Bot], where: Where, announce: Callable[[Agent], None]) -> None:
    """Answer calls until SIGTERM or SIGINT; then hang up everywhere, unregister and return."""
    serving = asyncio.ensure_future(
        serve_bot(
            make,
            identity=where.identity,
            password=where.password,
            registrar=where.registrar,
            host=where.host,
            port=where.port,
            max_calls=where.max_calls,
            duration_s=where.duration_s,
            on_ready=announce,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        return
    except OSError as error:
        raise SipNetworkError(str(error)) from error


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
    found = _find(target)
    return _make(found, target) if isinstance(found, type) else found


def load_bots(target: str) -> type[Bot]:
    """Find the class that ``MODULE:OBJECT`` names, of which each call gets a bot; raises as :func:`load_bot`."""
    found = _find(target)
    if not isinstance(found, type):
        wrong_use(f"--listen needs a Bot class, to make one bot per call; {target} is a single bot")
    _make_sure(found, target)
    return found


def _find(target: str) -> Bot | type[Bot]:
    module_name, colon, name = target.rpartition(":")
    if not colon or not module_name or not name:
        wrong_use(f"name the bot as MODULE:OBJECT, for example examples/echo_bot.py:EchoBot, not {target!r}")
    found = getattr(_import(module_name), name, None)
    if not isinstance(found, Bot) and not (isinstance(found, type) and issubclass(found, Bot)):
        wrong_use(f"{target} is not a softphone.Bot")
    return found


def _make_sure(kind: type[Bot], target: str) -> None:
    """Refuse a class whose bots need arguments."""
    try:
        inspect.signature(kind).bind()
    except TypeError as error:
        wrong_use(f"{target} needs arguments ({error}): name an object instead of the class")


def _make(kind: type[Bot], target: str) -> Bot:
    _make_sure(kind, target)
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
