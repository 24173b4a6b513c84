"""One INVITE of ours under way: early dialogs, forks, the ACK for each 2xx, CANCEL (RFC 3261 sections 9.1 and 13.2)."""

import asyncio
import contextlib
from collections.abc import Callable

from softphone.errors import SipError, SipNetworkError
from softphone.sip.dialog import Dialog
from softphone.sip.endpoint import Endpoint
from softphone.sip.exchange import PROOFS, ask, failure
from softphone.sip.message import Headers, Request, Response
from softphone.sip.wire import Wire

__all__ = ["GivenUp", "Invitation", "Progress"]

Progress = Callable[[Response], None]
"""Told every provisional response: 100 says that somebody is there, those above it what the telephone does."""

GivenUp = Callable[["asyncio.Future[Response | SipError]"], None]
"""Told, when an INVITE is cancelled, of the future that is done when it is over: with a 487, as a rule."""

Answered = Callable[[Dialog, Response], None]
"""Told at once of the 2xx that wins: the peer's next request may follow on its heels."""

Router = Callable[[Dialog], Endpoint]
"""Says where the requests of a dialog are sent."""


class Invitation:
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
        wire: Wire,
        request: Request,
        target: Endpoint,
        router: Router,
        *,
        known: Dialog | None = None,
        on_progress: Progress | None = None,
        on_answered: Answered | None = None,
        cancel_headers: Callable[[], Headers] = tuple,
    ) -> None:
        self._wire = wire
        self._request = request
        self._router = router
        self._known = known
        self._on_progress = on_progress
        self._on_answered = on_answered
        self._cancel_headers = cancel_headers
        self._acks: dict[str, tuple[Request, Endpoint]] = {}
        self._outcome: asyncio.Future[Response | SipError] = asyncio.get_running_loop().create_future()
        self._given_up = False
        self.dialog: Dialog | None = known
        self._key = wire.send(request, target, self)

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

    def cancel(self) -> None:
        """Give up: CANCEL, which waits for a provisional response; who was told of an answer hangs up itself."""
        if self._given_up:
            return
        self._given_up = True
        if not self._outcome.done():
            self._wire.cancel(self._key, self._cancel_headers())

    def on_failure(self, reason: str) -> None:
        """Take notice that there will be no final response."""
        self._settle(failure(reason, self._request))

    def on_response(self, response: Response) -> None:
        """Take any response."""
        if response.status >= 300:
            self._settle(response)
        elif response.status >= 200:
            self._succeeded(response)
        else:
            self._progressed(response)

    def _settle(self, outcome: Response | SipError) -> None:
        if not self._outcome.done():
            self._outcome.set_result(outcome)

    def _progressed(self, response: Response) -> None:
        if self._on_progress is not None and not self._given_up:
            self._on_progress(response)

    def _succeeded(self, response: Response) -> None:
        tag = response.to.tag or ""
        if tag in self._acks:
            self._wire.acknowledge(*self._acks[tag])
            return
        dialog = self._known or Dialog.from_response(self._request, response)
        try:
            self._acknowledge(dialog, tag, response)
        except SipNetworkError as error:
            self._settle(error)
            return
        if self._known is None and (self._given_up or self._outcome.done()):
            self._hang_up(dialog)
            self._settle(response)
            return
        self.dialog = dialog
        if self._on_answered is not None:
            self._on_answered(dialog, response)
        self._settle(response)

    def _acknowledge(self, dialog: Dialog, tag: str, response: Response) -> None:
        if dialog is self._known:
            dialog.refresh(response)
        headers = [(name, value) for name in PROOFS for value in self._request.get_all(name)]
        ack = dialog.ack(self._request.cseq.number, headers=headers)
        self._acks[tag] = (ack, self._router(dialog))
        self._wire.acknowledge(*self._acks[tag])

    def _hang_up(self, dialog: Dialog) -> None:
        self._wire.spawn(self._bye(dialog))

    async def _bye(self, dialog: Dialog) -> None:
        with contextlib.suppress(SipError):
            await ask(self._wire, dialog.request("BYE"), self._router(dialog))
