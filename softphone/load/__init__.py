"""Load: how many parties a conference service carries with good sound, and proof of who hears whom.

A run is made of four things, each of which knows only those below it::

    run, scenario, search    what happens when                   (asyncio)
    caller                   the calls of all bots               (one SIP stack)
    truth, report, plan      what is to hold, and what was seen  (values)
    media                    the sound of all bots               (arrays; no Python per bot and packet)

The bots do not mix: each says a run of frames that were encoded once, and what comes is counted and measured where it
lies.
"""

import importlib
from typing import TYPE_CHECKING

from softphone.load.faults import Fault
from softphone.load.plan import LoadPlan, Objectives
from softphone.load.report import LoadReport

if TYPE_CHECKING:
    from softphone.load.run import LoadRun, run_load

__all__ = ["Fault", "LoadPlan", "LoadReport", "LoadRun", "Objectives", "run_load"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import what loads the compiler when it is asked for (PEP 562): reports are read without."""
        if name in __all__:
            return getattr(importlib.import_module("softphone.load.run"), name)
        raise AttributeError(f"module 'softphone.load' has no attribute {name!r}")
