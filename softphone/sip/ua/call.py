"""A call as its user sees it: ring, answer or reject what comes in; talk and hang up on both sides."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from softphone.errors import CallEnded
from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.body import SDP, sdp_of
from softphone.sip.message.digest import Credentials
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Request, Response, response, tag_of
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.refresh import Refresh
from softphone.sip.ua.usage import CallState, Usage
from softphone.sip.ua.wire import Wire
from softphone.sip.where.route import WayBack

__all__ = ["Call", "CallState"]


class Call(Usage):
    """One call, incoming or outgoing.

    Attributes
    ----------
    direction
        ``in`` or ``out``.
    call_id
        The Call-ID.
    invite
        The initial INVITE, the last one sent or received (with its credentials, if it was challenged).
    response
        The 2xx of an outgoing call; None for an incoming one.
    source
        Where the INVITE came from; for an outgoing call where it was sent.
    patience_s
        How long an incoming call may take to acknowledge our answer before it is over for us; None: as long as the
        answer is repeated.
    repeat_s
        How long our answer is repeated to a caller that has proved nothing, not even that its address is its own:
        before its ACK nothing else is sent to it, no BYE either. None: a caller like any other.
    may_repeat
        Asked with a number of bytes before our answer is repeated to such a caller; None: nobody is asked.
    on_decided
        Called once when an incoming call rings, is answered or is over.
    known
        Whether the peer has proved who it is, is one that was configured, or one that we have called.
    came_back
        Whether its INVITE is one of ours that found its way back to us.
    remote_sdp, local_sdp
        The latest description from the peer, and ours; None while there is none.
    """

    def __init__(
        self,
        wire: Wire,
        dialog: Dialog,
        invite: Request,
        source: Hop,
        *,
        direction: str,
        way: WayBack,
        credentials: Credentials | None = None,
        refresh: Refresh | None = None,
    ) -> None:
        super().__init__(wire, dialog, way, credentials, refresh)
        self.direction = direction
        self.invite = invite
        self.source = source
        self.response: Response | None = None
        self.patience_s: float | None = None
        self.known = direction == "out"
        self.came_back = False
        self.repeat_s: float | None = None
        self.may_repeat: Callable[[int], bool] | None = None
        self.on_decided: Callable[[], object] | None = None
        self._key = ""
        self._ringing: asyncio.TimerHandle | None = None

    @classmethod
    def incoming(cls, wire: Wire, key: str, request: Request, source: Hop, contact: Address) -> "Call":
        """Make the call that an initial INVITE asks for."""
        dialog = Dialog.from_request(request, tag_of(request, str(contact.uri)), contact)
        call = cls(wire, dialog, request, source, direction="in", way=WayBack.of(wire.flow, request, source))
        call._key = key
        call.remote_sdp = sdp_of(request)
        return call

    @classmethod
    def outgoing(
        cls,
        wire: Wire,
        dialog: Dialog,
        invite: Request,
        answer: Response,
        target: Hop,
        *,
        way: WayBack,
        credentials: Credentials | None,
        refresh: Refresh,
    ) -> "Call":
        """Make the call that a 2xx to our INVITE began; it stands. `refresh` is the session timer we asked for."""
        call = cls(wire, dialog, invite, target, direction="out", way=way, credentials=credentials, refresh=refresh)
        call.response = answer
        call.watch.refreshed(answer)
        call.local_sdp = invite.body.decode("utf-8", "replace")
        call.remote_sdp = sdp_of(answer)
        return call

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.dialog.call_id

    @property
    def remote(self) -> Address:
        """Who is at the other side: the peer's From or To, with display name."""
        return self.dialog.remote

    @property
    def remote_uri(self) -> str:
        """URI of the other side."""
        return str(self.dialog.remote.uri)

    def as_focus(self) -> None:
        """Say in our Contact, from now on, that a conference is here (RFC 4579 section 5.1)."""
        contact = self.dialog.contact
        self.dialog.contact = replace(contact, params={**contact.params, "isfocus": None})

    def limit_ringing(self, longest_s: float) -> None:
        """Let the call ring no longer: then 480, or 487 where the caller said less (RFC 3261 section 13.3.1)."""
        said = self.invite.expires
        after_s, status = (longest_s, 480) if said is None or said > longest_s else (said, 487)
        self._ringing = asyncio.get_running_loop().call_later(after_s, self._ring_out, status)

    def _ring_out(self, status: int) -> None:
        if self.state is CallState.EARLY:
            self._wire.respond(self._key, self._response(status, None, (), None))
            self._end("cancelled")

    async def ring(self, status: int = 180, sdp: str | None = None, headers: Headers = ()) -> None:
        """Send a provisional response, with early media if `sdp` is given (RFC 3261 section 13.3.1.1).

        Raises
        ------
        CallEnded
            The caller has cancelled.
        """
        self._check_early()
        self._tell_decided()
        self._wire.respond(self._key, self._response(status, None, headers, sdp))

    async def answer(self, sdp: str, headers: Headers = ()) -> None:
        """Accept the call with our answer, or our offer if the INVITE had none; returns when the ACK came.

        Raises
        ------
        CallEnded
            The caller has cancelled, has hung up, or never sent the ACK.
        """
        self._check_early()
        self._silence()
        self._tell_decided()
        self.state = CallState.ANSWERED
        self.local_sdp = sdp
        ok = self._response(200, None, (*self.allowed, *self.watch.extended(self.invite), *headers), sdp)
        self._offers.answered(self.invite.cseq.number, offered=self.remote_sdp is None)
        offered = self.remote_sdp is None
        done = self.accept(self._key, ok, offered=offered, repeat_s=self.repeat_s, may_repeat=self.may_repeat)
        try:
            async with asyncio.timeout(self.patience_s):
                acknowledged = await asyncio.shield(done)
        except TimeoutError:
            self._end("no-ack", closing=False, repeating=True)
            acknowledged = False
        if not acknowledged:
            raise CallEnded("the call ended before it was acknowledged")

    def reject(self, status: int, reason: str | None = None, headers: Headers = (), *, once: bool = False) -> None:
        """Refuse the call with a final response of 300 or above; nothing happens if it is over already.

        `once`: by UDP the answer is not repeated until its ACK; a caller that missed it asks again.

        Raises
        ------
        ValueError
            `status` is not a refusal.
        """
        if not 300 <= status <= 699:
            raise ValueError(f"{status} does not refuse a call")
        if self.state is CallState.EARLY:
            self._wire.respond(self._key, self._response(status, reason, headers, None), once=once)
            self._end("rejected")

    async def bye(self, headers: Headers = ()) -> None:
        """Hang up; an incoming call that is not answered yet is refused with 480 instead."""
        if self.state is CallState.EARLY:
            self.reject(480, headers=headers)
        else:
            await super().bye(headers)

    def cancelled(self, key: str) -> None:
        """Take the CANCEL of an INVITE (RFC 3261 section 9.2): without effect once we have answered."""
        if key == self._key:
            self._ring_out(487)
        else:
            super().cancelled(key)

    def _on_bye(self, key: str, request: Request) -> None:
        self._ring_out(487)
        super()._on_bye(key, request)

    def _end(self, reason: str, *, closing: bool = True, repeating: bool = False) -> None:
        self._silence()
        self._tell_decided()
        super()._end(reason, closing=closing, repeating=repeating)

    def _not_acknowledged(self) -> None:
        if self.repeat_s is None:
            super()._not_acknowledged()
        else:
            self._end("no-ack", closing=False)
            self._close()

    def _tell_decided(self) -> None:
        decided, self.on_decided = self.on_decided, None
        if decided is not None:
            decided()

    def _silence(self) -> None:
        if self._ringing is not None:
            self._ringing.cancel()

    def _check_early(self) -> None:
        if self.state is CallState.ENDED:
            raise CallEnded("the call is over")
        if self.state is not CallState.EARLY or self.direction != "in":
            raise ValueError("only an incoming call that is not answered yet can ring or be answered")

    def _response(self, status: int, reason: str | None, headers: Headers, sdp: str | None) -> Response:
        return response(
            self.invite,
            status,
            reason,
            to_tag=self.dialog.local.tag,
            contact=self.dialog.contact if status < 300 else None,
            headers=headers,
            content_type=SDP if sdp is not None else None,
            body=sdp or b"",
        )
