"""The two faces of ``softphone call``: plain lines, or a terminal with keys and a live level meter."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.live import Live
from rich.text import Text

from softphone.agent import Call
from softphone.commands.conversation import Controls
from softphone.text import printable

__all__ = ["PlainFace", "TerminalFace", "level_dbfs", "meter"]

KEYPAD = "0123456789*#ABCD"

# The meter shows speech and its pauses: line noise sits near -60, a full-scale sine at 0.
FLOOR_DBFS = -60.0
METER_CELLS = 30

# A level is shown per 100 ms: the eye follows no faster, and the call has better things to do.
FRAMES_PER_VIEW = 5


class PlainFace:
    """Lines on stderr, so that stdout is left for the result."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def show(self, text: str) -> None:
        """Print one line."""
        self._console.print(Text(printable(text)), soft_wrap=True)

    async def run(self, call: Call, controls: Controls) -> None:
        """Wait; there is nothing to press."""
        await call.wait_ended()


class TerminalFace(PlainFace):
    """A line that lives: level meter, time, mute; digits, * and # are sent, m mutes, q hangs up."""

    async def run(self, call: Call, controls: Controls) -> None:
        """Show the meter and take keys until the call is over."""
        pressed: asyncio.Queue[str] = asyncio.Queue()
        sending = asyncio.create_task(self._send(call, pressed))
        try:
            with _keys(lambda key: _take(key, controls, pressed)):
                await self._show_level(call, controls)
        finally:
            sending.cancel()

    async def _send(self, call: Call, pressed: "asyncio.Queue[str]") -> None:
        while True:
            await call.send_keys(await pressed.get())

    async def _show_level(self, call: Call, controls: Controls) -> None:
        frames: list[NDArray[np.int16]] = []
        shown = 0
        self._console.print(Text("digits * # are sent    m mutes    q hangs up", style="dim"), soft_wrap=True)
        with Live(
            meter(FLOOR_DBFS, 0.0, muted=False), console=self._console, transient=True, auto_refresh=False
        ) as live:
            async for frame in call.frames():
                frames.append(frame)
                if len(frames) == FRAMES_PER_VIEW:
                    shown += FRAMES_PER_VIEW
                    seconds = shown * frame.size / call.rate
                    live.update(meter(level_dbfs(np.concatenate(frames)), seconds, muted=controls.muted), refresh=True)
                    frames.clear()


def level_dbfs(pcm: NDArray[np.int16]) -> float:
    """Level of int16 samples, shape (n,): 0 for a full-scale sine, never under -60."""
    power = float(np.mean(np.square(pcm, dtype=np.float64))) * 2 / 32767**2
    return max(FLOOR_DBFS, 10 * float(np.log10(power))) if power else FLOOR_DBFS


def meter(dbfs: float, seconds: float, *, muted: bool) -> Text:
    """Draw a level as a bar with time and mute state beside it."""
    filled = round((dbfs - FLOOR_DBFS) / -FLOOR_DBFS * METER_CELLS)
    filled = min(max(filled, 0), METER_CELLS)
    minutes, rest = divmod(int(seconds), 60)
    line = Text(f"{minutes:02d}:{rest:02d}  ")
    line.append("█" * filled, style="red" if dbfs > -3 else "green")
    line.append("─" * (METER_CELLS - filled), style="dim")
    line.append(f" {dbfs:4.0f} dB")
    return line.append("  muted", style="bold yellow") if muted else line


def _take(key: str, controls: Controls, pressed: "asyncio.Queue[str]") -> None:
    if key.upper() in KEYPAD:
        pressed.put_nowait(key.upper())
    elif key == "m":
        controls.muted = not controls.muted
    elif key == "q":
        controls.quit.set()


@contextmanager
def _keys(take: Callable[[str], None]) -> Iterator[None]:
    """Read single keys from the terminal without echo, and leave it as it was."""
    loop = asyncio.get_running_loop()
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)

    def readable() -> None:
        for key in os.read(terminal, 64).decode(errors="ignore"):
            take(key)

    tty.setcbreak(terminal)
    loop.add_reader(terminal, readable)
    try:
        yield
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
