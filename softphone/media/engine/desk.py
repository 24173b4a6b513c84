"""Where requests are handed in by number: each is answered under its number, at once or when what it began is done."""

from collections import defaultdict
from typing import Any

from softphone.errors import MediaError
from softphone.media.contract.leg import RecordingEnded, RecordingInfo
from softphone.media.contract.messages import (
    Done,
    Failed,
    MediaRequest,
    Number,
    Outcome,
    Record,
    RecordLeg,
    SendKeys,
    StopRecording,
)
from softphone.media.engine.engine import Engine
from softphone.media.engine.outcomes import EngineEvent, KeysSent, RecordingOpened

__all__ = ["RequestDesk"]

# What they begin is done later, as an event says.
LASTING = (SendKeys, Record, RecordLeg, StopRecording)


class RequestDesk:
    """The numbered requests of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._told: list[tuple[int, Outcome]] = []
        self._stopping: defaultdict[int, list[int]] = defaultdict(list)

    def ask(self, number: int, request: MediaRequest[Any], now: float) -> None:
        """Carry out a request; `told` gives its answer."""
        reply = self._engine.handle(request, now, number)
        if isinstance(reply, Failed) or not isinstance(request, LASTING):
            self._told.append((number, reply))
        elif isinstance(request, StopRecording):
            self._stopping[request.recording].append(number)

    def told(self) -> list[tuple[int, Outcome]]:
        """Give the answers that are due, each with its number, and what has happened since the last call, with 0."""
        for event in self._engine.events():
            self._told += self._outcomes(event)
        told, self._told = self._told, []
        return told

    def _outcomes(self, event: EngineEvent) -> list[tuple[int, Outcome]]:
        match event:
            case KeysSent(token):
                return [(token, Done())]
            case RecordingOpened(recording, token, error):
                return [(token, Failed(MediaError.__name__, error) if error else Number(recording))]
            case RecordingEnded():
                info = RecordingInfo(event.path, event.seconds, event.tracks, event.reason, event.dropped_s)
                return [(0, event), *((number, info) for number in self._stopping.pop(event.recording, ()))]
        return [(0, event)]
