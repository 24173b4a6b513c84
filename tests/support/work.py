"""How much Python the product does: its instructions are counted, so a fast machine and a slow one find the same."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]
PRODUCT = (str(ROOT / "mixer"), str(ROOT / "softphone"))


class Work:
    """Counts while it is entered: what is begun or goes on then, not what called it; code in C counts as nothing."""

    def __init__(self) -> None:
        self.instructions = 0

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stop()

    # From Python 3.12 on a trace function is told of a code's instructions only after it has run once before.
    if sys.version_info >= (3, 12):

        def __enter__(self) -> "Work":
            sys.monitoring.use_tool_id(sys.monitoring.PROFILER_ID, "work")
            instruction = sys.monitoring.events.INSTRUCTION
            sys.monitoring.register_callback(sys.monitoring.PROFILER_ID, instruction, self._count)
            sys.monitoring.set_events(sys.monitoring.PROFILER_ID, instruction)
            return self

        def _stop(self) -> None:
            sys.monitoring.set_events(sys.monitoring.PROFILER_ID, sys.monitoring.events.NO_EVENTS)
            sys.monitoring.free_tool_id(sys.monitoring.PROFILER_ID)

        def _count(self, code: CodeType, _offset: int) -> Any:
            if not code.co_filename.startswith(PRODUCT):
                return sys.monitoring.DISABLE
            self.instructions += 1
            return None

    else:

        def __enter__(self) -> "Work":
            self._before = sys.gettrace()
            sys.settrace(self._trace)
            return self

        def _stop(self) -> None:
            sys.settrace(self._before)

        def _trace(self, frame: FrameType, event: str, _arg: Any) -> Any:
            if event == "call" and not frame.f_code.co_filename.startswith(PRODUCT):
                return None
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            self.instructions += event == "opcode"
            return self._trace


def instructions(act: Callable[[], object]) -> int:
    """Count the instructions of the product that `act` takes."""
    with Work() as work:
        act()
    return work.instructions
