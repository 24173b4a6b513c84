"""The bridge core: every party is a row of one array, and a 20 ms tick is a handful of compiled loops over all rows.

Pure: no socket, no thread, no clock; whoever drives it passes packets, frames and the time in, and takes frames out.
"""

import importlib
from typing import Any

_HOME = {
    "Bridge": "bridge",
    "BridgeFull": "errors",
    "FrameError": "errors",
    "GainError": "errors",
    "GateSettings": "gate",
    "MixerError": "errors",
    "NoSuchRoom": "errors",
    "PartyCounters": "arrival",
    "QueueFull": "errors",
    "ReceptionReport": "arrival",
    "RecordingError": "errors",
    "Tick": "tick",
    "UnknownRow": "errors",
}
"""Public names and the modules they are defined in."""

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    """Give a public name when it is asked for: who needs a constant of a module does not load the compiler."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
