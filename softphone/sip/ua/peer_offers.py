"""Offers of a peer in a dialog, early or confirmed: refused by the table, or decided by the owner of the call."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from softphone.errors import CallRefused, SdpError
from softphone.sip.message.body import sdp_of
from softphone.sip.message.fields import warning
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.ua.node import Node
from softphone.sip.ua.offer_answer import OfferAnswer, OfferInput

__all__ = ["OnOffer", "PeerOffers", "retry_after"]

log = logging.getLogger(__name__)

OnOffer = Callable[[str | None], Awaitable[str]]
"""Awaited with an offer of the peer, or None if it wants ours; returns the answer, or our offer."""

Agree = Callable[[str, Request, str | None, str], None]
"""Answers a request that came with this key, held this offer, and is answered by this description."""


class PeerOffers:
    """What comes of them.

    Parameters
    ----------
    table
        Of the dialog.
    step
        Tells it what happens.
    decide
        Gives who decides; None while there is nobody yet.
    agree
        Sends the 2xx.
    """

    def __init__(
        self,
        node: Node,
        table: OfferAnswer,
        step: Callable[[OfferInput], None],
        decide: Callable[[], OnOffer | None],
        agree: Agree,
    ) -> None:
        self._node = node
        self._table = table
        self._step = step
        self._decide = decide
        self._agree = agree
        self._asked: tuple[str, Request] | None = None
        self._deciding: asyncio.Task[None] | None = None
        self._over = False

    def receive(self, key: str, request: Request) -> None:
        """Take an INVITE, or an UPDATE or PRACK with an offer."""
        invite, offer = request.method == "INVITE", sdp_of(request)
        if self._over:
            self._node.respond(key, response(request, 481))
        elif (status := self._table.refusal(invite=invite)) is not None:
            self._node.respond(key, response(request, status, headers=retry_after() if status == 500 else ()))
        else:
            asked = OfferInput.ASK_LATE if offer is None else OfferInput.ASK
            self._step(asked if invite else OfferInput.UPDATE)
            self._asked = key, request
            self._node.spawn(self._answer(key, request, offer))

    def cancelled(self, key: str) -> None:
        """Take the CANCEL of an INVITE (RFC 3261 section 9.2): whatever is decided, nothing changes."""
        if self._asked is not None and self._asked[0] == key:
            _, request = self._asked
            self._asked = None
            if self._deciding is not None:
                self._deciding.cancel()
            self._step(OfferInput.REFUSE)
            self._node.respond(key, response(request, 487))

    def close(self) -> None:
        """Take the end of the dialog: none is decided any more (RFC 3261 section 15.1.2)."""
        self._over = True
        if self._asked is not None:
            key, request = self._asked
            self._node.respond(key, response(request, 487))

    async def _answer(self, key: str, request: Request, offer: str | None) -> None:
        if self._asked != (key, request):
            return
        refusal: Response | None = None
        self._deciding = asyncio.current_task()
        try:
            reply = await self._reply(request, offer)
        except CallRefused as error:
            refusal = response(request, error.status, error.reason)
            if isinstance(error.__cause__, SdpError):
                refusal.set(*warning(error.__cause__))
        except Exception:
            log.exception("a new offer could not be answered")
            refusal = response(request, 500)
        finally:
            self._deciding = None
        if self._over or self._asked != (key, request):
            return
        self._asked = None
        if refusal is None:
            self._agree(key, request, offer, reply)
        else:
            self._step(OfferInput.REFUSE if request.method == "INVITE" else OfferInput.DECIDE)
            self._node.respond(key, refusal)

    async def _reply(self, request: Request, offer: str | None) -> str:
        decide = self._decide()
        if decide is None:
            raise _not_yet(request)
        try:
            return await decide(offer)
        except SdpError as error:
            raise CallRefused(488) from error


def _not_yet(request: Request) -> CallRefused:
    """Refuse for want of somebody who decides.

    Who called or was called is still at the answer; who is told so asks again (RFC 3261 section 14.1). An UPDATE is
    not to wait for whoever is to be asked (RFC 3311 section 5.2).
    """
    if request.method == "INVITE":
        return CallRefused(491)
    return CallRefused(504)


def retry_after() -> Headers:
    """Between 0 and 10 seconds (RFC 3261 section 14.2)."""
    return [("Retry-After", str(random.randint(0, 10)))]
