"""Dispatch of incoming requests: to their call, their subscription, or the handler of their method."""

import logging
from collections.abc import Awaitable, Callable, Mapping

from softphone.errors import CallEnded, CallRefused
from softphone.sip.driver import Driver
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, Response, response, tag_of
from softphone.sip.transaction.events import CancelReceived
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.capabilities import SUBSCRIPTION, default_answer, refuse
from softphone.sip.ua.edge_profile import edge_of
from softphone.sip.ua.invite_server import IncomingInvite
from softphone.sip.ua.line import Line
from softphone.sip.ua.replacing import replaced_by
from softphone.sip.where.route import WayBack

__all__ = ["Dispatcher", "OnInvite", "OnRequest"]

log = logging.getLogger(__name__)

RETRY_AFTER_S = "5"

OnInvite = Callable[[InviteSession], Awaitable[None]]
"""Takes a new incoming call; an exception refuses it with 500."""

OnRequest = Callable[[Request, Hop], Awaitable[Response | None]]
"""Answers a request outside calls, given where it came from; None leaves it to the node, an exception is a 500."""


class Dispatcher:
    """The table of handlers, and the requests that they have not answered yet.

    Parameters
    ----------
    driver
        Carries the answers, and knows the dialogs.

    Attributes
    ----------
    overloaded
        While True, new calls are refused with 503 and Retry-After.
    refused
        How many requests were refused because there was no time for them.
    """

    def __init__(self, driver: Driver) -> None:
        self.overloaded = False
        self.refused = 0
        self._driver = driver
        self._capabilities, self._session = driver.settings.capabilities, driver.settings.session
        self._serving = False
        self._on_invite: OnInvite | None = None
        self._on_request: Mapping[str, OnRequest] = {}
        self._undecided: set[InviteSession] = set()
        self._unanswered = 0

    def serve(self, on_invite: OnInvite | None, on_request: Mapping[str, OnRequest]) -> None:
        """Take the handlers, once; see `Stack`. Raises RuntimeError: they were given."""
        if self._serving:
            raise RuntimeError("the handlers of a stack are given once")
        self._serving, self._on_invite, self._on_request = True, on_invite, dict(on_request)

    def contact(self, user: str | None, peer: Hop) -> Address:
        """Our Contact for a user name, as a peer reaches us."""
        return self._driver.listeners.by(peer.kind, peer.host).contact(user)

    def request(self, key: str, request: Request, source: Hop) -> None:
        """Take a request that is neither ACK nor CANCEL."""
        # A proxy has others behind it, too, who are not to wait for one that cuts its stream so.
        alone = source.reliable and len(request.vias) == 1
        if alone and edge_of(request).spaced and (flow := self._driver.flow(source)) is not None:
            flow.spaced = True
        if refusal := refuse(request, self._capabilities, self._session):
            self._driver.respond(key, refusal, once=request.to.tag is None)
        elif request.to.tag and request.method != "REGISTER":
            self._in_dialog(key, request, source)
        elif not self._serving:
            self._refuse_busy(key, request)
        elif request.method == "INVITE":
            self._new_call(key, request, source)
        else:
            self._other(key, request, source)

    def cancelled(self, event: CancelReceived) -> None:
        """Take a CANCEL."""
        if event.invite is None:
            self._driver.respond(event.key, response(event.request, 481), once=True)
            return
        directory = self._driver.directory
        call = directory.by_key(event.invite)
        contact = self.contact(event.request.uri.user, event.source)
        tag = call.dialog.local.tag if call else tag_of(event.request, f"{contact.uri} {event.source.host}")
        self._driver.respond(event.key, response(event.request, 200, to_tag=tag))
        if (user := call or directory.find(event.request)) is not None:
            user.cancelled(event.invite)

    def _in_dialog(self, key: str, request: Request, source: Hop) -> None:
        call = self._driver.directory.find(request)
        if call is None and request.method not in SUBSCRIPTION:
            self._driver.respond(key, response(request, 481), once=True)
        elif call is None or not call.receive(key, request, source):
            if request.method == "REFER":  # one that is not for this call is for nobody: we ask no credentials in calls
                self._driver.respond(key, default_answer(request, self._capabilities))
            else:
                self._other(key, request, source)

    # --- new calls

    def _new_call(self, key: str, request: Request, source: Hop) -> None:
        if self._driver.directory.is_merged(request):
            self._driver.respond(key, response(request, 482), once=True)
        elif self._on_invite is None:
            self._driver.respond(key, response(request, 480), once=True)
        elif self.overloaded or len(self._undecided) >= self._driver.settings.max_pending:
            self._refuse_busy(key, request)
        else:
            self._take(key, request, source, self._on_invite)

    def _take(self, key: str, request: Request, source: Hop, on_invite: OnInvite) -> None:
        try:
            replaced = replaced_by(request, self._driver.directory)
        except CallRefused as refusal:
            self._driver.respond(key, response(request, refusal.status, refusal.reason), once=True)
            return
        settings = self._driver.settings
        if settings.trying:
            self._driver.respond(key, response(request, 100))
        pending = IncomingInvite(self._driver, key, request, source, self.contact(request.uri.user, source))
        pending.replaces = replaced
        way = WayBack.of(self._driver.flow, request, source)
        call = InviteSession(Line(self._driver, pending.dialog, way, None), request, source, pending=pending)
        self._driver.directory.enter_incoming(call, key, request)
        call.came_back = self._driver.directory.is_ours(request)
        pending.limit(settings.invite_timeout_s, call.ring_out)
        self._undecided.add(call)
        pending.on_decided = lambda: self._decided(call, key)
        self._driver.spawn(self._hand_over(call, on_invite))

    def _decided(self, call: InviteSession, key: str) -> None:
        """Count a call no more; what rings or is answered has its 100 first, where its patience says so."""
        self._undecided.discard(call)
        # Of what was refused nothing is sent any more.
        if not self._driver.settings.trying and call.patience.trying:
            self._driver.respond(key, response(call.invite, 100))

    async def _hand_over(self, call: InviteSession, on_invite: OnInvite) -> None:
        try:
            await on_invite(call)
        except CallEnded:
            pass
        except Exception:
            log.exception("an incoming call could not be handled")
            call.reject(500)
        finally:
            self._undecided.discard(call)

    # --- other requests

    def _other(self, key: str, request: Request, source: Hop) -> None:
        on_request = self._on_request.get(request.method)
        if on_request is None:
            self._driver.respond(key, default_answer(request, self._capabilities), once=True)
        elif self._unanswered >= self._driver.settings.max_pending:
            self._refuse_busy(key, request)
        else:
            self._unanswered += 1
            self._driver.spawn(self._answer(key, request, source, on_request))

    async def _answer(self, key: str, request: Request, source: Hop, on_request: OnRequest) -> None:
        try:
            answer = await on_request(request, source)
        except Exception:
            log.exception("a request could not be handled: %s", request)
            answer = response(request, 500)
        finally:
            self._unanswered -= 1
        # What changes nothing here is not kept: it is answered again when it comes again.
        once = answer is None or answer.status >= 300
        self._driver.respond(key, answer or default_answer(request, self._capabilities), once=once)

    def _refuse_busy(self, key: str, request: Request) -> None:
        """Refuse a request that we have no time for (RFC 3261 section 21.5.4)."""
        self.refused += 1
        self._driver.respond(key, response(request, 503, headers=[("Retry-After", RETRY_AFTER_S)]), once=True)
