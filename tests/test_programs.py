"""Child processes in Python import what their parent imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from softphone.programs import python

ROOT = Path(__file__).parents[1]
# A parent: says what a child of it takes for `softphone`, and what it takes itself.
PARENT = """
import subprocess, sys
import softphone
from softphone.programs import python
child = subprocess.run(python("-c", "import softphone; print(softphone.__file__)"), capture_output=True, text=True)
print(softphone.__file__, child.stdout.strip() or child.stderr)
"""


def said(*options: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, *options, "-c", PARENT], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_child_takes_nothing_of_the_folder_that_its_parent_does_not_look_in(tmp_path: Path) -> None:
    """As the installed program does it: its own folder is searched, the working folder is not."""
    (tmp_path / "softphone.py").write_text("raise SystemExit('of the working folder')")
    own, child = said("-P", folder=tmp_path)
    assert own == child


def test_a_child_of_a_program_that_runs_from_its_sources_does_too(tmp_path: Path) -> None:
    (tmp_path / "softphone").symlink_to(ROOT / "softphone")
    own, child = said(folder=tmp_path)
    assert own == child == str(tmp_path / "softphone" / "__init__.py")


def test_a_working_folder_that_is_gone_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert python("-m", "this") == [sys.executable, "-P", "-m", "this"]


@pytest.mark.parametrize("package", ["mixer", "softphone"])
def test_every_child_in_python_is_started_so(package: str) -> None:
    named = [str(path) for path in (ROOT / package).rglob("*.py") if "sys.executable" in path.read_text()]
    assert named == ([str(ROOT / "softphone" / "programs.py")] if package == "softphone" else [])
