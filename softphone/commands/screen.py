"""The terminal display of ``softphone call``: levels, time and keys of a call, and the parties of its conference."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from softphone.agent import ConferenceState, ConferenceUser
from softphone.text import printable

__all__ = ["FLOOR_DBFS", "Screen", "level_dbfs", "meter"]

FLOOR_DBFS = -60.0
"""The meter shows speech and its pauses: line noise sits near -60, a full-scale sine at 0."""
METER_CELLS = 30

KEYS = "digits * # are sent   m mutes   h holds   q hangs up"
CONFERENCE_KEYS = "as host: x mutes all   u unmutes all   l locks   o opens"

# Of a conference, as many as leave the meters on the smallest terminal.
USERS_SHOWN = 16


@dataclass
class Screen:
    """What is shown, brought up to date by whoever notices; :meth:`draw` draws it.

    Attributes
    ----------
    heard_dbfs, said_dbfs
        Levels; `said_dbfs` is None while nothing is said here.
    seconds
        How long the call has lasted.
    muted, held
        What the user has pressed.
    conference
        Who is there; None: the other end has told of no conference.
    """

    heard_dbfs: float = FLOOR_DBFS
    said_dbfs: float | None = None
    seconds: float = 0.0
    muted: bool = False
    held: bool = False
    conference: ConferenceState | None = None

    def draw(self) -> RenderableType:
        """Lay it out."""
        lines: list[RenderableType] = [meter(self.heard_dbfs, self.seconds, note="on hold" if self.held else "")]
        if self.said_dbfs is not None or self.muted:
            said = FLOOR_DBFS if self.said_dbfs is None else self.said_dbfs
            lines.append(meter(said, None, note="muted" if self.muted else ""))
        if self.conference is not None:
            lines.append(roster(self.conference))
        lines.append(Text(KEYS, style="dim"))
        if self.conference is not None:
            lines.append(Text(CONFERENCE_KEYS, style="dim"))
        return Group(*lines)


def level_dbfs(pcm: NDArray[np.int16]) -> float:
    """Level of int16 samples, shape (n,): 0 for a full-scale sine, never under -60."""
    power = float(np.mean(np.square(pcm, dtype=np.float64))) * 2 / 32767**2
    return max(FLOOR_DBFS, 10 * float(np.log10(power))) if power else FLOOR_DBFS


def meter(dbfs: float, seconds: float | None, *, note: str = "") -> Text:
    """Draw a level as a bar: what is heard with the time of the call, what is said (`seconds` is None) with "you"."""
    filled = round((dbfs - FLOOR_DBFS) / -FLOOR_DBFS * METER_CELLS)
    filled = min(max(filled, 0), METER_CELLS)
    minutes, rest = divmod(int(seconds or 0), 60)
    line = Text("  you  " if seconds is None else f"{minutes:02d}:{rest:02d}  ", no_wrap=True)
    line.append("█" * filled, style="red" if dbfs > -3 else "green")
    line.append("─" * (METER_CELLS - filled), style="dim")
    line.append(f" {dbfs:4.0f} dB")
    return line.append(f"  {note}", style="bold yellow") if note else line


def roster(conference: ConferenceState) -> RenderableType:
    """List who is in a conference."""
    count = len(conference.users)
    title = f"{conference.title or 'Conference'}: {count}" + (", locked" if conference.locked else "")
    table = Table(box=None, show_header=False)
    for user in conference.users[:USERS_SHOWN]:
        table.add_row(
            *(Text(printable(each), no_wrap=True) for each in (_name(user), " ".join(user.roles), _said(user)))
        )
    if count > USERS_SHOWN:
        table.add_row(Text(f"... and {count - USERS_SHOWN} more", style="dim"))
    return Group(Text(printable(title), style="bold"), table)


def _name(user: ConferenceUser) -> str:
    return user.name or user.uri.removeprefix("sip:").partition("@")[0]


def _said(user: ConferenceUser) -> str:
    """Say how somebody is there, in words; nothing of who simply is."""
    if user.muted:
        return "muted"
    return "" if user.status in ("", "connected") else user.status.replace("-", " ")
