"""Common options and output of the ``softphone conference`` commands."""

import functools
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from softphone.commands.rest import ControlFailed, Login, Rest
from softphone.commands.usage import command, wrong_use
from softphone.config import DEV_PATH, load
from softphone.text import printable

__all__ = ["CHOSEN", "ConferenceId", "RemoteServer", "at", "at_desk"]

WHICH_CLIENT = (
    "the API client is missing: --client ID:SECRET, or SOFTPHONE_CLIENT. The secret is in the configuration of the"
    " server, or in secrets.toml in its data folder."
)

# Words that choose several parties.
CHOSEN = ("all", "others", "last", "host", "moderator", "participant", "listener")

# Columns of what is read by programs.
UNLIMITED = 10_000

ConferenceId = Annotated[str, typer.Argument(metavar="CONFERENCE", help="Conference id, s-...")]


def at(conference: str, *more: str) -> str:
    """Give the path of a conference, or of something of it."""
    return "/".join(("/conferences", *(quote(each, safe="") for each in (conference, *more))))


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """A server to command, and how its answers are shown."""

    rest: Rest
    as_json: bool

    def tell(self, answer: object, text: str) -> None:
        """Say what became of a command."""
        typer.echo(json.dumps(answer) if self.as_json else "\n".join(map(printable, text.split("\n"))))

    def change(self, conference: str, party: str, wish: dict[str, Any]) -> Any:
        """Change one party, or all who are chosen by a word."""
        if party in CHOSEN:
            return self.rest.ask("PATCH", at(conference, "parties"), wish, query={"select": party})
        return self.rest.ask("PATCH", at(conference, "parties", party), wish)

    def table(self, answer: object, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
        """Show a list."""
        if self.as_json:
            typer.echo(json.dumps(answer))
            return
        table = Table(box=None)
        for name in columns:
            # An id is there to be copied: it stays whole, however narrow the terminal.
            widest = max((len(_cell(row[name])) for row in rows), default=0)
            table.add_column(name, min_width=widest if name == "id" else None)
        for row in rows:
            table.add_row(*(_cell(row[name]) for name in columns))
        # What goes into a pipe or a file has no width.
        Console(width=None if sys.stdout.isatty() else UNLIMITED).print(table, soft_wrap=True)


def _cell(value: object) -> Text:
    """Show a value: as it is, for what callers call themselves is neither markup nor for the terminal to obey."""
    match value:
        case None:
            return Text("-")
        case bool():
            return Text("yes" if value else "no")
    return Text(printable(str(value)))


@dataclass(frozen=True, slots=True)
class Options:
    """Where the server is, who asks, and how the answer is shown."""

    server: Annotated[str, typer.Option(help="URL of the server", envvar="SOFTPHONE_SERVER")] = "http://127.0.0.1:8080"
    token: Annotated[str, typer.Option(help="Access token", envvar="SOFTPHONE_TOKEN")] = ""
    user: Annotated[str, typer.Option(help="Extension to log in as", envvar="SOFTPHONE_USER")] = ""
    password: Annotated[str, typer.Option(help="Password of the extension", envvar="SOFTPHONE_PASSWORD")] = ""
    client: Annotated[
        str,
        typer.Option(
            metavar="ID:SECRET",
            help="API client; default for a server on this machine: that of config/dev.toml",
            envvar="SOFTPHONE_CLIENT",
        ),
    ] = ""
    json: Annotated[bool, typer.Option("--json", help="Print the server's answer as JSON")] = False

    def open(self) -> RemoteServer:
        """Log in; raises ControlFailed, and typer.Exit for what cannot be right."""
        parts = urlsplit(self.server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            wrong_use(f"--server takes a URL such as http://127.0.0.1:8080, not {self.server!r}")
        if not self.token and not self.user:
            wrong_use(
                "credentials are missing: --user and --password (or SOFTPHONE_USER, SOFTPHONE_PASSWORD), or --token"
            )
        client = self.client or ("" if self.token else _development_client(parts.hostname))
        id, _, secret = client.partition(":")
        try:
            rest = Rest(self.server, Login(self.token, self.user, self.password, id, secret))
        except ControlFailed as error:
            if error.status != HTTPStatus.UNAUTHORIZED or self.client:
                raise
            raise ControlFailed(f"{error} {WHICH_CLIENT}", error.status) from None
        return RemoteServer(rest, self.json)


def _development_client(host: str) -> str:
    """Give the API client of the development configuration, which a server serves on its own machine only."""
    if host not in ("localhost", "::1") and not host.startswith("127."):
        wrong_use(WHICH_CLIENT)
    client = load(DEV_PATH).clients[0]
    return f"{client.id}:{client.secret}"


def at_desk(work: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options in place of its desk; failures are one line and exit status 1."""
    own = inspect.signature(work)
    shared = inspect.signature(Options).parameters.values()
    parameters = [
        *list(own.parameters.values())[1:],
        *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in shared),
    ]

    @functools.wraps(work)
    def run(**given: Any) -> None:
        options = Options(**{each.name: given.pop(each.name) for each in shared})
        try:
            work(options.open(), **given)
        except ControlFailed as error:
            typer.echo(f"{command()}: {printable(str(error))}", err=True)
            raise typer.Exit(1) from None

    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run
