"""Machine code reads what strangers send, and by itself notices no index that is wrong: here it is made to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.timeout(600)  # the first time it compiles
def test_no_index_leaves_its_array_whatever_is_said_in_whatever_codec() -> None:
    files = [HERE / name for name in ("test_any_packet.py", "test_any_codec.py")]
    chosen = ["-k", "the_others_are_heard", "-p", "no:cacheprovider"]
    checked = os.environ | {"NUMBA_BOUNDSCHECK": "1"}
    program = [sys.executable, "-m", "pytest", "-q", *chosen, *map(str, files)]
    child = subprocess.run(program, env=checked, capture_output=True, text=True, timeout=580)
    assert child.returncode == 0 and "passed" in child.stdout, child.stdout
