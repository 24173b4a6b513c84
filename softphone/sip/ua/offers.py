"""Offers within a call, both ways: ours go out one at a time, and again after a glare; the peer's are decided on."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Protocol

from softphone.errors import CallEnded, CallRefused, SdpError, SipError
from softphone.sip.message.body import SDP, sdp_of
from softphone.sip.message.fields import warning
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.ua.invite_server import Acceptances
from softphone.sip.ua.line import Line
from softphone.sip.ua.offer_answer import OfferAnswer, OfferInput, OfferState
from softphone.sip.ua.watch import Watch

GONE = (408, 481)
"""Answers within a dialog that say: there is no such dialog any more (RFC 3261 section 12.2.1.2)."""


class Offering(Protocol):
    """Whose the offers are: a call."""

    line: Line
    watch: Watch
    local_sdp: str | None
    remote_sdp: str | None
    on_reinvite: Callable[[str | None], Awaitable[str]] | None

    @property
    def allowed(self) -> Headers:
        """What the peer may ask for in this call, as headers."""

    async def bye(self) -> None:
        """Hang up."""

    def break_off(self, reason: str) -> None:
        """End a call that the peer does not know any more."""


__all__ = ["GONE", "Offers", "retry_after"]

log = logging.getLogger(__name__)

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
    state
        Of the table, at the beginning.
    owns_call_id
        Whether we made the Call-ID, and wait longer after a glare (RFC 3261 section 14.1).
    """

    def __init__(self, call: Offering, accepted: Acceptances, state: OfferState, *, owns_call_id: bool) -> None:
        self._call = call
        self._node = call.line.node
        self._accepted = accepted
        self._table = OfferAnswer(state)
        self._owns_call_id = owns_call_id
        self._turn = asyncio.Lock()
        self._stable = asyncio.Event()
        self._asked: tuple[str, Request] | None = None
        self._over = False
        self._last = 0
        self.step()

    def step(self, *what: OfferInput) -> None:
        """Take what happened; who waits to offer goes on when nothing is open."""
        for each in what:
            self._table.step(each)
        if self._table.is_stable or self._over:
            self._stable.set()
        else:
            self._stable.clear()

    def close(self) -> None:
        """Take the end of the call: no offer is decided or waited for any more (RFC 3261 section 15.1.2)."""
        self._over = True
        self.step()
        self._call.line.abandon()
        if self._asked is not None:
            key, request = self._asked
            self._node.respond(key, response(request, 487))

    def answered(self, number: int, *, offered: bool) -> None:
        """Take note of a 2xx of ours to the INVITE of that CSeq number; `offered`: it holds our offer."""
        self._last = number
        self.step(OfferInput.OFFER_BACK if offered else OfferInput.ANSWER)

    def acknowledged(self, number: int) -> None:
        """Take the ACK for a 2xx; one for an earlier 2xx settles nothing."""
        if number == self._last:
            self.step(OfferInput.ACK)

    # --- ours

    async def send(self, sdp: str) -> str:
        """Offer anew; returns the answer. See `Call.reinvite`."""
        async with self._turn:
            for _ in range(GLARES):
                await self._stable.wait()
                if self._over:
                    raise CallEnded("the call is over")
                self.step(OfferInput.OFFER)
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

    def receive(self, key: str, request: Request) -> None:
        """Take a re-INVITE, or an UPDATE with an offer."""
        if self._over:
            self._node.respond(key, response(request, 481))
        elif (status := self._table.refusal) is not None:
            self._node.respond(key, response(request, status, headers=retry_after() if status == 500 else ()))
        else:
            self.step(OfferInput.ASK)
            self._asked = key, request
            self._node.spawn(self._answer(key, request))

    def cancelled(self, key: str) -> None:
        """Take the CANCEL of a re-INVITE (RFC 3261 section 9.2): whatever is decided, nothing changes."""
        if self._asked is not None and self._asked[0] == key:
            _, request = self._asked
            self._asked = None
            self.step(OfferInput.REFUSE)
            self._node.respond(key, response(request, 487))

    async def _answer(self, key: str, request: Request) -> None:
        offer = sdp_of(request)
        refusal: Response | None = None
        try:
            reply = await self._decide(offer)
        except CallRefused as error:
            refusal = response(request, error.status, error.reason or None)
            if isinstance(error.__cause__, SdpError):
                refusal.set(*warning(error.__cause__))
        except Exception:
            log.exception("a new offer could not be answered")
            refusal = response(request, 500)
        if self._over or self._asked != (key, request):
            return
        self._asked = None
        if refusal is not None:
            self.step(OfferInput.REFUSE)
            self._node.respond(key, refusal)
        else:
            self._agree(key, request, offer, reply)

    async def _decide(self, offer: str | None) -> str:
        if self._call.on_reinvite is None:
            # Who called or was called is still at the answer; who is told so asks again (RFC 3261 section 14.1).
            raise CallRefused(491, "Request Pending")
        try:
            return await self._call.on_reinvite(offer)
        except SdpError as error:
            raise CallRefused(488, "Not Acceptable Here") from error

    def _agree(self, key: str, request: Request, offer: str | None, reply: str) -> None:
        call = self._call
        call.line.dialog.refresh(request)
        call.local_sdp = reply
        call.remote_sdp = call.remote_sdp if offer is None else offer
        headers: Headers = [*call.allowed, *call.watch.extended(request)]
        ok = response(request, 200, contact=call.line.dialog.contact, headers=headers, content_type=SDP, body=reply)
        if request.method == "UPDATE":
            self.step(OfferInput.REFUSE)
            self._node.respond(key, ok)
        else:
            self.answered(request.cseq.number, offered=offer is None)
            self._accepted.send(key, ok, offered=offer is None)


def retry_after() -> Headers:
    """Between 0 and 10 seconds (RFC 3261 section 14.2)."""
    return [("Retry-After", str(random.randint(0, 10)))]
