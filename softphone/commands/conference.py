"""``softphone conference``: conferences of a running server, from the command line."""

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from softphone.commands.desk import CHOSEN, ConferenceId, RemoteServer, at, at_desk
from softphone.commands.groups import gather, groups
from softphone.commands.groups import group as group_
from softphone.commands.passes import pass_, passes, revoke
from softphone.commands.recordings import download, record, recordings
from softphone.commands.rules import rules
from softphone.commands.sounds import play, say
from softphone.commands.streams import stream
from softphone.commands.usage import remember, wrong_use

__all__ = ["app", "invite"]

app = typer.Typer(
    no_args_is_help=True,
    help="List and control the conferences of a running server.\n\n"
    "Example: softphone conference list --server http://127.0.0.1:8080 --user 101 --password dev-101",
)

app.callback()(remember)

PartyId = Annotated[str, typer.Argument(metavar="PARTY", help=f"A party id (p-...), or {', '.join(CHOSEN)}")]
SomeParty = Annotated[
    str | None,
    typer.Argument(metavar="PARTY", help=f"A party id, or {', '.join(CHOSEN)}; default: all but moderators"),
]

# Somebody who waits for an answer does not notice it.
ASK_AGAIN_S = 0.1

LISTED = ("id", "kind", "extension", "parties", "locked", "recording")
DIALS = ("id", "number", "state", "reason", "party")
ROSTER = ("id", "number", "name", "role", "stage", "muted", "talking", "dominant", "group", "hidden", "labels")


@app.command()
@at_desk
def create(
    desk: RemoteServer,
    max_members: Annotated[int | None, typer.Option(min=1, help="Most parties")] = None,
    extension: Annotated[str | None, typer.Option(help="Open the room of this extension")] = None,
) -> None:
    """Create a conference, or open the room of an extension; prints its id and SIP URI.

    Example: softphone conference create --max-members 20 --server http://127.0.0.1:8080 --user 101 --password dev-101
    """
    made = desk.rest.ask("POST", "/conferences", {"max_members": max_members, "extension": extension})
    desk.tell(made, f"{made['id']}\n{made['sip_uri']}")


@app.command("list")
@at_desk
def list_(desk: RemoteServer) -> None:
    """List the running conferences.

    Example: softphone conference list --server http://127.0.0.1:8080 --user 101 --password dev-101
    """
    answer = desk.rest.all("/conferences", "conferences")
    desk.table(answer, answer["conferences"], LISTED)


@app.command()
@at_desk
def show(desk: RemoteServer, conference: ConferenceId) -> None:
    """Show a conference and its parties.

    Example: softphone conference show s-0123... --server http://127.0.0.1:8080 --user 101 --password dev-101
    """
    answer = desk.rest.ask("GET", at(conference))
    parties = desk.rest.all(at(conference, "parties"), "parties")["parties"]
    recorder = desk.rest.find(at(conference, "recording"))
    dials = desk.rest.all(at(conference, "dials"), "dials")["dials"]
    if not desk.as_json:
        desk.table(answer, [answer | {"recording": of_recorder(recorder)}], LISTED)
    rows = [each | {"labels": " ".join(of_labels(each["labels"])) or None} for each in parties]
    desk.table(answer | {"parties": parties, "recorder": recorder, "dials": dials}, rows, ROSTER)
    if dials and not desk.as_json:
        desk.table(dials, dials, DIALS)


def of_labels(labels: dict[str, str]) -> list[str]:
    """Write labels as they are set."""
    return [f"{name}={text}" for name, text in labels.items()]


def of_recorder(recorder: dict[str, Any] | None) -> str:
    """Say what a recorder does."""
    return "no" if recorder is None else f"{'paused' if recorder['paused'] else 'yes'} {recorder['id']}"


@app.command()
@at_desk
def mute(desk: RemoteServer, conference: ConferenceId, party: SomeParty = None) -> None:
    """Mute a party, or all but the moderators.

    Example: softphone conference mute s-0123... p-0123...-2 --server http://127.0.0.1:8080
    """
    switch_microphones(desk, conference, party, muted=True)


@app.command()
@at_desk
def unmute(desk: RemoteServer, conference: ConferenceId, party: SomeParty = None) -> None:
    """Unmute a party, or all.

    Example: softphone conference unmute s-0123... --server http://127.0.0.1:8080
    """
    switch_microphones(desk, conference, party, muted=False)


def switch_microphones(desk: RemoteServer, conference: str, party: str | None, *, muted: bool) -> None:
    """Turn one microphone, or those of all but the moderators, off or on."""
    if party is None:
        answer = desk.rest.ask("PATCH", at(conference), {"muted_all": muted})
    else:
        answer = desk.change(conference, party, {"muted": muted})
    desk.tell(answer, "muted" if muted else "not muted")


