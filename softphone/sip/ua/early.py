"""Early dialogs (RFC 3261 section 12.1): one for each ringing phone of a fork.

Reliable ones are acknowledged (RFC 3262 section 4); what its peer asks before anybody has answered is decided on.
"""

import logging
from collections.abc import Awaitable, Callable

from softphone.errors import SipError
from softphone.phrases import OUT_OF_ORDER
from softphone.sip.dialog.dialog import Dialog
from softphone.sip.dialog.table import EstablishedUser
from softphone.sip.message.body import SDP, sdp_of
from softphone.sip.message.message import Request, Response, response
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.capabilities import refuse_info
from softphone.sip.ua.node import Node
from softphone.sip.ua.offer_answer import OfferAnswer, OfferInput
from softphone.sip.ua.peer_offers import OnOffer, PeerOffers, retry_after
from softphone.sip.ua.provisional import Arrival, ProvisionalOrder, rack_for

__all__ = ["EarlyDialog", "GiveWay"]

log = logging.getLogger(__name__)

Ask = Callable[[Dialog, Request], Awaitable[Response]]
"""Sends a request that a dialog made, and waits for the final response; raises SipError."""

GiveWay = Callable[[EstablishedUser], object]
"""Lets a call that came in have the place of all telephones that ring; raises CallRefused when none does any more."""


class EarlyDialog:
    """The dialog of one telephone that rings.

    Parameters
    ----------
    dialog
        As its first 1xx made it; of a re-INVITE the one that there is.
    ask
        Sends our PRACKs.
    on_offer
        Decides on its offers; None: they are refused.

    Attributes
    ----------
    sdp
        Its latest description; None: none yet.
    give_way
        Called with a call that is to have its place (RFC 3891 section 3), whose offer can be answered.
    """

    def __init__(
        self, node: Node, dialog: Dialog, ask: Ask, give_way: GiveWay, on_offer: OnOffer | None = None
    ) -> None:
        self.dialog = dialog
        self.give_way = give_way
        self.sdp: str | None = None
        self._node = node
        self._ask = ask
        self._order = ProvisionalOrder()
        self._table = OfferAnswer.calling()
        self._offers = PeerOffers(node, self._table, self._table.step, lambda: on_offer, self._agree)

    def progressed(self, provisional: Response) -> bool:
        """Take a 1xx of the telephone; False: it is one that came before, or too early."""
        arrival = self._order.take(provisional)
        if arrival is Arrival.REPEATED:
            return False
        self.dialog.refresh(provisional)
        said = sdp_of(provisional)
        if self._table.awaits_answer:
            self.sdp = said or self.sdp
        if arrival is Arrival.NEXT:
            if said is not None:
                self._table.step(OfferInput.ANSWER)
            self._node.spawn(self._acknowledge(provisional))
        return True

    def answered(self, answer: Response) -> str | None:
        """Give the description that goes with its 2xx: what was agreed on before stands (RFC 6337 section 3.1.1).

        Some say in a 183 that is not reliable what belongs into the 200.
        """
        return (sdp_of(answer) if self._table.awaits_answer else None) or self.sdp

    def confirmed(self, sent: Request, answer: Response) -> Dialog:
        """Make the dialog of its 2xx, which says anew by which way requests go (RFC 3261 section 13.2.2.4)."""
        dialog = Dialog.from_response(sent, answer)
        dialog.local_seq, dialog.remote_seq = self.dialog.local_seq, self.dialog.remote_seq
        if answer.contact is None:
            dialog.remote_target = self.dialog.remote_target
        return dialog

    def receive(self, key: str, request: Request, source: Hop) -> bool:
        """Answer a request of the dialog; False if it is not one of a call's."""
        if not self.dialog.in_order(request):
            self._node.respond(key, response(request, 500, OUT_OF_ORDER, headers=retry_after()))
            return True
        match request.method:
            case "INVITE":
                self._offers.receive(key, request)  # ours is not answered yet: 491 (RFC 3261 section 14.2)
            case "UPDATE" if sdp_of(request) is not None:
                self._offers.receive(key, request)
            case "UPDATE":
                self._node.respond(key, self._refreshed(request))
            case "INFO":
                self._node.respond(key, refuse_info(request) or response(request, 200))
            case "BYE":
                self._node.respond(key, response(request, 200))  # it will not be the one to answer
            case _:
                return False
        return True

    def cancelled(self, key: str) -> None:
        """Take the CANCEL of an INVITE, which has been answered already."""

    def close(self) -> None:
        """Take the end of it: another telephone has answered, or none."""
        self._offers.close()

    def _agree(self, key: str, request: Request, offer: str | None, reply: str) -> None:
        self.sdp = offer
        self._table.step(OfferInput.DECIDE)
        ok = self._refreshed(request)
        ok.set("Content-Type", SDP)
        ok.body = reply.encode()
        self._node.respond(key, ok)

    def _refreshed(self, request: Request) -> Response:
        self.dialog.refresh(request)
        headers = self._node.capabilities.headers(refer=False)
        return response(request, 200, contact=self.dialog.contact, headers=headers)

    async def _acknowledge(self, provisional: Response) -> None:
        try:
            await self._ask(self.dialog, self.dialog.request("PRACK", headers=rack_for(provisional)))
        except SipError as error:
            log.info("nobody answered the PRACK: %s", error)
