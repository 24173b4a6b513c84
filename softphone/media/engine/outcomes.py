"""What an engine tells its desk alone: requests that took more than a moment are done. None leaves the process."""

from dataclasses import dataclass

from softphone.media.contract.leg import Event

__all__ = ["EngineEvent", "KeysSent", "RecordingOpened"]


@dataclass(frozen=True, slots=True)
class KeysSent:
    """The last end packet of a `SendKeys` request is out (or the leg is gone)."""

    token: int
    "Number of the request."


@dataclass(frozen=True, slots=True)
class RecordingOpened:
    """The file of a recording is open, or why it cannot be: then there is no such recording (any more)."""

    recording: int
    token: int
    "Number of the request."
    error: str = ""


EngineEvent = Event | KeysSent | RecordingOpened
