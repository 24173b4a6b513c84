"""A plugin of pytest: once a plane is warm, no kernel meets types that it does not know."""

import pytest

from mixer import kernel
from softphone.media.engine.warm import warm


def known() -> dict[str, int]:
    """How many signatures each kernel has."""
    return {f"{each.py_func.__module__}.{each.py_func.__name__}": len(each.signatures) for each in kernel.made()}


warm()
WARM = known()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    new = sorted(name for name, count in known().items() if count != WARM.get(name, 0))
    terminalreporter.write_line(f"in ticks: {' '.join(new) or 'nothing new'}")
