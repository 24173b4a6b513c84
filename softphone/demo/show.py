"""The demonstration's result as one screen."""

from collections.abc import Iterator
from statistics import median

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from softphone.demo.run import DemoReport, Window

__all__ = ["show"]

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
