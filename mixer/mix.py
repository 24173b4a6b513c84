"""Sums of rooms: each is summed once in int32, exactly.

What a talker hears is that sum minus the own voice, still exact. Only then is it narrowed (`mixer.limit`).
"""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]
Wide = NDArray[np.int32]


def room_sums(heard: NDArray[np.int16], talkers: Rows, room: NDArray[np.int32], out: Wide) -> None:
    """
    Sum what is said in every room: `out[r] = sum(heard[t] for t in talkers if room[t] == r)`.

    Parameters
    ----------
    heard : ndarray of int16, shape (rows, samples)
        What each row said.
    talkers : ndarray of intp, shape (n,)
        The rows that count.
    room : ndarray of int32, shape (rows,)
        Where each row sits; not -1 for a talker.
    out : ndarray of int32, shape (rooms, samples)
        The sums; exact for up to 65,536 talkers.
    """
    out[:] = 0
    sums_by(heard, talkers, room[talkers], out)


def sums_by(heard: NDArray[np.int16], rows: Rows, place: NDArray[np.integer], out: Wide) -> None:
    """
    Sum rows by place: `out[p] = sum(heard[rows[i]] for all i with place[i] == p)`.

    Parameters
    ----------
    heard : ndarray of int16, shape (rows, samples)
        What each row said.
    rows : ndarray of intp, shape (n,)
        The rows to sum; a row may be summed in several places.
    place : ndarray of integers, shape (n,)
        Where each of them belongs.
    out : ndarray of int32, shape (places, samples)
        The sums, exact; places without rows are left as they are.
    """
    if not len(rows):
        return
    order = np.argsort(place, kind="stable")
    place = place[order]
    begin = np.flatnonzero(np.append(True, place[1:] != place[:-1]))
    if len(begin) == 1:
        np.sum(heard[rows], axis=0, dtype=np.int32, out=out[place[0]])
        return
    out[place[begin]] = np.add.reduceat(heard[rows[order]], begin, axis=0, dtype=np.int32)
