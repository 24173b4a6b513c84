"""Outgoing calls: redirections, causes of refusals, cancellation when the agent is left."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from softphone.agent.line import OutboundLine
from softphone.agent.whip import WhipCall, WhipWish, join
from softphone.errors import CallEnded, CallRefused, SipError
from softphone.sip.message.message import Response
from softphone.sip.message.parser import COMPACT
from softphone.sip.message.uri import Uri
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.peer_offers import OnOffer
from softphone.sip.ua.redirection import follow
from softphone.tasks import Tasks

__all__ = ["Dialler", "Wanted"]

OURS = (
    *("via", "from", "to", "call-id", "cseq", "contact", "max-forwards", "record-route"),
    *("content-type", "content-length", "content-encoding", "session-expires", "min-se"),
)
"""Headers of an INVITE that say which call it is, where it is answered, and what its body is."""


@dataclass(frozen=True)
class Wanted:
    """A call that the application wants, see :meth:`softphone.Agent.invite`.

    Raises
    ------
    ValueError
        One of the headers is ours to write: with two of it nobody knows whose the call is.
    """

    target: Uri
    headers: Sequence[tuple[str, str]]
    timeout_s: float
    follow_redirects: bool

    def __post_init__(self) -> None:
        for name, _ in self.headers:
            if COMPACT.get(name.strip().lower(), name.strip()).lower() in OURS:
                raise ValueError(f"the agent writes {name} itself; further headers are those that it does not write")


class Dialler:
    """Places the calls of an agent.

    Parameters
    ----------
    from_uri
        Who calls, as a From value.
    goodbyes
        Where it is waited for the end of what was given up.

    Attributes
    ----------
    left
        Whether the agent is left: nobody is called any more.
    """

    def __init__(self, stack: Stack, line: OutboundLine, from_uri: str, goodbyes: Tasks) -> None:
        self._stack = stack
        self._line = line
        self._from_uri = from_uri
        self._goodbyes = goodbyes
        self._under_way: set[asyncio.Task[InviteSession | WhipCall]] = set()
        self.left = False

    async def dial(
        self, wanted: Wanted | WhipWish, sdp: str, on_offer: OnOffer | None = None
    ) -> InviteSession | WhipCall:
        """Call, and return when somebody has answered; cancelled, it gives up with CANCEL, or BYE.

        `on_offer` decides on what is offered anew before that.

        Raises
        ------
        CallEnded
            The agent is left.
        SoftphoneError
            As :meth:`softphone.Agent.invite`.
        """
        if self.left:
            raise CallEnded(f"the agent was left before it called {wanted.target}")
        task = asyncio.create_task(self._answered(wanted, sdp, on_offer))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            self._abandon(task)
            raise
        if task.cancelled():
            raise CallEnded(f"the agent was left while it called {wanted.target}")
        return task.result()

    async def give_up(self) -> None:
        """Give up all that is under way; what is to be dialled from now on is not."""
        self.left = True
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _abandon(self, task: "asyncio.Task[InviteSession | WhipCall]") -> None:
        """End what nobody wants any more, even if it has just been answered."""
        if not task.cancel() and not task.cancelled() and task.exception() is None:
            self._goodbyes.start(task.result().bye())

    async def _answered(
        self, wanted: Wanted | WhipWish, sdp: str, on_offer: OnOffer | None
    ) -> InviteSession | WhipCall:
        if isinstance(wanted, WhipWish):
            return await join(wanted, sdp)

        async def place(target: Uri) -> InviteSession:
            try:
                return await self._place(target, wanted, sdp, on_offer)
            except CallRefused as refusal:
                raise self._line.explained(refusal, target) from refusal

        return await follow(wanted.target, place, wanted=wanted.follow_redirects)

    async def _place(self, target: Uri, wanted: Wanted, sdp: str, on_offer: OnOffer | None) -> InviteSession:
        proxy = self._line.proxy
        return await self._stack.invite(
            str(target),
            sdp,
            from_uri=self._from_uri,
            credentials=self._line.credentials_for(target),
            headers=wanted.headers,
            route=[str(proxy)] if proxy else (),
            timeout_s=wanted.timeout_s,
            on_given_up=self._given_up,
            on_offer=on_offer,
        )

    def _given_up(self, over: "asyncio.Future[Response | SipError]") -> None:
        self._goodbyes.start(_until(over))


async def _until(over: "asyncio.Future[Response | SipError]") -> None:
    await asyncio.wait([over])
