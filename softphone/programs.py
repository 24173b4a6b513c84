"""Programs that the settings name: run without a shell, with a time, and killed with all they started."""

import asyncio
import contextlib
import os
import signal
from asyncio import timeout
from collections.abc import Mapping, Sequence
from typing import IO

__all__ = ["run"]


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
