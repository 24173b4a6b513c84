"""``softphone conference pass``, ``passes``, ``revoke``: invitations of one person, from the command line."""

from typing import Annotated

import typer

from softphone.commands.desk import ConferenceId, RemoteServer, at, at_desk

__all__ = ["pass_", "passes", "revoke"]

LISTED = ("id", "role", "name", "state", "one_use", "expires", "sip_uri")


@at_desk
def pass_(
    desk: RemoteServer,
    conference: ConferenceId,
    role: Annotated[str, typer.Option(help="host, participant or listener")] = "participant",
    name: Annotated[str, typer.Option(help="Displayed name; default: the caller's own")] = "",
    minutes: Annotated[float, typer.Option(min=0.1, help="Minutes until it expires")] = 1440.0,
    reusable: Annotated[bool, typer.Option("--reusable", help="Valid for any number of calls until then")] = False,
) -> None:
    """Create a pass, which admits one caller once; prints its id and the SIP URI to call.

    Example: softphone conference pass s-0123... --role host --name 'Ada Owner' --minutes 60
    """
    wish = {"role": role, "name": name, "expires_in_s": minutes * 60, "one_use": not reusable}
    answer = desk.rest.ask("POST", at(conference, "passes"), wish)
    desk.tell(answer, f"{answer['id']}\n{answer['sip_uri']}")


@at_desk
def passes(desk: RemoteServer, conference: ConferenceId) -> None:
    """List the passes of a conference.

    Example: softphone conference passes s-0123... --server http://127.0.0.1:8080
    """
    answer = desk.rest.ask("GET", at(conference, "passes"))
    desk.table(answer, answer["passes"], LISTED)


@at_desk
def revoke(
    desk: RemoteServer,
    conference: ConferenceId,
    identity: Annotated[str, typer.Argument(metavar="PASS", help="Its id, as listed by passes")],
) -> None:
    """Revoke a pass; parties that joined with it stay.

    Example: softphone conference revoke s-0123... 0123456789 --server http://127.0.0.1:8080
    """
    desk.rest.ask("DELETE", at(conference, "passes", identity))
    desk.tell({"id": identity, "revoked": True}, "revoked")
