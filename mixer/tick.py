"""The result of a tick: the frames to send, and their listeners."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixer.lane import Lane
from mixer.party import Parties

Rows = NDArray[np.intp]
Frame = NDArray[np.int16]
NOBODY: Rows = np.zeros(0, np.intp)


class Tick:
    """
    The outcome of one tick. The arrays are reused: valid until the next tick.

    Attributes
    ----------
    lanes : sequence of Lane
        What was said and mixed at each rate.
    frame_of_row : ndarray of int64, shape (capacity,)
        The index into `frames` of its lane of what each row is to be sent; -1: send nothing.
    talking_started, talking_stopped : ndarray of intp
        Rows whose gate opened or closed. Every start is followed by one stop, whatever becomes of the party.
    keys : list of (row, digit)
        Digits dialled with in-band tones, in order.
    private : ndarray of bool, shape (capacity,)
        Rows that whisper: their room does not hear them.
    """

    def __init__(self, lanes: Sequence[Lane], parties: Parties) -> None:
        self.lanes = lanes
        self.frame_of_row: NDArray[np.int64] = parties["frame"]
        self.private: NDArray[np.bool_] = parties["private"]
        self._lane_of, self._ear_lane = parties["lane"], parties["ear_lane"]
        self.talking_started: Rows = NOBODY
        self.talking_stopped: Rows = NOBODY
        self.keys: list[tuple[int, str]] = []

    def tell(self, changed: Rows) -> None:
        """Tell of rows whose gates opened, and, as -1 - row, of those whose gates closed."""
        self.talking_started = self.talking_stopped = NOBODY
        if len(changed):
            self.talking_started, self.talking_stopped = changed[changed >= 0], -1 - changed[changed < 0]

    def frame_for(self, row: int) -> Frame:
        """
        Give what one party hears.

        Parameters
        ----------
        row : int
            A row of the bridge.

        Returns
        -------
        ndarray of int16, shape (samples,)
            A view, at the rate that it hears; silence where nothing is to be sent, since the last frame is silence.
        """
        frame: Frame = self.lanes[self._ear_lane[row]].frames[self.frame_of_row[row]]
        return frame

    def said_by(self, row: int) -> Frame:
        """
        Give what a party says, after playout, concealment, gain and mute.

        Parameters
        ----------
        row : int
            A row of the bridge.

        Returns
        -------
        ndarray of int16, shape (samples,)
            A view, at the rate that it speaks.
        """
        frame: Frame = self.lanes[self._lane_of[row]].heard[row]
        return frame

    def room_frame(self, room: int, lane: int = 0) -> Frame:
        """
        Everything said in a room: what a listener there hears.

        Parameters
        ----------
        room : int
            A room of the bridge.
        lane : int
            The place in `lanes` of a rate at which somebody listens, or it is recorded.

        Returns
        -------
        ndarray of int16, shape (samples,)
            A view.
        """
        at = self.lanes[lane]
        frame: Frame = at.frames[at.first_room + room]
        return frame

    def recorded_frame(self, room: int, lane: int = 0) -> Frame:
        """
        Everything said in a room but what is not to be recorded: what a recorder writes. Silence stays silence.

        Parameters
        ----------
        room, lane : int
            As for `room_frame`.

        Returns
        -------
        ndarray of int16, shape (samples,)
            A view; the frame of the room when nothing was left out.
        """
        at = self.lanes[lane]
        if at.left_out[room]:
            return at.recorded[room]
        return at.silence if at.softened[room] else self.room_frame(room, lane)
