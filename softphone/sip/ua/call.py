"""A call, that is an INVITE usage of a dialog (RFC 5057): ringing, answer, refusal, hang-up.

RFC 3261 section 12.2.2 is `in_dialog`, 13.2 `invite_client`, 13.3 `invite_server`, 14 `offers`, 15 this module.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import Enum

from softphone.errors import CallEnded, SipError
from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.body import sdp_of
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.transport.hop import Hop
from softphone.sip.ua import in_dialog
from softphone.sip.ua.address_proof import AddressProof
from softphone.sip.ua.edge_profile import ORDINARY
from softphone.sip.ua.invite_server import IncomingInvite
from softphone.sip.ua.line import Line
from softphone.sip.ua.offer_answer import OfferAnswer
from softphone.sip.ua.offers import GONE, Offers
from softphone.sip.ua.referral import OnRefer
from softphone.sip.ua.refresh import Refresh
from softphone.sip.ua.retransmission import GOODBYE_S, AckPatience, Retransmissions
from softphone.sip.ua.watch import Watch
from softphone.sip.where.route import WayBack
from softphone.tasks import tell

__all__ = ["InviteSession", "InviteState"]


class InviteState(Enum):
    """Where a call stands."""

    EARLY = "early"
    ANSWERED = "answered"
    CONFIRMED = "confirmed"
    ENDED = "ended"


class InviteSession:
    """One call, incoming or outgoing: hang up, offers, other requests; both directions alike.

    Attributes
    ----------
    direction
        ``in`` or ``out``.
    invite
        The initial INVITE, the last one sent or received (with its credentials, if it was challenged).
    response
        The 2xx of an outgoing call; None for an incoming one.
    source
        Where the INVITE came from; for an outgoing call where it was sent.
    line, way, proof
        Our side of the dialog, the way to the peer, and what shows that what we send arrives there.
    pending
        The INVITE of an incoming call as long as it has no final response, and after; None for an outgoing one.
    wants_reliable, knows_reliable
        Whether a caller wants provisional responses that it acknowledges (RFC 3262), and whether it would take them.
    patience
        How our answer to an incoming call waits for its ACK.
    known
        Whether the peer has proved who it is, is one that was configured, or one that we have called.
    edge
        What the peer's kind of telephone needs that others do not.
    came_back
        Whether its INVITE is one of ours that found its way back to us.
    remote_sdp, local_sdp
        The latest description from the peer, and ours; None while there is none.
    on_ended
        Called exactly once when the call ends, whoever ended it, with the reason: ``bye`` (by the peer), ``hangup``
        (by us), ``cancelled`` (or rung for too long), ``rejected`` (by us), ``no-ack``, ``gone`` (the peer does not
        know the dialog).
    on_reinvite
        Awaited with the peer's new offer, or None if it wants ours; returns the answer (or our offer). May raise
        CallRefused to decline; an SdpError declines with 488.
    on_answer
        Called with the peer's answer to an offer that we made in response to its re-INVITE.
    on_info
        Called with content type and body of each INFO.
    on_refer
        Awaited with whom the peer wants to be called; the peer is told that it went well, or the status of a
        CallRefused. While it is None, REFER is not among the methods we allow.
    serves
        Further methods that come within the call, each with what makes the answer.
    on_settled
        Called once when the call is acknowledged, or over before.
    """

    def __init__(
        self,
        line: Line,
        invite: Request,
        source: Hop,
        *,
        pending: IncomingInvite | None = None,
        refresh: Refresh | None = None,
    ) -> None:
        self.line = line
        self.dialog: Dialog = line.dialog
        self.way: WayBack = line.way
        self.invite, self.source, self.pending = invite, source, pending
        self.direction = "out" if pending is None else "in"
        self.state = InviteState.CONFIRMED if pending is None else InviteState.EARLY
        self.response: Response | None = None
        self.remote_sdp = sdp_of(pending.request) if pending is not None else None
        self.local_sdp: str | None = None
        self.wants_reliable = pending is not None and pending.reliable.required
        self.knows_reliable = pending is not None and pending.reliable.supported
        self.known, self.edge = pending is None, ORDINARY
        self.proof = AddressProof(self.dialog.local.tag, shown=pending is None)
        self.came_back = False
        self.patience = AckPatience()
        self.on_reinvite: Callable[[str | None], Awaitable[str]] | None = None
        self.on_answer: Callable[[str], object] | None = None
        self.on_info: Callable[[str, bytes], object] | None = None
        self.on_refer: OnRefer | None = None
        self.serves: dict[str, Callable[[Request], Response]] = {}
        self.on_settled: Callable[[], object] | None = None
        self.on_closed: Callable[[], None] | None = None
        self._on_ended: Callable[[str], object] | None = None
        self._untold = ""
        self._accepted = Retransmissions(line.node, self._not_acknowledged)
        self.watch = Watch(self, refresh or Refresh(line.node.session), line.node.session)
        begun = OfferAnswer() if pending is None else OfferAnswer.called(offered=self.remote_sdp is not None)
        self.offers = Offers(self, self._accepted, begun, owns_call_id=pending is None)
        self._farewell: Headers = ()
        self._closed = asyncio.Event()

    @property
    def remote(self) -> Address:
        """The peer's From or To, with display name."""
        return self.dialog.remote

    @property
    def on_ended(self) -> Callable[[str], object] | None:
        """Who is told of the end; set after it, it is told soon."""
        return self._on_ended

    @on_ended.setter
    def on_ended(self, told: Callable[[str], object] | None) -> None:
        if self.state is not InviteState.ENDED:
            self._on_ended = told
        elif told is not None and self._untold:
            asyncio.get_running_loop().call_soon(told, self._untold)
            self._untold = ""

    @property
    def allowed(self) -> Headers:
        """What the peer may ask for in this call, as headers."""
        return self.line.node.capabilities.headers(refer=self.on_refer is not None)

    @property
    def is_confirmed(self) -> bool:
        """Whether it is answered and acknowledged, and not over."""
        return self.state is InviteState.CONFIRMED

    @property
    def proved(self) -> bool:
        """Whether the peer is where its messages say: by UDP anybody can write any address there."""
        return self.known or self.source.reliable or self.proof.shown

    # --- a call that comes in, until it is answered

    async def ring(self, status: int = 180, sdp: str | None = None, headers: Headers = ()) -> None:
        """Send a provisional response, with early media if `sdp` is given; see `IncomingInvite.progress`.

        Raises
        ------
        CallEnded
            The caller has cancelled, or has not acknowledged what it wants to be reliable.
        """
        once = self.edge.single_progress
        await self._early().progress(self.offers, status, sdp, headers, self.patience, once=once)

    async def answer(self, sdp: str, headers: Headers = ()) -> None:
        """Accept the call with our answer, or our offer if the INVITE had none; returns when the ACK came.

        Raises
        ------
        CallEnded
            The caller has cancelled, has hung up, or never sent the ACK.
        """
        self._early()
        table = self.offers.table
        await self.offers.until(lambda: table.is_acceptable)
        pending = self._early()
        pending.close()
        self.state = InviteState.ANSWERED
        allowed = self.allowed if self.proved else ()  # a short answer to who may be anywhere; its next one has them
        headers = (*allowed, *self.watch.extended(self.invite), *headers)
        ok = pending.response(200, None, headers, sdp if table.wants_description else None)
        done = self.offers.accept(pending.key, ok, sdp, self.patience)
        if not await self._accepted.wait(done, self.patience, lambda: self._end("no-ack", closing=False, again=True)):
            raise CallEnded("the call ended before it was acknowledged")

    def reject(self, status: int, reason: str | None = None, headers: Headers = ()) -> None:
        """Refuse the call with a final response of 300 or above; nothing happens if it is over already.

        Raises
        ------
        ValueError
            `status` is not a refusal.
        """
        if not 300 <= status <= 699:
            raise ValueError(f"{status} does not refuse a call")
        self._refuse(status, "rejected", reason, headers)

    def ring_out(self, status: int) -> None:
        """End a call that nobody answers, or whose caller has given up; 504: it has acknowledged no reliable 1xx."""
        self._refuse(status, "no-ack" if status == 504 else "cancelled")

    def _refuse(self, status: int, end: str, reason: str | None = None, headers: Headers = ()) -> None:
        if self.state is InviteState.EARLY and self.pending is not None:
            answer = self.pending.response(*self.edge.refusal(status, reason, headers))
            self.pending.refuse(answer, self.patience, self.edge, proved=self.proved)
            self._end(end)

    def _early(self) -> IncomingInvite:
        if self.state is InviteState.ENDED:
            raise CallEnded("the call is over")
        if self.state is not InviteState.EARLY or self.pending is None:
            raise ValueError("only an incoming call that is not answered yet can ring or be answered")
        return self.pending

    # --- what we do

    async def bye(self, headers: Headers = ()) -> None:
        """Hang up (RFC 3261 section 15.1.1); returns when the peer has answered or is known not to.

        An incoming call that is not answered yet is refused with 480 instead. Who has not acknowledged our 2xx is told
        after its ACK, or when that has not come in time (section 15): it may not have the 2xx, and would not know the
        dialog.
        """
        if self.state is InviteState.EARLY:
            self.reject(480, headers=headers)
        elif self.state is not InviteState.ENDED:
            self._farewell = headers
            answered = self.state is InviteState.ANSWERED
            self._end("hangup", closing=False, again=answered)
            await (self._closed.wait() if answered else self._say_goodbye())

    async def reinvite(self, sdp: str | Callable[[], str]) -> str:
        """Offer anew (RFC 3261 section 14.1), by a text or what writes it in our turn; returns the peer's answer.

        Raises
        ------
        CallRefused
            The peer keeps to what was agreed before.
        CallEnded
            The call is or was over.
        SipTimeout, SipNetworkError
            No answer; the call has ended.
        """
        return await self.offers.send(sdp)

    async def request(
        self, method: str, *, headers: Headers = (), content_type: str | None = None, body: bytes | str = b""
    ) -> Response:
        """Send any other request within the call; returns the final response.

        Raises
        ------
        CallEnded
            The call is over.
        SipTimeout, SipNetworkError
            No answer; the call has ended.
        """
        self._check_alive()
        try:
            answer = await self.line.ask(method, headers, content_type, body)
        except SipError:
            self.break_off("gone")
            raise
        if answer.status in GONE:
            self.break_off("gone")
        return answer

    async def notify(self, headers: Headers, content_type: str, body: str) -> Response:
        """Tell the peer of what it subscribed to within the call; whatever it answers, the call goes on (RFC 5057).

        Raises as :meth:`request`.
        """
        self._check_alive()
        return await self.line.ask("NOTIFY", headers, content_type, body)

    async def info(self, content_type: str, body: bytes | str) -> int:
        """Send an INFO (RFC 6086); returns the status of the answer. Raises as :meth:`request`."""
        return (await self.request("INFO", content_type=content_type, body=body)).status

    def _check_alive(self) -> None:
        if self.state is InviteState.ENDED:
            raise CallEnded("the call is over")

    # --- what the peer does

    def receive(self, key: str, request: Request, source: Hop) -> bool:
        """Take a request of the dialog that is neither ACK nor CANCEL; False if it is not one of a call's."""
        return in_dialog.receive(self, key, request, source)

    def repeated(self, size: int) -> None:
        """Take the INVITE once more, in so many bytes: whoever may be sent little has earned another answer."""
        self.patience.on_repeated(size)
        self._accepted.again(self.invite.cseq.number)

    def acknowledged(self, ack: Request) -> None:
        """Take the ACK for a 2xx: by its CSeq number, whatever its To tag or branch; ours shows where the peer is."""
        self.proof.note(ack)
        waiting = self._accepted.acknowledged(ack.cseq.number)
        if waiting is None:
            return
        answer = sdp_of(ack) if waiting.offered else None
        self.remote_sdp = answer or self.remote_sdp
        self.offers.acknowledged(ack.cseq.number)
        if self.state is InviteState.ENDED:  # we hung up meanwhile
            self._accepted.clear()
            self.line.node.spawn(self._say_goodbye())
        elif self.state is InviteState.ANSWERED:
            self.state = InviteState.CONFIRMED
            self._settle()
        elif answer is not None and self.on_answer is not None:
            self.on_answer(answer)

    def cancelled(self, key: str) -> None:
        """Take the CANCEL of an INVITE (RFC 3261 section 9.2): without effect once we have answered."""
        if self.pending is not None and key == self.pending.key:
            self.ring_out(487)
        else:
            self.offers.theirs.cancelled(key)

    def left(self, key: str, request: Request) -> None:
        """Take the peer's BYE (RFC 3261 section 15.1.2)."""
        self.ring_out(487)
        self.line.node.respond(key, response(request, 200))
        self._end("bye")
        self._accepted.clear()
        self._close()

    # --- the end

    def break_off(self, reason: str) -> None:
        """End a call that the peer does not know or answer in any more (RFC 3261 section 12.2.1.2), with BYE."""
        if self.state is not InviteState.ENDED:
            self._end(reason, closing=False)
            self.line.node.spawn(self._say_goodbye())

    def _not_acknowledged(self) -> None:
        """End the session for want of an ACK (RFC 3261 section 13.3.1.4), with BYE to who is not quite unknown."""
        self._end("no-ack", closing=False)
        if self.patience.repeat_s is None:
            self.line.node.spawn(self._say_goodbye())
        else:
            self._close()

    async def _say_goodbye(self) -> None:
        try:
            proved = self.proved
            if proved or self.patience.permits_bye():
                await self.line.bye(self._farewell, None if proved else GOODBYE_S)
        finally:
            self._close()

    def _end(self, reason: str, *, closing: bool = True, again: bool = False) -> None:
        """End the call for its user; `again`: its 2xx goes on being sent, to whoever acknowledges it late."""
        if self.pending is not None:
            self.pending.close()
        if self.state is InviteState.ENDED:
            return
        self._settle()
        self.state = InviteState.ENDED
        if again:
            self._accepted.release()
        else:
            self._accepted.clear()
        self.watch.stop()
        self.offers.close()
        if closing:
            self._close()
        # The dialog may last half a minute longer; of the call's user nothing needs to.
        self.on_reinvite = self.on_answer = self.on_info = self.on_refer = None
        self.proof.told.clear()
        told, self._on_ended = self._on_ended, None
        if told is None:
            self._untold = reason
        else:
            tell(told, reason)

    def _settle(self) -> None:
        settled, self.on_settled = self.on_settled, None
        tell(settled)

    def _close(self) -> None:
        """Let the driver forget the dialog."""
        self._closed.set()
        self.way.release()
        if self.on_closed is not None:
            self.on_closed()
