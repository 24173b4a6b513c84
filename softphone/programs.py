"""Child processes: programs that the settings name, with a time limit and without a shell; and our own, in Python."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio import timeout
from collections.abc import Mapping, Sequence
from typing import IO

__all__ = ["python", "run"]


def python(*arguments: str) -> list[str]:
    """Give the command line of a child in Python that imports from the same places as this process.

    By itself ``-m`` or ``-c`` imports from the working folder first. The installed program does not: its child would
    take another copy of the package, or whatever somebody else has put there. ``-P`` leaves the working folder out.

    Parameters
    ----------
    arguments
        What follows the interpreter: ``-m``, a module and its arguments.
    """
    with contextlib.suppress(OSError):  # a working folder that is gone has no modules
        if not {"", os.getcwd()}.isdisjoint(sys.path):
            return [sys.executable, *arguments]
    return [sys.executable, "-P", *arguments]


async def run(
    argv: Sequence[str],
    *,
    given: bytes = b"",
    environment: Mapping[str, str] | None = None,
    timeout_s: float,
    output: IO[bytes] | None = None,
) -> str | None:
    """Run a program without a shell, in a session of its own; it is killed with all it started when it takes too long.

    Parameters
    ----------
    argv
        Program and arguments.
    given
        What it can read on stdin.
    environment
        Variables beside ours.
    timeout_s
        The time it has.
    output
        The file that gets its stdout; None: nobody does.

    Returns
    -------
    str or None
        What went wrong; None: it ended with status 0.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL if output is None else output,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return f"{argv[0]}: {error}"
    try:
        async with timeout(timeout_s):
            await process.communicate(given)
    except TimeoutError:
        return f"{argv[0]}: not done in {timeout_s:g} s"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return None if process.returncode == 0 else f"{argv[0]}: status {process.returncode}"
