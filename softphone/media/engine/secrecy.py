"""Whole batches of SRTP: what has come is opened in its slots before it is looked at, what is sent is sealed last.

While no leg is encrypted, nothing here runs; a leg that is not costs a look at its row.
"""

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import kernel
from softphone.media.net.directory import Directory, find
from softphone.media.net.slots import HDR_SIZE, SLOT_SIZE, Letters, SendBuffer, Slots
from softphone.media.net.system import copy
from softphone.media.rtp.header import HEADER_SIZE
from softphone.media.rtp.rtp import is_report, is_rtp
from softphone.media.rtp.vault import TRAILER, Safe, Vault, refuse, seal, unnamed, unseal

__all__ = ["Envelopes", "Opener"]

SSRC_AT = 8
ALIGNED = 16


@kernel
def open_slots(
    which: NDArray[np.int64], keys: NDArray[np.uint64], places: NDArray[np.uint64], row_at: NDArray[np.int64],
    safes: Safe, data: NDArray[np.uint8], data_at: int, words: NDArray[np.uint32], length: NDArray[np.uint32],
    length_at: int,
) -> None:  # fmt: skip
    """Open the media of encrypted rows; of what is refused, the length is 0 then.

    Parameters
    ----------
    which, keys
        int64, the slots that are looked at; uint64, the sender of each slot.
    places, row_at
        The directory of senders (`softphone.media.net.directory`).
    safes
        `softphone.media.rtp.vault`, of each row.
    data, data_at, words, length, length_at
        Of `Slots`; its data as words of 32 bits, too.
    """
    for i in which:
        if is_report(data[i]) or not is_rtp(data[i], length[i]):
            continue
        row = find(places, row_at, keys[i])
        if row < 0 or not safes[row].secret:
            continue
        length[i] = unnamed(safes[row], data[i], length[i], False)
        ssrc = words[i, SSRC_AT // 4]
        seq = int(data[i, 2]) << 8 | int(data[i, 3])
        error = unseal(safes[row], data_at + i * SLOT_SIZE, length_at + i * HDR_SIZE, ssrc, seq, False)
        if error != 0:
            refuse(safes[row], error)
            length[i] = 0


@kernel
def seal_payloads(
    rows: NDArray[np.int64], safes: Safe, headers_at: int, base: NDArray[np.uint64],
    length: NDArray[np.uint64], room_at: int, room: int, size: NDArray[np.int32], size_at: int,
    sealed: NDArray[np.bool_],
) -> bool:  # fmt: skip
    """Seal planned datagrams of encrypted rows, each in an envelope of its own, to which its payload points then.

    Parameters
    ----------
    rows
        int64, shape (n,): the row of each datagram.
    safes
        As of `open_slots`.
    headers_at, base, length
        Of `SendBuffer`: where its headers lie in memory; `base` and `length` are written.
    room_at, room
        Where the envelopes lie in memory, and how many bytes each has.
    size, size_at
        int32, shape (1,), and where it lies.
    sealed
        bool, written: whether each datagram may be sent.

    Returns
    -------
    bool
        Whether all may.
    """
    all_sealed = True
    for i in range(len(rows)):
        sealed[i] = True
        safe = safes[rows[i]]
        if not safe.secret:
            continue
        at = room_at + i * room
        copy(at, headers_at + i * HEADER_SIZE, HEADER_SIZE)
        copy(at + HEADER_SIZE, base[i], length[i])
        size[0] = HEADER_SIZE + length[i]
        if seal(safe, at, size_at, False) != 0:
            sealed[i] = all_sealed = False
        base[i], length[i] = at + HEADER_SIZE, size[0] - HEADER_SIZE
    return all_sealed


@kernel
def seal_letters(
    rows: NDArray[np.int64], safes: Safe, data_at: int, room: int, length: NDArray[np.uint64], size: NDArray[np.int32],
    size_at: int, sealed: NDArray[np.bool_],
) -> bool:  # fmt: skip
    """Seal reports of encrypted rows where they lie; parameters as of `seal_payloads`."""
    all_sealed = True
    for i in range(len(rows)):
        sealed[i] = True
        if not safes[rows[i]].secret:
            continue
        size[0] = length[i]
        if seal(safes[rows[i]], data_at + i * room, size_at, True) != 0:
            sealed[i] = all_sealed = False
        length[i] = size[0]
    return all_sealed


class Opener:
    """Opens what has come in `slots`.

    Parameters
    ----------
    slots, vault
        What it works between.
    """

    def __init__(self, slots: Slots, vault: Vault) -> None:
        self._slots, self._vault = slots, vault
        self._words: NDArray[np.uint32] = slots.data.view(np.uint32)
        self._proven: set[int] = set()

    def open(self, which: NDArray[np.int64], directory: Directory) -> None:
        """Open the media of encrypted rows among some slots, once."""
        slots = self._slots
        if not len(self._vault):
            return
        if self._proven:
            which = which[~np.isin(which, list(self._proven))]
        where = directory.keys, directory.rows, self._vault.table
        data = slots.data, slots.data.ctypes.data, self._words
        open_slots(which, slots.keys(), *where, *data, slots.length, slots.length_at)

    def proves(self, row: int, slot: int) -> bool:
        """Tell whether a stranger's media is what the peer of a row sends: sealed by its key; it is opened then."""
        if not self._vault.table["secret"][row]:
            return True
        opened = self._vault.proves(row, self._slots.data[slot, : self._slots.length[slot]].tobytes())
        if opened is None:
            return False
        self._slots.data[slot, : len(opened)] = np.frombuffer(opened, np.uint8)
        self._slots.length[slot] = len(opened)
        self._proven.add(slot)
        return True

    def report(self, row: int, slot: int) -> bytes | None:
        """Give what a report says that is of a row; None: it is refused."""
        return self._vault.open(row, self._slots.data[slot, : self._slots.length[slot]].tobytes(), report=True)

    def clear(self) -> None:
        """Forget what was opened: the slots are empty."""
        self._proven.clear()


class Envelopes:
    """Room in which what is sent is sealed: listeners of one sound share its bytes, but nobody shares a key.

    Parameters
    ----------
    count, longest
        How many datagrams, and the bytes of the longest payload.
    vault
        Whose keys seal them.

    Attributes
    ----------
    sealed
        bool, shape (count,): which of the last datagrams may be sent.
    """

    def __init__(self, count: int, longest: int, vault: Vault) -> None:
        self._vault = vault
        self._room = -(-(HEADER_SIZE + longest + TRAILER) // ALIGNED) * ALIGNED
        # Memory that no leg needs is never touched.
        self._data = np.zeros((count, self._room), np.uint8)
        self._size, self.sealed = np.zeros(1, np.int32), np.zeros(count, np.bool_)

    def seal(self, rows: NDArray[np.int64], outbox: SendBuffer, ports: NDArray[np.int64]) -> NDArray[np.int64]:
        """Seal the first datagrams of `outbox`, those of `rows`, as far as their legs are encrypted.

        Gives the `ports` of those that may be sent; they are the first then.
        """
        if not len(self._vault):
            return ports
        out = outbox.headers.ctypes.data, outbox.base, outbox.length
        room, size = (self._data.ctypes.data, self._room), (self._size, self._size.ctypes.data)
        if seal_payloads(rows, self._vault.table, *out, *room, *size, self.sealed):
            return ports
        return self._left(outbox, ports)

    def seal_reports(self, rows: NDArray[np.intp], letters: Letters, ports: NDArray[np.int64]) -> NDArray[np.int64]:
        """Seal the first of `letters` as `seal` does."""
        if not len(self._vault):
            return ports
        room, size = (letters.data.ctypes.data, letters.data.shape[1]), (self._size, self._size.ctypes.data)
        if seal_letters(rows, self._vault.table, *room, letters.length, *size, self.sealed):
            return ports
        return self._left(letters, ports)

    def _left(self, outbox: SendBuffer | Letters, ports: NDArray[np.int64]) -> NDArray[np.int64]:
        """Leave out what may not be sent."""
        kept = np.flatnonzero(self.sealed[: len(ports)])
        outbox.keep(kept)
        return ports[kept]
