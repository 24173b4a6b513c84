"""Compilation of the loops of the tick: functions over numpy arrays become machine code by numba.

A kernel is written as the rule reads, one packet or one row at a time. `numba` compiles it when it is first called and
keeps the result (`cache_folder`). With `NUMBA_DISABLE_JIT=1`, or where numba is not installed, the same text runs as it
stands: the same results, at a thousandth of the speed. A row of `mixer.party` is handed from kernel to kernel as one
record: a pointer.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np

try:
    import numba
except ImportError:  # there is none for every platform; a handful of parties can do without
    numba = None

__all__ = ["COMPILED", "Int", "cache_folder", "compiled", "kernel", "made", "records"]

Int: TypeAlias = int | np.integer[Any]
"""A whole number, as kernels hand it to each other."""

F = TypeVar("F", bound=Callable[..., Any])

COMPILED = numba is not None and not numba.config.DISABLE_JIT
"""Whether kernels are machine code."""

MIXER = Path(__file__).parent
KEPT = 3
"""States of the source whose kernels are kept: this one, and those that somebody may go back to."""

_made: list[Any] = []


def made() -> list[Any]:
    """Give the kernels of the modules that are imported; compiled ones have `signatures`, the types that they know."""
    return list(_made)


def records(count: int, dtype: np.dtype[Any]) -> Any:
    """
    Give records of zeros that kernels can be handed for next to nothing.

    Parameters
    ----------
    count : int
        How many.
    dtype : dtype
        Of a record.

    Returns
    -------
    ndarray of records, shape (count,)
        A row's fields are its attributes, compiled and not; a column is `records["field"]`. It is no `recarray`, whose
        type numba would have to find out at each call, for as long as a small kernel takes.
    """
    return np.zeros(count, np.dtype((np.record, dtype)))


def kernel(function: F) -> F:
    """
    Compile a function of numbers, records and arrays.

    Parameters
    ----------
    function : callable
        Of numbers, rows of a record array and arrays; it allocates nothing and calls kernels only.

    Returns
    -------
    callable
        The same function, compiled for the types of its arguments at its first call. A private one, `_name`, can be
        called by kernels only: to compile a way in from Python takes long. Dividing by zero gives what numpy gives; an
        index outside an array is not noticed unless `NUMBA_BOUNDSCHECK=1`.
    """
    if not COMPILED:
        return function
    made = compiled(function, Path(function.__code__.co_filename))
    _made.append(made)
    return cast(F, made)


def compiled(function: Callable[..., Any], file: Path) -> Any:
    """Compile a function when it is first called, and keep the result with that of the modules beside a file."""
    folder = cache_folder(MIXER if file.parent == MIXER else file.parent.parent)
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = folder or ""
    try:
        return numba.njit(
            cache=bool(folder),
            nogil=True,
            error_model="numpy",
            no_cfunc_wrapper=True,
            no_cpython_wrapper=function.__name__.startswith("_"),
        )(function)
    finally:
        numba.config.CACHE_DIR = before


@cache
def cache_folder(package: Path) -> str:
    """
    Give the folder where the kernels of a package are kept from one start to the next.

    It is the first of these that can be written: `NUMBA_CACHE_DIR`, beside the source, the user's cache folder,
    `MIXER_CACHE_DIR`. There, each state of the source has a folder of its own: a kernel holds the kernels that it
    calls, of other files too.

    Parameters
    ----------
    package : Path
        Its modules are those of the kernels, besides the mixer's.

    Returns
    -------
    str
        Empty: nothing can be kept, each start compiles.
    """
    state = sha256(os.environ.get("NUMBA_BOUNDSCHECK", "").encode())
    # The folders of the mixer have no kernels: a change of the rules compiles nothing.
    for path in sorted({*MIXER.glob("*.py"), *(package.rglob("*.py") if package != MIXER else ())}):
        with contextlib.suppress(OSError):
            status = path.stat()
            state.update(f"{path} {status.st_mtime_ns} {status.st_size}\n".encode())
    for base in _places():
        folder = base / f"{package.name}-{state.hexdigest()[:16]}"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_ours(folder):
                os.utime(folder)
                _tidy(base, package.name)
                return str(folder)
    return ""


def _is_ours(folder: Path) -> bool:
    """Tell whether a folder can be written, by nobody else: what is kept there is code."""
    own = not hasattr(os, "geteuid") or folder.stat().st_uid == os.geteuid()
    return own and os.access(folder, os.W_OK)


def _places() -> Iterator[Path]:
    """Give where kernels may be kept, the best first, a folder of this installation in each."""
    here = sha256(str(MIXER).encode()).hexdigest()[:16]
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(given) / here
    yield MIXER / "__pycache__" / "kernels"
    with contextlib.suppress(RuntimeError):  # nobody's home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "softphone" / here
    if given := os.environ.get("MIXER_CACHE_DIR"):
        yield Path(given) / here


def _tidy(base: Path, name: str) -> None:
    """Remove what belongs to states of the source that are gone."""
    with contextlib.suppress(OSError):
        for old in sorted(base.glob(f"{name}-*"), key=lambda each: each.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
