"""Event notification (RFC 6665), notifier: subscriptions of a resource, their expiry, and NOTIFYs.

What is told is the package's business (`Package`): it gives the state of a resource and writes the document that turns
one state into the next. A subscription sends one NOTIFY at a time and not more than one per second; what changes
meanwhile is told together.
"""

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, Protocol, TypeVar

from softphone.errors import SipError
from softphone.phrases import OUT_OF_ORDER
from softphone.sip.dialog.dialog import Dialog, DialogId, dialog_id
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Request, Response, new_tag, response
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.allowance import Allowance, Allowances
from softphone.sip.ua.client_request import FlowRequester
from softphone.sip.where.route import WayBack

__all__ = ["Notifier", "Package", "Pending"]

log = logging.getLogger(__name__)

State = TypeVar("State")

# A conference outlives an hour rarely; a subscriber that went away is forgotten after one (RFC 6665 section 3.1.1).
DEFAULT_EXPIRES_S, MAX_EXPIRES_S, MIN_EXPIRES_S = 3600, 3600, 60

# The most at one time: each costs a task and a NOTIFY per change.
MAX_SUBSCRIPTIONS = 1000
# Of these to one resource and from one host: who may watch one conference cannot take them all.
MAX_OF_RESOURCE = 250
MAX_OF_HOST = 250

# RFC 4575 wants a subscriber not to be flooded; a roster that is a second old is still a roster.
PACE_S = 1.0

# How long the end of everything waits for the answers to the last NOTIFYs; they are sent at once.
GOODBYE_S = 1.0


# Until it has answered once, nothing shows that a subscriber by UDP is where its SUBSCRIBE came from: it is told twice,
# at 0 and 0.5 s, where the allowance of its SUBSCRIBE is enough for that, else once; and its document is left out where
# it is not. Of a NOTIFY the Via is not written yet.
TWICE_S, ONCE_S = 1.0, 0.4
VIA_BYTES = 100
# More than the 200 to its SUBSCRIBE: Event, Subscription-State, and what the document is.
NOTIFY_BYTES = 300


class Pending(Enum):
    """In place of a state: the subscriber may not see it yet, but perhaps soon (RFC 6665 section 4.1.3)."""

    PENDING = "pending"


class Package(Protocol[State]):
    """An event package: what a resource's state is, and how it is told.

    Attributes
    ----------
    name
        As in the Event header.
    content_type
        Of its documents.
    """

    name: str
    content_type: str

    def state(self, resource: str) -> State | Pending | None:
        """Give the state of a resource; None: there is none (any more)."""

    def document(self, state: State, previous: State | None, version: int) -> bytes | None:
        """Write what leads from `previous` to `state`, all of it when there is no previous; None: nothing changed."""


@dataclass
class _Subscription(Generic[State]):
    resource: str
    dialog: Dialog
    way: WayBack
    host: str
    event: str
    expires_at: float
    allowance: Allowance | None  # until it has answered
    answered: int  # bytes of our answer
    told: State | None = None
    version: int = 0
    pending: bool = False  # the subscriber has been told that it has to wait
    reason: str = ""  # why it ends; "" while it goes on
    due: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.due.set()
        self.over.set()


