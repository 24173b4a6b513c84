"""What one tick of the bridge gives: the frames to send and who gets which."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


def _no_rows() -> Rows:
    return np.zeros(0, np.intp)


@dataclass(slots=True)
class Tick:
    """
    The outcome of one tick. The arrays are reused: valid until the next tick.

    Attributes
    ----------
    frames : ndarray of int16, shape (frames, samples)
        The different mixes of this tick, limited, ready to encode: first the private mixes (talkers hear all but
        themselves), then one frame per room, last one frame of silence.
    frame_of_row : ndarray of int64, shape (capacity,)
        The index into `frames` of what each row is to be sent; -1: send nothing.
    heard : ndarray of int16, shape (capacity, samples)
        What each row said, after playout, concealment, gain and mute.
    talking_started, talking_stopped : ndarray of intp
        Rows whose gate opened or closed. Every start is followed by one stop, whatever becomes of the party.
    dominant : ndarray of int32, shape (rooms,)
        The row that leads in each room, -1: nobody spoke yet.
    keys : list of (row, digit)
        Digits dialled with in-band tones, in order.
    first_room : int
        Index into `frames` of the frame of room 0.
    private : ndarray of bool, shape (capacity,)
        Rows that whisper: their room does not hear them.
    recorded : dict of int to ndarray of int16, shape (samples,)
        The frames to record of rooms in which something sounds that is not to be recorded.
    """

    frames: NDArray[np.int16]
    frame_of_row: NDArray[np.int64]
    heard: NDArray[np.int16]
    dominant: NDArray[np.int32]
    private: NDArray[np.bool_]
    first_room: int = 0
    talking_started: Rows = field(default_factory=_no_rows)
    talking_stopped: Rows = field(default_factory=_no_rows)
    keys: list[tuple[int, str]] = field(default_factory=list)
    recorded: dict[int, NDArray[np.int16]] = field(default_factory=dict)

    def room_frame(self, room: int) -> NDArray[np.int16]:
        """
        Everything said in a room: what a listener there hears.

        Parameters
        ----------
        room : int
            A room of the bridge.

        Returns
        -------
        ndarray of int16, shape (samples,)
            A view into `frames`.
        """
        frame: NDArray[np.int16] = self.frames[self.first_room + room]
        return frame

    def recorded_frame(self, room: int) -> NDArray[np.int16]:
        """
        Everything said in a room but what is not to be recorded: what a recorder writes.

        Parameters
        ----------
        room : int
            A room of the bridge.

        Returns
        -------
        ndarray of int16, shape (samples,)
            A view; the frame of the room when nothing was left out.
        """
        frame = self.recorded.get(room)
        return self.room_frame(room) if frame is None else frame

    def track_frame(self, row: int) -> NDArray[np.int16]:
        """
        Give what a party said to its room: what the recorder of its own track writes.

        Parameters
        ----------
        row : int
            A row of the bridge.

        Returns
        -------
        ndarray of int16, shape (samples,)
            A view into `heard`; zeros while it whispers.
        """
        frame: NDArray[np.int16] = self.heard[row]
        return np.zeros_like(frame) if self.private[row] else frame

    def frame_for(self, row: int) -> NDArray[np.int16]:
        """
        Give what one party hears.

        Parameters
        ----------
        row : int
            A row of the bridge.

        Returns
        -------
        ndarray of int16, shape (samples,)
            A view into `frames`; silence where nothing is to be sent, since the last frame is silence.
        """
        frame: NDArray[np.int16] = self.frames[self.frame_of_row[row]]
        return frame
