"""The two faces of ``softphone call``: plain lines, or a terminal with keys and a live screen."""

import asyncio
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.live import Live
from rich.text import Text

from mixer.rules.keypad import KEYS
from softphone.agent import Call
from softphone.commands.conversation import Controls
from softphone.commands.screen import Screen, level_dbfs
from softphone.errors import SoftphoneError
from softphone.text import printable

__all__ = ["PlainFace", "TerminalFace"]

HOLD = "h"
# Of a moderator of this bridge, whatever kind of room it is (`mixer/rules/menus/default.toml`).
HOST_KEYS = {"x": "*91", "u": "*90", "l": "*92", "o": "*93"}

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
    """A screen that lives: levels, time, who is in the conference; keys are taken one by one (`screen.KEYS`)."""

    async def run(self, call: Call, controls: Controls) -> None:
        """Show the call and take keys until it is over."""
        pressed: asyncio.Queue[str] = asyncio.Queue()
        screen = Screen()
        with _keys(lambda key: _take(key, controls, pressed)):
            beside = [asyncio.create_task(work) for work in (_send_all(call, pressed), _watch(call, screen))]
            try:
                await self._show(call, controls, screen)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)

    async def _show(self, call: Call, controls: Controls, screen: Screen) -> None:
        frames: list[NDArray[np.int16]] = []
        shown = 0
        with Live(screen.draw(), console=self._console, transient=True, auto_refresh=False) as live:
            async for frame in call.frames():
                frames.append(frame)
                if len(frames) < FRAMES_PER_VIEW:
                    continue
                shown += FRAMES_PER_VIEW
                screen.seconds = shown * frame.size / call.rate
                screen.heard_dbfs, screen.muted, screen.held = (
                    level_dbfs(np.concatenate(frames)),
                    controls.muted,
                    call.held,
                )
                screen.said_dbfs = None if controls.said is None else level_dbfs(controls.said)
                live.update(screen.draw(), refresh=True)
                frames.clear()


def _take(key: str, controls: Controls, pressed: "asyncio.Queue[str]") -> None:
    """Do at once what concerns us alone; what the peer is told waits its turn."""
    if key == "m":
        controls.muted = not controls.muted
    elif key == "q":
        controls.quit.set()
    elif key == HOLD or (HOST_KEYS.get(key) or key.upper()).strip(KEYS) == "":
        pressed.put_nowait(key)


async def _send_all(call: Call, pressed: "asyncio.Queue[str]") -> None:
    while True:
        key = await pressed.get()
        with suppress(SoftphoneError):  # with a peer that will not hold, or takes no keys, the call goes on
            if key == HOLD:
                await (call.unhold() if call.held else call.hold())
            else:
                await call.send_keys(HOST_KEYS.get(key) or key)


async def _watch(call: Call, screen: Screen) -> None:
    """Keep up who is in the conference, if there is one."""
    with suppress(SoftphoneError):
        async for state in call.roster():
            screen.conference = state


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
