"""An INVITE usage of a dialog (RFC 5057): what a call is once it stands, whoever began it.

Offers travel both ways and may cross (RFC 3261 section 14): ours are sent one at a time and again after a glare; the
peer's are refused while one of ours, or an earlier one of its own, is open.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from enum import Enum

from softphone.errors import CallEnded, CallRefused, SdpError, SipError
from softphone.sip.acceptance import Acceptances
from softphone.sip.auth import Credentials
from softphone.sip.body import SDP, sdp_of
from softphone.sip.dialog import Dialog
from softphone.sip.endpoint import Endpoint
from softphone.sip.exchange import CHALLENGES, ask, authorised
from softphone.sip.invitation import Invitation
from softphone.sip.message import Headers, Request, Response, response
from softphone.sip.referral import OnRefer, accept, referred
from softphone.sip.where import WayBack
from softphone.sip.wire import Wire

__all__ = ["CallState", "Usage"]

log = logging.getLogger(__name__)

GLARES = 5
"""How often an offer is sent again after 491; with random waits, two or three are enough."""

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

    def __init__(self, wire: Wire, dialog: Dialog, way: WayBack, credentials: Credentials | None) -> None:
        self._wire = wire
        self.dialog = dialog
        self.way = way
        self._credentials = credentials
        self.state = CallState.EARLY
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
        self._asked: tuple[str, Request] | None = None
        self._offering = asyncio.Lock()
        self._offer_is_open = False
        self._answered = asyncio.Event()
        self._answered.set()
        self._owns_call_id = True

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

    # --- what we do

    async def bye(self, headers: Headers = ()) -> None:
        """Hang up (RFC 3261 section 15.1.1); returns when the peer has answered or is known not to."""
        if self.state is CallState.ENDED:
            return
        request = self.dialog.request("BYE", headers=headers)
        self._end("hangup", closing=False)
        await self._say_goodbye(request)

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
        async with self._offering:
            for _ in range(GLARES):
                await self._answered.wait()
                self._offer_is_open = True
                try:
                    answer = await self._offer(sdp)
                finally:
                    self._offer_is_open = False
                if answer.status != 491:
                    break
                await asyncio.sleep(self._glare_delay())
        if answer.status >= 300:
            raise CallRefused(answer.status, answer.reason)
        self.local_sdp = sdp
        self.remote_sdp = sdp_of(answer) or ""
        return self.remote_sdp

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
            self._break_off("gone")
            raise
        if answer.status in GONE:
            self._break_off("gone")
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
        request = self.dialog.request(method, headers=headers, content_type=content_type, body=body)
        return await ask(self._wire, request, self._target(), self._credentials, self.dialog.next_number)

    async def info(self, content_type: str, body: bytes | str) -> int:
        """Send an INFO (RFC 6086); returns the status of the answer. Raises as :meth:`request`."""
        return (await self.request("INFO", content_type=content_type, body=body)).status

    async def _offer(self, sdp: str) -> Response:
        self._check_alive()
        request = self.dialog.request("INVITE", headers=self.allowed, content_type=SDP, body=sdp)
        try:
            target = await self._wire.resolve(self._target())
            for _ in range(CHALLENGES):
                invitation = Invitation(self._wire, request, target, self.way.target, known=self.dialog)
                answer = await invitation.response()
                retry = authorised(request, answer, self._credentials, self.dialog.next_number)
                if retry is None:
                    break
                request = retry
        except SipError:
            await self.bye()
            raise
        if answer.status in GONE:
            self._break_off("gone")
        return answer

    def _glare_delay(self) -> float:
        """Seconds until an offer is tried again (RFC 3261 section 14.1), in steps of 10 ms."""
        return random.randint(210, 400) / 100 if self._owns_call_id else random.randint(0, 200) / 100

    def _check_alive(self) -> None:
        if self.state is CallState.ENDED:
            raise CallEnded("the call is over")

    def _target(self) -> Endpoint:
        return self.way.target(self.dialog)

    # --- what the peer does

    def receive(self, key: str, request: Request, source: Endpoint) -> bool:
        """Take a request of the dialog that is neither ACK nor CANCEL; False if it is not one of a call's."""
        handlers = {
            "BYE": self._on_bye,
            "INVITE": self._on_invite,
            "UPDATE": self._on_update,
            "INFO": self._on_info,
        }
        if self.on_refer is not None:
            handlers["REFER"] = self._on_refer
        handler = handlers.get(request.method)
        if not self.dialog.in_order(request):
            self._wire.respond(key, response(request, 500, "CSeq Out Of Order", headers=_retry_after()))
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
        if self.state is CallState.ENDED:  # we had no more patience
            self._wire.spawn(self._say_goodbye(self.dialog.request("BYE")))
        elif self.state is CallState.ANSWERED:
            self.state = CallState.CONFIRMED
            self._settle()
        elif answer is not None and self.on_answer is not None:
            self.on_answer(answer)

    def _on_bye(self, key: str, request: Request) -> None:
        self._wire.respond(key, response(request, 200))
        self._end("bye")
        self._accepted.clear()
        self._close()

    def _on_info(self, key: str, request: Request) -> None:
        self._wire.respond(key, response(request, 200))
        if self.on_info is not None:
            self.on_info(request.get("Content-Type") or "", request.body)

    def _on_refer(self, key: str, request: Request) -> None:
        answer = accept(request, self.dialog.contact)
        self._wire.respond(key, answer)
        if answer.status == 202 and self.on_refer is not None:
            self._wire.spawn(referred(self, request, self.on_refer))

    def _on_update(self, key: str, request: Request) -> None:
        if sdp_of(request) is not None:
            self._on_invite(key, request)
            return
        self.dialog.refresh(request)
        self._wire.respond(key, response(request, 200, contact=self.dialog.contact))

    def _on_invite(self, key: str, request: Request) -> None:
        if self.state is CallState.ENDED:
            self._wire.respond(key, response(request, 481))
        elif self._offer_is_open:
            self._wire.respond(key, response(request, 491))
        elif not self._answered.is_set() or self.state is CallState.EARLY:
            self._wire.respond(key, response(request, 500, headers=_retry_after()))
        else:
            self._answered.clear()
            self._asked = key, request
            self._wire.spawn(self._answer_offer(key, request))

    async def _answer_offer(self, key: str, request: Request) -> None:
        offer = sdp_of(request)
        try:
            reply = await self._decide(offer)
        except CallRefused as refusal:
            self._wire.respond(key, response(request, refusal.status, refusal.reason or None))
        except Exception:
            log.exception("a new offer could not be answered")
            self._wire.respond(key, response(request, 500))
        else:
            self._agree(key, request, offer, reply)
        finally:
            self._asked = None
            self._answered.set()

    async def _decide(self, offer: str | None) -> str:
        if self.on_reinvite is None:
            raise CallRefused(488, "Not Acceptable Here")
        try:
            return await self.on_reinvite(offer)
        except SdpError as error:
            raise CallRefused(488, "Not Acceptable Here") from error

    def _agree(self, key: str, request: Request, offer: str | None, reply: str) -> None:
        if self.state is CallState.ENDED:
            return
        self._asked = None
        self.dialog.refresh(request)
        self.local_sdp = reply
        if offer is not None:
            self.remote_sdp = offer
        ok = response(request, 200, contact=self.dialog.contact, headers=self.allowed, content_type=SDP, body=reply)
        if request.method == "UPDATE":
            self._wire.respond(key, ok)
        else:
            self._accepted.send(key, ok, offered=offer is None)

    # --- a 2xx until its ACK, and the end

    def _break_off(self, reason: str) -> None:
        """End a call that the peer does not know or answer in any more (RFC 3261 section 12.2.1.2), with BYE."""
        if self.state is not CallState.ENDED:
            request = self.dialog.request("BYE")
            self._end(reason, closing=False)
            self._wire.spawn(self._say_goodbye(request))

    def _not_acknowledged(self) -> None:
        """End the session for want of an ACK (RFC 3261 section 13.3.1.4), with BYE."""
        request = self.dialog.request("BYE")
        self._end("no-ack", closing=False)
        self._wire.spawn(self._say_goodbye(request))

    async def _say_goodbye(self, bye: Request) -> None:
        try:
            await ask(self._wire, bye, self._target(), self._credentials, self.dialog.next_number)
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
        if not repeating:
            self._accepted.clear()
        if self._asked is not None:  # an offer that crossed the end (RFC 3261 section 15.1.2)
            key, request = self._asked
            self._wire.respond(key, response(request, 487))
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
        self.way.release()
        if self.on_closed is not None:
            self.on_closed()


def _retry_after() -> Headers:
    """Between 0 and 10 seconds (RFC 3261 section 14.2)."""
    return [("Retry-After", str(random.randint(0, 10)))]
