"""``softphone compile``: what is compiled is kept."""

import subprocess
import sys

import pytest


@pytest.mark.timeout(600)
def test_what_is_compiled_is_not_compiled_again() -> None:
    command = [sys.executable, "-m", "softphone", "compile"]
    said = [subprocess.run(command, capture_output=True, text=True, check=True, timeout=290) for _ in range(2)]
    assert said[0].stdout.startswith("compiled")
    assert (said[1].stdout, said[1].stderr) == ("compiled already\n", "")
