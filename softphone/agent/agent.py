"""The public client: a SIP user agent with an audio engine inside, in the caller's event loop."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from softphone.address import family_of, local_address
from softphone.agent.access import ServerAddress, carrier, identity_of
from softphone.agent.call import Call
from softphone.agent.control import GOODBYE_S, CallControl, Errands, Signalling
from softphone.agent.dialling import Dialler, Wanted
from softphone.agent.held_calls import HeldCalls
from softphone.agent.incoming import IncomingCalls
from softphone.agent.line import OutboundLine
from softphone.agent.media import CallMedia
from softphone.agent.plane import NETWORK, Planes
from softphone.agent.speech import WRITE_AHEAD_S, checked_ahead
from softphone.agent.terms import IceServers, MediaTerms
from softphone.agent.unproven import Unproven
from softphone.agent.voice import Voice
from softphone.agent.whip import SCHEMES, WhipWish
from softphone.calls.names import LOOKUPS
from softphone.codec import CODECS, spoken_here
from softphone.errors import CallEnded, CallRefused, SdpError, SipNetworkError, SoftphoneError
from softphone.resolver import Resolver
from softphone.sip.driver import StackSettings
from softphone.sip.message.digest import Credentials
from softphone.sip.message.uri import Uri
from softphone.sip.services.registration import Registration
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.capabilities import Capabilities
from softphone.sip.where.attempt import Locator
from softphone.srtp import Encryption
from softphone.tasks import Tasks

__all__ = ["Agent"]

log = logging.getLogger(__name__)

Headers = Sequence[tuple[str, str]]


class Agent:
    """A headless softphone: registers, places and answers calls, several at once.

    An async context manager that runs in the event loop that enters it. Leaving it cancels outgoing calls that are not
    answered, hangs up all others and unregisters; it waits at most two seconds for peers to answer, and leaves no task
    and no socket behind. All agents of an event loop share one media plane: twenty agents with one call each cost what
    one agent with twenty calls costs.

    Parameters
    ----------
    uri
        The identity of the agent (an address of record, RFC 3261 section 6), for example ``sip:bot@example.com`` or
        ``"Echo bot" <sip:bot@example.com>``. A port in it belongs to that server; the agent itself listens on `port`.
    password
        Answers digest challenges (RFC 3261 section 22) of the registrar and the outbound proxy, and of servers at their
        hosts or at the host of `uri`. A challenge from any other host is not answered.
    username
        The user name for that, when it is not the user of `uri`.
    realm
        Only challenges of this realm are answered; when not given, after registration only those of the registrar's.
        Without registrar and outbound proxy they are answered wherever they come from.
    registrar
        URI of the registrar. When given, entering registers and the binding is kept fresh, over network losses too;
        see ``registration``. Its transport is that of calls to its host too: ``sip:pbx.example.com;transport=tcp``.
        Or the URL of a WebSocket, ``wss://pbx.example.com:8443/ws`` (RFC 7118).
    outbound_proxy
        URI of a proxy that everything is sent through, REGISTER too (as Route, RFC 3261 section 8.1.2); or a URL.
    ca_file
        Certificates (PEM) of the authorities that servers have to be known by over TLS and secure WebSockets. When not
        given: those that the system believes.
    host
        The local address, IPv4 or IPv6; peers are reached by its family. When not given: the one from which the
        outbound proxy, the registrar, or else the host of `uri`, is reached; loopback when its name is not known.
    port
        The local SIP port, UDP and TCP; 0 takes a free one.
    codecs
        Names of `softphone.codec.TABLE` in order of preference. With one of 16 kHz among them (``OPUS``, ``G722``),
        :attr:`Call.rate` is 16000 whatever is agreed on in the end.
    encryption
        "optional": incoming calls that offer SRTP (SDES) are encrypted, outgoing calls offer plain RTP; "required":
        only encrypted calls are placed or accepted; "off": no call is encrypted.
    max_calls
        The largest number of calls at once; further incoming ones are refused with 503, outgoing ones raise MediaFull.
    media_timeout_s
        A call that has received no media for this many seconds is hung up; 0: never.
    webrtc
        Calls are offered as browsers offer them, encrypted (ICE, DTLS-SRTP; RFC 8827), and such offers are answered;
        `IceServers()` asks no servers for candidates. When not given, calls are made without encryption.
    write_ahead_s
        How much of what is written to a call may wait to be sent, in seconds, see :meth:`Call.write`: 0.02 to 3600.
    on_call
        Called with each incoming call, ringing: ``await call.accept()`` or ``await call.reject()``, now or later.
        An exception from it is logged, and the call is refused or hung up. Without `on_call`, callers get 480.

    Attributes
    ----------
    registration
        The binding at the registrar: its ``state`` and ``on_change``; None without `registrar`.

    Raises
    ------
    BadMessage
        `uri`, `registrar` or `outbound_proxy` is not a valid URI.
    ValueError
        `codecs` is empty or names an unknown codec; `encryption`, `webrtc`, `media_timeout_s` or `write_ahead_s` says
        nothing that can be done.
    RuntimeError
        It is used before it is entered, or entered twice.
    OSError, ConfigError
        (entering) The port is in use; `ca_file` cannot be used.
    SipError
        (entering) The registrar refused, or there was no answer.
    """

    def __init__(
        self,
        uri: str = "sip:softphone@127.0.0.1",
        *,
        password: str | None = None,
        username: str | None = None,
        realm: str | None = None,
        registrar: str | None = None,
        outbound_proxy: str | None = None,
        ca_file: str | Path | None = None,
        host: str | None = None,
        port: int = 0,
        codecs: Sequence[str] = CODECS,
        encryption: Encryption = "optional",
        max_calls: int = 32,
        media_timeout_s: float = 30.0,
        webrtc: IceServers | None = None,
        write_ahead_s: float = WRITE_AHEAD_S,
        on_call: Callable[[Call], Coroutine[Any, Any, object]] | None = None,
    ) -> None:
        self.uri = uri
        self.on_call = on_call
        self.registration: Registration | None = None
        lookup = Resolver(limit=LOOKUPS)
        self._terms = MediaTerms(spoken_here(codecs), media_timeout_s, lookup, webrtc, encryption)
        self._write_ahead_s = checked_ahead(write_ahead_s)
        self._identity = identity_of(uri)
        home = ServerAddress.parse(registrar, "registrar") if registrar else None
        proxy = ServerAddress.parse(outbound_proxy, "outbound_proxy") if outbound_proxy else None
        self._registrar = home.uri if home else None
        self._ca_file, self._path = ca_file, next((each.path for each in (proxy, home) if each), "/")
        user = username or self._identity.user or ""
        credentials = Credentials(user, password) if password is not None else None
        self._line = OutboundLine(self._identity, self._registrar, proxy.uri if proxy else None, credentials, realm)
        self._host, self._port = host, port
        self._held = HeldCalls(self._line, max_calls)
        self._exit: AsyncExitStack | None = None
        self._inside = False

    async def __aenter__(self) -> Self:
        if self._inside:
            raise RuntimeError("the agent is entered already: one is left before it is entered again")
        self._inside, self._exit = True, AsyncExitStack()
        self._errands = self._held.errands = Errands(Tasks(), Tasks(quiet=CallEnded))
        async with AsyncExitStack() as stack:
            stack.callback(setattr, self, "_inside", False)
            host = self._host or await self._local_address(Locator(Resolver(families=(4, 6))))
            resolver = Resolver(families=(family_of(host) or 4,))
            self._terms.lookup.families = resolver.families
            stack.push_async_callback(self._terms.lookup.close)
            network = NETWORK.get()
            self._planes = await Planes.enter(host, network)
            stack.callback(self._planes.leave)
            transport = carrier(network.transport, self._ca_file, self._path)
            settings = StackSettings(host=host, port=self._port, trying=False, capabilities=Capabilities(("NOTIFY",)))
            unproven = Unproven(network.clock)
            self._incoming = IncomingCalls(self._terms, unproven, self._held, self._media, self._write_ahead_s)
            self._stack = Stack(settings, on_invite=self._invited, transport=transport, resolver=resolver)
            self._dialler = Dialler(self._stack, self._line, self.uri, self._errands.goodbyes)
            await self._stack.start()
            stack.push_async_callback(self._stack.stop)
            stack.push_async_callback(self._settle)
            await self._register()
            self._exit = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._exit is not None:
            await self._exit.aclose()

    def _check_entered(self) -> None:
        if self._exit is None:
            raise RuntimeError("enter the agent first: async with Agent(...) as agent")

    @property
    def calls(self) -> list[Call]:
        """The calls that are not over."""
        return list(self._held.by_control.values())

    @property
    def late_ticks(self) -> int:
        """Ticks of 20 ms that the event loop began too late or left out so far, in all calls of its agents.

        What was left out is counted by :attr:`Call.dropped` too; what was late is heard late.
        """
        self._check_entered()
        return self._planes.late_ticks

    @property
    def contact(self) -> str:
        """The Contact URI, at which this agent can be called directly."""
        self._check_entered()
        return str(self._stack.contact(self._identity.user).uri)

    async def invite(
        self, uri: str, *, headers: Headers = (), timeout_s: float = 60.0, follow_redirects: bool = False
    ) -> Call:
        """Place a call; returns when it is answered. Cancelling the task sends CANCEL.

        Parameters
        ----------
        uri
            A SIP URI, ``user@host``, or a URL as of :meth:`join`. With a registrar a bare user name or number, and a
            tel URI, is completed with the registrar's host.
        headers
            Further headers of the INVITE, as (name, value); not those that say which call it is.
        timeout_s
            Give up when it rings longer.
        follow_redirects
            Call whom a 300, 301 or 302 names instead, at most five of them, best first. Otherwise that is a
            CallRefused, and its ``contacts`` say whom.

        Raises
        ------
        CallRefused
            The answer was a final response of 300 or above; it carries status and reason.
        AuthenticationFailed
            (a CallRefused) They want a password, and ours is wrong, not for them, or there is none.
        SipTimeout
            Nobody answered.
        SipNetworkError
            The INVITE could not be sent, or the host is not known.
        BadMessage
            `uri` is no SIP URI, or says no host and there is no registrar.
        SdpError
            What they answered is no answer to our offer; they were hung up on. NoCommonCodec: no codec that we offered.
        MediaFull
            There are `max_calls` calls already.
        MediaError
            No port is left here.
        CallEnded
            The agent was left meanwhile.
        ValueError
            One of the `headers` is none, or is ours to write.
        """
        if uri.lower().startswith(SCHEMES):
            return await self.join(uri, headers=headers, timeout_s=timeout_s)
        target = self._line.complete(uri)
        return await self._call(Wanted(target, headers, timeout_s, follow_redirects), self._media)

    async def join(self, url: str, *, token: str | None = None, headers: Headers = (), timeout_s: float = 60.0) -> Call:
        """Join by HTTP as WHIP does (RFC 9725), with sound both ways; returns when media go. So does :meth:`invite`.

        What is offered is as with `webrtc`, which says what candidates are asked of; all are in the offer. What SIP
        alone has (hold, transfer, roster, keys by INFO) such a call refuses with 501.

        Parameters
        ----------
        url
            Where the offer is posted: ``https://bridge.example.com/whip/444555666``. ``http:`` has no token, but on
            this machine.
        token
            The bearer token: with our own bridge a pass, a host's code or an access token. Only the server of `url` is
            shown it, and never one that it redirects to.
        headers
            Further headers of the request, as (name, value).
        timeout_s
            Give up when there is no answer by then.

        Raises
        ------
        CallRefused
            The server's answer was no 201: 404 no such conference, 409 it is full, 429 and 503 try later, whatever it
            is; ``reason`` has its words.
        AuthenticationFailed
            (a CallRefused) 401: the token is missing or wrong.
        SipTimeout, SipNetworkError
            There was no answer in time; the server is not reached, or its certificate is not the one of its name.
        BadMessage
            `url` is none.
        SdpError
            What was answered is no answer to our offer.
        MediaError
            The server was not reached by ICE, or is another one than it says; or there is no port.
        MediaFull, CallEnded
            As :meth:`invite`.
        """
        wish = WhipWish.of(url, token, headers, timeout_s, self._ca_file)
        return await self._call(wish, lambda: self._media(self._terms.browserlike))

    async def _call(self, wanted: Wanted | WhipWish, media: Callable[[], CallMedia]) -> Call:
        """Place a call; returns when it is answered, and its media go."""
        self._check_entered()
        target = wanted.target
        if self._dialler.left:
            raise CallEnded(f"the agent was left before it called {target}")
        self._held.take()
        try:
            placed = await self._place(wanted, media())
        except BaseException as error:
            self._held.give_back()
            if self._dialler.left and isinstance(error, SoftphoneError):
                raise CallEnded(f"the agent was left while it called {target}") from error
            raise
        control, call = self._held.adopt(*placed)
        await _connected(control, placed[0], target)
        return call

    async def transfer(self, call: Call, to: str | Call, *, timeout_s: float = 60.0) -> None:
        """Transfer a call, blind or attended; see `Call.transfer`."""
        await call.transfer(to, timeout_s=timeout_s)

    async def _place(self, wanted: Wanted | WhipWish, media: CallMedia) -> tuple[Signalling, CallMedia, Voice]:
        """Give what a call is made of when it is answered."""
        voice = await media.open(str(wanted.target), self._write_ahead_s)
        try:
            return await self._dialler.dial(wanted, await media.offer(), media.leg.decide), media, voice
        except BaseException:
            await media.close()
            raise

    def _media(self, terms: MediaTerms | None = None) -> CallMedia:
        """Make the media of a call."""
        return CallMedia(self._planes, self._errands.goodbyes, terms or self._terms)

    async def _register(self) -> None:
        if self._registrar is None:
            return
        try:
            self.registration = await self._stack.register(
                str(self._registrar),
                self.uri,
                credentials=self._line.credentials,
                route=str(self._line.proxy) if self._line.proxy else None,
            )
        except CallRefused as refusal:
            raise self._line.not_registered(refusal, self._registrar) from refusal
        self._line.registered()

    async def _local_address(self, locator: Locator) -> str:
        """Find the address from which whom we talk to first is reached; nothing here holds up the event loop."""
        try:
            hops = await locator.hops(self._line.next_hop or self._identity)
        except SipNetworkError as error:
            log.warning("listening on loopback only: %s", error)
            return "127.0.0.1"
        self._line.reached_at(hop.host for hop in hops)
        return local_address(hops[0].host)

    async def _invited(self, signalling: InviteSession) -> None:
        signalling.known = self._line.knows(signalling.source.host)
        await self._incoming.take(signalling, self.on_call)

    async def _settle(self) -> None:
        """Give up what is dialled, hang up everything, unregister, and wait for what is still at work."""
        await self._dialler.give_up()
        for control in self._held.by_control:
            control.end_soon()
        if self.registration is not None:
            self._errands.goodbyes.start(self.registration.unregister())
        await self._errands.goodbyes.settle(GOODBYE_S)
        self._incoming.handlers.cancel()
        await self._incoming.handlers.settle(None)
        await self._errands.callbacks.settle(None)


async def _connected(control: CallControl, signalling: Signalling, target: Uri) -> None:
    """Take the answer to our INVITE, or answer the call that has taken the place of who rang (RFC 3891)."""
    if signalling.direction == "in":
        await control.accept()
        return
    if signalling.remote_sdp is None:
        control.end_soon(nothing := SdpError(f"{target} answered without a session description"))
        raise nothing
    try:
        await control.connect(signalling.remote_sdp)
    except SdpError as error:
        raise type(error)(f"{target} answered what is of no use to us: {error}") from error
