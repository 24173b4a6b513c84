"""What a plane runs is loaded before its first tick, and runs without the compiler, too."""

import subprocess
import sys

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
