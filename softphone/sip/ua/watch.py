"""Liveness of the peer of a call: session timer (RFC 4028), and OPTIONS to a silent peer."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

from softphone.errors import CallEnded, CallRefused, SipError
from softphone.sip.message.message import Headers, Message, Request, Response
from softphone.sip.ua.edge_profile import EdgeProfile
from softphone.sip.ua.line import Line
from softphone.sip.ua.refresh import Due, Refresh, SessionSettings

__all__ = ["Watch"]

# How long a peer may take to be back by another connection.
RETURN_S = 32.0


class Watched(Protocol):
    """Whose peer is watched: a call."""

    line: Line
    local_sdp: str | None
    edge: EdgeProfile

    @property
    def is_confirmed(self) -> bool:
        """Whether it is answered and acknowledged, and not over."""

    @property
    def allowed(self) -> Headers:
        """What the peer may ask for in this call, as headers."""

    async def request(self, method: str, *, headers: Headers = ()) -> Response:
        """Send a request within the call."""

    async def reinvite(self, sdp: str) -> str:
        """Offer anew."""

    def break_off(self, reason: str) -> None:
        """End a call that the peer does not know any more."""


class Watch:
    """The timers of one call.

    Parameters
    ----------
    call
        Whose peer is watched.
    refresh
        Its session timer, perhaps asked for already.
    settings
        How it is watched.

    Attributes
    ----------
    on_refresh
        Awaited when the session is to be refreshed by an offer (RFC 4028): offers again what is agreed on. While it is
        None, our latest description is offered.
    """

    def __init__(self, call: Watched, refresh: Refresh, settings: SessionSettings) -> None:
        self.refresh = refresh
        self.on_refresh: Callable[[], Awaitable[object]] | None = None
        self._call = call
        self._settings = settings
        self._peer_allows: list[str] = []
        self._session: asyncio.TimerHandle | None = None
        self._question: asyncio.TimerHandle | None = None
        self._over = False
        call.line.way.on_lost = self.lost

    @property
    def _unasked(self) -> bool:
        """Whether its connection alone tells if the peer is there; over UDP there is none, and it is asked."""
        return self._call.edge.unasked and self._call.line.way.came.reliable

    def lost(self) -> None:
        """Take note that the peer's connection is closed: one that answers no question is given up if it stays away."""
        if self._unasked and not self._over:
            asyncio.get_running_loop().call_later(RETURN_S, self._given_up)

    def _look(self) -> None:
        """Find out that it was closed before there was anybody to be told of it."""
        if not self._call.line.way.is_open:
            self.lost()

    def _given_up(self) -> None:
        if not self._over and not self._call.line.way.is_open:
            self._call.break_off("gone")

    def quiet(self, on: bool) -> None:
        """Ask the peer from time to time, since nothing is heard of it; or no more."""
        if self._question is not None:
            self._question.cancel()
            self._question = None
        if self._unasked:
            return
        if on and not self._over and self._settings.probe_s > 0:
            loop = asyncio.get_running_loop()
            self._question = loop.call_later(self._settings.probe_s, lambda: self._call.line.node.spawn(self._ask()))

    def refreshed(self, answer: Response) -> None:
        """Take what the 2xx to an INVITE or UPDATE of ours says of the session's length."""
        if self._unasked:
            self._look()
            return
        self._note(answer)
        self.refresh.agreed(answer, _now())
        self._arm()

    def extended(self, request: Request) -> Headers:
        """Say in our 2xx to an INVITE or UPDATE how long the session lasts from now on."""
        if self._unasked:
            self._look()
            return []
        self._note(request)
        headers = self.refresh.answered(request, _now())
        self._arm()
        return headers

    def stop(self) -> None:
        """Watch no longer."""
        self._over, self.on_refresh = True, None
        self._arm()
        self.quiet(False)

    def _note(self, message: Message) -> None:
        self._peer_allows = message.tokens("Allow") or self._peer_allows

    def _arm(self) -> None:
        if self._session is not None:
            self._session.cancel()
        due = self.refresh.deadline
        self._session = None if due is None or self._over else asyncio.get_running_loop().call_at(due, self._due)

    def _due(self) -> None:
        match self.refresh.expire(_now()):
            case Due.REFRESH:
                self._call.line.node.spawn(self._renew())
            case Due.OVER:
                self._call.break_off("gone")
        self._arm()

    async def _renew(self) -> None:
        """Refresh the session (RFC 4028 section 7.4), by UPDATE where the peer takes that."""
        with contextlib.suppress(SipError):
            by = self._by_update if "UPDATE" in self._peer_allows else self._by_offer
            try:
                done = await by()
            except CallEnded:
                raise
            except CallRefused:
                done = False
            if not done:
                self.refresh.refused(_now())
                self._arm()

    async def _by_update(self) -> bool:
        for _ in range(2):
            answer = await self._call.request("UPDATE", headers=[*self._call.allowed, *self.refresh.asked()])
            if not self.refresh.lengthened(answer):
                break
        if answer.status < 300:
            self.refreshed(answer)
        elif answer.status in (405, 501):
            self._peer_allows = []
        return answer.status < 300

    async def _by_offer(self) -> bool:
        """Offer what is agreed on again."""
        if self.on_refresh is not None:
            await self.on_refresh()
        elif self._call.local_sdp is not None:
            await self._call.reinvite(self._call.local_sdp)
        return self._call.local_sdp is not None

    async def _ask(self) -> None:
        """Ask the peer whether it is there: any answer but 408 and 481 says so, and the call goes on."""
        asking = self._question
        if self._call.is_confirmed:
            with contextlib.suppress(SipError):
                await self._call.request("OPTIONS")
        if self._question is asking:  # it may have been heard, or fallen silent anew, meanwhile
            self.quiet(True)


def _now() -> float:
    return asyncio.get_running_loop().time()
