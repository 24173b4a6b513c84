"""Being registered (RFC 3261 section 10.2): refreshed before it expires, taken up again when the network is back."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from enum import Enum

from softphone.errors import SipError
from softphone.sip.auth import Credentials
from softphone.sip.dialog import SERVER_CSEQ
from softphone.sip.endpoint import Endpoint
from softphone.sip.exchange import ask, refused
from softphone.sip.fields import Address
from softphone.sip.message import Request, Response, new_tag, request
from softphone.sip.uri import Uri
from softphone.sip.wire import Wire

__all__ = ["Registration", "RegistrationState", "granted_s", "refresh_after_s", "retry_after_s"]

log = logging.getLogger(__name__)

LONGEST_RETRY_S = 60.0
"""A registrar that is back is found within a minute (RFC 5626 section 4.5 proposes the same order)."""


class RegistrationState(Enum):
    """Where a registration stands."""

    TRYING = "trying"
    REGISTERED = "registered"
    FAILED = "failed"
    """The last attempt failed; the next one comes by itself."""
    UNREGISTERED = "unregistered"


def refresh_after_s(granted: float) -> float:
    """Seconds from a registration to its refresh: early enough for one lost attempt, and never a hot loop."""
    return max(0.8 * granted, min(granted - 32.0, granted), 1.0)


def retry_after_s(failures: int) -> float:
    """Seconds from the n-th failure in a row to the next attempt: 1, 2, 4 ... 60."""
    return min(2.0 ** min(failures - 1, 10), LONGEST_RETRY_S)


def granted_s(answer: Response, contact: Address, asked: int) -> int:
    """Seconds that the registrar granted: of our Contact in its answer, else Expires, else what we asked for."""
    for each in answer.contacts:
        said = each.params.get("expires") or ""
        ours = (each.uri.user, each.uri.host, each.uri.port) == (contact.uri.user, contact.uri.host, contact.uri.port)
        if ours and said.isascii() and said.isdigit():
            return int(said)
    return asked if answer.expires is None else answer.expires


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
        self, wire: Wire, registrar: Uri, aor: Address, contact: Address, credentials: Credentials | None, expires: int
    ) -> None:
        self._wire = wire
        self._registrar = registrar
        self._from = aor.with_tag(new_tag())
        self._to = aor
        self.contact = contact
        self._credentials = credentials
        self._expires = expires
        self._call_id = secrets.token_hex(12)
        self._number = SERVER_CSEQ
        self._over = asyncio.Event()
        self._refreshing: asyncio.Future[None] | None = None
        self.state = RegistrationState.TRYING
        self.on_change: Callable[[RegistrationState], None] | None = None
        self.granted = 0

    async def start(self) -> None:
        """Register, then keep it up in the background; raises what the first attempt raises."""
        await self._attempt(self._expires)
        self._wire.spawn(self._keep())

    async def unregister(self) -> None:
        """Take the binding back; a registrar that does not answer is left to forget it."""
        if self._over.is_set():
            return
        self._over.set()
        await self._finish()
        try:
            await self._ask(0)
        except SipError as error:
            log.info("the registrar did not take our binding back: %s", error)
        self._change(RegistrationState.UNREGISTERED)

    async def _finish(self) -> None:
        """Let a refresh that is under way end first: it would register anew what is taken back."""
        if self._refreshing is not None and not self._refreshing.done():
            await asyncio.wait([self._refreshing], timeout=self._wire.timers.t2)
            self._refreshing.cancel()

    async def _keep(self) -> None:
        failures = 0
        while not await self._is_over_within(retry_after_s(failures) if failures else refresh_after_s(self.granted)):
            self._refreshing = asyncio.ensure_future(self._attempt(self._expires))
            try:
                await self._refreshing
                failures = 0
            except SipError as error:
                failures += 1
                log.warning("registration of %s failed: %s", self._to.uri, error)
            except Exception:
                failures += 1
                log.exception("registration of %s could not be refreshed", self._to.uri)

    async def _is_over_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._over.wait(), seconds)
        except TimeoutError:
            return False
        return True

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
        self.granted = granted_s(answer, self.contact, self._expires)
        self._change(RegistrationState.REGISTERED)

    async def _ask(self, expires: int) -> Response:
        target = Endpoint.of_uri(self._registrar)
        return await ask(self._wire, self._request(expires), target, self._credentials, self._next_number)

    def _request(self, expires: int) -> Request:
        return request(
            "REGISTER",
            Uri(self._registrar.scheme, self._registrar.host, self._registrar.port, params=self._registrar.params),
            from_=self._from,
            to=self._to,
            call_id=self._call_id,
            cseq=self._next_number(),
            contact=self.contact,
            headers=[("Expires", str(expires))],
        )

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _change(self, state: RegistrationState) -> None:
        if self._over.is_set() and state is not RegistrationState.UNREGISTERED:
            return
        changed, self.state = self.state is not state, state
        if changed and self.on_change is not None:
            self.on_change(state)
