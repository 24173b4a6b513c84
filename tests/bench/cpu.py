"""What processes cost: processor time of all their threads, and holding them still while others are measured."""

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from softphone.load.usage import processor_s

MANY_THREADS = 40


def cpu_s(pid: int) -> float:
    """Processor seconds that a process has used, to the nanosecond where it has few threads and Linux tells.

    Of many threads the sum by the clock tick is as exact, and read at one moment.
    """
    tasks = list(Path(f"/proc/{pid}/task").iterdir())
    if len(tasks) > MANY_THREADS:
        return processor_s(pid)
    try:
        return sum(_task_ns(task) for task in tasks) / 1e9
    except (FileNotFoundError, IndexError):
        return processor_s(pid)


def _task_ns(task: Path) -> int:
    with contextlib.suppress(ProcessLookupError):
        return int((task / "schedstat").read_text().split()[0])
    return 0


def freeze(pids: Sequence[int]) -> None:
    """Stop processes, the first one first."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def thaw(pids: Sequence[int]) -> None:
    """Let them go on, the last one first."""
    for pid in reversed(pids):
        os.kill(pid, signal.SIGCONT)
