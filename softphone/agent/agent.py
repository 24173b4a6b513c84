"""The public client: a SIP user agent with an audio engine inside, in the caller's event loop."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import structlog

from softphone.agent.call import Call, logged
from softphone.agent.media import CODECS, CallMedia
from softphone.agent.voice import Voice
from softphone.errors import SdpError, SoftphoneError
from softphone.media.leg import Event, KeyPressed, RtpTimeout
from softphone.media.local import LocalMedia
from softphone.sip.auth import Credentials
from softphone.sip.call import Call as SipCall
from softphone.sip.fields import Address
from softphone.sip.registration import Registration
from softphone.sip.stack import Stack, StackSettings
from softphone.sip.uri import Uri

__all__ = ["Agent"]

log = structlog.get_logger()

Headers = Sequence[tuple[str, str]]

# A call's room has two: the peer's leg and the application.
SEATS = 2


class Agent:
    """A softphone without a face: registers, places and answers calls, several at once.

    An async context manager; everything lives in the event loop that enters it. Leaving it hangs up every call,
    unregisters, and leaves no task and no socket behind.

    Parameters
    ----------
    uri
        Who we are, for example ``sip:bot@example.com`` or ``"Echo bot" <sip:bot@example.com>``.
    password
        Answers digest challenges (RFC 3261 section 22), of the registrar and of whom we call.
    username
        The user name for that, when it is not the user of `uri`.
    registrar
        URI of the registrar. When given, entering registers and the binding is kept fresh, over network losses too;
        see ``registration``.
    host
        The local IPv4 address. When not given: the one from which the registrar, or else the host of `uri`, is reached.
    port
        The local SIP port, UDP and TCP; 0 takes a free one.
    codecs
        ``PCMU`` and ``PCMA`` in order of preference.
    max_calls
        How many calls there may be at once; more are refused with 503, and raise MediaFull.
    media_timeout_s
        A call from which nothing came for so long is hung up; 0 = never.
    on_call
        Called with each incoming call, ringing: ``await call.accept()`` or ``await call.reject()``, now or later.
        Without it callers get 480.

    Attributes
    ----------
    calls
        The calls that are not over.
    registration
        The binding at the registrar: its ``state`` and ``on_change``; None without `registrar`.

    Raises
    ------
    OSError
        (entering) The port is in use.
    SipError
        (entering) The registrar refused, or there was no answer.
    """

    def __init__(
        self,
        uri: str = "sip:softphone@127.0.0.1",
        *,
        password: str | None = None,
        username: str | None = None,
        registrar: str | None = None,
        host: str | None = None,
        port: int = 0,
        codecs: Sequence[str] = CODECS,
        max_calls: int = 32,
        media_timeout_s: float = 30.0,
        on_call: Callable[[Call], Coroutine[Any, Any, object]] | None = None,
    ) -> None:
        self.uri = uri
        self.calls: list[Call] = []
        self.on_call = on_call
        self.registration: Registration | None = None
        self._registrar = registrar
        self._codecs = tuple(codecs)
        self._media_timeout_s = media_timeout_s
        self._address = Address.parse(uri).uri
        user = username or self._address.user or ""
        self._credentials = Credentials(user, password) if password is not None else None
        self._host = host or local_address(Uri.parse(registrar).host if registrar else self._address.host)
        self._stack = Stack(StackSettings(host=self._host, port=port), on_invite=self._invited)
        self._max_calls = max_calls
        self._legs: dict[int, Call] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._media = LocalMedia(self._host, capacity=SEATS * self._max_calls)
            stack.callback(self._media.close)
            self._rate_hz = self._media.engine.bridge.rate_hz
            self._media.on_event = self._heard
            await self._stack.start()
            stack.push_async_callback(self._stack.stop)
            stack.push_async_callback(self._settle)
            await self._register()
            self._exit = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    @property
    def contact(self) -> str:
        """The URI at which this agent can be called directly."""
        return str(self._stack.contact(self._address.user).uri)

    async def invite(self, uri: str, *, headers: Headers = (), timeout_s: float = 60.0) -> Call:
        """Call somebody; returns when they have answered. Cancel it to give up (they get a CANCEL).

        Parameters
        ----------
        uri
            A SIP URI; with a registrar a bare user name or number is completed with the registrar's host.
        headers
            Further headers of the INVITE, as (name, value).
        timeout_s
            Give up when it rings longer.

        Raises
        ------
        CallRefused
            The answer was a final response of 300 or above; it carries status and reason.
        SipTimeout
            Nobody answered.
        SipNetworkError
            The INVITE could not be sent.
        SdpError
            What they answered is no answer to our offer; they were hung up on.
        MediaError
            No port or row is left here.
        """
        media = CallMedia(self._media, self._codecs, self._media_timeout_s)
        app = await media.open()
        try:
            signalling = await self._stack.invite(
                self._complete(uri),
                media.offer(),
                from_uri=self.uri,
                credentials=self._credentials,
                headers=headers,
                timeout_s=timeout_s,
            )
        except BaseException:
            await media.close()
            raise
        call = self._adopt(signalling, media, Voice(app, self._rate_hz))
        try:
            await call.connect(signalling.remote_sdp or "")
        except SdpError:
            await call.hangup()
            raise
        return call

    def _complete(self, uri: str) -> str:
        if ":" in uri or self._registrar is None:
            return uri
        registrar = Uri.parse(self._registrar)
        return f"sip:{uri}@{registrar.host}" + (f":{registrar.port}" if registrar.port else "")

    async def _register(self) -> None:
        if self._registrar is None:
            return
        self.registration = await self._stack.register(self._registrar, self.uri, credentials=self._credentials)

    async def _invited(self, signalling: SipCall) -> None:
        """Make a ringing call of an INVITE and hand it to the application."""
        if self.on_call is None:
            signalling.reject(480)
            return
        media = CallMedia(self._media, self._codecs, self._media_timeout_s)
        try:
            app = await media.open()
        except SoftphoneError as error:
            log.warning("no media for an incoming call", error=str(error))
            signalling.reject(503)
            return
        call = self._adopt(signalling, media, Voice(app, self._rate_hz))
        await signalling.ring()
        await self.on_call(call)

    def _adopt(self, signalling: SipCall, media: CallMedia, voice: Voice) -> Call:
        call = Call(signalling, media, voice, self._rate_hz, self._spawn)
        self.calls.append(call)
        self._legs[media.leg] = call
        self._spawn(self._forget(call, media.leg))
        return call

    async def _forget(self, call: Call, leg: int) -> None:
        await call.wait_ended()
        self.calls.remove(call)
        del self._legs[leg]

    def _heard(self, event: Event) -> None:
        """Pass what the media plane noticed to the call it belongs to."""
        match event:
            case KeyPressed(leg=leg, key=key, way=way) if leg in self._legs:
                self._legs[leg].key_pressed(key, way)
            case RtpTimeout(leg=leg) if leg in self._legs:
                self._spawn(self._legs[leg].media_lost())
            case _:
                pass

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the caller; leaving the agent waits for it."""
        task = asyncio.get_running_loop().create_task(logged(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _settle(self) -> None:
        """Hang up everything, unregister, and wait for what is still at work."""
        ending = [call.hangup() for call in self.calls]
        if self.registration is not None:
            ending.append(self.registration.unregister())
        for result in await asyncio.gather(*ending, return_exceptions=True):
            if isinstance(result, SoftphoneError):
                log.warning("could not say goodbye", error=str(result))
            elif isinstance(result, BaseException):
                raise result
        while self._tasks:
            await asyncio.gather(*self._tasks)


def local_address(remote_host: str) -> str:
    """Return the IPv4 address of this machine from which `remote_host` is reached; loopback when it is unknown."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote_host, 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
