"""Authentication of requests by digest (RFC 3261 section 22), with delays after wrong passwords.

Failed passwords are held against a user at an address, and, with a higher limit, the address. A crowded address does
not suffer for one of its users: a user that has proved itself from there passes when the address is closed. Nor can a
user be shut out from everywhere: where failures are counted by user alone, too, the places that it has logged in from
stay open to it.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable

import structlog

from mixer.rules.limits import Attempts
from softphone.config import SipConfig
from softphone.errors import CallRefused
from softphone.sip.message.digest import ALGORITHMS
from softphone.sip.message.fields import warning
from softphone.sip.message.message import Request, Response, response
from softphone.sip.message.uri import number_of
from softphone.sip.services.auth import Authenticator, Verdict
from softphone.sip.transport.hop import Hop
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

__all__ = ["Authentication", "Logins"]

log = structlog.get_logger()

# Longer than a holiday: it is only let past the failures of others, its own are counted as ever.
TRUSTED_S = 30 * 86_400.0
MAX_TRUSTED = 10_000


class Logins:
    """Failed and successful logins of late, by address and user.

    Parameters
    ----------
    by_user
        Wrong passwords of one user from one address in a window; with that many it has to wait.
    by_address
        Wrong passwords of an address in a window; with that many all users there have to wait who have not proved
        themselves from there lately.
    window_s
        The window, and the longest wait.
    anywhere
        Wrong passwords of one user from all addresses in a window; with that many it has to wait at addresses that it
        has not proved itself from lately. None: no limit.
    """

    def __init__(self, by_user: int, by_address: int, window_s: float, *, anywhere: int | None = None) -> None:
        self._users = Attempts(min(by_user, by_address), window_s)
        self._addresses = Attempts(by_address, window_s)
        self._anywhere = Attempts(anywhere, window_s) if anywhere is not None else None
        # (address, user) -> when it was right last; in that order.
        self._right: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, address: str, user: str, now: float) -> int:
        """Give the whole seconds until a user may try from an address; 0: now. Never negative."""
        name = _name(address, user)
        wait_s = self._users.wait_s(name, now)
        if not self._is_trusted(name, now):
            wait_s = max(wait_s, self._addresses.wait_s(address, now))
            wait_s = max(wait_s, self._anywhere.wait_s(user, now) if self._anywhere is not None else 0.0)
        return math.ceil(wait_s)

    def failed(self, address: str, user: str, now: float) -> None:
        """Count a wrong password."""
        self._users.failed(_name(address, user), now)
        self._addresses.failed(address, now)
        if self._anywhere is not None:
            self._anywhere.failed(user, now)

    def succeeded(self, address: str, user: str, now: float) -> None:
        """Note a right password: the user's failures from there are forgotten, those of the address stay."""
        name = _name(address, user)
        self._users.forget(name)
        self._right[name] = now
        self._right.move_to_end(name)
        if len(self._right) > MAX_TRUSTED:
            self._right.popitem(last=False)

    def _is_trusted(self, name: str, now: float) -> bool:
        right = self._right.get(name)
        return right is not None and now < right + TRUSTED_S


def _name(address: str, user: str) -> str:
    # No address has a blank.
    return f"{address} {user}"


class Authentication:
    """Checks who somebody is.

    Parameters
    ----------
    accounts
        Who we know.
    authenticator
        Makes the challenges, and checks what they are answered with.
    settings
        How many wrong answers are borne, in which time.
    hosts
        Our addresses, which a From of ours may name instead of the SIP domain.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        accounts: Accounts,
        authenticator: Authenticator,
        settings: SipConfig,
        hosts: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accounts = accounts
        self._authenticator = authenticator
        self._clock = clock
        self._hosts = {host.lower().partition(":")[0] for host in (accounts.realm, *hosts) if host}
        self._logins = Logins(settings.login_failures_user, settings.login_failures, settings.login_window_s)
        self._told = Attempts(1, settings.login_window_s)
        realm, known = accounts.realm, " or ".join(ALGORITHMS)
        self._unfit = f"credentials have the user name N, N@{realm} or sip:N@{realm}, N the extension, and {known}"

    def caller(self, invite: Request, source: Hop) -> Extension | None:
        """Say which extension is calling; None for a stranger.

        Raises
        ------
        CallRefused
            407: it says it is one of ours and has yet to prove it. 403: it could not. 503: it has to wait.
        """
        ours = self._is_ours(invite)
        if not ours and self._authenticator.username(invite, "Proxy-Authorization") is None:
            return None
        verdict = self._verify(invite, source, "Proxy-Authorization")
        if verdict.username is None:
            raise self.challenge(source, stale=verdict.stale)
        proven = self._accounts.proven(verdict.username)
        claimed = self._accounts.find(number_of(invite.from_.uri)) if ours else None
        if claimed is not None and proven is not claimed:
            raise CallRefused(403)
        return proven

    def _is_ours(self, request: Request) -> bool:
        """Whether From says that it is an extension of this server; the number alone says nothing."""
        uri = request.from_.uri
        here = uri.host.lower() in self._hosts or uri.host.lower() == request.uri.host.lower()
        return here and self._accounts.could_be(number_of(uri))

    def sender(self, request: Request, source: Hop) -> Extension | Response | None:
        """Say who sent a request that is no INVITE; a response: it has to prove it, could not, or has to wait."""
        try:
            verdict = self._verify(request, source, "Authorization")
        except CallRefused as refusal:
            return response(request, refusal.status, refusal.reason, headers=refusal.headers)
        if verdict.username is None:
            challenges = self._authenticator.challenge(source, self._clock(), stale=verdict.stale)
            return response(request, 401, headers=[("WWW-Authenticate", each) for each in challenges])
        return self._accounts.proven(verdict.username)

    def challenge(self, source: Hop, *, stale: bool = False) -> CallRefused:
        """Make the refusal of a caller that has to prove who it is."""
        challenges = self._authenticator.challenge(source, self._clock(), stale=stale)
        return CallRefused(407, headers=[("Proxy-Authenticate", each) for each in challenges])

    def _verify(self, request: Request, source: Hop, header: str) -> Verdict:
        username = self._authenticator.username(request, header)
        if username is None:
            return self._authenticator.verify(request, source, self._clock(), header)
        user, now = self._accounts.canonical(username), self._clock()
        if wait_s := self._logins.wait_s(source.host, user, now):
            raise CallRefused(503, "Too Many Wrong Passwords", headers=[("Retry-After", str(wait_s))])
        verdict = self._authenticator.verify(request, source, now, header)
        if verdict.unfit:
            self._tell("credentials_not_checkable", request, source, user, now)
            raise CallRefused(403, headers=[warning(self._unfit)])
        if verdict.wrong:
            self._tell("wrong_password", request, source, user, now)
            self._logins.failed(source.host, user, now)
            raise CallRefused(403)
        if verdict.username is not None:
            self._logins.succeeded(source.host, user, now)
        return verdict

    def _tell(self, event: str, request: Request, source: Hop, user: str, now: float) -> None:
        """Log an answer that proves nothing, once in a window for each user and address."""
        if self._told.failed(f"{source.host} {user}", now):
            log.warning(event, user=user, host=source.host, method=request.method)
