"""Calling out: which telephones a number means, and calling one of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from softphone.config import SipConfig, TrunkConfig
from softphone.focus.accounts import Accounts, Extension
from softphone.focus.home import Home
from softphone.focus.party.identity import Caller, Shown, shown
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import refused
from softphone.focus.session import Origin, TelephonySession
from softphone.sip.auth import Credentials
from softphone.sip.endpoint import Endpoint
from softphone.sip.invitation import Progress
from softphone.sip.message import Headers
from softphone.sip.uri import Uri

if TYPE_CHECKING:
    from softphone.sip.registrar import Registrar
    from softphone.sip.stack import Stack

__all__ = ["Dialer", "Target", "shown_to_trunk"]


@dataclass(frozen=True, slots=True)
class Target:
    """One telephone, or the way to one."""

    uri: str
    flow: Endpoint | None = None
    "The one that it registered over; None: as the URI says."
    credentials: Credentials | None = None
    to: str = ""
    "Who is called, as a URI; empty: `uri`."
    trunk: bool = False
    "Whether it is somebody outside, who is shown the caller as the trunk wants it."


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

    @property
    def home(self) -> Home:
        """Our own names."""
        return Home.of(self._settings, self._stack.host, self._stack.port)

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
        to = str(self.home.address(extension.number))
        return [Target(binding.uri, binding.endpoint, to=to) for binding in bindings]

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
        return [Target(f"{scheme}:{number}@{host}", credentials=credentials, trunk=True)]

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
        caller: Caller,
        *,
        focus: str = "",
        on_progress: Progress | None = None,
        cancel_headers: Callable[[], Headers] = tuple,
    ) -> Member:
        """Call one telephone; the member is answered when this returns, and is closed when it fails.

        Parameters
        ----------
        caller
            Who is shown.
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
        who = self._shown(target, caller)
        try:
            offer = await member.open(None)
            call = await self._stack.invite(
                target.uri,
                offer,
                from_uri=str(who.from_),
                to=target.to or None,
                headers=who.headers,
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

    def _shown(self, target: Target, caller: Caller) -> Shown:
        """Say who calls: to our telephones by an address of ours, to the trunk by what it is configured to want."""
        if target.trunk:
            return shown_to_trunk(caller, self._trunk)
        return shown(caller, self.home.address(caller.number))


def shown_to_trunk(caller: Caller, trunk: TrunkConfig) -> Shown:
    """Say who calls as a trunk wants it."""
    number = trunk.caller or caller.number
    domain = trunk.from_domain or Uri.parse(trunk.uri).host
    return shown(
        caller,
        Uri("sip", domain, None, trunk.from_user or number),
        asserted=Uri("sip", domain, None, number) if trunk.trusted else None,
    )
