"""``softphone compile``: have the loops of the mixer in machine code before the first call."""

import os
import subprocess
import time

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from softphone.programs import python

__all__ = ["compile_"]


def compile_() -> None:
    """Compile the mixer now instead of at the first start of a bridge or agent.

    It takes about a minute. The result is kept beside the program or in the user's cache folder, so a second run does
    nothing. NUMBA_CACHE_DIR names another folder, for this command and for programs started later.

    Example: softphone compile
    """
    began, console = time.monotonic(), Console(stderr=True)
    columns = TextColumn("compiling the mixer, once"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        helper: subprocess.Popen[bytes] | None = None
        found = False

        def notice(done: int, of_all: int) -> None:
            nonlocal found, helper
            if not found:
                helper = _second()
                if not console.is_terminal:
                    console.print("compiling the mixer, once: about a minute")
            found = True
            progress.update(task, completed=done, total=of_all)

        from softphone.media.engine.warm import warm

        warm(notice=notice)
        from softphone.load.spread import warm as warm_bots

        warm_bots("PCMU")
        if helper is not None:
            helper.kill()
            helper.wait()
    seconds = time.monotonic() - began
    typer.echo(f"compiled in {seconds:.0f} s" if found else "compiled already")


def _second() -> subprocess.Popen[bytes] | None:
    """Have a process compile from the other end, where there is a second core; what it leaves undone is done here."""
    if (os.cpu_count() or 1) < 2:
        return None
    command = python("-c", "from softphone.media.engine.warm import backwards; backwards()")
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
