"""Machine code is kept where it can be, and only where nobody else writes; without it the same text runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mixer import kernel
from mixer.kernel import cache_folder

TICK = """
import numpy as np
from mixer import Bridge, kernel
bridge = Bridge(3)
room = bridge.roster.add_room()
speaker, listener = bridge.add_party(room, local=True), bridge.add_party(room, local=True)
bridge.push(speaker, np.full(160, 5000, np.int16))
heard = bridge.tick(0.0).frame_for(listener)
print(kernel.COMPILED, bool(kernel.cache_folder(kernel.MIXER)), *heard[[0, 80, 159]])
"""


def run(program: str, env: dict[str, str] | None = None) -> list[str]:
    """Run a program in a process of its own; gives the words that it prints."""
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=110, env=env)
    assert child.returncode == 0, child.stderr
    return child.stdout.split()


def environment(**given: str) -> dict[str, str]:
    hidden = ("NUMBA_CACHE_DIR", "MIXER_CACHE_DIR", "XDG_CACHE_HOME", "HOME")
    return {name: value for name, value in os.environ.items() if name not in hidden} | given


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with a kernel."""
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "one.py").write_text("x = 1\n")
    return folder


def folder_of(package: Path) -> Path:
    return Path(cache_folder.__wrapped__(package))


def test_a_state_of_the_source_has_a_folder_of_its_own(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    first = folder_of(package)
    assert first.is_relative_to(tmp_path / "cache") and folder_of(package) == first
    assert first.stat().st_mode & 0o077 == 0
    (package / "two.py").write_text("x = 2\n")
    second = folder_of(package)
    assert second != first
    (package / "one.py").write_text("x = 12\n")
    assert folder_of(package) not in (first, second)


def test_no_kernel_is_compiled_anew_for_a_change_of_the_rules(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(kernel, "MIXER", package)
    (package / "rules").mkdir()
    (package / "rules" / "keys.py").write_text("x = 1\n")
    first = folder_of(package)
    (package / "rules" / "keys.py").write_text("x = 12\n")
    assert folder_of(package) == first
    (package / "one.py").write_text("x = 12\n")
    assert folder_of(package) != first


def test_only_some_states_are_kept(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    for state in range(6):
        (package / f"{state}.py").write_text("")
        last = folder_of(package)
    assert last.exists() and len(list(last.parent.glob("package-*"))) == kernel.KEPT


@pytest.mark.parametrize("taken", ["a file", "of somebody else"])
def test_what_cannot_be_written_by_us_alone_is_passed_over(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    (tmp_path / "no").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "no"))
    monkeypatch.setattr(kernel, "MIXER", tmp_path / "no")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ("no" if taken == "a file" else "theirs")))
    monkeypatch.setenv("MIXER_CACHE_DIR", str(tmp_path / "ours"))
    if taken == "of somebody else":
        monkeypatch.setattr(kernel, "_is_ours", lambda folder: not folder.is_relative_to(tmp_path / "theirs"))
    assert folder_of(package).is_relative_to(tmp_path / "ours")


def test_nowhere_is_no_folder(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no").write_text("")
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "MIXER_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "no"))
    monkeypatch.setattr(kernel, "MIXER", tmp_path / "no")
    assert cache_folder.__wrapped__(package) == ""


def test_without_numba_the_same_text_runs() -> None:
    nothing = "import sys; sys.modules['numba'] = None\n"
    assert run(nothing + TICK) == ["False", "True", "5000", "5000", "5000"]
    assert run(TICK, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}) == ["False", "True", "5000", "5000", "5000"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="becomes somebody who may write nothing")
def test_a_user_without_a_home_and_with_a_tree_that_cannot_be_written(tmp_path: Path) -> None:
    """As a service runs: what is compiled is kept in the folder that it has been given."""
    for parent in (tmp_path, *tmp_path.parents):
        if parent != Path("/tmp") and parent.is_relative_to("/tmp"):
            parent.chmod(0o755)
    given = tmp_path / "data"
    given.mkdir()
    os.chown(given, 65534, 65534)
    env = environment(HOME="/nonexistent", MIXER_CACHE_DIR=str(given), NUMBA_DISABLE_JIT="0")
    program = """if True:
        import os, numba
        os.setgid(65534), os.setuid(65534)
        from mixer import kernel
        print(kernel.cache_folder(kernel.MIXER))
    """
    assert Path(run(program, env=env)[0]).is_relative_to(given)
    del env["MIXER_CACHE_DIR"]
    assert run(program, env=env) == []


def test_the_rule_is_tried_where_calls_of_kernels_can_be_counted() -> None:
    """Tests that replace what a kernel calls have no effect on machine code."""
    tests = ["tests/mixer/test_stream.py", "-k", "the_work_for_a_packet"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    child = subprocess.run(
        command, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, timeout=110
    )
    assert child.returncode == 0, child.stdout
    assert "12 passed" in child.stdout
