"""Registration of an agent (RFC 3261 section 10.2): refreshes, and recovery after a network failure.

The way to the registrar is kept open and watched (RFC 5626 section 4.4): we are reached by what we registered over.
"""

import asyncio
import logging
import math
import random
import secrets
from collections.abc import Callable
from enum import Enum

from softphone.errors import SipError
from softphone.sip.dialog.dialog import SERVER_CSEQ
from softphone.sip.message.digest import Credentials
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, Response, new_tag, request
from softphone.sip.message.uri import Uri
from softphone.sip.services.binding import Instance, same_address
from softphone.sip.transport.flow import Hold
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.client_request import ask, refused
from softphone.sip.ua.node import Node
from softphone.sip.ua.outgoing import loose
from softphone.tasks import tell

__all__ = ["KeepAlive", "Registration", "RegistrationState", "granted_s", "refresh_after_s", "retry_after_s"]

# RFC 5626 section 4.4.1: over TCP; and 4.4.2: what a NAT's mapping of a UDP port lives through.
STREAM_S = (95.0, 120.0)
DATAGRAM_S = (24.0, 29.0)


class KeepAlive:
    """Holds the flow that a registration went by, and pings it.

    Over TCP a ping that is not confirmed ends the connection, and its end is told; over UDP pings keep the mapping of a
    NAT, if there is one.

    Parameters
    ----------
    lost
        Called when the flow is closed.
    """

    def __init__(self, node: Node, lost: Callable[[], object]) -> None:
        self._node = node
        self._lost = lost
        self._target: Hop | None = None
        self._hold: Hold | None = None
        self._every_s: tuple[float, float] | None = None

    def watch(self, target: Hop, answer: Response) -> None:
        """Watch the way to `target`, a registrar that has just given this answer."""
        self.release()
        self._target = target
        if not target.reliable:
            self._every_s = DATAGRAM_S if _is_behind_nat(answer, target.kind.port) else None
            return
        self._every_s = STREAM_S
        flow = self._node.flow(target)
        if flow is None:
            self._lost()
        else:
            self._hold = flow.hold(self._lost)

    def pause_s(self) -> float | None:
        """Seconds until the next ping, another number each time; None: there is none."""
        return random.uniform(*self._every_s) if self._every_s is not None else None

    def ping(self) -> None:
        """Send a ping."""
        if self._target is not None:
            self._node.ping(self._target)

    def release(self) -> None:
        """Watch no more."""
        self._every_s = None
        if self._hold is not None:
            self._hold.release()
            self._hold = None


def _is_behind_nat(answer: Response, default: int) -> bool:
    """Whether the peer has seen another address than the one we gave (RFC 3581 section 4)."""
    via = answer.via
    received, port = via.params.get("received"), via.params.get("rport")
    said = str(via.port or default)
    return (received or via.host, port or said) != (via.host, said)


log = logging.getLogger(__name__)

LONGEST_RETRY_S = 60.0
"""A registrar that is back is found within a minute (RFC 5626 section 4.5 proposes the same order)."""

SHORTEST_GRANT_S = 10
"""A registrar that grants less again and again would have us do nothing else; it is asked ever more rarely."""

SETTLED_S = 30.0
"""A connection that lasts as long has worked; for one that is closed sooner, again and again, we wait longer."""


class RegistrationState(Enum):
    """Where a registration stands."""

    TRYING = "trying"
    REGISTERED = "registered"
    FAILED = "failed"
    """The last attempt failed; the next one comes by itself."""
    UNREGISTERED = "unregistered"


def refresh_after_s(granted: float) -> float:
    """Seconds from a registration to its refresh: half its time, so that one that times out (64*T1) is made up for."""
    return max(granted / 2, 1.0)


def retry_after_s(failures: int) -> float:
    """Seconds from the n-th failure in a row to the next attempt: 1, 2, 4 ... 60."""
    return min(2.0 ** min(failures - 1, 10), LONGEST_RETRY_S)


