"""The notice that one is recorded: said when that is true, and not before."""

from collections.abc import Callable

from mixer.rules.effects import Say

__all__ = ["RecordingNotices"]


class RecordingNotices:
    """Holds back what says that a recording runs, until it does.

    Parameters
    ----------
    say
        Says it.
    """

    def __init__(self, say: Callable[[Say], None]) -> None:
        self._say = say
        self._waiting: list[Say] = []

    def take(self, notice: Say, *, runs: bool) -> None:
        """Say a notice, now or when the recording runs."""
        if runs:
            self._say(notice)
        else:
            self._waiting.append(notice)

    def runs(self) -> None:
        """Say what waits; what is said to all need not be said to one."""
        waiting, self._waiting = self._waiting, []
        to_all = [each for each in waiting if each.to is None]
        for notice in to_all[:1] or waiting:
            self._say(notice)

    def none_runs(self) -> None:
        """Say nothing of what waits: it would not be true."""
        self._waiting.clear()
