"""The calls of all bots over one SIP stack: joining, keys, hold, leaving, and how long each answer took."""

import asyncio
import re
import secrets
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from softphone import sdp
from softphone.address import bracketed, local_address, own_address
from softphone.errors import CallEnded, CallRefused, SdpError, SipError, SipTimeout, SoftphoneError
from softphone.load.calls import JoinFailed, PartyCalls
from softphone.load.media.doors import Doors
from softphone.load.media.plane import LoadPlane
from softphone.load.plan import JANUS, LoadPlan, janus_host
from softphone.media.contract.security import Srtp
from softphone.sdp.negotiation import Negotiated
from softphone.sdp.sdes import new_key
from softphone.sip.driver import StackSettings, TransportMaker
from softphone.sip.message.digest import Credentials
from softphone.sip.message.uri import Uri
from softphone.sip.services.registration import Registration
from softphone.sip.stack import Stack
from softphone.sip.transport.sockets import SocketTransport
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.redirection import follow

__all__ = ["BotCalls", "address_towards"]

AT_ONCE = 100
"""Registrations that are taken back at the same time."""

MOST_NOTED = 5
"""Of those whom redirections name."""

WHOM = re.compile(r"^[A-Z]+ sips?:\S+: ")
"""Request and URI that a message begins with: each bot may call another, and causes are counted."""


async def address_towards(uri: str) -> str:
    """Give our address towards whom a URI names, of IPv4 or IPv6.

    A name without an address may have a server all the same (RFC 3263): then the address of the default route.

    Raises
    ------
    ConfigError, BadMessage
        It is no URI.
    """
    host = janus_host(uri) if uri.startswith(JANUS) else Uri.parse(uri).host.strip("[]")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError:
        return own_address("0.0.0.0")
    return local_address(str(found[0][4][0]))


