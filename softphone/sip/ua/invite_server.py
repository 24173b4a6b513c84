"""The INVITE of a caller, from its arrival to its final response (RFC 3261 section 13.3)."""

import asyncio
from collections.abc import Callable
from functools import partial

from softphone.sip.dialog.dialog import Dialog
from softphone.sip.dialog.table import DialogUser
from softphone.sip.message.body import SDP, sdp_of
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Request, Response, response, tag_of
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.declined import declined
from softphone.sip.ua.edge_profile import EdgeProfile
from softphone.sip.ua.node import Node
from softphone.sip.ua.offers import Offers
from softphone.sip.ua.reliable import ReliableResponses
from softphone.sip.ua.retransmission import AckPatience

__all__ = ["IncomingInvite"]

# A refusal to who may be anywhere goes out at 0 and 0.5 s.
REFUSED_S = 1.0


class IncomingInvite:
    """The INVITE that a call begins with, until it has a final response.

    Parameters
    ----------
    key, request
        Its transaction, and the INVITE.
    source
        Where it came from.
    contact
        Ours.

    Attributes
    ----------
    dialog
        The dialog that our responses make.
    replaces
        The call whose place it is to take (RFC 3891), accepted for that one to be hung up on; an `EarlyDialog` of
        one of ours that rings is told to give way. None: of none.
    reliable
        Its reliable provisional responses.
    on_decided
        Called once when the call rings, is answered or is over.
    """

    def __init__(self, node: Node, key: str, request: Request, source: Hop, contact: Address) -> None:
        self.key = key
        self.request = request
        self.dialog = Dialog.from_request(request, tag_of(request, f"{contact.uri} {source.host}"), contact)
        self.on_decided: Callable[[], object] | None = None
        self.replaces: DialogUser | None = None
        self.reliable = ReliableResponses(node, key, request)
        self._node = node
        self._rung = False
        self._ringing: asyncio.TimerHandle | None = None

    def limit(self, longest_s: float, over: Callable[[int], object]) -> None:
        """Call `over` when it has rung too long: with 480, or 487 where the caller said less (section 13.3.1).

        With 504 when the caller acknowledges no reliable response (RFC 3262 section 3).
        """
        said = self.request.expires
        after_s, status = (longest_s, 480) if said is None or said > longest_s else (said, 487)
        self._ringing = asyncio.get_running_loop().call_later(after_s, over, status)
        self.reliable.given_up = lambda: over(504)

    def response(
        self, status: int, reason: str | None = None, headers: Headers = (), sdp: str | None = None
    ) -> Response:
        """Make a response, with a description if `sdp` is given."""
        return response(
            self.request,
            status,
            reason,
            to_tag=self.dialog.local.tag,
            contact=self.dialog.contact if status < 300 else None,
            headers=headers,
            content_type=SDP if sdp is not None else None,
            body=sdp or b"",
        )

    async def progress(
        self,
        offers: Offers,
        status: int,
        sdp: str | None,
        headers: Headers,
        patience: AckPatience,
        *,
        once: bool = False,
    ) -> None:
        """Send a provisional response, with early media if `sdp` is given (RFC 3261 section 13.3.1.1).

        It is reliable where the caller wants it so, or where only that can hold our offer (RFC 3262); it is returned
        then when it is acknowledged. One that would have to hold our offer, and has none, is left out. `once`: there is
        one such response before the final one, a 183 (`EdgeProfile.single_progress`).

        Raises
        ------
        CallEnded
            The caller has cancelled, or has acknowledged none.
        """
        if once and self._rung:
            return
        status = 183 if once else status
        self._rung = True
        self.decided()
        table, reliable = offers.table, self.reliable
        if not (reliable.required or (sdp is not None and table.wants_ours and reliable.supported)):
            self.respond(self.response(status, None, headers, None if table.wants_ours else sdp))
        elif sdp is not None or not table.wants_ours:
            described = sdp if table.wants_description else None
            if described is not None:
                offers.described(described)
            await reliable.send(self.response(status, None, headers, described), patience)

    def respond(self, answer: Response) -> None:
        """Send it."""
        self._node.respond(self.key, answer)

    def refuse(self, answer: Response, patience: AckPatience, edge: EdgeProfile, *, proved: bool) -> None:
        """Send a final answer, until its ACK to who has proved to be where it says.

        To whom takes its description from the first response, there is one before, and a pause in between.

        Others are told once, by UDP, and ask again if they have missed it; twice if they have heard something before,
        and ask no more.
        """
        if not edge.single_progress or answer.status == 487:
            self._refuse(answer, patience, proved=proved)
            return
        if not self._rung and (offer := sdp_of(self.request)) is not None:
            self.respond(self.response(183, sdp=declined(offer, self.dialog.contact.uri.host)))
        asyncio.get_running_loop().call_later(edge.pause_s, partial(self._refuse, answer, patience, proved=proved))

    def _refuse(self, answer: Response, patience: AckPatience, *, proved: bool) -> None:
        heard = self._rung or patience.trying
        self._node.respond(self.key, answer, once=not proved and not heard)
        if not proved and heard:
            asyncio.get_running_loop().call_later(REFUSED_S, self._node.give_up, self.key)

    def decided(self) -> None:
        """Take notice that the call rings, is answered or is over."""
        told, self.on_decided = self.on_decided, None
        if told is not None:
            told()

    def close(self) -> None:
        """Take its final response, or the end of the call: it rings no longer."""
        if self._ringing is not None:
            self._ringing.cancel()
        self.reliable.close()
        self.decided()
