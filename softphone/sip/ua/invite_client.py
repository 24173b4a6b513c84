"""One INVITE of ours under way: early dialogs, forks, the ACK for each 2xx, CANCEL (RFC 3261 sections 9.1 and 13.2)."""

import asyncio
import contextlib
from collections.abc import Callable

from softphone.errors import CallEnded, SipError
from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.body import sdp_of
from softphone.sip.message.message import Headers, Request, Response
from softphone.sip.transaction.events import Failure
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.early import EarlyDialog
from softphone.sip.ua.exchange import PROOFS, ask, failure
from softphone.sip.ua.node import Node
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
    ) -> None:
        self._node = node
        self._request = request
        self._router = router
        self._known = known
        self._on_progress = on_progress
        self._on_answered = on_answered
        self._cancel_headers = cancel_headers
        self._acks: dict[str, tuple[Request, Target]] = {}
        self._outcome: asyncio.Future[Response | SipError] = asyncio.get_running_loop().create_future()
        self._early: dict[str, EarlyDialog] = {}
        self._given_up = self._final = False
        self._patience: asyncio.TimerHandle | None = None
        self.dialog: Dialog | None = known
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
        for early in self._early.values():
            self._node.leave_early(early)
        self._early.clear()
        self._settle(outcome)

    def _settle(self, outcome: Response | SipError) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def _progressed(self, response: Response) -> None:
        tag = response.to.tag
        if response.status > 100 and tag and self._known is None:
            if tag in self._early:
                self._early[tag].progressed(response)
            elif len(self._early) < MAX_FORKS and not self._final:
                self._early[tag] = EarlyDialog(self._node, self._request, response)
                self._node.enter_early(self._early[tag])
        if self._on_progress is not None and not self._given_up:
            self._on_progress(response)

    def _succeeded(self, response: Response) -> None:
        tag = response.to.tag or ""
        if tag in self._acks:
            self._node.acknowledge(*self._acks[tag])
            return
        early = self._early.get(tag)
        dialog = self._known or self._dialog(early, response)
        self._acknowledge(dialog, tag, response)
        if self._known is None and (self._given_up or self._outcome.done()):
            self._hang_up(dialog)
            self._finish(response)
            return
        self.dialog = dialog
        if self._on_answered is not None:
            # Some say in a 183 what belongs into the 200; it was of this telephone.
            sdp = sdp_of(response) or (early.sdp if early is not None else None)
            self._on_answered(dialog, self._answerer(), response, sdp)
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
            await ask(self._node, dialog.request("BYE"), self._router(dialog, self._answerer()))
