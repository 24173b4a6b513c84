"""Event notification (RFC 6665), subscriber: a dialog, refreshed until either side ends it.

::

    SUBSCRIBE ──────────►   half a dialog: who notifies has no tag yet
    200 or NOTIFY ◄──────   whichever comes first says it (section 4.1.2.4)
    NOTIFY ... ◄─────────   documents, in order
    SUBSCRIBE ──────────►   before it runs out; with Expires 0 it ends (section 4.1.2.3)
"""

import asyncio
import logging
from collections.abc import Callable

from softphone.errors import SipError
from softphone.phrases import OUT_OF_ORDER
from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.digest import Credentials
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Request, response
from softphone.sip.services.registration import refresh_after_s
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.client_request import ask, refused
from softphone.sip.ua.line import Line
from softphone.sip.ua.node import Node
from softphone.sip.where.locate import Target
from softphone.sip.where.route import WayBack
from softphone.tasks import tell

__all__ = ["EXPIRES_S", "Subscriber"]

log = logging.getLogger(__name__)

EXPIRES_S = 600
"""As long as is asked for: so long a notifier keeps one whose subscriber has lost its power."""
LONGEST_S = 86_400


class Subscriber:
    """One that is subscribed to one resource.

    Parameters
    ----------
    node
        Sends its requests, and has its NOTIFYs find it.
    first
        The SUBSCRIBE that begins it, with Event, Accept, Contact and Expires.
    target
        Where that goes.
    credentials
        What answers challenges.

    Attributes
    ----------
    on_document
        Called with the body of each NOTIFY that has one.
    on_ended
        Called once when no more will come, with the reason: that of the notifier (``noresource``, ``timeout`` and
        others, RFC 6665 section 4.1.3), ``gone`` when it does not answer or does not know us, ``ended`` by us.
    """

    def __init__(self, node: Node, first: Request, target: Target, credentials: Credentials | None) -> None:
        self._node, self._first, self._target, self._credentials = node, first, target, credentials
        contact = first.contact or Address(first.from_.uri)
        number = first.cseq.number
        self.dialog = Dialog(first.call_id, first.from_, first.to, contact, first.uri, (), number)
        self.on_document: Callable[[bytes], object] | None = None
        self.on_ended: Callable[[str], object] | None = None
        self.on_closed: Callable[[], None] | None = None
        self._event = _package(first)
        self._line: Line | None = None
        self._came: Hop | None = None
        self._granted = EXPIRES_S
        self._due = asyncio.Event()
        self._ended = False

    async def start(self) -> None:
        """Subscribe; returns when the notifier has agreed.

        Raises
        ------
        CallRefused
            It has not.
        SipTimeout, SipNetworkError
            It did not answer.
        """
        self._node.enter_early(self)
        try:
            answer = await ask(
                self._node, self._first, self._target, self._credentials, self.dialog.next_number, self._went
            )
            if answer.status >= 300:
                raise refused(answer)
        except BaseException:
            self._close()
            raise
        if not self._ended:
            self._grant(answer.expires)
            self._settle(Dialog.from_response(self._first, answer))
            self._node.spawn(self._keep())

    def refresh(self) -> None:
        """Ask to be told all of it anew, soon (RFC 6665 section 4.2.1.2)."""
        self._due.set()

    async def end(self) -> None:
        """Say that no more is wanted; nothing happens when it is over. Who does not answer is left to forget it."""
        if self._ended or self._line is None:
            return
        line = self._line
        self._finish("ended")
        try:
            await line.ask("SUBSCRIBE", self._headers(0))
        except SipError as error:
            log.info("a notifier did not take that its subscriber goes: %s", error)

    # --- what the node asks of who has a dialog

    def receive(self, key: str, request: Request, source: Hop) -> bool:
        """Take a NOTIFY; False if it is another request, or of another package."""
        if request.method != "NOTIFY" or _package(request) != self._event:
            return False
        if self.dialog.remote.tag is None:
            self._came = self._came or source
            self._settle(_begun_by(request, self.dialog))
        if not self.dialog.in_order(request):
            self._node.respond(key, response(request, 500, OUT_OF_ORDER))
            return True
        self.dialog.refresh(request)
        self._node.respond(key, response(request, 200))
        self._notified(request)
        return True

    def cancelled(self, key: str) -> None:
        """Take a CANCEL: of nothing, as there is no INVITE in this dialog."""

    def repeated(self, size: int) -> None:
        """Take note of a repeated INVITE: there is none."""

    def acknowledged(self, ack: Request) -> None:
        """Take an ACK: of nothing."""

    # ---

    def _went(self, hop: Hop) -> None:
        self._came = hop

    def _settle(self, dialog: Dialog) -> None:
        """Take the other half of the dialog, from whichever message said it first."""
        if self.dialog.remote.tag is not None:
            return
        self._node.leave_early(self)
        dialog.local_seq = max(dialog.local_seq, self.dialog.local_seq)
        self.dialog = dialog
        assert self._came is not None
        way = WayBack(self._node.flow, self._came, direct=True, trusted=True)
        way.hold()
        self._line = Line(self._node, dialog, way, self._credentials)
        self._node.enter(self)

    def _notified(self, request: Request) -> None:
        state, _, params = (request.get("Subscription-State") or "").partition(";")
        said = dict(each.strip().lower().partition("=")[::2] for each in params.split(";"))
        if request.body:
            tell(self.on_document, request.body)
        if state.strip().lower() == "terminated":
            self._finish(said.get("reason") or "timeout")
        elif (left := said.get("expires", "")).isascii() and left.isdigit():
            self._grant(int(left[:9]))

    def _grant(self, seconds: int | None) -> None:
        if seconds is not None:
            self._granted = min(seconds, LONGEST_S)

    async def _keep(self) -> None:
        """Ask again before it runs out, and when it is to be told anew, until it is over."""
        while not self._ended and self._line is not None:
            try:
                async with asyncio.timeout(refresh_after_s(self._granted)):
                    await self._due.wait()
            except TimeoutError:
                pass
            self._due.clear()
            if not self._ended and not await self._refreshed(self._line):
                self._finish("gone")

    async def _refreshed(self, line: Line) -> bool:
        try:
            answer = await line.ask("SUBSCRIBE", self._headers(EXPIRES_S))
        except SipError as error:
            log.info("a subscription is not refreshed: %s", error)
            return False
        self._grant(answer.expires)
        return answer.status < 300

    def _headers(self, expires: int) -> Headers:
        kept = [(name, value) for name in ("Event", "Accept") if (value := self._first.get(name)) is not None]
        return [*kept, ("Expires", str(expires))]

    def _finish(self, reason: str) -> None:
        if self._ended:
            return
        self._close()
        tell(self.on_ended, reason)

    def _close(self) -> None:
        self._ended = True
        self._due.set()
        self._node.leave_early(self)
        if self._line is not None:
            self._line.way.release()
        if self.on_closed is not None:
            self.on_closed()


def _package(request: Request) -> str:
    """Name the event package that a request is about."""
    return (request.get("Event") or "").partition(";")[0].strip()


def _begun_by(notify: Request, half: Dialog) -> Dialog:
    """Make the dialog of a NOTIFY that was faster than the answer to its SUBSCRIBE (RFC 6665 section 4.4.1)."""
    dialog = Dialog.from_request(notify, half.local.tag or "", half.contact)
    dialog.local, dialog.local_seq, dialog.remote_seq = half.local, half.local_seq, None
    return dialog
