"""Faults in who hears whom."""

from msgspec import Struct

__all__ = ["Fault"]

_SENTENCES = {
    "echo": "{0} hears itself at {2:.0f} dBov",
    "leak": "{0} hears {1}, whom it should not hear, at {2:.0f} dBov",
    "deaf": "{0} does not hear {1}",
    "partly deaf": "{0} does not hear {1} in {2:.0%} of the time",
    "swapped": "{0} and {1} have each other's sound: each hears itself and not the other",
    "creep": "the delay from {1} to {0} grows by {2:.1f} ms a second",
}


class Fault(Struct, frozen=True):
    """Something that is not as it should be.

    Attributes
    ----------
    kind
        "echo": it hears itself; "leak": it hears somebody whom it should not; "deaf": it does not hear somebody whom it
        should, "partly deaf": at times; "swapped": two have each other's sound; "creep": the delay grows.
    listener, talker
        Numbers of the bots.
    value
        dBov of what is heard, the share of windows in which nothing was, or milliseconds a second.
    windows
        In how many windows it was seen.
    """

    kind: str
    listener: int
    talker: int
    value: float
    windows: int

    def __str__(self) -> str:
        """Say it in a sentence."""
        return _SENTENCES[self.kind].format(self.listener, self.talker, self.value)
