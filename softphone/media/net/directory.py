"""Which row a datagram belongs to: sender and local port to row, for a whole batch at once."""

import numpy as np
from numpy.typing import NDArray

from softphone.media.contract.leg import MediaAddress
from softphone.media.net.slots import sockaddr

__all__ = ["Directory", "key_of"]


def key_of(remote: MediaAddress, local: int) -> int:
    """Give the number that `Slots.keys` gives for a datagram from `remote` on the port of index `local`.

    Raises
    ------
    ValueError
        When `remote` is not an IPv4 address and port.
    """
    raw = int.from_bytes(sockaddr(remote.host, remote.port)[:8].tobytes(), "little")
    return (raw & ~0xFFFF) + local


class Directory:
    """A sorted map from 64-bit keys to rows."""

    def __init__(self) -> None:
        self._keys = np.zeros(0, np.uint64)
        self._rows = np.zeros(0, np.int64)

    def __contains__(self, key: int) -> bool:
        at = int(np.searchsorted(self._keys, np.uint64(key)))
        return at < len(self._keys) and int(self._keys[at]) == key

    def add(self, key: int, row: int) -> None:
        """Let `key` mean `row`; a key that is already there keeps its row."""
        if key not in self:
            at = np.searchsorted(self._keys, np.uint64(key))
            self._keys = np.insert(self._keys, at, np.uint64(key))
            self._rows = np.insert(self._rows, at, row)

    def remove_row(self, row: int) -> None:
        """Forget all keys of `row`."""
        kept = self._rows != row
        self._keys, self._rows = self._keys[kept], self._rows[kept]

    def lookup(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Find the rows of n keys.

        Returns
        -------
        NDArray
            int64, shape (n,); -1 where nobody is known by the key.
        """
        if not len(self._keys):
            return np.full(len(keys), -1, np.int64)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[at] == keys, self._rows[at], -1)
