"""Processor time: of this process, and of a server on this machine with its children."""

import os
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["CpuUsage", "processor_s"]


def processor_s(pid: int) -> float:
    """Give the processor seconds that a process has used, ended threads included, to the system's clock tick.

    Raises
    ------
    OSError
        There is no such process, or no /proc.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _family(pid: int) -> list[int]:
    """Give a process and its children."""
    found = [pid]
    with suppress(OSError, ValueError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


class CpuUsage:
    """What was used of a core since the last look.

    Parameters
    ----------
    server_pid
        Of the server; None: it is not here.
    """

    def __init__(self, server_pid: int | None) -> None:
        self._server_pid = server_pid
        self._last = self._now()

    def look(self) -> tuple[float, float, float | None]:
        """Give the seconds since the last look, and the shares of a core of us and of the server; None: not known."""
        before, self._last = self._last, self._now()
        spent = max(self._last[0] - before[0], 1e-3)
        server = None if self._last[2] is None or before[2] is None else (self._last[2] - before[2]) / spent
        return spent, (self._last[1] - before[1]) / spent, server

    def _now(self) -> tuple[float, float, float | None]:
        return time.monotonic(), time.process_time(), self._server_s()

    def _server_s(self) -> float | None:
        if self._server_pid is None:
            return None
        total = 0.0
        for pid in _family(self._server_pid):
            with suppress(OSError, IndexError, ValueError):
                total += processor_s(pid)
        return total or None
