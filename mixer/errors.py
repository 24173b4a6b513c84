"""Exceptions of the mixer.

MixerError
├── FrameError      our mistake: an array of the wrong type, shape or rate crossed the border
├── GainError       our mistake: a gain that is no number, below 0 or absurdly high
├── UnknownRow      our mistake: a row that holds no party
├── NoSuchRoom      our mistake: a room that does not exist
├── BridgeFull      a refusal: no free row, or no free room
├── QueueFull       a refusal: a local party pushed more than its queue holds
└── RecordingError  the disk: a recording could not be written
"""


class MixerError(Exception):
    """Root of everything this package raises on purpose."""


class FrameError(MixerError, ValueError):
    """An array of the wrong type, shape or rate crossed the border."""


class GainError(MixerError, ValueError):
    """A gain is not a number from 0 to what the mixer can carry."""


class UnknownRow(MixerError, LookupError):
    """The row holds no party."""


class NoSuchRoom(MixerError, LookupError):
    """The room does not exist."""


class BridgeFull(MixerError):
    """Every row, or every room, is taken."""


class QueueFull(MixerError):
    """A local party pushed more samples than its queue holds; nothing of them was taken."""


class RecordingError(MixerError):
    """A recording could not be written; the operating system's error is the cause."""
