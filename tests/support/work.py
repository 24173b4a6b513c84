"""How much Python the product does: its instructions are counted, so a fast machine and a slow one find the same."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
PRODUCT = (str(ROOT / "mixer"), str(ROOT / "softphone"))


class Work:
    """Counts while it is entered: what is begun or goes on then, not what called it; code in C counts as nothing."""

    def __init__(self) -> None:
        self.instructions = 0

    def __enter__(self) -> "Work":
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, _arg: Any) -> Any:
        if event == "call" and not frame.f_code.co_filename.startswith(PRODUCT):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        self.instructions += event == "opcode"
        return self._trace


ALIKE = 0.25
"""Two counts of the same work differ by less: from Python 3.13 on they depend on what was run before."""


def instructions(act: Callable[[], object]) -> int:
    """Count the instructions of the product that `act` takes."""
    with Work() as work:
        act()
    return work.instructions
