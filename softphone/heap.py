"""Which freed memory the C library keeps, where it can be told (mallopt(3) of glibc)."""

import contextlib
import ctypes

__all__ = ["keep_below"]

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def keep_below(size: int) -> None:
    """Let larger blocks come from the system one by one and go back to it; below that, keep twice as much that is free.

    Left alone, the library raises the limit to the largest block that it has seen freed: what is read into such a block
    and kept in part then lies between its successors, and the heap grows though nothing leaks.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, size)
        mallopt(M_TRIM_THRESHOLD, 2 * size)
