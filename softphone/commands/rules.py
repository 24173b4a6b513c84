"""``softphone conference rules``: the rules that a conference is held by, from the command line."""

import math
from collections.abc import Callable
from typing import Annotated, Any

import typer

from softphone.commands.desk import ConferenceId, RemoteServer, at, at_desk
from softphone.commands.usage import wrong_use

__all__ = ["rules"]


def finite(written: str) -> float:
    """Read a number; raises ValueError."""
    if not math.isfinite(value := float(written)):
        raise ValueError(written)
    return value


# How a value is read, and what it is, by the type of the present one.
READERS: dict[type, tuple[Callable[[str], object], str]] = {
    bool: ({"yes": True, "no": False}.__getitem__, "yes or no"),
    int: (int, "a whole number"),
    float: (finite, "a number"),
    str: (str, "a word"),
}


@at_desk
def rules(
    desk: RemoteServer,
    conference: ConferenceId,
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=VALUE", help="NAME=VALUE sets a rule (yes, no, a number or a word); NAME=: default"
        ),
    ] = None,
) -> None:
    """Show the rules of a conference, or change some of them at once.

    Example: softphone conference rules s-0123... lobby=yes party_limit_s=3600 --server http://127.0.0.1:8080
    """
    held = desk.rest.ask("GET", at(conference))["rules"]
    if changes:
        wish = dict(meant(each, held) for each in changes)
        held = desk.rest.ask("PATCH", at(conference), {"rules": wish})["rules"]
    desk.table(held, [{"rule": name, "value": value} for name, value in held.items()], ("rule", "value"))


def meant(written: str, held: dict[str, Any]) -> tuple[str, Any]:
    """Read a change: its name and its value, of the type of the present one; raises typer.Exit (status 2)."""
    name, sign, value = written.partition("=")
    if not sign or name not in held:
        wrong_use(f"a rule is changed by NAME=VALUE, not {written!r}; there are {', '.join(held)}")
    if not value:
        return name, None
    read, wanted = READERS[type(held[name])]
    try:
        return name, read(value)
    except (KeyError, ValueError):
        wrong_use(f"{name} takes {wanted}, not {value!r}")