@app.command()
@at_desk
def kick(
    desk: RemoteServer,
    conference: ConferenceId,
    party: PartyId,
    ban: Annotated[bool, typer.Option("--ban", help="Also ban it from this conference")] = False,
) -> None:
    """Remove a party, or several.

    Example: softphone conference kick s-0123... p-0123...-2 --ban --server http://127.0.0.1:8080
    """
    query = {"ban": str(ban).lower()}
    if party in CHOSEN:
        answer = desk.rest.ask("DELETE", at(conference, "parties"), query=query | {"select": party})
        desk.tell(answer, f"{len(answer['parties'])} removed")
        return
    desk.rest.ask("DELETE", at(conference, "parties", party), query=query)
    desk.tell({"party": party, "kicked": True}, "removed")


@app.command()
@at_desk
def label(
    desk: RemoteServer,
    conference: ConferenceId,
    party: PartyId,
    labels: Annotated[list[str], typer.Argument(help="NAME=TEXT sets a label, NAME alone removes it")],
) -> None:
    """Set labels of a party, or of several.

    Example: softphone conference label s-0123... p-0123...-2 team=sales desk=4 --server http://127.0.0.1:8080
    """
    pairs = [each.partition("=") for each in labels]
    answer = desk.change(conference, party, {"labels": {name: text if sign else None for name, sign, text in pairs}})
    desk.tell(answer, "\n".join(of_labels(answer.get("labels", {}))) or "labelled")


@app.command()
@at_desk
def unban(
    desk: RemoteServer,
    conference: ConferenceId,
    number: Annotated[str | None, typer.Argument(help="The number; without it the banned numbers are listed")] = None,
) -> None:
    """Lift the ban of a number.

    Example: softphone conference unban s-0123... 102 --server http://127.0.0.1:8080
    """
    if number is None:
        answer = desk.rest.all(at(conference, "bans"), "numbers")
        desk.tell(answer, "\n".join(answer["numbers"]) or "no bans")
    else:
        desk.rest.ask("DELETE", at(conference, "bans", number))
        desk.tell({"number": number, "banned": False}, "not banned")


@app.command()
@at_desk
def allow(
    desk: RemoteServer,
    conference: ConferenceId,
    numbers: Annotated[
        list[str] | None, typer.Argument(help="Numbers that may join; without any the list is shown")
    ] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Remove the list: everybody may join")] = False,
) -> None:
    """Allow only some numbers to join, besides hosts and parties that are called in.

    Example: softphone conference allow s-0123... 102 103 +16505550123 --server http://127.0.0.1:8080
    """
    path = at(conference, "allowed")
    if everybody:
        desk.rest.ask("DELETE", path)
        desk.tell({"numbers": None}, "everybody")
        return
    answer = desk.rest.ask("PUT", path, {"numbers": numbers}) if numbers else desk.rest.find(path)
    answer = {"numbers": None} if answer is None else answer
    desk.tell(answer, "everybody" if answer["numbers"] is None else "\n".join(answer["numbers"]) or "nobody")


@app.command()
@at_desk
def quality(
    desk: RemoteServer, conference: ConferenceId, party: Annotated[str, typer.Argument(metavar="PARTY")]
) -> None:
    """Show the audio quality of a party: loss, jitter, round trip, MOS (G.107).

    Example: softphone conference quality s-0123... p-0123...-2 --server http://127.0.0.1:8080
    """
    answer = desk.rest.ask("GET", at(conference, "parties", party, "quality"))
    desk.table(answer, [answer], ("loss_percent", "remote_loss_percent", "jitter_ms", "rtt_ms", "delay_ms", "mos"))


@app.command()
@at_desk
def lock(desk: RemoteServer, conference: ConferenceId) -> None:
    """Lock a conference: nobody else can join.

    Example: softphone conference lock s-0123... --server http://127.0.0.1:8080
    """
    desk.tell(desk.rest.ask("PATCH", at(conference), {"locked": True}), "locked")


@app.command()
@at_desk
def unlock(desk: RemoteServer, conference: ConferenceId) -> None:
    """Unlock a conference.

    Example: softphone conference unlock s-0123... --server http://127.0.0.1:8080
    """
    desk.tell(desk.rest.ask("PATCH", at(conference), {"locked": False}), "not locked")


