"""Signalling to the client of a party: a SIP call, or the HTTP resource of one that joined by HTTP.

A party is the same in rules, roster, events, history and recordings, whatever way its client came. The focus needs of
that way no more than this: whether it stands, to end it, and to hear that it has ended.
"""

from collections.abc import Callable
from typing import Protocol

from softphone.sip.message.message import Headers
from softphone.sip.ua.call import InviteState

__all__ = ["HttpCall", "Signalling"]


class Signalling(Protocol):
    """What the focus needs of a party's call; `softphone.sip.ua.call.InviteSession` is one.

    Attributes
    ----------
    direction
        ``in`` or ``out``: whether the client called, or was called.
    on_ended
        Called exactly once when it ends, whoever ended it, with the reason.
    """

    direction: str

    @property
    def state(self) -> InviteState:
        """Where it stands."""

    @property
    def on_ended(self) -> Callable[[str], object] | None:
        """Who is told of the end."""

    @on_ended.setter
    def on_ended(self, told: Callable[[str], object] | None) -> None: ...

    @property
    def is_confirmed(self) -> bool:
        """Whether it is answered, and not over."""

    async def bye(self, headers: Headers = ()) -> None:
        """Hang up."""


class HttpCall:
    """The call of a client that has joined by HTTP: answered when it begins, ended by either side.

    Parameters
    ----------
    source_host
        The address that its requests come from; shown to be its own, since they come by TCP.
    known
        Whether it has proved who it is.

    Attributes
    ----------
    on_closed
        Called when it is over, before `on_ended`: its resource is no more.
    on_offer_wanted
        Asks it to offer anew; whether it can be asked.
    can_be_asked
        Whether it can be.
    reason
        Why it is over, or is about to be; empty: it is not.
    """

    def __init__(self, source_host: str, *, known: bool = False) -> None:
        self.direction, self.source_host, self.known = "in", source_host, known
        self.on_ended: Callable[[str], object] | None = None
        self.on_closed: Callable[[], object] = lambda: None
        self.on_offer_wanted: Callable[[], bool] = lambda: False
        self.can_be_asked: Callable[[], bool] = lambda: False
        self.state = InviteState.CONFIRMED
        self.reason = ""

    @property
    def is_confirmed(self) -> bool:
        """Whether it is not over."""
        return self.state is InviteState.CONFIRMED

    async def bye(self, _headers: Headers = ()) -> None:
        """End it from our side."""
        self.end("hangup")

    def end(self, reason: str) -> None:
        """End it, from whichever side; once it is over nothing happens."""
        if self.state is InviteState.ENDED:
            return
        self.state, self.reason = InviteState.ENDED, self.reason or reason
        self.on_closed()
        if self.on_ended is not None:
            self.on_ended(reason)
