"""Calling out: which telephones a number means, and ringing them until one answers."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from softphone.config import SipConfig, TrunkConfig
from softphone.errors import CallEnded, CallRefused, SipError, SoftphoneError
from softphone.focus.accounts import Accounts, Extension
from softphone.focus.context import Context
from softphone.focus.party.farewell import Farewell
from softphone.focus.party.member import Member
from softphone.focus.session import Origin, TelephonySession
from softphone.sip.auth import Credentials
from softphone.sip.endpoint import Endpoint

if TYPE_CHECKING:
    from softphone.sip.registrar import Registrar
    from softphone.sip.stack import Stack

__all__ = ["Dialer", "Ringing", "Target", "verdict"]


@dataclass(frozen=True, slots=True)
class Target:
    """One telephone, or the way to one."""

    uri: str
    flow: Endpoint | None = None
    "The one that it registered over; None: as the URI says."
    credentials: Credentials | None = None
    caller: str = ""
    "The number that it is shown; empty: the caller's own."


class Dialer:
    """Knows the way to a number.

    Parameters
    ----------
    stack
        Sends the INVITEs.
    accounts, registrar
        Our extensions, and where their telephones are.
    settings, trunk
        Of signalling, and of the way to numbers outside.
    """

    def __init__(
        self, stack: "Stack", accounts: Accounts, registrar: "Registrar", settings: SipConfig, trunk: TrunkConfig
    ) -> None:
        self._stack = stack
        self._accounts = accounts
        self._registrar = registrar
        self._settings = settings
        self._trunk = trunk

    def find(self, number: str) -> Extension | None:
        """Find the user that a number means; None: it is a number outside."""
        extension = self._accounts.find(number)
        return extension if extension is not None and extension.kind == "user" else None

    def phones(self, extension: Extension) -> list[Target]:
        """List the registered telephones of an extension.

        Raises
        ------
        CallRefused
            480 "Not Registered": there is none.
        """
        now = time.monotonic()
        names = self._accounts.names(extension)
        bindings = [binding for name in names for binding in self._registrar.contacts(name, now)]
        if not bindings:
            raise CallRefused(480, "Not Registered")
        return [Target(str(binding.uri), binding.endpoint) for binding in bindings]

    def outside(self, number: str) -> list[Target]:
        """Give the way to a number that is none of ours.

        Raises
        ------
        CallRefused
            404: no trunk is configured.
        """
        trunk = self._trunk
        if not trunk.uri:
            raise CallRefused(404, "No Trunk")
        credentials = Credentials(trunk.username, trunk.password) if trunk.username else None
        scheme, _, host = trunk.uri.partition(":")
        return [Target(f"{scheme}:{number}@{host}", credentials=credentials, caller=trunk.caller)]

    def targets(self, number: str) -> list[Target]:
        """List the telephones that a number means, inside or outside.

        Raises
        ------
        CallRefused
            There is none.
        """
        extension = self.find(number)
        return self.phones(extension) if extension is not None else self.outside(number)

    def focus(self, session: TelephonySession, target: Target) -> str:
        """Say what our Contact names where a telephone is called into a conference; empty: no conference.

        Strangers behind a trunk are not given the URI: the token in it would let them in again, and others.
        """
        inside = session.origin is Origin.CONFERENCE and target.flow is not None
        return session.user(self._accounts.main_number) if inside else ""

    async def ring(self, member: Member, target: Target, caller: str, focus: str = "") -> Member:
        """Call one telephone; the member is answered when this returns, and is closed when it fails.

        Parameters
        ----------
        caller
            The number that is shown.
        focus
            As :meth:`focus` gives it.

        Raises
        ------
        SipError, SdpError, MediaError
        """
        try:
            offer = await member.open(None)
            call = await self._stack.invite(
                target.uri,
                offer,
                from_uri=f"sip:{target.caller or caller}@{self._settings.domain}",
                credentials=target.credentials,
                target=target.flow,
                focus=focus,
                timeout_s=self._settings.ring_timeout_s,
            )
            member.listen(call)
            await member.confirm(call.remote_sdp or "")
        except BaseException:
            member.hang_up()
            await member.close()
            raise
        return member


class Ringing:
    """All the telephones of a number ring; the first to answer wins. Keeps them until one is handed on.

    Parameters
    ----------
    dialer, context
        Rings one; the focus's side.
    session
        What they are called into.
    """

    def __init__(self, dialer: Dialer, context: Context, session: TelephonySession) -> None:
        self._session = session
        self._dialer = dialer
        self._context = context
        self._members: set[Member] = set()
        self._attempts: list[asyncio.Task[Member]] = []
        self._over = False

    def keeps(self, member: Member) -> bool:
        """Say whether one rings, or has answered and nobody has taken it yet."""
        return member in self._members

    def lost(self, member: Member) -> None:
        """Have no more to do with one that was taken."""
        self._members.discard(member)

    def key(self, member: Member, digit: str) -> None:
        """Hear no keys: nobody has been asked anything yet."""

    def over(self, member: Member, reason: str) -> None:
        """Leave it to :meth:`first`, which gives no member whose call is over."""

    def talking(self, member: Member, on: bool) -> None:
        """Listen to nobody."""

    def silent(self, member: Member) -> None:
        """Wait on."""

    async def first(self, targets: Sequence[Target], make: Callable[[], Member], caller: str) -> Member:
        """Ring until one answers.

        Parameters
        ----------
        targets
            All that ring.
        make
            Makes the member of each.
        caller
            The number that is shown.

        Returns
        -------
        Member
            Its call stands. Whoever called takes it at once, or says farewell.

        Raises
        ------
        SipError
            Nobody answered, or the one who did hung up at once, or :meth:`stop` was called.
        """
        self._attempts = [self._context.tasks.start(self._ring(make(), target, caller)) for target in targets]
        failures: list[SoftphoneError] = []
        for attempt in asyncio.as_completed(self._attempts):
            try:
                winner = await attempt
            except SoftphoneError as error:
                failures.append(error)
            except asyncio.CancelledError:
                break
            else:
                self.stop()
                if not winner.over:
                    return winner
                Farewell(self._context, winner).say()
        if self._over:
            raise CallEnded("it is no longer wanted")
        raise verdict(failures)

    async def _ring(self, member: Member, target: Target, caller: str) -> Member:
        """Ring one telephone; one that answers too late is hung up on."""
        self._members.add(member)
        member.pass_to(self)
        try:
            await self._dialer.ring(member, target, caller, self._dialer.focus(self._session, target))
        except BaseException:
            self._members.discard(member)
            raise
        if self._over:
            Farewell(self._context, member).say()
            raise CallEnded("another telephone was faster")
        self._over = True
        return member

    def stop(self) -> None:
        """Let them ring no more."""
        self._over = True
        for attempt in self._attempts:
            attempt.cancel()
        self._attempts = []


def verdict(failures: Sequence[SoftphoneError]) -> SipError:
    """Choose what the caller hears when no phone answered (RFC 3261 section 16.7): a refusal of the person, if any."""
    refused = [error for error in failures if isinstance(error, CallRefused)]
    personal = [error for error in refused if error.status >= 600] or [e for e in refused if e.status == 486]
    best = personal[0] if personal else CallRefused(480, "Temporarily Unavailable")
    return CallRefused(best.status, best.reason)
