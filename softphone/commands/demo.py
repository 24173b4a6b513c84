"""``softphone demo``: see it work, in twenty seconds and on this machine alone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Annotated

import msgspec
import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from softphone.commands.usage import wrong_use
from softphone.demo.run import DemoReport, Window, run_demo
from softphone.errors import SoftphoneError

__all__ = ["demo", "show"]

# A conf_ token is 100 characters and more; the first tell it from others.
TOKEN_SHOWN = 24

HEARD, NOT_HEARD, OWN = "●", "·", " "


def show(report: DemoReport, console: Console) -> None:
    """Print the roster, who hears whom, the delay and the recording."""
    console.print(Group(*_parts(report)))


def _parts(report: DemoReport) -> Iterator[RenderableType]:
    token = report.conference[:TOKEN_SHOWN]
    yield Text.assemble(("bridge       ", "dim"), report.sip, "  ", report.http)
    yield Text.assemble(("conference   ", "dim"), f"{token}…\n")
    yield _table(report)
    yield Text(
        f"{HEARD} this party hears ...   {NOT_HEARD} does not   ... the first, second, third party\n", style="dim"
    )
    yield _line("delay", _delay(report), good=None not in report.delays_s)
    yield _line("lost packets", str(report.lost_packets), good=report.lost_packets == 0)
    recording = report.recording
    words = f"{recording.path}  ({recording.seconds:.1f} s, {recording.level_dbfs:.0f} dBFS)"
    yield _line("recording", words, good=recording.ok)
    good = "every pair is as it should be"
    yield Text(good, style="bold green") if report.ok else Text("something is wrong, see above", style="bold red")


def _table(report: DemoReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for title in ("party", "role", "tone"):
        table.add_column(title)
    for window in report.windows:
        table.add_column(window.name)
    for row, (party, hz) in enumerate(zip(report.roster, report.tones_hz, strict=True)):
        heard = [_row(window, row) for window in report.windows]
        table.add_row(_name(party), party.get("conferenceRole") or "", f"{hz:.0f} Hz", *heard)
    return table


def _row(window: Window, listener: int) -> Text:
    """One listener's row of a matrix; a pair that is not as it should be is red."""
    line = Text()
    for talker, (heard, expected) in enumerate(zip(window.heard[listener], window.expected[listener], strict=True)):
        mark = HEARD if heard else OWN if talker == listener else NOT_HEARD
        line.append(f"{mark} ", style="green" if heard == expected else "bold red")
    return line


def _name(party: dict[str, dict[str, str]]) -> str:
    caller = party.get("from", {})
    return caller.get("name") or caller.get("phoneNumber") or "?"


def _delay(report: DemoReport) -> str:
    bridge = [delay * 1000 for delay in report.delays_s if delay is not None]
    application = [delay * 1000 for delay in report.application_delays_s if delay is not None]
    if len(bridge) < len(report.delays_s) or not bridge:
        return f"{len(report.delays_s) - len(bridge)} of {len(report.delays_s)} parties heard nothing"
    through = f"{median(bridge):.0f} ms through the bridge, {median(application):.0f} ms between applications"
    return f"{through} (median of {len(bridge)})"


def _line(title: str, words: str, *, good: bool) -> Text:
    return Text.assemble((f"{title:13}", "dim"), (words, "" if good else "bold red"))


def demo(
    parties: Annotated[int, typer.Option(help="Number of bots", min=2, max=20)] = 5,
    seconds: Annotated[float, typer.Option(help="Seconds that they talk", min=2, max=3600)] = 8.0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the recording; default: a new temporary folder, named at the end and kept",
            file_okay=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON")] = False,
) -> None:
    """Run a conference of bots on this machine and show who hears whom.

    Starts a bridge on free loopback ports, creates a conference over REST, lets bots join over real SIP and RTP, mutes
    and unmutes them by the moderator's keys, measures the delay, and records. Exit status 1 if any pair is wrong.

    Example: softphone demo --parties 7 --out /tmp/demo
    """
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            wrong_use(f"--out takes a folder, and {out} cannot be made: {error.strerror}")
    console = Console(stderr=json)
    try:
        with console.status("") as status:
            report = asyncio.run(run_demo(parties, seconds, out, lambda text: status.update(f"{text} ...")))
    except SoftphoneError as error:
        typer.echo(f"softphone demo: {error}", err=True)
        raise typer.Exit(1) from None
    if json:
        typer.echo(msgspec.json.encode({"ok": report.ok} | msgspec.to_builtins(report)).decode())
    else:
        show(report, console)
    if not report.ok:
        raise typer.Exit(1)
