"""Arrays handed to kernels as one: the same ones, kept alive, and known again by what was compiled before."""

import os
from pathlib import Path

import pytest

from tests.mixer.test_kernel import run

HALL = """
import numpy as np
from mixer.kernel import kernel, records
from mixer.struct import struct

SEAT = np.dtype([("level", np.float32), ("taken", np.bool_)])


@struct
class Hall:
    seats: object
    sounds: object
    most: int


@kernel
def louder(hall, by):
    seats, sounds = hall.seats, hall.sounds
    found = 0
    for i in range(min(hall.most, len(seats))):
        if seats[i].taken:
            seats[i].level += by
            sounds[i % 2][i, 0] = 7
            found += 1
    return found
"""
PROGRAM = """
import gc
import sys
sys.path.insert(0, {folder!r})
from house.hall import SEAT, Hall, louder, records
import numpy as np

def hall(most):
    seats, sounds = records(3, SEAT), (np.zeros((3, 2), np.int16), np.zeros((3, 2), np.int16))
    seats["taken"] = True
    return Hall(seats=seats, sounds=sounds, most=most), seats, sounds

one, seats, sounds = hall(2)
other = hall(3)[0]  # nothing else keeps its arrays
gc.collect()
print(louder(one, 1.5), louder(one, 1.5), louder(other, 1.0), *seats["level"], *sounds[1][:, 0])
print(sum(louder.stats.cache_hits.values()) if hasattr(louder, "stats") else "text")
try:
    Hall(seats=seats, sounds=sounds)
except TypeError:
    print("lacking")
"""
SAME = ["2", "2", "3", "3.0", "3.0", "0.0", "0", "7", "0"]


@pytest.fixture
def program(tmp_path: Path) -> str:
    """Makes two halls, in a package of its own."""
    package = tmp_path / "house"
    package.mkdir()
    for name, text in (("__init__", ""), ("hall", HALL)):
        (package / f"{name}.py").write_text(text)
    return PROGRAM.format(folder=str(tmp_path))


def test_a_kernel_reads_and_writes_the_very_arrays_and_is_known_again(program: str, tmp_path: Path) -> None:
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "NUMBA_DISABLE_JIT": "0"}
    assert run(program, env=env) == [*SAME, "0", "lacking"]
    assert run(program, env=env) == [*SAME, "1", "lacking"]


def test_the_same_text_runs_uncompiled(program: str) -> None:
    assert run(program, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}) == [*SAME, "text", "lacking"]
