"""A flow: an open path to a peer (RFC 5626 section 3.1), and the users that keep it open.

Over TCP it is a connection. Whoever has to reach the peer by it holds it: a call, a binding, a subscription. While one
does, we do not close it for being quiet or to make room; when it is gone, its holders are told.
"""

from collections.abc import Callable

from softphone.sip.transport.hop import Hop

__all__ = ["Flow", "Flows", "Hold"]


class Hold:
    """One claim on a flow, until :meth:`release`."""

    def __init__(self, flow: "Flow", told: Callable[[], object] | None) -> None:
        self.flow = flow
        self.told = told

    def release(self) -> None:
        """Give it up; the flow may be closed, and nobody is told."""
        self.flow.holds.discard(self)


class Flow:
    """A connection, seen from above.

    Parameters
    ----------
    hop
        The peer's, with the number of the connection.
    close
        Closes it.

    Attributes
    ----------
    heard_at
        When something came by it last, on the loop's clock: a message, a ping or the answer to one.
    is_open
        False once it is gone.
    spaced
        Whether what has a body is written alone, with silence after it.
    left
        Whether the telephone at its end has said that it is not there any more.
    """

    def __init__(self, hop: Hop, close: Callable[[], None]) -> None:
        self.hop = hop
        self.close = close
        self.heard_at = 0.0
        self.is_open = True
        self.spaced = False
        self.left = False
        self.holds: set[Hold] = set()

    @property
    def is_held(self) -> bool:
        """Whether anybody has a claim on it."""
        return bool(self.holds)

    def hold(self, told: Callable[[], object] | None = None) -> Hold:
        """Claim it; `told` is called once if it closes before the claim is given up."""
        made = Hold(self, told)
        self.holds.add(made)
        return made

    def closed(self) -> None:
        """Tell all who hold it that it is gone."""
        self.is_open = False
        holds, self.holds = self.holds, set()
        for hold in holds:
            if hold.told is not None:
                hold.told()


Flows = Callable[[Hop], Flow | None]
"""Finds the open flow of a hop: the connection that it names, else one to its address. None over UDP."""