@app.command()
@at_desk
def dial(
    desk: RemoteServer,
    conference: ConferenceId,
    number: Annotated[str, typer.Argument(help="An extension or outside number")],
    confirm: Annotated[bool, typer.Option(help="Whether the callee must press 1 to join")] = True,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for the result")] = 3.0,
) -> None:
    """Call a number into a conference; exit status 1 if the call fails within --wait.

    Example: softphone conference dial s-0123... 103 --server http://127.0.0.1:8080
    """
    answer = desk.rest.ask("POST", at(conference, "dials"), {"number": number, "confirm": confirm})
    answer = outcome(desk, conference, answer, wait)
    because = f": {answer['reason']}" if answer["reason"] else ""
    desk.tell(answer, f"{answer['state']} ({answer['id']}){because}")
    if answer["state"] in ("failed", "dropped"):
        raise typer.Exit(1)


def outcome(desk: RemoteServer, conference: str, dialled: dict[str, Any], wait_s: float) -> dict[str, Any]:
    """Say what has become of somebody who is called, when it is known or the time is over."""
    until = time.monotonic() + wait_s
    while dialled["state"] == "ringing" and time.monotonic() < until:
        time.sleep(ASK_AGAIN_S)
        dials = desk.rest.all(at(conference, "dials"), "dials")["dials"]
        dialled = next(each for each in dials if each["id"] == dialled["id"])
    return dialled


@app.command()
@at_desk
def end(desk: RemoteServer, conference: ConferenceId) -> None:
    """End a conference and hang up all parties.

    Example: softphone conference end s-0123... --server http://127.0.0.1:8080
    """
    desk.rest.ask("DELETE", at(conference))
    desk.tell({"id": conference, "ended": True}, "ended")


@app.command()
@at_desk
def codes(
    desk: RemoteServer,
    extension: Annotated[str, typer.Argument(help="Extension; other users' are for administrators")] = "~",
) -> None:
    """Show the bridge number of the account and the codes of a user's room.

    Example: softphone conference codes --server http://127.0.0.1:8080 --user 102 --password dev-102
    """
    answer = desk.rest.ask("GET", f"/extensions/{quote(extension, safe='~')}/codes")
    lines = [f"{name:<11} {answer[f'{name}_code']}" for name in ("host", "participant")]
    desk.tell(answer, "\n".join((f"{'number':<11} {answer['phone_number']}", *lines)))


@at_desk
def invite(
    desk: RemoteServer,
    room: Annotated[str, typer.Argument(metavar="ROOM", help="A running conference (s-...), or the number of a room")],
    to: Annotated[list[str] | None, typer.Argument(help="Mail addresses; without any the text is printed")] = None,
    title: Annotated[str, typer.Option(help="Subject")] = "Conference",
    start: Annotated[str, typer.Option(help="Start time, e.g. 2027-01-31T15:00+01:00; default: now")] = "",
    minutes: Annotated[int, typer.Option(min=1, help="Planned duration")] = 60,
    organizer: Annotated[str, typer.Option(help="Mail address for replies; default: the sender")] = "",
    ics: Annotated[Path | None, typer.Option(help="Also write the calendar file", dir_okay=False)] = None,
) -> None:
    """Send invitations by mail, or print the invitation.

    Example: softphone conference invite 203 ben@example.com --title Standup --start 2027-01-31T15:00+01:00
    """
    about: dict[str, Any] = {"title": title, "minutes": minutes, "organizer": organizer}
    if start:
        about["start"] = moment(start)
    path = at(room, "invitation") if room.startswith("s-") else f"/extensions/{quote(room, safe='')}/invitation"
    answer = desk.rest.ask("POST", path, about)
    if ics is not None:
        write(ics, answer["ics"])
    if not to:
        desk.tell(answer, answer["text"].rstrip("\n"))
        return
    answer = desk.rest.ask("POST", f"{path}/mail", about | {"to": to, "uid": answer["uid"]})
    desk.tell(answer, "\n".join(f"{each['to']}: {each['error'] or 'sent'}" for each in answer["deliveries"]))
    if any(each["error"] for each in answer["deliveries"]):
        raise typer.Exit(1)


def moment(written: str) -> str:
    """Check a time; raises typer.Exit (status 2) when it is none, or nobody knows where."""
    try:
        zone = datetime.fromisoformat(written).tzinfo
    except ValueError:
        wrong_use(f"--start takes a time such as 2027-01-31T15:00+01:00, not {written!r}")
    if zone is None:
        wrong_use(f"--start needs a time zone, as in 2027-01-31T15:00+01:00 or 2027-01-31T14:00Z, not {written!r}")
    return written


def write(path: Path, text: str) -> None:
    """Write a file; raises typer.Exit (status 2) when that cannot be."""
    try:
        path.write_bytes(text.encode())
    except OSError as error:
        wrong_use(f"--ics names a file that can be written, and {path} cannot: {error.strerror}")


for command in (record, recordings, download, play, say, invite, passes, revoke, groups, gather, rules, stream):
    app.command()(command)
app.command("group")(group_)
app.command("pass")(pass_)
