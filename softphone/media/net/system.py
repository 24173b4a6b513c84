"""System calls as kernels make them: by their names where kernels are compiled, through `ctypes` where they are not.

A kernel can so go from port to port, or from one full call to the next, without going back to Python.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any

from mixer.kernel import COMPILED, Int, kernel

__all__ = ["copy", "has_batches", "last_error", "poll", "recvmmsg", "sendmmsg"]

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform != "win32" else ctypes.CDLL("msvcrt")
_KINDS = {"int32": ctypes.c_int32, "uint32": ctypes.c_uint32, "uintp": ctypes.c_size_t}


def _call(name: str, *kinds: str) -> Callable[..., Any]:
    """Give a function of the C library that returns an int; what is not there is not called (see `has_batches`)."""
    if COMPILED:
        from numba import types
        from numba.core.types import ExternalFunction

        made: Callable[..., Any] = ExternalFunction(name, types.int32(*(getattr(types, kind) for kind in kinds)))
        return made
    function = getattr(_LIBC, name, None)
    if function is not None:
        function.argtypes = [_KINDS[kind] for kind in kinds]
    return lambda *args: function(*map(int, args)) if function else -1


recvmmsg = _call("recvmmsg", "int32", "uintp", "uint32", "int32", "uintp")
sendmmsg = _call("sendmmsg", "int32", "uintp", "uint32", "int32")
poll = _call("poll", "uintp", "uint32", "int32")

if COMPILED:
    from numba import types as _types
    from numba.core.types import ExternalFunction as _External

    copy: Any = _External("memcpy", _types.uintp(_types.uintp, _types.uintp, _types.uintp))
    _errno: Any = _External("__errno_location", _types.CPointer(_types.int32)())

    @kernel
    def last_error() -> Int:
        """Give `errno` of the last call that failed."""
        error: Int = _errno()[0]
        return error
else:
    last_error = ctypes.get_errno

    def copy(to: Int, at: Int, size: Int) -> None:
        """Copy bytes in memory."""
        ctypes.memmove(int(to), int(at), int(size))


def has_batches() -> bool:
    """Tell whether this system has recvmmsg and sendmmsg with the structures that `Slots` lays out."""
    return (
        sys.platform == "linux"
        and sys.byteorder == "little"
        and ctypes.sizeof(ctypes.c_void_p) == 8
        and all(hasattr(_LIBC, name) for name in ("recvmmsg", "sendmmsg", "poll", "__errno_location"))
    )