class BotCalls(PartyCalls[InviteSession]):
    """Calls, one per bot.

    Parameters
    ----------
    plan
        Whom they call and how.
    doors, plane
        Where their sound goes in and out, and who makes it.
    host
        Our address.
    clock
        Seconds of any monotonic clock.
    transport
        What carries messages.

    Of INVITE the final answer is counted, and as "INVITE 1xx" the first of any kind.
    """

    def __init__(
        self,
        plan: LoadPlan,
        doors: Doors,
        plane: LoadPlane,
        *,
        host: str,
        clock: Callable[[], float],
        transport: TransportMaker = SocketTransport,
    ) -> None:
        super().__init__(clock)
        self._plan, self._doors, self._plane = plan, doors, plane
        self._stack = Stack(
            StackSettings(host=host, user_agent="softphone-load", stream_above=None), transport=transport
        )
        self._stack.serve()
        self._registrations: dict[int, Registration] = {}
        self._keys: dict[int, bytes] = {}
        self._agreed: dict[int, Negotiated] = {}
        self._leaving: set[int] = set()
        self._redirected: Counter[str] = Counter()

    async def start(self) -> None:
        """Open the port of signalling; raises OSError."""
        await self._stack.start()

    async def stop(self) -> None:
        """Take registrations back, and close it."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def unregister(registration: Registration) -> None:
            async with gate:
                await registration.unregister()

        await asyncio.gather(*map(unregister, self._registrations.values()), return_exceptions=True)
        await self._stack.stop()

    async def _join(self, bot: int) -> None:
        await self._register(bot)
        if self._plan.srtp:
            self._keys[bot] = new_key(self._plan.srtp)
        offer = self._offer(bot)
        session = await follow(
            Uri.parse(self._target(bot)),
            lambda target: self._timed("INVITE", lambda: self._invite(bot, target, str(offer))),
        )
        try:
            agreed = sdp.accept(offer, sdp.parse(session.remote_sdp or ""))
        except SdpError:
            await session.bye()
            raise
        self._enter(bot, session, agreed)

    async def _invite(self, bot: int, target: Uri, offer: str) -> InviteSession:
        """Call the bot's target, or one that a redirection names: that sees the password only at the same host."""
        own, began, first = Uri.parse(self._target(bot)), self._clock(), [0.0]
        if str(target) != str(own):
            self._redirected[str(target)] += 1

        def progress(*_of: object) -> None:
            first[0] = first[0] or self._clock()

        session = await self._stack.invite(
            str(target),
            offer,
            from_uri=self._from(bot),
            credentials=self._credentials(bot) if target.host == own.host else None,
            on_progress=progress,
            timeout_s=self._plan.answer_s,
        )
        if first[0]:
            self._note("INVITE 1xx", first[0] - began)
        return session

    @property
    def notes(self) -> list[str]:
        """Where redirected calls went on to: without a number, as all processes of a run put their notes together."""
        return [f"calls were redirected to {to}" for to, _ in self._redirected.most_common(MOST_NOTED)]

    async def _register(self, bot: int) -> None:
        if not self._plan.register or bot in self._registrations:
            return
        target = Uri.parse(self._target(bot))
        registrar = replace(target, user=None, text="")
        self._registrations[bot] = await self._timed(
            "REGISTER",
            lambda: self._stack.register(str(registrar), self._from(bot), credentials=self._credentials(bot)),
        )

    def _target(self, bot: int) -> str:
        return self._plan.target(bot, self.whom.get(bot, ""))

    def _credentials(self, bot: int) -> Credentials | None:
        user, password = self._plan.account(bot)
        return Credentials(user, password) if password else None

    def _enter(self, bot: int, session: InviteSession, agreed: Negotiated) -> None:
        """Take a bot in whose call is answered."""
        self.joined[bot] = session
        session.on_ended = lambda reason: self._ended(bot, reason)
        session.on_reinvite = lambda offer: self._offered(bot, offer)
        self._agree(bot, agreed)
        if self._plan.pin:
            self.press(bot, self._plan.pin)

    def _agree(self, bot: int, agreed: Negotiated) -> None:
        remote = agreed.remote
        if not isinstance(remote, sdp.Plain):
            raise SdpError(f"the answer is not plain RTP: {type(remote).__name__}")
        self._agreed[bot] = agreed
        ours = agreed.payload_type if agreed.payload_type_in is None else agreed.payload_type_in
        where, mux = (remote.host, remote.port), remote.rtcp_mux
        crypto = remote.crypto if isinstance(remote, sdp.Sdes) else None
        srtp = Srtp(crypto.suite, self._keys[bot], crypto.key) if crypto is not None else None
        self._plane.open(bot, where, agreed.payload_type, ours, mux=mux, srtp=srtp)
        self._plane.hush(bot, not agreed.sends)

    def press(self, bot: int, keys: str) -> None:
        """Let a bot press keys; where the peer takes none (RFC 4733), it is counted as a failure."""
        payload_type = self._agreed[bot].event_payload_type
        if payload_type is None:
            self.failures["no telephone events: keys cannot be pressed"] += 1
        else:
            self._plane.press(bot, keys, payload_type)

    async def reinvite(self, bot: int, direction: str = "sendrecv") -> None:
        """Let a bot offer anew: the same again, or "sendonly" to hold; raises SipError, and counts it."""
        session = self.joined[bot]
        offer = self._offer(bot, direction)
        try:
            answer = await self._timed("re-INVITE", lambda: session.reinvite(str(offer)))
            self._agree(bot, sdp.accept(offer, sdp.parse(answer)))
        except SoftphoneError as error:
            self.failures[f"re-INVITE: {_cause(error)}"] += 1
            raise JoinFailed(_cause(error)) from error

    async def leave(self, bot: int) -> None:
        """Let a bot hang up; one that is not in does nothing."""
        session = self.joined.pop(bot, None)
        if session is None:
            return
        self._leaving.add(bot)
        self._plane.close(bot)
        try:
            await self._timed("BYE", session.bye)
        except SipError as error:
            self.failures[f"BYE: {_cause(error)}"] += 1
        finally:
            self._leaving.discard(bot)

    def _offer(self, bot: int, direction: str = "sendrecv") -> sdp.SessionDescription:
        host, port = self._doors.address(bot)
        codecs, session_id = (self._plan.codec,), secrets.randbits(31)
        keys = {self._plan.srtp: self._keys[bot]} if self._plan.srtp else None
        return sdp.offer(host, port, codecs=codecs, direction=direction, session_id=session_id, version=1, keys=keys)

    def _from(self, bot: int) -> str:
        user, host = self._plan.account(bot)[0], self._stack.host
        if not user:
            return f"sip:load-{self._plan.first + bot}@{bracketed(host)}"
        return f"sip:{user}@{Uri.parse(self._target(bot)).host}"

    async def _offered(self, bot: int, offer: str | None) -> str:
        """Answer an offer of the peer."""
        if offer is None:
            return str(self._offer(bot))
        host, port = self._doors.address(bot)
        codecs = (self._plan.codec,)
        said, key = sdp.parse(offer), self._keys.get(bot, b"")
        answer, agreed = sdp.answer(
            said,
            host,
            port,
            codecs=codecs,
            session_id=1,
            version=2,
            again=True,
            encryption="required" if key else "off",
            key=key,
        )
        self._agree(bot, agreed)
        return str(answer)

    def _ended(self, bot: int, reason: str) -> None:
        if self.joined.pop(bot, None) is not None and bot not in self._leaving:
            self._plane.close(bot)
            self.dropped[reason] += 1
            self.ended[bot] = reason
            self.on_dropped(bot)

    def _cause(self, error: SoftphoneError) -> str:
        return _cause(error)


def _cause(error: SoftphoneError) -> str:
    """Name what went wrong in the words that it is counted by."""
    if isinstance(error, CallRefused):
        to = f", to {error.contacts[0][:80]}" if error.contacts and 300 <= error.status < 400 else ""
        return f"{error.status} {error.reason}{to}"
    if isinstance(error, SipTimeout):
        return "no answer"
    if isinstance(error, CallEnded):
        return "ended before it was answered"
    return f"{type(error).__name__}: {WHOM.sub('', str(error))[:120]}"
