"""An outgoing INVITE: early dialogs, forks, ACK for each 2xx, CANCEL (RFC 3261 sections 9.1 and 13.2)."""

import asyncio
import contextlib
from collections.abc import Callable

from softphone.errors import CallEnded, CallRefused, SipError
from softphone.sip.dialog.dialog import Dialog
from softphone.sip.dialog.table import EstablishedUser
from softphone.sip.message.body import sdp_of
from softphone.sip.message.digest import Credentials
from softphone.sip.message.message import Headers, Request, Response
from softphone.sip.transaction.events import Failure
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.client_request import PROOFS, ask, failure
from softphone.sip.ua.early import EarlyDialog, GiveWay
from softphone.sip.ua.node import Node
from softphone.sip.ua.peer_offers import OnOffer
from softphone.sip.where.locate import Target

__all__ = ["GivenUp", "OutgoingInvite", "Progress"]

# Telephones of one INVITE that are told apart while they ring; a fork of more is a hunt group gone wild.
MAX_FORKS = 32

Progress = Callable[[Response], None]
"""Told every provisional response: 100 says that somebody is there, those above it what the telephone does."""

GivenUp = Callable[["asyncio.Future[Response | SipError]"], None]
"""Told, when an INVITE is cancelled, of the future that is done when it is over: with a 487, as a rule."""

Answered = Callable[[Dialog, Hop, Response, str | None], None]
"""Told at once of the 2xx that wins, from where it came, and the description that goes with it: the peer's next
request may follow soon."""

Router = Callable[[Dialog, Hop], Target]
"""Says where the requests of a dialog are sent that was answered from a hop."""


