"""Calling one telephone: what its INVITE says, and the member that answers it."""

import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from softphone.address import family_of
from softphone.config import Config, TrunkConfig
from softphone.errors import CallRefused, SoftphoneError
from softphone.focus.home import Home
from softphone.focus.party.agent_messages import AgentMessages, Wish
from softphone.focus.party.dialplan import DialPlan, DialTarget
from softphone.focus.party.identity import Caller, Shown, shown
from softphone.focus.party.member import Member
from softphone.focus.session import SessionOrigin, TelephonySession
from softphone.sip.message.fields import reason
from softphone.sip.message.message import Headers
from softphone.sip.message.uri import Uri
from softphone.sip.services.registrar import Registrar
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.invite_client import Progress
from softphone.store.accounts import Accounts

__all__ = ["Dialer", "shown_to_trunk"]

# What a telephone answers that does not speak what it is offered.
NOT_SPOKEN = (415, 488, 606)


class Dialer(DialPlan):
    """The dial plan, and how it is carried out.

    Parameters
    ----------
    stack
        Sends the INVITEs.
    accounts, registrar, config
        As for `DialPlan`.

    Attributes
    ----------
    messages
        What telephones that ring say of a call besides.
    """

    def __init__(self, stack: Stack, accounts: Accounts, registrar: Registrar, config: Config) -> None:
        super().__init__(lambda: self.home, accounts, registrar, config)
        self._stack = stack
        self.messages = AgentMessages()

    @property
    def home(self) -> Home:
        """Our own names."""
        return Home.of(self._settings, self._stack.host, self._stack.port, self._stack.host6)

    def focus(self, session: TelephonySession, target: DialTarget) -> str:
        """Say what our Contact names where a telephone is called into a conference; empty: no conference.

        Strangers behind a trunk are not given the URI: the token in it would let them in again, and others.
        """
        inside = session.origin is SessionOrigin.CONFERENCE and target.flow is not None
        return session.user(self._accounts.main_number) if inside else ""

    async def ring(
        self,
        member: Member,
        target: DialTarget,
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
            NotReached where there are too many calls to the trunk.
        """
        who = self._shown(target, caller)
        if target.trunk is not None:
            member.media.encrypt(target.trunk.encryption)
            self.toll.enter(caller, member, target.trunk, time.monotonic())
        try:
            wish = self.messages.expect(who.from_, target, self.home) if target.edge.commands else None
            calling = partial(
                self._stack.invite,
                target.uri,
                from_uri=str(who.from_),
                to=target.to or None,
                headers=[*who.headers, *caller.headers, *(wish.headers if wish is not None else ())],
                credentials=target.credentials,
                target=target.flow,
                route=target.binding.path if target.binding is not None else (),
                focus=focus,
                on_progress=on_progress,
                on_offer=member.media.decide,
                edge=target.edge,
                cancel_headers=cancel_headers,
                max_forwards=caller.hops,
                timeout_s=self._settings.ring_timeout_s,
            )
            call = await _answered(member, target, calling, wish)
            await _connected(member, call, focus=bool(focus))
        except BaseException as error:
            member.hang_up([reason(error)] if isinstance(error, SoftphoneError) else ())
            await member.close()
            raise
        return member

    def _shown(self, target: DialTarget, caller: Caller) -> Shown:
        """Say who calls: to our telephones by an address of ours, to the trunk by what it is configured to want."""
        if target.trunk is not None:
            return shown_to_trunk(caller, target.trunk)
        return shown(caller, self.home.address(caller.number))


async def _answered(
    member: Member, target: DialTarget, calling: Callable[[str], Coroutine[Any, Any, InviteSession]], wish: Wish | None
) -> InviteSession:
    """Call with an offer of what is likely to be spoken; who speaks no WebRTC after all is called with another one."""
    session = member.media.session
    session.webrtc, session.hopeful = target.browser, target.encrypted
    member.media.family = family_of(target.host)
    inviting = calling(await member.open(None))
    try:
        return await (inviting if wish is None else wish.answer(inviting))
    except CallRefused as error:
        if error.status not in NOT_SPOKEN or not session.offers_webrtc:
            raise
    session.webrtc = False
    return await calling(await member.open(None))


async def _connected(member: Member, call: InviteSession, *, focus: bool) -> None:
    """Take the answer of a telephone, or answer the call that has taken its place."""
    member.listen(call)
    if call.direction == "out":
        await member.confirm(call.remote_sdp or "")
        return
    if focus:
        call.dialog.as_focus()
    await member.step_in()


def shown_to_trunk(caller: Caller, trunk: TrunkConfig) -> Shown:
    """Say who calls as a trunk wants it."""
    number = trunk.caller or caller.number
    domain = trunk.from_domain or Uri.parse(trunk.uri).host
    return shown(
        caller,
        Uri("sip", domain, None, trunk.from_user or number),
        asserted=Uri("sip", domain, None, number) if trunk.trusted else None,
    )
