"""Who guesses passwords has to wait; a value that is told the time."""

import math
from collections import OrderedDict
from collections.abc import Iterable

__all__ = ["Brake"]

# Names whose failures are remembered. Of more the oldest are forgotten: who has so many addresses is not braked.
KEPT = 10_000


class Brake:
    """Counts failures by name, such as an address or an account, in windows that begin with a name's first failure.

    Parameters
    ----------
    failures
        How many a name may have in a window.
    window_s
        How long a window is, and so the longest wait.
    """

    def __init__(self, failures: int, window_s: float) -> None:
        self._failures = failures
        self._window_s = window_s
        # Name -> (end of its window, failures in it), in the order of the ends.
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def wait_s(self, names: Iterable[str], now: float) -> int:
        """Give the whole seconds until all of `names` may try again; 0: now."""
        windows = [self._windows.get(name, (now, 0)) for name in names]
        return math.ceil(max((end - now for end, count in windows if count >= self._failures), default=0.0))

    def failed(self, names: Iterable[str], now: float) -> None:
        """Note a failure of all of `names`."""
        while self._windows and (len(self._windows) > KEPT or next(iter(self._windows.values()))[0] <= now):
            self._windows.popitem(last=False)
        for name in names:
            end, count = self._windows.get(name, (now + self._window_s, 0))
            self._windows[name] = (end, count + 1)
