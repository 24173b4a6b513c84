"""A plugin of pytest: once a plane is warm, no kernel meets types that it does not know."""

import numpy as np
import pytest

from mixer import kernel
from softphone.codec import TABLE
from softphone.media.codecs.payloads import Payloads
from softphone.media.engine.warm import warm
from tests.media.codecs.any import decoder, encoder


def known() -> dict[str, int]:
    """How many signatures each kernel has."""
    return {f"{each.py_func.__module__}.{each.py_func.__name__}": len(each.signatures) for each in kernel.made()}


def speak() -> None:
    """Say a frame in each codec, as the tests' telephones do, which use the loops of the tick."""
    row = np.zeros(1, np.int64)
    for spoken in TABLE:
        frame, out = np.zeros((1, spoken.rate_hz // 50), np.int16), np.zeros((1, 4000), np.uint8)
        size = encoder(spoken, 1, spoken.rate_hz).encode(row, frame, out)
        decoder(spoken, 1, spoken.rate_hz).decode(
            row, Payloads(out.reshape(-1), row, size), np.zeros((1, 6000), np.int16)
        )


warm()
speak()
WARM = known()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    new = sorted(name for name, count in known().items() if count != WARM.get(name, 0))
    terminalreporter.write_line(f"in ticks: {' '.join(new) or 'nothing new'}")
