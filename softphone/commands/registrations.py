"""``softphone registrations``: the telephones that are registered with a running server."""

from typing import Annotated
from urllib.parse import quote

import typer

from softphone.commands.desk import RemoteServer, at_desk
from softphone.commands.usage import remember

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="List and remove the registered phones of a running server; for administrators.\n\n"
    "Example: softphone registrations list --server http://127.0.0.1:8080 --user 101 --password dev-101",
)

app.callback()(remember)

LISTED = ("id", "number", "contact", "address", "transport", "expires")


@app.command("list")
@at_desk
def list_(desk: RemoteServer) -> None:
    """List registered phones and their addresses.

    Example: softphone registrations list --server http://127.0.0.1:8080 --user 101 --password dev-101
    """
    answer = desk.rest.all("/registrations", "registrations")
    desk.table(answer, answer["registrations"], LISTED)


@app.command()
@at_desk
def remove(
    desk: RemoteServer, registration: Annotated[str, typer.Argument(metavar="ID", help="Id of the registration")]
) -> None:
    """Remove a registration; the phone can register again.

    Example: softphone registrations remove 0123... --server http://127.0.0.1:8080 --user 101 --password dev-101
    """
    desk.rest.ask("DELETE", f"/registrations/{quote(registration, safe='')}")
    desk.tell({"registration": registration, "removed": True}, "removed")
