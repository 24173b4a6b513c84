"""Our side of a dialog: requests go out in it by the way that the peer is reached, and challenges are answered."""

import asyncio
import logging

from softphone.errors import SipError
from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.digest import Credentials
from softphone.sip.message.message import Headers, Request, Response
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.client_request import CHALLENGES, ClientRequest, ask, authorised
from softphone.sip.ua.invite_client import OutgoingInvite
from softphone.sip.ua.node import Node
from softphone.sip.where.locate import Target
from softphone.sip.where.route import WayBack

__all__ = ["Line"]

log = logging.getLogger(__name__)


class Line:
    """A dialog, the way to its peer, and what proves who we are.

    Parameters
    ----------
    way
        The way to the peer.
    """

    def __init__(self, node: Node, dialog: Dialog, way: WayBack, credentials: Credentials | None) -> None:
        self.node = node
        self.dialog = dialog
        self.way = way
        self._credentials = credentials
        self._invitation: OutgoingInvite | None = None

    async def send(self, request: Request) -> Response:
        """Send a request that the dialog made; raises SipTimeout, SipNetworkError."""
        target = self.way.target(self.dialog)
        return await ask(self.node, request, target, self._credentials, self.dialog.next_number)

    async def ask(
        self, method: str, headers: Headers = (), content_type: str | None = None, body: bytes | str = b""
    ) -> Response:
        """Make a request that is no INVITE, and send it; raises SipTimeout, SipNetworkError."""
        return await self.send(self.dialog.request(method, headers=headers, content_type=content_type, body=body))

    async def bye(self, headers: Headers, longest_s: float | None = None) -> None:
        """Say that the call is over (RFC 3261 section 15.1.1); who does not answer is not asked again.

        `longest_s`: so long it is repeated at most.
        """
        request = self.dialog.request("BYE", headers=headers)
        try:
            if longest_s is None:
                await self.send(request)
                return
            exchange = ClientRequest(self.node, request, self.way.target(self.dialog))
            async with asyncio.timeout(longest_s):
                await exchange.response()
        except SipError as error:
            log.info("nobody answered the BYE: %s", error)
        except TimeoutError:
            exchange.forget()

    async def invite(self, headers: Headers, content_type: str, body: str) -> tuple[Response, str | None]:
        """Send a re-INVITE, one at a time; gives its final response, and the description that goes with it.

        Raises SipTimeout, SipNetworkError, CallEnded (see :meth:`abandon`).
        """
        request = self.dialog.request("INVITE", headers=headers, content_type=content_type, body=body)
        target = self.way.target(self.dialog)
        try:
            for _ in range(CHALLENGES):
                self._invitation = invitation = OutgoingInvite(
                    self.node, request, target, self._route, known=self.dialog, credentials=self._credentials
                )
                answer = await invitation.response_in(self.node.timers.give_up)
                retry = authorised(request, answer, self._credentials, self.dialog.next_number)
                if retry is None:
                    break
                request, target = retry, invitation.hop or target
        finally:
            self._invitation = None
        return answer, invitation.sdp

    def _route(self, dialog: Dialog, _hop: Hop) -> Target:
        return self.way.target(dialog)

    def abandon(self) -> None:
        """Wait for a re-INVITE no longer: the call is over."""
        if self._invitation is not None:
            self._invitation.abandon()
