"""The library libopus: loaded once for a process, its functions callable from kernels."""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from mixer.kernel import COMPILED
from softphone import opus
from softphone.errors import MediaError

__all__ = ["function", "load"]

POINTER, INT = ctypes.c_void_p, ctypes.c_int32
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "opus_decode": (POINTER, POINTER, INT, POINTER, INT, INT),
    "opus_encode": (POINTER, POINTER, INT, POINTER, INT),
    "opus_encoder_get_size": (INT,),
    "opus_decoder_get_size": (INT,),
    "opus_encoder_init": (POINTER, INT, INT, INT),
    "opus_decoder_init": (POINTER, INT, INT),
    # More arguments may follow, which go another way than those on some machines: ctypes has to know where they begin.
    "opus_encoder_ctl": (POINTER, INT),
}
"""Types of the arguments; all of them return a number, below 0 an error."""


@cache
def load() -> ctypes.CDLL:
    """Load libopus, at the first call.

    Raises
    ------
    MediaError
        There is none, or it lacks a function.
    """
    where = opus.library()
    if where is None:
        raise MediaError("Opus needs libopus: the package `av` brings it, or the system's package (libopus0)")
    try:
        library = ctypes.CDLL(where)
        for name, arguments in FUNCTIONS.items():
            one = getattr(library, name)
            one.argtypes, one.restype = arguments, INT
            _publish(name, one)
    except (OSError, AttributeError) as error:
        raise MediaError(f"{where} is no libopus that can be used: {error}") from error
    return library


def _publish(name: str, one: Any) -> None:
    """Let machine code find a function, by a name that no other library has."""
    if COMPILED:
        from llvmlite import binding

        binding.add_symbol(_symbol(name), ctypes.cast(one, POINTER).value)


def _symbol(name: str) -> str:
    return f"softphone_{name}"


def function(name: str) -> Callable[..., int]:
    """Give a function of libopus for kernels, which may be called after :func:`load`.

    Pointers are numbers: addresses.
    """
    if not COMPILED:
        return lambda *arguments: int(getattr(load(), name)(*map(int, arguments)))
    from numba import types

    kinds = {POINTER: types.uintp, INT: types.int32}
    external: Callable[..., int] = types.ExternalFunction(
        _symbol(name), types.int32(*(kinds[each] for each in FUNCTIONS[name]))
    )
    return external