class Notifier(Generic[State]):
    """All subscriptions to one event package.

    Parameters
    ----------
    sender
        Sends the NOTIFYs.
    package
        What is told.
    allowances
        What may be sent to who may be anywhere.
    clock
        Their time, in seconds.
    pace_s
        Between two NOTIFYs of one subscription at least.
    """

    def __init__(
        self,
        sender: FlowRequester,
        package: Package[State],
        allowances: Allowances,
        clock: Callable[[], float],
        *,
        pace_s: float = PACE_S,
    ) -> None:
        self._sender, self._package, self._pace_s = sender, package, pace_s
        self._allowances, self._clock = allowances, clock
        self._subscriptions: dict[DialogId, _Subscription[State]] = {}
        self._of: dict[str, dict[DialogId, _Subscription[State]]] = {}
        self._from: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._subscriptions)

    def handle(self, request: Request, source: Hop, resource: str, contact: Address) -> Response:
        """Answer a SUBSCRIBE (RFC 6665 section 4.2.1); the first NOTIFY follows.

        Parameters
        ----------
        request, source
            The request and where it came from: NOTIFYs go the way back, that of the latest request.
        resource
            What it asks about.
        contact
            Ours.
        """
        if refusal := self._refuse(request):
            return refusal
        expires = min(DEFAULT_EXPIRES_S if request.expires is None else request.expires, MAX_EXPIRES_S)
        known = self._subscriptions.get(dialog_id(request)) if request.to.tag else None
        if known is not None:
            return self._refresh(known, request, source, expires)
        if request.to.tag:
            return response(request, 481)
        if self._is_full(resource, source.host) and not self._make_room(resource, source.host):
            return response(request, 503, headers=[("Retry-After", str(MIN_EXPIRES_S))])
        if self._package.state(resource) is None:
            return response(request, 404)
        return self._begin(request, source, resource, contact, expires)

    def _is_full(self, resource: str, host: str) -> bool:
        """Whether there is no place for one more: at all, to what a resource belongs to, or from a host."""
        to_it = len(self._of.get(_whole(resource), ()))
        full = len(self._subscriptions) >= MAX_SUBSCRIPTIONS
        return full or to_it >= MAX_OF_RESOURCE or self._from[host] >= MAX_OF_HOST

    def changed(self, resource: str) -> None:
        """Tell all who are subscribed to a resource, or to one below it (``resource/...``), soon, what became of it."""
        for each in self._of.get(_whole(resource), {}).values():
            if each.resource == resource or each.resource.startswith(f"{resource}/"):
                each.due.set()

    def watched(self, whole: str) -> bool:
        """Whether anybody is subscribed to a resource that is below no other, or to one below it."""
        return whole in self._of

    async def close(self) -> None:
        """End all subscriptions; returns when their last NOTIFYs are answered, or nobody answers for a second."""
        for each in self._subscriptions.values():
            each.end("deactivated")
        if tasks := list(self._tasks):
            _, deaf = await asyncio.wait(tasks, timeout=GOODBYE_S)
            for task in deaf:
                task.cancel()
            await asyncio.gather(*deaf, return_exceptions=True)

    def bad_event(self, request: Request) -> Response | None:
        """Refuse a SUBSCRIBE for another package, before anything else is looked at (RFC 6665 section 4.2.1.2)."""
        event = (request.get("Event") or "").split(";")[0].strip()
        if event != self._package.name:
            return response(request, 489, "Bad Event", headers=[("Allow-Events", self._package.name)])
        return None

    def _refuse(self, request: Request) -> Response | None:
        if refusal := self.bad_event(request):
            return refusal
        accepted = [each.split(";")[0].strip() for each in request.tokens("Accept")]
        if accepted and not {self._package.content_type, "application/*", "*/*"} & set(accepted):
            return response(request, 406, headers=[("Accept", self._package.content_type)])
        if request.expires is not None and 0 < request.expires < MIN_EXPIRES_S:
            return response(request, 423, headers=[("Min-Expires", str(MIN_EXPIRES_S))])
        return None

    def _make_room(self, resource: str, host: str) -> bool:
        """End the oldest subscription of a stranger for one of somebody who had to prove who it is, if there is one."""
        if not _is_known(resource):
            return False
        for each in self._subscriptions.values():
            if not _is_known(each.resource):
                self._strike(each)
                each.end("probation")
                return not self._is_full(resource, host)
        return False

    def _begin(self, request: Request, source: Hop, resource: str, contact: Address, expires: int) -> Response:
        tag = new_tag()
        dialog = Dialog.from_request(request, tag, contact)
        event = request.get("Event") or self._package.name
        until, way = time.monotonic() + expires, WayBack.of(self._sender.flow, request, source)
        answer = response(request, 200, to_tag=tag, contact=contact, headers=_expires(expires))
        allowance = None
        if not source.reliable and not _is_known(resource):
            allowance = self._allowances.of(source.host, request.size, self._clock())
            if not allowance.spend(len(bytes(answer)), self._clock()):
                return response(request, 503, headers=[("Retry-After", str(MIN_EXPIRES_S))])
        made = _Subscription[State](resource, dialog, way, source.host, event, until, allowance, len(bytes(answer)))
        if expires == 0:  # asks once (RFC 6665 section 4.4.3)
            made.end("timeout")
        self._enter(made)
        task = asyncio.get_running_loop().create_task(self._serve(made))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return answer

    def _refresh(self, known: _Subscription[State], request: Request, source: Hop, expires: int) -> Response:
        if not known.dialog.in_order(request):
            return response(request, 500, OUT_OF_ORDER)
        known.dialog.refresh(request)
        known.way.moved(request, source)
        known.expires_at = time.monotonic() + expires
        known.told, known.pending = None, False
        if expires == 0:
            known.end("timeout")
        known.due.set()
        return response(request, 200, contact=known.dialog.contact, headers=_expires(expires))

    async def _serve(self, subscription: _Subscription[State]) -> None:
        """Tell one subscriber, until it or the resource is gone."""
        try:
            while await self._notify(subscription):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._pace_s):
                        await subscription.over.wait()
                await self._until_due(subscription)
        except SipError as error:
            log.info("a subscriber is gone: %s", error)
        finally:
            subscription.way.release()
            self._strike(subscription)

    def _enter(self, subscription: _Subscription[State]) -> None:
        key = subscription.dialog.id
        self._subscriptions[key] = subscription
        self._of.setdefault(_whole(subscription.resource), {})[key] = subscription
        self._from[subscription.host] += 1

    def _strike(self, subscription: _Subscription[State]) -> None:
        """Have a subscription no more; twice is no error."""
        key, whole = subscription.dialog.id, _whole(subscription.resource)
        if self._subscriptions.get(key) is not subscription:
            return
        del self._subscriptions[key], self._of[whole][key]
        if not self._of[whole]:
            del self._of[whole]
        self._from[subscription.host] -= 1
        if not self._from[subscription.host]:
            del self._from[subscription.host]

    async def _until_due(self, subscription: _Subscription[State]) -> None:
        while not subscription.due.is_set():
            try:
                async with asyncio.timeout(max(0.0, subscription.expires_at - time.monotonic())):
                    await subscription.due.wait()
            except TimeoutError:
                if subscription.expires_at <= time.monotonic():
                    subscription.end("timeout")

    async def _notify(self, subscription: _Subscription[State]) -> bool:
        """Send what is new, if anything is; whether the subscription goes on."""
        subscription.due.clear()
        document = self._news(subscription)
        if document is None:
            return True
        reason = subscription.reason
        told = self._request(subscription, reason, document)
        patience_s = self._patience_s(subscription.allowance, len(bytes(told)) + VIA_BYTES)
        if patience_s == 0:
            return False
        try:
            async with asyncio.timeout(patience_s):
                answer = await self._sender.request(told, subscription.way.target(subscription.dialog))
        except TimeoutError:
            return False
        if subscription.allowance is not None:
            subscription.allowance.proved(self._clock())
            subscription.allowance = None
        return not reason and answer.status < 300

    def _patience_s(self, allowance: Allowance | None, size: int) -> float | None:
        """Say how long to wait for the answer to a NOTIFY, which is so often sent; None: as usual, 0: not at all."""
        if allowance is None:
            return None
        if allowance.repeat(2 * size):
            return TWICE_S
        return ONCE_S if allowance.spend(size, self._clock()) else 0

    def _news(self, subscription: _Subscription[State]) -> bytes | None:
        """Write what the subscriber is told next, which may be its state alone; None: nothing is new."""
        state = self._package.state(subscription.resource)
        if isinstance(state, Pending):
            waits, subscription.pending = subscription.pending, True
            return b"" if subscription.reason or not waits else None
        if state is None:
            subscription.end("noresource")
            return b""
        subscription.pending = False
        document = self._package.document(state, subscription.told, subscription.version + 1)
        if document is None:
            return b"" if subscription.reason else None
        if not _covers(subscription, len(document)):
            subscription.due.set()  # the whole of it when this is answered
            return b""
        subscription.version, subscription.told = subscription.version + 1, state
        return document

    def _request(self, subscription: _Subscription[State], reason: str, document: bytes) -> Request:
        word = "pending" if subscription.pending else "active"
        left = max(0, round(subscription.expires_at - time.monotonic()))
        state = f"terminated;reason={reason}" if reason else f"{word};expires={left}"
        return subscription.dialog.request(
            "NOTIFY",
            headers=[("Event", subscription.event), ("Subscription-State", state)],
            content_type=self._package.content_type if document else None,
            body=document,
        )


def _covers(subscription: _Subscription[State], document: int) -> bool:
    """Whether a document of so many bytes can be told as often as none could be."""
    allowance, headers = subscription.allowance, subscription.answered + NOTIFY_BYTES
    if allowance is None:
        return True
    times = 2 if allowance.covers(2 * headers) else 1
    return allowance.covers(times * (headers + document))


def _whole(resource: str) -> str:
    """Name what a resource belongs to."""
    return resource.partition("/")[0]


def _is_known(resource: str) -> bool:
    """Whether a resource is for somebody alone, who had to prove who it is (``resource/...``)."""
    return "/" in resource


def _expires(seconds: int) -> Headers:
    return [("Expires", str(seconds))]
