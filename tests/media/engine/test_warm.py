"""What a plane runs is loaded before its first tick, and runs without the compiler, too."""

import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys, warnings
sys.modules["numba"] = None
warnings.simplefilter("error")
from softphone.media.engine.warm import warm
logging.basicConfig(format="%(message)s")
warm()
"""


def test_a_plane_runs_without_the_compiler_and_says_so() -> None:
    child = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=110)
    assert child.returncode == 0, child.stderr
    (line,) = child.stderr.splitlines()
    assert line.startswith("numba is not installed")


@pytest.mark.timeout(300)
def test_no_tick_has_anything_compiled_or_loaded() -> None:
    """The first party that does what nobody did before must not stop all others for a second."""
    names = "plane", "play", "recording", "echoes", "sources", "keys", "every_codec", "wide_recording"
    files = [f"tests/media/engine/test_{name}.py" for name in names]
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "tests.media.engine.nothing_new", *files]
    child = subprocess.run(command, capture_output=True, text=True, timeout=290)
    assert child.returncode == 0, child.stdout
    assert "in ticks: nothing new" in child.stdout, child.stdout[-2000:]
