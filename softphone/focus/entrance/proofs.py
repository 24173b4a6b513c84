"""Who sends a request: proved by digest (RFC 3261 section 22). Who guesses passwords has to wait."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from softphone.brake import Brake
from softphone.config import SipConfig
from softphone.errors import CallRefused
from softphone.focus.accounts import Accounts, Extension
from softphone.sip.message import Request, Response, response
from softphone.sip.number import number_of

if TYPE_CHECKING:
    from softphone.sip.auth import Authenticator, Verdict
    from softphone.sip.endpoint import Endpoint

__all__ = ["Proofs", "Refusal"]

log = structlog.get_logger()

Header = tuple[str, str]


class Refusal(CallRefused):
    """A refusal that may need headers: a challenge, or when to try again."""

    def __init__(self, status: int, reason: str, headers: list[Header]) -> None:
        super().__init__(status, reason)
        self.headers = headers


class Proofs:
    """Checks who somebody is.

    Wrong passwords are held against the address that they come from, and not against the account: else anybody could
    keep its telephones from registering.

    Parameters
    ----------
    accounts
        Who we know.
    authenticator
        Makes the challenges, and checks what they are answered with.
    settings
        How many wrong answers an address has, in which time.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        accounts: Accounts,
        authenticator: "Authenticator",
        settings: SipConfig,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self._authenticator = authenticator
        self._clock = clock
        self._brake = Brake(settings.login_failures, settings.login_window_s)
        self._told = Brake(1, settings.login_window_s)

    def caller(self, invite: Request, source: "Endpoint") -> Extension | None:
        """Say which extension is calling; None for a stranger.

        Raises
        ------
        Refusal
            407: it says it is one of ours and has yet to prove it. 403: it could not. 503: it has to wait.
        """
        claimed = self._accounts.find(number_of(invite.from_.uri))
        if claimed is None and not self._authenticator.is_answered(invite, "Proxy-Authorization"):
            return None
        verdict = self._verify(invite, source, "Proxy-Authorization")
        if verdict.username is None:
            raise self.challenge(stale=verdict.stale)
        proven = self._accounts.find(verdict.username)
        if claimed is not None and proven is not claimed:
            raise Refusal(403, "Forbidden", [])
        return proven

    def sender(self, request: Request, source: "Endpoint") -> Extension | Response | None:
        """Say who sent a request that is no INVITE; a response: it has to prove it, could not, or has to wait."""
        try:
            verdict = self._verify(request, source, "Authorization")
        except Refusal as refusal:
            return response(request, refusal.status, refusal.reason, headers=refusal.headers)
        if verdict.username is None:
            challenges = self._authenticator.challenge(self._clock(), stale=verdict.stale)
            return response(request, 401, headers=[("WWW-Authenticate", each) for each in challenges])
        return self._accounts.find(verdict.username)

    def challenge(self, *, stale: bool = False) -> Refusal:
        """Make the refusal of a caller that has to prove who it is."""
        challenges = self._authenticator.challenge(self._clock(), stale=stale)
        return Refusal(407, "Proxy Authentication Required", [("Proxy-Authenticate", each) for each in challenges])

    def _verify(self, request: Request, source: "Endpoint", header: str) -> "Verdict":
        now = self._clock()
        wait_s = self._brake.wait_s([source.host], now)
        if wait_s and self._authenticator.is_answered(request, header):
            raise Refusal(503, "Too Many Wrong Passwords", [("Retry-After", str(wait_s))])
        verdict = self._authenticator.verify(request, now, header)
        if verdict.wrong:
            self._brake.failed([source.host], now)
            self._tell(request, source, now)
            raise Refusal(403, "Forbidden", [])
        return verdict

    def _tell(self, request: Request, source: "Endpoint", now: float) -> None:
        """Log a wrong answer, once in a window for each account and address."""
        user = number_of(request.from_.uri)
        name = [f"{source.host} {user}"]
        if not self._told.wait_s(name, now):
            self._told.failed(name, now)
            log.warning("wrong_password", user=user, host=source.host, method=request.method)
