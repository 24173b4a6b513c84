"""The control side of media: one question, `Media.ask`, whoever does the work.

`WorkerProcess` talks to one worker, `Pool` to several, `LocalMedia` has the engine in this process.
"""

import asyncio
import itertools
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, TypeVar, cast

from softphone.errors import MediaError
from softphone.media.contract.leg import Event
from softphone.media.contract.messages import Failed, MediaRequest, Outcome, Reply

__all__ = ["Media", "MediaChannel"]

R = TypeVar("R")


def ignore(event: Event) -> None:
    """Do nothing with an event."""


class Media:
    """What the focus and the agent need of media: `softphone.media.contract.messages` says what can be asked for.

    Attributes
    ----------
    on_event
        Set by the owner; called in the event loop, and for what a request has made after its reply.
    fingerprint
        Of the certificate for peers of WebRTC; "": legs with ICE are not served.
    certificate
        The same, for peers whose keys are made by DTLS without ICE.
    families
        Of the addresses that media can be sent to, 4 and 6.
    """

    fingerprint = ""
    certificate = ""
    families: Collection[int] = (4,)

    def __init__(self) -> None:
        self.on_event: Callable[[Event], None] = ignore

    async def ask(self, request: MediaRequest[R]) -> R:
        """Have a request carried out; gives its answer when it is done.

        Raises
        ------
        NoSuchLeg
            When there is no such leg, room, recording or playback.
        MediaError
            When it cannot be done.
        """
        raise NotImplementedError

    def tell(self, request: MediaRequest[Any]) -> None:
        """Have a request carried out after those before, and never know whether it was."""
        raise NotImplementedError

    def apart(self, leg: int, room: int) -> bool:
        """Whether a leg and a room are on different workers: media would have to go to another address."""
        return False


class MediaChannel(Media):
    """`Media` whose requests and replies carry numbers; see `softphone.media.engine.desk`."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)
        self._pending: dict[int, tuple[MediaRequest[Any], asyncio.Future[Reply]]] = {}

    def transmit(self, number: int, request: MediaRequest[Any]) -> None:
        """Bring a request to the engine; `take` brings the reply."""
        raise NotImplementedError

    async def ask(self, request: MediaRequest[R]) -> R:
        """Have a request carried out; see `Media.ask`."""
        reply = await self.send(request)
        if isinstance(reply, Failed):
            raise reply.error()
        return cast("R", reply)

    def tell(self, request: MediaRequest[Any]) -> None:
        """Have a request carried out; see `Media.tell`."""
        with suppress(MediaError):
            self.send(request).add_done_callback(asyncio.Future.exception)

    def send(self, request: MediaRequest[Any]) -> "asyncio.Future[Reply]":
        """Send a request; the future gives its reply."""
        number = next(self._numbers)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._pending[number] = request, future
        try:
            self.transmit(number, request)
        except BaseException:
            del self._pending[number]
            raise
        return future

    def take(self, messages: Sequence[tuple[int, Outcome]]) -> None:
        """Take replies and events. Whoever waits for a reply is to know it before the events that came with it."""
        events = [cast("Event", message) for number, message in messages if not number]
        loop = None
        for number, message in messages:
            if number:
                request, future = self._pending.pop(number)
                self.answered(request, cast("Reply", message))
                loop = future.get_loop()
                if not future.done():
                    future.set_result(cast("Reply", message))
        if loop is not None and events:
            loop.call_soon(self._tell, events)
        else:
            self._tell(events)

    def answered(self, request: MediaRequest[Any], reply: Reply) -> None:
        """Take note of a reply."""

    def abandon(self, error: MediaError) -> None:
        """Let everybody who waits for a reply fail."""
        pending, self._pending = self._pending, {}
        for _, future in pending.values():
            if not future.done():
                future.set_exception(error)

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            self.on_event(event)
