"""Calls that follow an RCML document, and their status callbacks."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from softphone.api.context import ApiContext
from softphone.api.restcomm.following import Bystander, Followed, Interpreter, Mandate, Script
from softphone.api.restcomm.representation import VERSION
from softphone.api.restcomm.sids import account_sid, call_sid
from softphone.api.restcomm.statuses import CANCELED, NO_ANSWER, status_of
from softphone.focus.placed import PlacedCall, PlacedState
from softphone.store.values import Extension
from softphone.text import host_of
from softphone.webhooks.fetch import NotFetched

__all__ = ["Callback", "Calls", "RcmlCall", "complete"]

log = structlog.get_logger()

# Calls that are remembered after their end, besides those in the history.
KEPT = 10_000
# Who is told of what unless it says otherwise.
COMPLETED = frozenset({"completed"})

EVENTS = {
    PlacedState.QUEUED: "initiated",
    PlacedState.RINGING: "ringing",
    PlacedState.ANSWERED: "answered",
    PlacedState.OVER: "completed",
}


@dataclass(frozen=True, slots=True)
class Callback:
    """Who is told how far a call is."""

    url: str
    method: str = "POST"
    events: frozenset[str] = COMPLETED


@dataclass(slots=True, eq=False)
class RcmlCall:
    """A call that was made through this API."""

    call: PlacedCall
    owner: Extension
    from_: str
    to: str
    "Both as they were written."
    document: Script
    "What it does, or will once it is answered."
    callback: Callback | None = None
    recordings: str = ""
    "The URL of the recordings of its account, as whoever has made it would ask for them."
    outcome: str = ""
    "Its status in the end, where not what became of the call says that."
    script: "asyncio.Task[None] | None" = None
    telling: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def sid(self) -> str:
        """Its sid."""
        return call_sid(self.call.id)

    @property
    def status(self) -> str:
        """How far it is."""
        return self.outcome or status_of(self.call)


class Calls:
    """The calls that were made through this API, and what they do.

    Parameters
    ----------
    context
        The server.
    """

    def __init__(self, context: ApiContext) -> None:
        self._context = context
        self._interpreter = Interpreter(context)
        self._made: OrderedDict[str, RcmlCall] = OrderedDict()

    def __iter__(self) -> Iterator[RcmlCall]:
        return iter(list(self._made.values()))

    def find(self, sid: str) -> RcmlCall | None:
        """Give one; None: none of that sid is remembered."""
        return self._made.get(sid)

    async def make(
        self,
        owner: Extension,
        from_: str,
        to: str,
        script: Script,
        *,
        callback: Callback | None = None,
        recordings: str = "",
        timeout_s: float,
    ) -> RcmlCall:
        """Call somebody, who does what a document says once it has answered.

        Parameters
        ----------
        from_, to
            Who is shown, and who is called.
        timeout_s
            How long it rings.
        recordings
            URL of those of the account.

        Raises
        ------
        Overloaded
        """
        number = to.removeprefix("client:").partition("?")[0]
        call = await self._context.control.calls.place(number, by=owner, shown=from_)
        made = RcmlCall(call, owner, from_, to, script, callback, recordings)
        call.on_change = lambda: self._changed(made)
        self._remember(made)
        self._changed(made)
        self._start(made, self._from_answer_on(made, timeout_s))
        return made

    def redirect(self, made: RcmlCall, script: Script) -> None:
        """Let a call do what another document says, from now on, or once it is answered."""
        made.document = script
        if made.call.settled.is_set():
            self._start(made, self._follow(made.call, made.owner, script, made))

    def redirect_party(self, session: str, party: str, owner: Extension, script: Script) -> None:
        """Let a party do what a document says whom the server has not called."""
        self._context.focus.context.tasks.start(self._follow(Bystander(session, party), owner, script, None))

    def _remember(self, made: RcmlCall) -> None:
        self._made[made.sid] = made
        over = len(self._made) - KEPT
        if over > 0:
            old = [sid for sid, each in self._made.items() if each.call.over]
            for sid in old[:over]:
                del self._made[sid]

    def _start(self, made: RcmlCall, work: Any) -> None:
        if made.script is not None:
            made.script.cancel()
        made.script = self._context.focus.context.tasks.start(work)

    async def _from_answer_on(self, made: RcmlCall, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await made.call.settled.wait()
        except TimeoutError:
            made.outcome = NO_ANSWER
            await self._context.control.calls.hang_up(made.call)
        if not made.call.over:
            await self._follow(made.call, made.owner, made.document, made)

    async def _follow(self, leg: Followed, owner: Extension, script: Script, made: RcmlCall | None) -> None:
        if made is None:
            mandate = Mandate(owner, lambda: _of(owner), lambda: None)
        else:
            mandate = Mandate(owner, lambda: self._told(made), lambda: _failed(made), made.recordings)
        await self._interpreter.follow(leg, mandate, script)

    # Who is told.

    def _changed(self, made: RcmlCall) -> None:
        """Tell who wants to know, one after the other; what a call does ends with it."""
        if made.call.over and made.script is not None and made.script is not asyncio.current_task():
            made.script.cancel()
        callback = made.callback
        if callback is not None and EVENTS[made.call.state] in callback.events:
            told = self._told(made)
            self._context.focus.context.tasks.start(self._tell(made, callback, told))

    async def _tell(self, made: RcmlCall, callback: Callback, told: Mapping[str, str]) -> None:
        async with made.telling:
            try:
                await self._context.fetcher.fetch(callback.url, callback.method, told)
            except NotFetched as error:
                log.warning("status_callback_failed", call=made.sid, url=host_of(callback.url), reason=str(error))

    def _told(self, made: RcmlCall) -> dict[str, str]:
        return {
            "CallSid": made.sid,
            "AccountSid": account_sid(made.owner),
            "From": made.from_,
            "To": made.to,
            "CallStatus": made.status,
            "ApiVersion": VERSION,
            "Direction": "outbound-api",
        }


def _of(owner: Extension) -> dict[str, str]:
    """Give what is said of a call that the server has not made."""
    return {"AccountSid": account_sid(owner), "ApiVersion": VERSION}


def _failed(made: RcmlCall) -> None:
    if not made.call.over:
        made.outcome = "failed"


async def complete(context: ApiContext, made: RcmlCall) -> None:
    """End a call; one that nobody has answered yet is canceled."""
    if made.call.answered is None:
        made.outcome = CANCELED
    await context.control.calls.hang_up(made.call)
