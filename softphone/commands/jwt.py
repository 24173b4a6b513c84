"""``softphone jwt``: a token that logs a user in without its password, for programs that keep one."""

import time
from pathlib import Path
from typing import Annotated

import typer

from softphone import config as settings
from softphone import secrets
from softphone.api.auth.assertions import Assertions
from softphone.commands.usage import wrong_use
from softphone.errors import ConfigError
from softphone.store.accounts import Accounts

__all__ = ["jwt"]

DAY_S = 86_400.0


def jwt(
    number: Annotated[str, typer.Argument(help="Extension of a user, e.g. 101")],
    config: Annotated[Path, typer.Option(help="Configuration of the server, e.g. config/dev.toml")],
    data: Annotated[
        Path | None, typer.Option(help="Data folder with secrets.toml, if it is not the configured one")
    ] = None,
    client: Annotated[str, typer.Option(help="The only API client that may use it; default: all")] = "",
    days: Annotated[float, typer.Option(min=0.001, max=3650, help="Days until it expires")] = 30.0,
) -> None:
    """Print a JSON Web Token, which API clients exchange at /restapi/oauth/token for tokens of the user.

    Keep it like a password. A new `token.secret` in the settings ends all that were made.

    Example: softphone jwt 101 --config config/dev.toml
    """
    try:
        read = settings.load(config)
        whole, _ = secrets.complete(read, data or Path(read.server.data))
        accounts = Accounts.from_config(whole)
    except ConfigError as error:
        wrong_use(str(error))
    user = accounts.extensions.get(number)
    if user is None or user.kind != "user":
        wrong_use(f"{config} has no user {number!r}")
    if not whole.token.secret:
        wrong_use(f"{config} has neither a [[client]] that could use a token nor a token.secret")
    made = Assertions(whole.token.secret, accounts.account_id).make(user.id, time.time(), days * DAY_S, client)
    typer.echo(made)
