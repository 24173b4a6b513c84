"""Calling out: which telephones a number means, and calling one of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from softphone.config import SipConfig, TrunkConfig
from softphone.focus.accounts import Accounts, Extension
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import refused
from softphone.focus.session import Origin, TelephonySession
from softphone.sip.auth import Credentials
from softphone.sip.endpoint import Endpoint
from softphone.sip.invitation import Progress
from softphone.sip.message import Headers

if TYPE_CHECKING:
    from softphone.sip.registrar import Registrar
    from softphone.sip.stack import Stack

__all__ = ["Dialer", "Target"]


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
        NotReached
            480: there is none.
        """
        now = time.monotonic()
        names = self._accounts.names(extension)
        bindings = [binding for name in names for binding in self._registrar.contacts(name, now)]
        if not bindings:
            raise refused(480, "not registered")
        return [Target(str(binding.uri), binding.endpoint) for binding in bindings]

    def outside(self, number: str) -> list[Target]:
        """Give the way to a number that is none of ours.

        Raises
        ------
        NotReached
            404: no trunk is configured.
        """
        trunk = self._trunk
        if not trunk.uri:
            raise refused(404, "no trunk")
        credentials = Credentials(trunk.username, trunk.password) if trunk.username else None
        scheme, _, host = trunk.uri.partition(":")
        return [Target(f"{scheme}:{number}@{host}", credentials=credentials, caller=trunk.caller)]

    def targets(self, number: str) -> list[Target]:
        """List the telephones that a number means, inside or outside.

        Raises
        ------
        NotReached
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

    async def ring(
        self,
        member: Member,
        target: Target,
        caller: str,
        *,
        focus: str = "",
        on_progress: Progress | None = None,
        cancel_headers: Callable[[], Headers] = tuple,
    ) -> Member:
        """Call one telephone; the member is answered when this returns, and is closed when it fails.

        Parameters
        ----------
        caller
            The number that is shown.
        focus
            As :meth:`focus` gives it.
        on_progress
            Told every provisional response.
        cancel_headers
            Gives the headers of a CANCEL.

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
                on_progress=on_progress,
                cancel_headers=cancel_headers,
                timeout_s=self._settings.ring_timeout_s,
            )
            member.listen(call)
            await member.confirm(call.remote_sdp or "")
        except BaseException:
            member.hang_up()
            await member.close()
            raise
        return member
