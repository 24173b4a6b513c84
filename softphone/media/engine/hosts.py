"""Which legs the packets of a host may be of, whatever port they come from."""

import numpy as np
from numpy.typing import NDArray

from softphone.media.contract.leg import MediaAddress
from softphone.media.net.directory import key_of

__all__ = ["Hosts"]

NO_ROWS = np.zeros(0, np.int64)
# Of a key of `Slots.keys`: all but the sender's port.
HOST_AND_LOCAL = ~np.uint64(0xFFFF0000)


class Hosts:
    """Rows by place: a host of peers, and the port of ours that they send to."""

    def __init__(self) -> None:
        self._places = np.zeros(0, np.uint64)
        self._rows: dict[int, NDArray[np.int64]] = {}
        self._place_of: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, row: int, host: str, local: int) -> None:
        """Let packets from `host` on the port of index `local` be looked at for `row`, which is in no place yet."""
        place = key_of(MediaAddress(host, 0), local) & int(HOST_AND_LOCAL)
        if place not in self._rows:
            self._places = np.insert(self._places, np.searchsorted(self._places, np.uint64(place)), np.uint64(place))
        self._rows[place] = np.append(self._rows.get(place, NO_ROWS), row)
        self._place_of[row] = place

    def remove(self, row: int) -> None:
        """Take a row out of its place, if it is in one."""
        place = self._place_of.pop(row, None)
        if place is None:
            return
        self._rows[place] = self._rows[place][self._rows[place] != row]
        if not self._rows[place].size:
            del self._rows[place]
            self._places = self._places[self._places != np.uint64(place)]

    def places(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Give the place of each of n keys, uint64, and whether anybody is there, bool; both of shape (n,)."""
        places = keys & HOST_AND_LOCAL
        if not len(self._places):
            return places, np.zeros(len(keys), np.bool_)
        at = np.minimum(np.searchsorted(self._places, places), len(self._places) - 1)
        return places, self._places[at] == places

    def rows(self, place: int) -> NDArray[np.int64]:
        """Give the rows of a place, int64, in the order in which they came."""
        return self._rows[place]
