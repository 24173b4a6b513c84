"""Which row a datagram belongs to: sender and local port to row, by a hash table that kernels read."""

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import kernel
from softphone.media.contract.leg import MediaAddress
from softphone.media.net.senders import number_of

__all__ = ["Directory", "find", "key_of"]

PLACES = 64
"""The least size of a table, a power of two; it grows so that at least half of the places are free."""
# Of 32 bits, as are the halves of a key: no product is longer than 64.
ODD, OTHER = 0x9E3779B9, 0x85EBCA6B
FREE = 0


def key_of(remote: MediaAddress, local: int) -> int:
    """Give the number that `Slots.keys` gives for a datagram from `remote` on the port of index `local`.

    Raises
    ------
    ValueError
        When `remote` is no IP address and port.
    """
    return number_of(remote.host, remote.port, local)


class Directory:
    """A map from 64-bit keys, which are not 0, to rows.

    Attributes
    ----------
    keys, rows
        uint64, int64, shape (places,): the table, for :func:`find`. Both are replaced when it grows.
    """

    def __init__(self) -> None:
        self.keys = np.zeros(PLACES, np.uint64)
        self.rows = np.full(PLACES, -1, np.int64)
        self._keys_of: dict[int, list[int]] = {}
        self._row_of: dict[int, int] = {}

    def __contains__(self, key: int) -> bool:
        return key in self._row_of

    def add(self, key: int, row: int) -> None:
        """Let `key` mean `row`; a key that is already there keeps its row."""
        if key in self._row_of:
            return
        self._row_of[key] = row
        self._keys_of.setdefault(row, []).append(key)
        if 2 * len(self._row_of) > len(self.keys):
            self.keys, self.rows = np.zeros(2 * len(self.keys), np.uint64), np.full(2 * len(self.keys), -1, np.int64)
            for each, its in self._row_of.items():
                insert(self.keys, self.rows, np.uint64(each), its)
        else:
            insert(self.keys, self.rows, np.uint64(key), row)

    def move(self, key: int, row: int) -> None:
        """Let `key` mean `row`, whatever it has meant before."""
        before = self._row_of.pop(key, None)
        if before is not None:
            self._keys_of[before].remove(key)
            delete(self.keys, self.rows, np.uint64(key))
        self.add(key, row)

    def remove_row(self, row: int) -> None:
        """Forget all keys of `row`."""
        for key in self._keys_of.pop(row, []):
            del self._row_of[key]
            delete(self.keys, self.rows, np.uint64(key))

    def lookup(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Find the rows of n keys.

        Returns
        -------
        NDArray
            int64, shape (n,); -1 where nobody is known by the key.
        """
        found = np.empty(len(keys), np.int64)
        find_all(self.keys, self.rows, keys, found)
        return found


@kernel
def find(keys: NDArray[np.uint64], rows: NDArray[np.int64], key: np.uint64) -> int:
    """Find the row of a key, -1: nobody is known by it."""
    return rows[_place(keys, key)]


@kernel
def _place(keys: NDArray[np.uint64], key: np.uint64) -> np.uint64:
    """Give the place of a key, or the free one where it would be."""
    last = np.uint64(len(keys) - 1)
    low, high = key & np.uint64(0xFFFFFFFF), key >> np.uint64(32)
    at = ((low * np.uint64(ODD) ^ high * np.uint64(OTHER)) >> np.uint64(32)) & last
    while keys[at] != key and keys[at] != np.uint64(FREE):
        at = (at + np.uint64(1)) & last
    return at


@kernel
def insert(keys: NDArray[np.uint64], rows: NDArray[np.int64], key: np.uint64, row: int) -> None:
    at = _place(keys, key)
    keys[at], rows[at] = key, row


@kernel
def delete(keys: NDArray[np.uint64], rows: NDArray[np.int64], key: np.uint64) -> None:
    """Free a place, and move those behind it that would not be found any more."""
    last = np.uint64(len(keys) - 1)
    free = _place(keys, key)
    keys[free], rows[free] = np.uint64(FREE), -1
    at = (free + np.uint64(1)) & last
    while keys[at] != np.uint64(FREE):
        moved, row = keys[at], rows[at]
        keys[at], rows[at] = np.uint64(FREE), -1
        insert(keys, rows, moved, row)
        at = (at + np.uint64(1)) & last


@kernel
def find_all(
    keys: NDArray[np.uint64], rows: NDArray[np.int64], wanted: NDArray[np.uint64], found: NDArray[np.int64]
) -> None:
    for i in range(len(wanted)):
        found[i] = find(keys, rows, wanted[i])
