"""Offers within a call, both ways: ours go out one at a time, and again after a glare; the peer's are decided on."""

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from softphone.errors import CallEnded, CallRefused, SipError
from softphone.sip.message.body import SDP, sdp_of
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.ua.invite_server import Acceptances
from softphone.sip.ua.line import Line
from softphone.sip.ua.offer_answer import OfferAnswer, OfferInput
from softphone.sip.ua.peer_offers import OnOffer, PeerOffers
from softphone.sip.ua.watch import Watch

GONE = (408, 481)
"""Answers within a dialog that say: there is no such dialog any more (RFC 3261 section 12.2.1.2)."""


class Offering(Protocol):
    """Whose the offers are: a call."""

    line: Line
    watch: Watch
    local_sdp: str | None
    remote_sdp: str | None
    on_reinvite: OnOffer | None

    @property
    def allowed(self) -> Headers:
        """What the peer may ask for in this call, as headers."""

    async def bye(self) -> None:
        """Hang up."""

    def break_off(self, reason: str) -> None:
        """End a call that the peer does not know any more."""


__all__ = ["GONE", "Offers"]

GLARES = 5
"""How often an offer is sent again after 491; with random waits, two or three are enough."""


class Offers:
    """The offers of one call.

    Parameters
    ----------
    call
        Whose they are; its descriptions are kept up to date.
    accepted
        Sends a 2xx until its ACK.
    table
        As it is at the beginning.
    owns_call_id
        Whether we made the Call-ID, and wait longer after a glare (RFC 3261 section 14.1).

    Attributes
    ----------
    theirs
        Those of the peer.
    """

    def __init__(self, call: Offering, accepted: Acceptances, table: OfferAnswer, *, owns_call_id: bool) -> None:
        self.table = table
        self._call = call
        self._node = call.line.node
        self._accepted = accepted
        self._owns_call_id = owns_call_id
        self._turn = asyncio.Lock()
        self._moved = asyncio.Event()
        self.theirs = PeerOffers(self._node, table, self.step, lambda: call.on_reinvite, self._agree)
        self._over = False
        self._last = 0

    def step(self, what: OfferInput) -> None:
        """Take what happened; who waits for it goes on."""
        self.table.step(what)
        self._moved.set()

    async def until(self, fits: Callable[[], bool]) -> None:
        """Wait until something holds of the table, or the call is over."""
        while not self._over and not fits():
            self._moved.clear()
            await self._moved.wait()

    def close(self) -> None:
        """Take the end of the call: no offer is decided or waited for any more (RFC 3261 section 15.1.2)."""
        self._over = True
        self._moved.set()
        self._call.line.abandon()
        self.theirs.close()

    def answered(self, number: int) -> None:
        """Take note of a 2xx of ours to the INVITE of that CSeq number."""
        self._last = number
        self.step(OfferInput.ACCEPT)

    def acknowledged(self, number: int) -> None:
        """Take the ACK for a 2xx; one for an earlier 2xx settles nothing."""
        if number == self._last:
            self.step(OfferInput.ACK)

    # --- ours

    async def send(self, sdp: str) -> str:
        """Offer anew; returns the answer. See `Call.reinvite`."""
        async with self._turn:
            for _ in range(GLARES):
                await self.until(lambda: self.table.is_stable)
                if self._over:
                    raise CallEnded("the call is over")
                self.step(OfferInput.INVITE)
                try:
                    answer = await self._exchange(sdp)
                finally:
                    self.step(OfferInput.DONE)
                if answer.status != 491:
                    break
                await asyncio.sleep(self._glare_delay())
        if answer.status >= 300:
            raise CallRefused(answer.status, answer.reason)
        self._call.local_sdp = sdp
        self._call.remote_sdp = sdp_of(answer) or ""
        return self._call.remote_sdp

    async def _exchange(self, sdp: str) -> Response:
        call = self._call
        for _ in range(GLARES):
            answer = await self._invite([*call.allowed, *call.watch.refresh.asked()], sdp)
            if not call.watch.refresh.lengthened(answer):
                break
        if answer.status < 300:
            call.watch.refreshed(answer)
        return answer

    async def _invite(self, headers: Headers, sdp: str) -> Response:
        if self._over:
            raise CallEnded("the call is over")
        try:
            answer = await self._call.line.invite(headers, SDP, sdp)
        except SipError:
            await self._call.bye()
            raise
        if answer.status in GONE:
            self._call.break_off("gone")
        return answer

    def _glare_delay(self) -> float:
        """Seconds until an offer is tried again (RFC 3261 section 14.1), in steps of 10 ms."""
        return random.randint(210, 400) / 100 if self._owns_call_id else random.randint(0, 200) / 100

    # --- the peer's

    def _agree(self, key: str, request: Request, offer: str | None, reply: str) -> None:
        call = self._call
        call.line.dialog.refresh(request)
        call.local_sdp = reply
        call.remote_sdp = call.remote_sdp if offer is None else offer
        headers: Headers = [*call.allowed, *call.watch.extended(request)]
        ok = response(request, 200, contact=call.line.dialog.contact, headers=headers, content_type=SDP, body=reply)
        if request.method == "INVITE":
            self.answered(request.cseq.number)
            self._accepted.send(key, ok, offered=offer is None)
        else:
            self.step(OfferInput.DECIDE)
            self._node.respond(key, ok)
