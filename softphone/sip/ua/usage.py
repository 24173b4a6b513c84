"""An INVITE usage of a dialog (RFC 5057): what a call is once it stands, whoever began it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from enum import Enum
from typing import Any

from softphone.errors import CallEnded, SipError
from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.body import SDP, sdp_of
from softphone.sip.message.digest import Credentials
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.acceptance import Acceptances
from softphone.sip.ua.line import Line
from softphone.sip.ua.methods import refuse_info
from softphone.sip.ua.offer_answer import OfferState
from softphone.sip.ua.offers import Offers, retry_after
from softphone.sip.ua.referral import OnRefer, accept, referred
from softphone.sip.ua.refresh import Refresh
from softphone.sip.ua.watch import Watch
from softphone.sip.ua.wire import Wire
from softphone.sip.where.route import WayBack

__all__ = ["CallState", "Usage"]

log = logging.getLogger(__name__)

GONE = (408, 481)
"""Answers within a dialog that say: there is no such dialog any more (RFC 3261 section 12.2.1.2)."""


class CallState(Enum):
    """Where a call stands."""

    EARLY = "early"
    ANSWERED = "answered"
    CONFIRMED = "confirmed"
    ENDED = "ended"


class Usage:
    """A call within its dialog: hang up, offers, other requests; both directions alike.

    Attributes
    ----------
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
    way
        The way to the peer.
    on_settled
        Called once when the call is acknowledged, or over before.
    """

    def __init__(
        self,
        wire: Wire,
        dialog: Dialog,
        way: WayBack,
        credentials: Credentials | None,
        refresh: Refresh | None,
    ) -> None:
        self._wire = wire
        self.dialog = dialog
        self.way = way
        self.line = Line(wire, dialog, way, credentials)
        self.state = CallState.EARLY if refresh is None else CallState.CONFIRMED
        self.remote_sdp: str | None = None
        self.local_sdp: str | None = None
        self._on_ended: Callable[[str], object] | None = None
        self._reason = ""
        self.on_reinvite: Callable[[str | None], Awaitable[str]] | None = None
        self.on_answer: Callable[[str], object] | None = None
        self.on_info: Callable[[str, bytes], object] | None = None
        self.on_refer: OnRefer | None = None
        self.serves: dict[str, Callable[[Request], Response]] = {}
        self.on_settled: Callable[[], object] | None = None
        self.on_closed: Callable[[], None] | None = None
        self._accepted = Acceptances(wire, self._not_acknowledged)
        # Who did not begin the call was asked by the INVITE that did.
        begun = OfferState.ASKED if refresh is None else OfferState.STABLE
        self._offers = Offers(self, begun, owns_call_id=refresh is not None)
        self.watch = Watch(self, refresh or Refresh(wire.session), wire.session)
        self._farewell: Headers = ()
        self._closed = asyncio.Event()

    @property
    def on_ended(self) -> Callable[[str], object] | None:
        """Who is told of the end; set after it, it is told soon."""
        return self._on_ended

    @on_ended.setter
    def on_ended(self, told: Callable[[str], object] | None) -> None:
        late = self._on_ended is None and told is not None and self.state is CallState.ENDED
        self._on_ended = told
        if late and told is not None:
            asyncio.get_running_loop().call_soon(told, self._reason)

    @property
    def allowed(self) -> Headers:
        """What the peer may ask for in this call, as headers."""
        return self._wire.capabilities.headers(refer=self.on_refer is not None)

    @property
    def is_confirmed(self) -> bool:
        """Whether it is answered and acknowledged, and not over."""
        return self.state is CallState.CONFIRMED

    def quiet(self, on: bool) -> None:
        """Say that nothing is heard of the peer, since it holds us or only listens: it is asked whether it is there."""
        self.watch.quiet(on)

    # --- what we do

    async def bye(self, headers: Headers = ()) -> None:
        """Hang up (RFC 3261 section 15.1.1); returns when the peer has answered or is known not to.

        Who has not acknowledged our 2xx is told after its ACK, or when that has not come in time (section 15): it may
        not have the 2xx, and would not know the dialog.
        """
        if self.state is CallState.ENDED:
            return
        self._farewell = headers
        if self.state is CallState.ANSWERED:
            self._end("hangup", closing=False, repeating=True)
            await self._closed.wait()
        else:
            self._end("hangup", closing=False)
            await self._say_goodbye()

    async def reinvite(self, sdp: str) -> str:
        """Offer anew (RFC 3261 section 14.1); returns the peer's answer.

        Raises
        ------
        CallRefused
            The peer keeps to what was agreed before.
        CallEnded
            The call is or was over.
        SipTimeout, SipNetworkError
            No answer; the call has ended.
        """
        return await self._offers.send(sdp)

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
        try:
            answer = await self._ask(method, headers, content_type, body)
        except CallEnded:
            raise
        except SipError:
            self.break_off("gone")
            raise
        if answer.status in GONE:
            self.break_off("gone")
        return answer

    async def notify(self, headers: Headers, content_type: str, body: str) -> Response:
        """Tell the peer of what it subscribed to within the call; whatever it answers, the call goes on (RFC 5057).

        Raises
        ------
        CallEnded
            The call is over.
        SipTimeout, SipNetworkError
            No answer.
        """
        return await self._ask("NOTIFY", headers, content_type, body)

    async def _ask(self, method: str, headers: Headers, content_type: str | None, body: bytes | str) -> Response:
        self._check_alive()
        return await self.line.ask(method, headers, content_type, body)

    async def info(self, content_type: str, body: bytes | str) -> int:
        """Send an INFO (RFC 6086); returns the status of the answer. Raises as :meth:`request`."""
        return (await self.request("INFO", content_type=content_type, body=body)).status

    async def offer(self, headers: Headers, sdp: str) -> Response:
        """Send a re-INVITE; for `Offers`. Raises as :meth:`reinvite`, and no refusals."""
        self._check_alive()
        try:
            answer = await self.line.invite(headers, SDP, sdp)
        except SipError:
            await self.bye()
            raise
        if answer.status in GONE:
            self.break_off("gone")
        return answer

    def _check_alive(self) -> None:
        if self.state is CallState.ENDED:
            raise CallEnded("the call is over")

    # --- for its parts

    def respond(self, key: str, answer: Response) -> None:
        """Answer a request."""
        self._wire.respond(key, answer)

    def accept(
        self,
        key: str,
        ok: Response,
        *,
        offered: bool,
        repeat_s: float | None = None,
        may_repeat: Callable[[int], bool] | None = None,
    ) -> "asyncio.Future[bool]":
        """Answer an INVITE with a 2xx until it is acknowledged, or `repeat_s` over; `offered`: it holds our offer."""
        return self._accepted.send(key, ok, offered=offered, repeat_s=repeat_s, may_repeat=may_repeat)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run in the background."""
        self._wire.spawn(work)

    # --- what the peer does

    def receive(self, key: str, request: Request, source: Hop) -> bool:
        """Take a request of the dialog that is neither ACK nor CANCEL; False if it is not one of a call's."""
        handlers = {
            "BYE": self._on_bye,
            "INVITE": self._offers.receive,
            "UPDATE": self._on_update,
            "INFO": self._on_info,
        }
        if self.on_refer is not None:
            handlers["REFER"] = self._on_refer
        handler = handlers.get(request.method)
        if not self.dialog.in_order(request):
            self._wire.respond(key, response(request, 500, "CSeq Out Of Order", headers=retry_after()))
            return True
        self.way.moved(request, source)
        if handler is None and request.method in self.serves:
            self._wire.respond(key, self.serves[request.method](request))
            return True
        if handler is None:
            return False
        handler(key, request)
        return True

    def acknowledged(self, ack: Request) -> None:
        """Take the ACK for a 2xx: found by its CSeq number, whatever its To tag or branch."""
        waiting = self._accepted.acknowledged(ack.cseq.number)
        if waiting is None:
            return
        answer = sdp_of(ack) if waiting.offered else None
        self.remote_sdp = answer or self.remote_sdp
        self._offers.acknowledged(ack.cseq.number)
        if self.state is CallState.ENDED:  # we hung up meanwhile
            self._accepted.clear()
            self._wire.spawn(self._say_goodbye())
        elif self.state is CallState.ANSWERED:
            self.state = CallState.CONFIRMED
            self._settle()
        elif answer is not None and self.on_answer is not None:
            self.on_answer(answer)

    def cancelled(self, key: str) -> None:
        """Take the CANCEL of the re-INVITE that came in this transaction."""
        self._offers.cancelled(key)

    def _on_bye(self, key: str, request: Request) -> None:
        self._wire.respond(key, response(request, 200))
        self._end("bye")
        self._accepted.clear()
        self._close()

    def _on_info(self, key: str, request: Request) -> None:
        refusal = refuse_info(request)
        self._wire.respond(key, refusal or response(request, 200))
        if refusal is None and self.on_info is not None:
            self.on_info(request.get("Content-Type") or "", request.body)

    def _on_refer(self, key: str, request: Request) -> None:
        answer = accept(request, self.dialog.contact)
        self._wire.respond(key, answer)
        if answer.status == 202 and self.on_refer is not None:
            self._wire.spawn(referred(self, request, self.on_refer))

    def _on_update(self, key: str, request: Request) -> None:
        if sdp_of(request) is not None:
            self._offers.receive(key, request)
            return
        self.dialog.refresh(request)
        headers = self.watch.extended(request)
        self._wire.respond(key, response(request, 200, contact=self.dialog.contact, headers=headers))

    # --- a 2xx until its ACK, and the end

    def break_off(self, reason: str) -> None:
        """End a call that the peer does not know or answer in any more (RFC 3261 section 12.2.1.2), with BYE."""
        if self.state is not CallState.ENDED:
            self._end(reason, closing=False)
            self._wire.spawn(self._say_goodbye())

    def _not_acknowledged(self) -> None:
        """End the session for want of an ACK (RFC 3261 section 13.3.1.4), with BYE."""
        self._end("no-ack", closing=False)
        self._wire.spawn(self._say_goodbye())

    async def _say_goodbye(self) -> None:
        try:
            await self.line.ask("BYE", self._farewell)
        except SipError as error:
            log.info("nobody answered the BYE: %s", error)
        finally:
            self._close()

    def _end(self, reason: str, *, closing: bool = True, repeating: bool = False) -> None:
        """End the call for its user; `repeating`: its 2xx goes on being sent, to whoever acknowledges it late."""
        if self.state is CallState.ENDED:
            return
        self._settle()
        self.state = CallState.ENDED
        self._reason = reason
        if repeating:
            self._accepted.release()
        else:
            self._accepted.clear()
        self.watch.stop()
        self._offers.close()
        if closing:
            self._close()
        if self._on_ended is not None:
            self._on_ended(reason)

    def _settle(self) -> None:
        settled, self.on_settled = self.on_settled, None
        if settled is not None:
            settled()

    def _close(self) -> None:
        """Let the driver forget the dialog."""
        self._closed.set()
        self.way.release()
        if self.on_closed is not None:
            self.on_closed()