class OutgoingInvite:
    """An INVITE or re-INVITE in the hands of the network.

    Every 2xx is acknowledged, again for each retransmission. The first one wins; a 2xx from another branch of a fork,
    or one that comes after we gave up, is acknowledged and its dialog ended with BYE (RFC 3261 section 13.2.2.4).

    Parameters
    ----------
    known
        The dialog of a re-INVITE.
    cancel_headers
        Gives the headers of the CANCEL, if one is sent: a Reason (RFC 3326).
    on_offer
        Decides on what telephones offer by UPDATE before one has answered; None: it is refused.
    on_replaced
        Told of a call that came in and has the place of the telephones that ring, which it is for others to answer.
    credentials
        Answer the challenges of what is sent in early dialogs, and in those of a fork that has lost.

    Attributes
    ----------
    sdp
        The description that goes with the 2xx, of it or of a 1xx before; None while there is none.
    """

    def __init__(
        self,
        node: Node,
        request: Request,
        target: Target,
        router: Router,
        *,
        known: Dialog | None = None,
        on_progress: Progress | None = None,
        on_answered: Answered | None = None,
        cancel_headers: Callable[[], Headers] = tuple,
        on_offer: OnOffer | None = None,
        on_replaced: GiveWay | None = None,
        credentials: Credentials | None = None,
    ) -> None:
        self._node = node
        self._request = request
        self._router = router
        self._known = known
        self._on_progress = on_progress
        self._on_answered = on_answered
        self._cancel_headers = cancel_headers
        self._on_offer = on_offer
        self._on_replaced = on_replaced
        self._credentials = credentials
        self._acks: dict[str, tuple[Request, Target]] = {}
        self._outcome: asyncio.Future[Response | SipError] = asyncio.get_running_loop().create_future()
        self._early: dict[str, EarlyDialog] = {}
        self._given_up = self._final = False
        self._patience: asyncio.TimerHandle | None = None
        self.dialog: Dialog | None = known
        self.sdp: str | None = None
        self._attempt = node.send(request, target, self)

    @property
    def hop(self) -> Hop | None:
        """Where it went."""
        return self._attempt.hop

    @property
    def over(self) -> "asyncio.Future[Response | SipError]":
        """Done with the final response, or the reason why there is none."""
        return self._outcome

    async def response(self) -> Response:
        """Wait for the final response; when the wait is cancelled, so is the INVITE.

        Raises
        ------
        SipTimeout, SipNetworkError
            There was none.
        """
        try:
            outcome = await asyncio.shield(self._outcome)
        except asyncio.CancelledError:
            self.cancel()
            raise
        if isinstance(outcome, SipError):
            raise outcome
        return outcome

    async def response_in(self, longest_s: float) -> Response:
        """Wait as :meth:`response` does, but cancel the INVITE when there is no final response after `longest_s`."""
        self._patience = asyncio.get_running_loop().call_later(longest_s, self.cancel)
        return await self.response()

    def abandon(self) -> None:
        """Let nobody wait for the response any more: the call is over, for its own reasons."""
        self._settle(CallEnded("the call is over"))

    def cancel(self) -> None:
        """Give up: CANCEL, which waits for a provisional response; who was told of an answer hangs up itself."""
        if self._given_up:
            return
        self._given_up = True
        if not self._final:
            self._attempt.cancel(self._cancel_headers())

    def on_failure(self, reason: Failure | SipError) -> None:
        """Take notice that there will be no final response."""
        self._finish(failure(reason, self._request))

    def on_response(self, response: Response) -> None:
        """Take any response."""
        if response.status >= 300:
            self._finish(response)
        elif response.status >= 200:
            self._succeeded(response)
        else:
            self._progressed(response)

    def _finish(self, outcome: Response | SipError) -> None:
        """Take the end of the INVITE; the dialogs of the telephones that did not answer end with it."""
        self._final = True
        if self._patience is not None:
            self._patience.cancel()
        for tag in list(self._early):
            self._left(tag).close()
        self._settle(outcome)

    def _settle(self, outcome: Response | SipError) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def _progressed(self, response: Response) -> None:
        tag = response.to.tag
        early = self._early_dialog(tag, response) if response.status > 100 and tag else None
        if early is not None and not early.progressed(response):
            return
        if self._on_progress is not None and not self._given_up:
            self._on_progress(response)

    def _early_dialog(self, tag: str, response: Response) -> EarlyDialog | None:
        """Find the dialog of a telephone that rings, which begins with its first tagged 1xx; None: it is one too many.

        That of a re-INVITE is entered already.
        """
        if tag not in self._early and len(self._early) < MAX_FORKS and not self._final:
            dialog = self._known or Dialog.from_response(self._request, response)
            self._early[tag] = EarlyDialog(self._node, dialog, self._ask, self._give_way, self._on_offer)
            if self._known is None:
                self._node.enter_early(self._early[tag])
        return self._early.get(tag)

    def _give_way(self, call: EstablishedUser) -> None:
        if self._on_replaced is None or self._given_up or self._outcome.done():
            raise CallRefused(481)
        self._on_replaced(call)
        self.cancel()
        self.abandon()

    def _left(self, tag: str) -> EarlyDialog:
        """Let no request find an early dialog any more; gives it."""
        early = self._early.pop(tag)
        if self._known is None:
            self._node.leave_early(early)
        return early

    async def _ask(self, dialog: Dialog, request: Request) -> Response:
        target = self._router(dialog, self._answerer())
        return await ask(self._node, request, target, self._credentials, dialog.next_number)

    def _succeeded(self, response: Response) -> None:
        tag = response.to.tag or ""
        if tag in self._acks:
            self._node.acknowledge(*self._acks[tag])
            return
        early = self._left(tag) if tag in self._early else None
        dialog = self._known or self._dialog(early, response)
        self._acknowledge(dialog, tag, response)
        if self._known is None and (self._given_up or self._outcome.done()):
            self._hang_up(dialog)
            self._finish(response)
            return
        self.dialog = dialog
        self.sdp = sdp_of(response) if early is None else early.answered(response)
        if self._on_answered is not None:
            self._on_answered(dialog, self._answerer(), response, self.sdp)
        self._finish(response)

    def _dialog(self, early: EarlyDialog | None, answer: Response) -> Dialog:
        return Dialog.from_response(self._request, answer) if early is None else early.confirmed(self._request, answer)

    def _acknowledge(self, dialog: Dialog, tag: str, response: Response) -> None:
        if dialog is self._known:
            dialog.refresh(response)
        headers = [(name, value) for name in PROOFS for value in self._request.get_all(name)]
        ack = dialog.ack(self._request.cseq.number, headers=headers)
        self._acks[tag] = (ack, self._router(dialog, self._answerer()))
        self._node.acknowledge(*self._acks[tag])

    def _answerer(self) -> Hop:
        """Give the place whose answer came: there was one, so it went somewhere."""
        assert self._attempt.hop is not None
        return self._attempt.hop

    def _hang_up(self, dialog: Dialog) -> None:
        self._node.spawn(self._bye(dialog))

    async def _bye(self, dialog: Dialog) -> None:
        with contextlib.suppress(SipError):
            await self._ask(dialog, dialog.request("BYE"))