def granted_s(answer: Response, contact: Address, asked: int) -> int:
    """Seconds that the registrar granted: of our Contact in its answer, else the least that it may have meant."""
    expires = asked if answer.expires is None else answer.expires
    granted = [(same_address(each.uri, contact.uri), _seconds(each)) for each in answer.contacts]
    ours = [seconds for is_ours, seconds in granted if is_ours]
    if ours:
        return expires if ours[0] is None else ours[0]
    return min([expires, *(seconds for _, seconds in granted if seconds is not None)])


def _seconds(contact: Address) -> int | None:
    said = contact.params.get("expires") or ""
    return int(said) if said.isascii() and said.isdigit() and len(said) < 11 else None


def _least(refusal: Response, asked: int) -> int:
    """Read from a 423 for how long we may register at least; what it does not say is no number to try with."""
    said = (refusal.get("Min-Expires") or "").strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) < 8 else asked


class Registration:
    """One binding of ours at a registrar, kept until :meth:`unregister`.

    Attributes
    ----------
    state
        Where it stands.
    on_change
        Called with the new state.
    granted
        Seconds that the registrar granted last.
    """

    def __init__(
        self,
        node: Node,
        registrar: Uri,
        aor: Address,
        contact: Address,
        credentials: Credentials | None,
        expires: int,
        route: Uri | None = None,
    ) -> None:
        self._node = node
        self._registrar = registrar
        self._route = route
        self._from = aor.with_tag(new_tag())
        self._to = aor
        self._instance = Instance(aor.uri) if "+sip.instance" not in contact.params else None
        self.contact = self._instance.on(contact) if self._instance is not None else contact
        self._credentials = credentials
        self._expires = expires
        self._call_id = secrets.token_hex(12)
        self._number = SERVER_CSEQ
        self._over = asyncio.Event()
        self._disturbed = asyncio.Event()
        self._keepalive = KeepAlive(node, self._flow_lost)
        self._refreshing: asyncio.Future[None] | None = None
        self.state = RegistrationState.TRYING
        self.on_change: Callable[[RegistrationState], None] | None = None
        self.granted = 0
        self._peer: Hop | None = None
        self._failures = 0
        self._losses = 0
        self._registered_at = 0.0
        self._lapses_at = math.inf

    async def start(self) -> None:
        """Register, then keep it up in the background; raises what the first attempt raises."""
        try:
            await self._attempt(self._expires)
        except BaseException:
            self._let_go()
            raise
        self._node.spawn(self._keep())

    async def unregister(self) -> None:
        """Take the binding back; a registrar that does not answer is left to forget it."""
        if self._over.is_set():
            return
        self._over.set()
        self._disturbed.set()
        self._keepalive.release()
        await self._finish()
        try:
            await self._ask(0)
        except SipError as error:
            log.info("the registrar did not take our binding back: %s", error)
        self._change(RegistrationState.UNREGISTERED)

    async def _finish(self) -> None:
        """Let a refresh that is under way end first: it would register anew what is taken back."""
        if self._refreshing is not None and not self._refreshing.done():
            await asyncio.wait([self._refreshing], timeout=self._node.timers.t2)
            self._refreshing.cancel()

    async def _keep(self) -> None:
        try:
            while not await self._is_over_within(self._pause_s()):
                self._refreshing = asyncio.ensure_future(self._attempt(self._expires))
                self._failures = 0 if await self._has_worked(self._refreshing) else self._failures + 1
        finally:
            self._let_go()

    async def _has_worked(self, attempt: "asyncio.Future[None]") -> bool:
        """Whether an attempt has given us a registration that is worth its while."""
        try:
            await attempt
        except SipError as error:
            log.warning("registration of %s failed: %s", self._to.uri, error)
            return False
        except Exception:
            log.exception("registration of %s could not be refreshed", self._to.uri)
            return False
        return self.granted >= SHORTEST_GRANT_S

    def _pause_s(self) -> float:
        """Seconds to the next attempt; after failures in a row not the same for all who have lost their registrar."""
        refresh = refresh_after_s(self.granted) if self.state is RegistrationState.REGISTERED else 0.0
        if refresh and not self._failures:
            return refresh
        return max(refresh, retry_after_s(max(self._failures, self._losses, 1)) * random.uniform(0.5, 1.0))

    async def _is_over_within(self, seconds: float) -> bool:
        """Wait, with pings, until the time has come or the flow is lost; whether the registration is to end."""
        until, ping_at = self._now() + seconds, self._ping_at()
        while not self._over.is_set():
            due = min(until, ping_at, self._lapses_at)
            if await self._is_disturbed_before(due):
                until = min(until, self._now() + self._pause_s())
            elif due == self._lapses_at:
                self._lost(f"the registration of {self._to.uri} has run out")
            elif due == until:
                break
            else:
                self._keepalive.ping()
                ping_at = self._ping_at()
        return self._over.is_set()

    async def _is_disturbed_before(self, due: float) -> bool:
        """Whether something has happened; what is due is due when we are told, whatever the clock says then."""
        try:
            async with asyncio.timeout_at(due):
                await self._disturbed.wait()
        except TimeoutError:
            return False
        self._disturbed.clear()
        return True

    def _ping_at(self) -> float:
        pause = self._keepalive.pause_s()
        return math.inf if pause is None else self._now() + pause

    def _flow_lost(self) -> None:
        """Take note that what we registered over is closed: nobody reaches us until we have registered anew."""
        self._losses = self._losses + 1 if self._now() < self._registered_at + SETTLED_S else 1
        self._lost(f"the connection that {self._to.uri} is registered over is closed")
        self._disturbed.set()

    def _lost(self, why: str) -> None:
        self._keepalive.release()
        self._lapses_at = math.inf
        if self.state is RegistrationState.REGISTERED:
            log.warning("%s", why)
            self._change(RegistrationState.FAILED)

    def _let_go(self) -> None:
        self._keepalive.release()
        if self._instance is not None:
            self._instance.release()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _attempt(self, expires: int) -> None:
        try:
            answer = await self._ask(expires)
            if answer.status == 423:
                self._expires = _least(answer, expires)
                answer = await self._ask(self._expires)
            if answer.status >= 300:
                raise refused(answer)
        except SipError:
            self._change(RegistrationState.FAILED)
            raise
        self._granted(granted_s(answer, self.contact, self._expires))
        if not self._over.is_set() and self._peer is not None:
            self._keepalive.watch(self._peer, answer)

    def _granted(self, seconds: int) -> None:
        self.granted = seconds
        self._lapses_at = self._now() + seconds
        if self.state is not RegistrationState.REGISTERED:
            self._registered_at = self._now()
        self._change(RegistrationState.REGISTERED)

    async def _ask(self, expires: int) -> Response:
        return await ask(
            self._node,
            self._request(expires),
            self._route or self._registrar,
            self._credentials,
            self._next_number,
            self._went,
        )

    def _went(self, peer: Hop) -> None:
        self._peer = peer

    def _request(self, expires: int) -> Request:
        return request(
            "REGISTER",
            Uri(self._registrar.scheme, self._registrar.host, self._registrar.port, params=self._registrar.params),
            from_=self._from,
            to=self._to,
            call_id=self._call_id,
            cseq=self._next_number(),
            contact=self.contact,
            routes=[Address(loose(self._route))] if self._route else [],
            headers=[("Expires", str(expires))],
        )

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _change(self, state: RegistrationState) -> None:
        if self._over.is_set() and state is not RegistrationState.UNREGISTERED:
            return
        changed, self.state = self.state is not state, state
        if changed:
            tell(self.on_change, state)
