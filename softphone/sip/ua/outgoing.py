"""Placing a call (RFC 3261 section 13.2): the INVITE, its challenges, and the call that comes of it."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from softphone.errors import CallEnded
from softphone.sip.dialog.dialog import SERVER_CSEQ, Dialog
from softphone.sip.dialog.table import EstablishedUser
from softphone.sip.message.body import SDP
from softphone.sip.message.digest import Credentials
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Request, Response, new_tag, request
from softphone.sip.message.uri import Uri
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.client_request import CHALLENGES, authorised, refused
from softphone.sip.ua.edge_profile import ORDINARY, EdgeProfile
from softphone.sip.ua.invite_client import GivenUp, OutgoingInvite, Progress
from softphone.sip.ua.line import Line
from softphone.sip.ua.node import Node
from softphone.sip.ua.peer_offers import OnOffer
from softphone.sip.ua.refresh import Refresh
from softphone.sip.where.locate import Target
from softphone.sip.where.route import WayBack

__all__ = ["Plan", "loose", "place"]


# Parameters of a URI that say how it is reached.
HOW = ("transport", "maddr", "ttl", "lr", "method")


@dataclass(frozen=True)
class Plan:
    """What a call is to be: where to, as whom, with what.

    ``route`` are URIs that the INVITE goes through, in order; ``target`` a flow that it is sent by, whatever they say.
    """

    uri: Uri
    sdp: str
    from_: Address
    contact: Address
    to: Address | None = None
    max_forwards: int = 70
    credentials: Credentials | None = None
    headers: Headers = ()
    route: tuple[Uri, ...] = ()
    target: Hop | None = None
    on_progress: Progress | None = None
    cancel_headers: Callable[[], Headers] = tuple
    on_given_up: GivenUp | None = None
    on_offer: OnOffer | None = None
    edge: EdgeProfile = ORDINARY

    def request(self) -> Request:
        """Make the first INVITE."""
        made = request(
            "INVITE",
            self.uri,
            from_=self.from_.with_tag(new_tag()),
            to=self.to or Address(logical(self.uri)),
            call_id=secrets.token_hex(12),
            cseq=SERVER_CSEQ,
            contact=self.contact,
            routes=[Address(loose(each)) for each in self.route],
            max_forwards=self.max_forwards,
            headers=self.headers,
            content_type=SDP,
            body=self.sdp,
        )
        made.respell(self.edge.call_id)
        return made


def logical(uri: Uri) -> Uri:
    """Give a URI as From and To may have it: whom it means, not how to get there (RFC 3261 section 19.1.1)."""
    kept = {name: value for name, value in uri.params.items() if name not in HOW}
    return uri if uri.opaque else replace(uri, port=None, params=kept, headers="", text="")


def loose(route: Uri) -> Uri:
    """Return the URI of a proxy as a loose route, which every proxy of today is (RFC 3261 section 19.1.1)."""
    return route if "lr" in route.params else replace(route, params={**route.params, "lr": None}, text="")


async def place(node: Node, plan: Plan) -> InviteSession:
    """Place the call; returns when it is answered, the ACK sent. Cancelling the task cancels the call.

    A call that came in the place of the telephones that ring is returned in its stead, and is still to be answered.

    Raises
    ------
    CallRefused
        A final response of 300 or above.
    SipTimeout, SipNetworkError
        None came.
    """
    return await _Placing(node, plan).run()


class _Placing:
    """A call on its way: one INVITE after the other, until one is answered without a challenge."""

    def __init__(self, node: Node, plan: Plan) -> None:
        self._node = node
        self._plan = plan
        self._refresh = Refresh(node.session)
        self._invite = self._extended(plan.request())
        self._target: Target = plan.target or next(iter(plan.route), plan.uri)
        self._call: InviteSession | None = None

    async def run(self) -> InviteSession:
        for _ in range(CHALLENGES):
            invitation = self._send()
            outcome = await self._outcome(invitation)
            if isinstance(outcome, InviteSession):
                return outcome
            answer = outcome
            retry = self._again(answer)
            if retry is None:
                break
            self._invite, self._target = retry, invitation.hop or self._target
        raise refused(answer)

    async def _outcome(self, invitation: OutgoingInvite) -> InviteSession | Response:
        """Wait for the call, or for the answer that makes none."""
        try:
            answer = await invitation.response()
        except asyncio.CancelledError:
            if self._call is not None:
                self._node.spawn(self._call.bye())
            elif self._plan.on_given_up is not None:
                self._plan.on_given_up(invitation.over)
            raise
        except CallEnded:  # another call has its place
            if self._call is None:
                raise
            return self._call
        return self._call or answer

    def _send(self) -> OutgoingInvite:
        return OutgoingInvite(
            self._node,
            self._invite,
            self._target,
            self._route,
            on_progress=self._plan.on_progress,
            on_answered=self._answered,
            cancel_headers=self._plan.cancel_headers,
            on_offer=self._plan.on_offer,
            on_replaced=self._replaced,
            credentials=self._plan.credentials,
        )

    def _again(self, answer: Response) -> Request | None:
        """Make the INVITE that an answer asks for: with a proof, or for a longer session; None: it is final."""
        if self._refresh.lengthened(answer):
            retry = self._extended(self._invite.copy())
            retry.set("CSeq", f"{self._next_number()} INVITE")
            return retry
        return authorised(self._invite, answer, self._plan.credentials, self._next_number)

    def _extended(self, invite: Request) -> Request:
        for name, value in self._refresh.asked():
            invite.set(name, value)
        return invite

    def _next_number(self) -> int:
        return self._invite.cseq.number + 1

    def _route(self, dialog: Dialog, hop: Hop) -> Target:
        """Say where the requests of a dialog go that was begun by an answer from `hop`."""
        return self._way_to(hop).target(dialog)

    def _way_to(self, hop: Hop) -> WayBack:
        return WayBack(self._node.flow, hop, direct=self._plan.target is None, trusted=True)

    def _replaced(self, call: EstablishedUser) -> None:
        assert isinstance(call, InviteSession)
        self._call = call

    def _answered(self, dialog: Dialog, hop: Hop, answer: Response, sdp: str | None) -> None:
        way = self._way_to(hop)
        way.hold()
        line = Line(self._node, dialog, way, self._plan.credentials)
        self._call = call = InviteSession(line, self._invite, hop, refresh=self._refresh)
        call.response, call.edge = answer, self._plan.edge
        call.watch.refreshed(answer)
        call.local_sdp, call.remote_sdp = self._invite.body.decode("utf-8", "replace"), sdp
        self._node.enter(self._call)
