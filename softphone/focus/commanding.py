"""The log of commands: one line for each, with who gave it, by what way, what was wanted of whom, and what came of it.

Who commands is said where a command comes in (HTTP, keys, REFER), and what, where it is done: neither knows the other.
"""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from functools import wraps
from typing import Any

import structlog

from softphone.errors import CallRefused, SoftphoneError
from softphone.focus.errors import WrongState
from softphone.focus.party.outcome import NotReached
from softphone.focus.session import Party
from softphone.store.values import Extension
from softphone.text import shown

__all__ = ["Actor", "Commands", "acting", "actor_of", "acts", "told", "unreached"]

log = structlog.get_logger()

# What is typed may be a code, and a pass lets its bearer in: of these only the length is told.
COUNTED = ("keys", "secret")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who commands."""

    who: str
    "An extension (``extension 101``), a program, or a number outside."
    way: str
    "``http``, ``keys``, ``refer`` or ``info``."
    program: str = ""
    "API client that the token was made for."
    agent: str = ""
    "What the client calls itself: `User-Agent`. The command line says ``softphone-cli``."

    def fields(self) -> dict[str, str]:
        """Give what the log says of it."""
        more = {"program": self.program, "agent": shown(self.agent)}
        return {"who": self.who, "way": self.way} | {name: value for name, value in more.items() if value}


NOBODY = Actor("server", "")


def actor_of(party: Party, way: str) -> Actor:
    """Say who a party is that commands something by its telephone."""
    return Actor(f"{'extension' if party.extension_id else 'caller'} {party.caller.number}", way)


_actor: ContextVar[Actor] = ContextVar("actor", default=NOBODY)


def acts(actor: Actor) -> None:
    """Let what this task commands from now on be commanded by `actor`."""
    _actor.set(actor)


@contextmanager
def acting(actor: Actor) -> Iterator[None]:
    """Let what is commanded in this block be commanded by `actor`."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)


@contextmanager
def told(command: str, **what: object) -> Iterator[None]:
    """Log the command that the block carries out, once it is done or refused."""
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except SoftphoneError as error:
        outcome = f"{type(error).__name__}: {error}"
        raise
    finally:
        fields = {name: _plain(name, value) for name, value in what.items() if value not in (None, "")}
        log.info("command", command=command, **_actor.get().fields(), **fields, outcome=outcome)


class Commands:
    """Base of classes whose public coroutine methods are commands: each call of one is a line of the log."""

    def __init_subclass__(cls) -> None:
        """Log the commands that the class adds."""
        for name, each in list(vars(cls).items()):
            if inspect.iscoroutinefunction(each) and name[0] != "_":
                setattr(cls, name, _logged(each))


def _logged(command: Any) -> Any:
    """Log each call of a command, with its arguments."""
    signature = inspect.signature(command)

    @wraps(command)
    async def logged(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        with told(command.__name__, **dict(list(given.items())[1:])):
            return await command(*args, **kwargs)

    return logged


def _plain(name: str, value: object) -> object:
    """Give an argument as the log says it."""
    match value:
        case str() if name in COUNTED:
            return len(value)
        case Extension():
            return value.number
        case Enum():
            return value.value
        case bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): _plain("", each) for key, each in value.items()}
        case Sequence():
            return [_plain("", each) for each in value]
    return str(value)


@contextmanager
def unreached() -> Iterator[None]:
    """Say why nobody was reached in the words of a command."""
    try:
        yield
    except NotReached as error:
        raise WrongState(f"Nobody was reached: {error.outcome.word}") from error
    except CallRefused as error:
        raise WrongState("The call is over" if error.status == 487 else f"It is refused: {error.reason}") from error
