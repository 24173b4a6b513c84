"""Limits failed attempts by name, as a value that is told the time: passwords, client secrets, codes of rooms.

A name is whatever a failure is held against: an address, a user at an address, a room. After `limit` failures in a
window it is closed; then it is open again. A name that was closed before is borne half as many failures each time, and
closed twice as long, up to `longest_s`: trying all of a short code takes ever more time, nobody is shut out for good.
"""

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

__all__ = ["Attempts"]

# Names are what strangers say they are called, a megabyte if they like; of a longer one a digest is remembered.
LONGEST = 80


def _kept(name: str) -> str:
    return name if len(name) <= LONGEST else blake2b(name.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


@dataclass(slots=True)
class _Record:
    """What is remembered of a name."""

    failures: int
    until: float
    "The end of the window; of a closed name, when it opens."
    closed: bool = False
    closures: int = 0
    "How often it has been closed without a rest of `longest_s` between."


class Attempts:
    """Failures by name, counted in windows that begin with a name's first failure.

    Parameters
    ----------
    limit
        The failure with this number in a window closes the name.
    window_s
        How long a window is, and how long a name is closed the first time.
    longest_s
        The longest a name is closed. None: `window_s`; then every closure is alike.
    max_names
        How many names are remembered at a time. The name left alone longest is forgotten for a new one, closed names
        after all others.

    Raises
    ------
    ValueError
        A number is not positive, or `longest_s` is shorter than `window_s`.
    """

    def __init__(self, limit: int, window_s: float, *, longest_s: float | None = None, max_names: int = 10_000) -> None:
        longest_s = window_s if longest_s is None else longest_s
        if min(limit, window_s, max_names) <= 0 or longest_s < window_s:
            raise ValueError(f"attempts: {limit=}, {window_s=}, {longest_s=}, {max_names=}")
        self._limit = limit
        self._window_s = window_s
        self._longest_s = longest_s
        self._max_names = max_names
        # Both in the order of the last failure.
        self._counted: OrderedDict[str, _Record] = OrderedDict()
        self._closed: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        """Names remembered."""
        return len(self._counted) + len(self._closed)

    def wait_s(self, name: str, now: float) -> float:
        """Give the seconds until a name may try again; 0.0: it may now. Never negative, never above `longest_s`.

        Parameters
        ----------
        name
            Any text that stays the same.
        now
            Seconds of any one clock that does not go back.
        """
        record = self._closed.get(_kept(name))
        if record is None or not record.closed:
            return 0.0
        return min(max(0.0, record.until - now), self._longest_s)

    def failed(self, name: str, now: float) -> bool:
        """Count a failure; tell whether it closed the name. Failures of a closed name neither count nor prolong."""
        if self.wait_s(name, now):
            return False
        name = _kept(name)
        record = self._take(name, now)
        record.failures += 1
        if record.failures >= self._borne(record):
            record.until = now + min(self._window_s * 2.0 ** min(record.closures, 64), self._longest_s)
            record.failures, record.closed, record.closures = 0, True, record.closures + 1
        (self._closed if record.closures else self._counted)[name] = record
        self._bound(now)
        return record.closed

    def forget(self, name: str) -> None:
        """Open a name and forget its failures: it has succeeded, or somebody forgave it."""
        self._counted.pop(_kept(name), None)
        self._closed.pop(_kept(name), None)

    def clear(self) -> None:
        """Forget all names."""
        self._counted.clear()
        self._closed.clear()

    def _borne(self, record: _Record) -> int:
        if self._longest_s == self._window_s:
            return self._limit
        return max(1, self._limit >> record.closures)

    def _take(self, name: str, now: float) -> _Record:
        """Take a name's record out; a new one where the old is over."""
        record = self._counted.pop(name, None) or self._closed.pop(name, None)
        if record is None or now >= self._end(record):
            return _Record(0, now + self._window_s)
        if now >= record.until:
            record.failures, record.until, record.closed = 0, now + self._window_s, False
        return record

    def _end(self, record: _Record) -> float:
        """When nothing of a record counts any more."""
        grows = record.closures and self._longest_s > self._window_s
        return record.until + self._longest_s if grows else record.until

    def _bound(self, now: float) -> None:
        for records in (self._counted, self._closed):
            while records and now >= self._end(next(iter(records.values()))):
                records.popitem(last=False)
        while len(self) > self._max_names:
            (self._counted or self._closed).popitem(last=False)
