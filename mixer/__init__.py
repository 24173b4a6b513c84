"""The bridge core: every party is a row of one array, and a 20 ms tick is a handful of numpy calls over all rows.

Pure: no socket, no thread, no clock; whoever drives it passes packets, frames and the time in, and takes frames out.

The matrix products of the tick (clocks that drift, keys in the voice band) are small: a process that ticks sets
`OPENBLAS_NUM_THREADS=1` before numpy is imported, or BLAS wakes threads that cost more than they save.
"""

from mixer.arrival import PartyCounters, ReceptionReport
from mixer.bridge import Bridge
from mixer.errors import (
    BridgeFull,
    FrameError,
    GainError,
    MixerError,
    NoSuchRoom,
    QueueFull,
    RecordingError,
    UnknownRow,
)
from mixer.gate import GateSettings
from mixer.tick import Tick

__all__ = [
    "Bridge",
    "BridgeFull",
    "FrameError",
    "GainError",
    "GateSettings",
    "MixerError",
    "UnknownRow",
    "NoSuchRoom",
    "PartyCounters",
    "QueueFull",
    "ReceptionReport",
    "RecordingError",
    "Tick",
]
