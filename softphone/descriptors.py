"""The limit of open files and sockets of a process."""

import contextlib
import resource

__all__ = ["allow_all"]


def allow_all() -> None:
    """Raise the limit of open descriptors as far as the system lets us; usual are 1,024, and a call takes several."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):  # some systems name a hard limit that they do not grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
