"""Requests of the peer within a call (RFC 3261 section 12.2.2): BYE, offers, INFO, REFER, and more."""

from collections.abc import Callable
from typing import Protocol

from softphone.phrases import OUT_OF_ORDER
from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.body import sdp_of
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.address_proof import AddressProof
from softphone.sip.ua.capabilities import refuse_info
from softphone.sip.ua.edge_profile import EdgeProfile
from softphone.sip.ua.invite_server import IncomingInvite
from softphone.sip.ua.line import Line
from softphone.sip.ua.offers import Offers
from softphone.sip.ua.peer_offers import retry_after
from softphone.sip.ua.referral import OnRefer, accept, referred
from softphone.sip.ua.watch import Watch
from softphone.sip.where.route import WayBack

__all__ = ["Served", "receive"]


class Served(Protocol):
    """Who is asked: a call."""

    dialog: Dialog
    way: WayBack
    line: Line
    offers: Offers
    pending: IncomingInvite | None
    proof: AddressProof
    watch: Watch
    edge: EdgeProfile
    on_info: Callable[[str, bytes], object] | None
    on_refer: OnRefer | None
    serves: dict[str, Callable[[Request], Response]]

    @property
    def allowed(self) -> Headers:
        """What the peer may ask for in this call, as headers."""

    def left(self, key: str, request: Request) -> None:
        """Take the peer's BYE."""

    async def notify(self, headers: Headers, content_type: str, body: str) -> Response:
        """Tell the peer of what it subscribed to."""


def receive(call: Served, key: str, request: Request, source: Hop) -> bool:
    """Take a request of the dialog that is neither ACK nor CANCEL; False if it is not one of a call's."""
    if not call.dialog.in_order(request):
        call.line.node.respond(key, response(request, 500, OUT_OF_ORDER, headers=retry_after()))
        return True
    call.proof.note(request)
    call.way.moved(request, source)
    if (handler := _HANDLERS.get(request.method)) is not None:
        handler(call, key, request)
    elif request.method == "REFER" and call.on_refer is not None:
        _refer(call, call.on_refer, key, request)
    elif request.method in call.serves:
        call.line.node.respond(key, call.serves[request.method](request))
    else:
        return False
    return True


def _offer(call: Served, key: str, request: Request) -> None:
    call.offers.theirs.receive(key, request)


def _update(call: Served, key: str, request: Request) -> None:
    if sdp_of(request) is not None:
        call.offers.theirs.receive(key, request)
        return
    call.dialog.refresh(request)
    headers = [*call.allowed, *call.watch.extended(request)]
    call.line.node.respond(key, response(request, 200, contact=call.dialog.contact, headers=headers))


def _prack(call: Served, key: str, request: Request) -> None:
    """Take a PRACK (RFC 3262 section 3): for what waits for it, and with the answer that it owes."""
    if call.offers.table.awaits_answer and sdp_of(request) is None:
        call.line.node.respond(key, response(request, 400, "Answer Missing"))
    elif call.pending is None or not call.pending.reliable.acknowledged(request):
        call.line.node.respond(key, response(request, 481))
    else:
        call.offers.confirmed(key, request)


def _info(call: Served, key: str, request: Request) -> None:
    refusal = refuse_info(request)
    call.line.node.respond(key, refusal or response(request, 200))
    if refusal is None and call.on_info is not None:
        call.on_info(request.get("Content-Type") or "", request.body)


def _refer(call: Served, on_refer: OnRefer, key: str, request: Request) -> None:
    answer = accept(request, call.dialog.contact)
    call.line.node.respond(key, answer)
    if answer.status == 202:
        call.line.node.spawn(referred(call, request, on_refer, user_only=call.edge.user_only))


def _bye(call: Served, key: str, request: Request) -> None:
    call.left(key, request)


_HANDLERS: dict[str, Callable[[Served, str, Request], None]] = {
    "BYE": _bye,
    "INVITE": _offer,
    "UPDATE": _update,
    "PRACK": _prack,
    "INFO": _info,
}
