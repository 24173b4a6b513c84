"""Offers within a call: ours, one at a time and again after a glare; the peer's, with a decision on each."""

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from softphone.errors import CallEnded, CallRefused, SipError
from softphone.sip.message.body import SDP, sdp_of
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.ua.line import Line
from softphone.sip.ua.offer_answer import OfferAnswer, OfferInput
from softphone.sip.ua.peer_offers import OnOffer, PeerOffers
from softphone.sip.ua.retransmission import PATIENT, AckPatience, Retransmissions
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
    on_answer: Callable[[str], object] | None

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

    def __init__(self, call: Offering, accepted: Retransmissions, table: OfferAnswer, *, owns_call_id: bool) -> None:
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

    def accept(self, key: str, ok: Response, sdp: str, patience: AckPatience = PATIENT) -> "asyncio.Future[bool]":
        """Send a 2xx to an INVITE until its ACK; it holds `sdp` unless a reliable 1xx did. The future is done then."""
        offered = self.table.wants_ours
        if self.table.wants_description:
            self._call.local_sdp = sdp
        self._last = ok.cseq.number
        self.step(OfferInput.ACCEPT)
        return self._accepted.send(self._last, key, ok, offered=offered, patience=patience)

    def acknowledged(self, number: int) -> None:
        """Take the ACK for a 2xx; one for an earlier 2xx settles nothing."""
        if number == self._last:
            self.step(OfferInput.ACK)

    def described(self, sdp: str) -> None:
        """Take note of a reliable 1xx of ours that holds our offer or answer."""
        self._call.local_sdp = sdp
        self.step(OfferInput.PROGRESS)

    def confirmed(self, key: str, prack: Request) -> None:
        """Take the PRACK for a reliable 1xx: it holds the answer to our offer there, or perhaps an offer anew."""
        answered, said = self.table.awaits_answer, sdp_of(prack)
        self.step(OfferInput.PRACK)
        if said is not None and not answered:
            self.theirs.receive(key, prack)
            return
        self._node.respond(key, response(prack, 200))
        if said is not None:
            self._call.remote_sdp = said
            if self._call.on_answer is not None:
                self._call.on_answer(said)

    # --- ours

    async def send(self, sdp: str | Callable[[], str]) -> str:
        """Offer anew; returns the answer. See `InviteSession.reinvite`."""
        async with self._turn:
            for _ in range(GLARES):
                await self.until(lambda: self.table.is_stable)
                if self._over:
                    raise CallEnded("the call is over")
                text = sdp if isinstance(sdp, str) else sdp()
                self.step(OfferInput.INVITE)
                try:
                    answer, reply = await self._exchange(text)
                finally:
                    self.step(OfferInput.DONE)
                if answer.status != 491:
                    break
                await asyncio.sleep(self._glare_delay())
        if answer.status >= 300:
            raise CallRefused(answer.status, answer.reason)
        self._call.local_sdp = text
        self._call.remote_sdp = reply or ""
        return self._call.remote_sdp

    async def _exchange(self, sdp: str) -> tuple[Response, str | None]:
        call = self._call
        for _ in range(GLARES):
            answer, reply = await self._invite([*call.allowed, *call.watch.refresh.asked()], sdp)
            if not call.watch.refresh.lengthened(answer):
                break
        if answer.status < 300:
            call.watch.refreshed(answer)
        return answer, reply

    async def _invite(self, headers: Headers, sdp: str) -> tuple[Response, str | None]:
        if self._over:
            raise CallEnded("the call is over")
        try:
            answer, reply = await self._call.line.invite(headers, SDP, sdp)
        except SipError:
            await self._call.bye()
            raise
        if answer.status in GONE:
            self._call.break_off("gone")
        return answer, reply

    def _glare_delay(self) -> float:
        """Seconds until an offer is tried again (RFC 3261 section 14.1), in steps of 10 ms."""
        return random.randint(210, 400) / 100 if self._owns_call_id else random.randint(0, 200) / 100

    # --- the peer's

    def _agree(self, key: str, request: Request, offer: str | None, reply: str) -> None:
        call = self._call
        call.line.dialog.refresh(request)
        call.remote_sdp = call.remote_sdp if offer is None else offer
        headers: Headers = [*call.allowed, *call.watch.extended(request)]
        ok = response(request, 200, contact=call.line.dialog.contact, headers=headers, content_type=SDP, body=reply)
        if request.method == "INVITE":
            self.accept(key, ok, reply)
        else:
            call.local_sdp = reply
            self.step(OfferInput.DECIDE)
            self._node.respond(key, ok)
