"""For tests of bots: a conference bridge in memory, and an event loop with virtual time.

`ConferenceBridge` is called by :class:`softphone.Agent` and :func:`softphone.run_bot` without a socket; `run` runs a
test to its end while time passes only where everybody waits. Below them, for tests of signalling and of rules: `Ether`,
the wire; `PaperBridge`, a bridge whose calls and media are on paper only.
"""

from softphone.testing.bridge import PaperBridge, PaperCall
from softphone.testing.clock import JumpingLoop, run
from softphone.testing.conference import ConferenceBridge
from softphone.testing.wire import Ether

__all__ = ["ConferenceBridge", "Ether", "JumpingLoop", "PaperBridge", "PaperCall", "run"]
