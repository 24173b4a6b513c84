"""A SIP node: outgoing calls, registrations, and handlers for incoming requests."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from softphone.address import canonical
from softphone.errors import SipTimeout
from softphone.resolver import Resolver
from softphone.sip.dispatcher import Dispatcher, OnInvite, OnRequest
from softphone.sip.driver import Driver, StackSettings, TransportMaker
from softphone.sip.message.digest import Credentials
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Request, Response
from softphone.sip.message.uri import Uri, split_headers
from softphone.sip.services.registration import Registration
from softphone.sip.trace import Trace
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop, TransportKind
from softphone.sip.transport.sockets import SocketTransport
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.client_request import ask
from softphone.sip.ua.edge_profile import ORDINARY, EdgeProfile
from softphone.sip.ua.invite_client import GivenUp, Progress
from softphone.sip.ua.outgoing import Plan, place
from softphone.sip.ua.peer_offers import OnOffer
from softphone.sip.where.locate import Target, spoken

__all__ = ["Stack"]

NO_HANDLERS: Mapping[str, OnRequest] = MappingProxyType({})


class Stack:
    """A SIP node on one UDP and TCP port.

    Parameters
    ----------
    on_invite, on_request
        What comes is given to these; see `serve`.
    transport
        What carries the messages: makes a `Transport` of the two callbacks.
    resolver
        Asks the DNS where requests go.

    Attributes
    ----------
    host, host6, port
        Where it is reached; `host6`: by IPv6, if that is another address; else empty.
    """

    def __init__(
        self,
        settings: StackSettings,
        *,
        on_invite: OnInvite | None = None,
        on_request: Mapping[str, OnRequest] = NO_HANDLERS,
        transport: TransportMaker = SocketTransport,
        resolver: Resolver | None = None,
    ) -> None:
        self.settings = settings
        self.host = settings.host
        self.port = settings.port
        self.host6 = settings.host6
        self._driver = Driver(settings, transport, resolver or Resolver())
        self._dispatcher = Dispatcher(self._driver)
        if on_invite is not None or on_request:
            self.serve(on_invite, on_request)

    # --- its life

    async def start(self) -> None:
        """Listen; ``host`` and ``port`` then say where.

        Raises
        ------
        OSError
            The port is in use; the message names it.
        """
        await self._driver.start(self._dispatcher)
        self.host, self.port, self.host6 = self._driver.host, self._driver.port, self._driver.host6

    def also_at(self, ports: Mapping[str, int]) -> None:
        """Say in Via and Contact at which ports others listen for us, by transport: the WebSockets of HTTP."""
        self._driver.also_at(ports)

    @property
    def ports(self) -> Mapping[str, int]:
        """The ports of transports that have others than `port`, by name, and those where others listen for us."""
        return self._driver.ports

    def serve(self, on_invite: OnInvite | None = None, on_request: Mapping[str, OnRequest] = NO_HANDLERS) -> None:
        """Say what takes the requests that come: once, and here where it has to know the stack first.

        Before, requests outside calls are answered 503 with Retry-After (RFC 3261 section 21.5.4).

        Parameters
        ----------
        on_invite
            Awaited with each new call; None: each is answered with 480.
        on_request
            By method, what is awaited with each request outside calls. What is not in the table, and what its handler
            gives no answer to, the stack answers itself: OPTIONS with 200, of other methods 405.

        Raises
        ------
        RuntimeError
            It has been said.
        """
        self._dispatcher.serve(on_invite, on_request)

    def take_no_calls(self) -> None:
        """Refuse each new call from now on, with 503 and Retry-After."""
        self._dispatcher.overloaded = True

    async def stop(self) -> None:
        """Close everything; calls that are still up are forgotten, not hung up."""
        await self._driver.stop()

    @property
    def calls(self) -> list[InviteSession]:
        """The calls there are, ringing ones included."""
        return [call for call in self._driver.directory.calls() if isinstance(call, InviteSession)]

    @property
    def trace(self) -> Trace | None:
        """The messages that passed last; None: they are not kept."""
        return self._driver.trace

    @property
    def counters(self) -> dict[str, int]:
        """What passed, and what could not: for the metrics."""
        counts = self._driver.counters()
        return counts | {"refused": counts["refused"] + self._dispatcher.refused}

    # --- what its user asks for

    async def invite(
        self,
        uri: str,
        sdp: str,
        *,
        from_uri: str,
        to: str | None = None,
        credentials: Credentials | None = None,
        headers: Headers = (),
        route: Sequence[str] = (),
        target: Hop | None = None,
        focus: str = "",
        on_progress: Progress | None = None,
        cancel_headers: Callable[[], Headers] = tuple,
        on_given_up: GivenUp | None = None,
        on_offer: OnOffer | None = None,
        edge: EdgeProfile = ORDINARY,
        max_forwards: int = 70,
        timeout_s: float | None = None,
    ) -> InviteSession:
        """Place a call; returns when it is answered and the ACK sent. Cancelling the task sends CANCEL.

        When a call that came in has taken the place of the telephones that ring (RFC 3891 section 3), that one is
        returned: its direction is ``in``, and it is still to be answered.

        Parameters
        ----------
        uri
            Whom to call; its headers (``?Replaces=...``) become headers of the INVITE, as far as RFC 3261 section
            19.1.5 has it.
        from_uri, to
            URIs, or whole values with display names; `to` is who is called, where that is more than `uri`.
        route
            URIs of proxies to send it through, in this order.
        target
            The flow to send it by, such as the one a telephone registered over; when its connection is closed, `uri`
            says where the telephone may still be. Whoever is called so may send REFER once it has answered.
        focus
            User part of the URI of the conference that it is called into, which our Contact then is (RFC 4579 section
            5.5); empty: there is none.
        cancel_headers
            Gives the headers of the CANCEL, if the call is cancelled: why, as a Reason (RFC 3326).
        on_given_up
            Told then of the future that is done when the INVITE is over.
        on_offer
            Decides on what a telephone offers by UPDATE before it has answered (RFC 3311); None: it is refused.
        edge
            What the telephone needs that others do not.

        Raises
        ------
        CallRefused
            A final response of 300 or above.
        SipTimeout
            Nobody answered within `timeout_s`.
        SipNetworkError
            It could not be sent.
        BadMessage
            A URI is none.
        """
        (called, carried), from_, through = split_headers(Uri.parse(uri)), Address.parse(from_uri), _uris(route)
        ours, (target, kind, peer) = target is not None, self._open(target, next(iter(through), called))
        plan = Plan(
            uri=called,
            sdp=sdp,
            from_=from_,
            to=Address.parse(to) if to else None,
            contact=self._contact(focus or from_.uri.user, kind, peer, focus=bool(focus)),
            credentials=credentials,
            headers=[*self.settings.capabilities.headers(refer=ours), *carried, *headers],
            route=through,
            target=target,
            on_progress=on_progress,
            on_given_up=on_given_up,
            on_offer=on_offer,
            edge=edge,
            cancel_headers=cancel_headers,
            max_forwards=max_forwards,
        )
        return await self._place(plan, timeout_s or self.settings.invite_timeout_s)

    async def _place(self, plan: Plan, timeout_s: float) -> InviteSession:
        try:
            async with asyncio.timeout(timeout_s):
                return await place(self._driver, plan)
        except TimeoutError as error:
            raise SipTimeout(f"INVITE {plan.uri}: not answered in time") from error

    async def request(
        self, request: Request, target: Target | None = None, credentials: Credentials | None = None
    ) -> Response:
        """Send a request outside any dialog, answer what challenges come, and wait for the final response.

        Raises
        ------
        SipTimeout, SipNetworkError
            There was none.
        """
        routes = request.routes
        return await ask(self._driver, request, target or (routes[0].uri if routes else request.uri), credentials)

    def flow(self, target: Hop) -> Flow | None:
        """Find the open flow of a hop: the connection that it names, else one to its address; None over UDP."""
        return self._driver.flow(target)

    async def register(
        self,
        registrar_uri: str,
        aor: str,
        contact: str | None = None,
        credentials: Credentials | None = None,
        expires: int = 300,
        route: str | None = None,
        user: str | None = None,
    ) -> Registration:
        """Register `aor` and keep it registered (RFC 3261 section 10.2); returns when the registrar has agreed.

        Parameters
        ----------
        route
            URI of a proxy to send it through.
        user
            Of our Contact; None: that of `aor`.

        Raises
        ------
        CallRefused
            It has not.
        SipTimeout, SipNetworkError
            It did not answer.
        """
        registrar, through = Uri.parse(registrar_uri), Uri.parse(route) if route else None
        address = Address.parse(aor)
        first = through or registrar
        where = self._contact(user or address.uri.user, spoken(first), canonical(first.host))
        where = Address.parse(contact) if contact else where
        registration = Registration(self._driver, registrar, address, where, credentials, expires, through)
        await registration.start()
        return registration

    def contact(self, user: str | None, peer: Hop | None = None, *, focus: bool = False) -> Address:
        """Our Contact for a user name, as `peer` reaches us; `focus`: a conference is there (RFC 4579 section 5.1)."""
        kind, host = (peer.kind, peer.host) if peer is not None else (None, "")
        return self._contact(user, kind, host, focus=focus)

    def _contact(self, user: str | None, kind: TransportKind | None, peer: str, *, focus: bool = False) -> Address:
        return self._driver.listeners.by(kind, peer).contact(user, focus=focus)

    def _open(self, target: Hop | None, uri: Uri) -> tuple[Hop | None, TransportKind | None, str]:
        """Give the flow that is asked for if it still exists (of UDP nobody can tell), and by what and where to go."""
        if target is not None and (target.connection is None or self._driver.flow(target) is not None):
            return target, target.kind, target.host
        return None, spoken(uri), canonical(uri.host)


def _uris(texts: Sequence[str]) -> tuple[Uri, ...]:
    return tuple(Uri.parse(each) for each in texts)
