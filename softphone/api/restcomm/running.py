"""Calls that do what an RCML document says, and those who are told how far they are."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from softphone.api.context import ApiContext
from softphone.api.restcomm import rcml
from softphone.api.restcomm.rcml import BadRcml, Verb
from softphone.api.restcomm.representation import VERSION
from softphone.api.restcomm.sids import account_sid, call_sid
from softphone.api.restcomm.statuses import CANCELED, NO_ANSWER, status_of
from softphone.errors import SoftphoneError
from softphone.focus.errors import NoSuchParty, NoSuchSession
from softphone.focus.feed import EventType
from softphone.focus.placed import PlacedCall, PlacedState
from softphone.focus.words import Prompt, Role, Sound
from softphone.store.values import Extension
from softphone.webhooks.fetch import NotFetched

__all__ = ["Callback", "Calls", "RcmlCall", "Script", "complete"]

log = structlog.get_logger()

# Calls that are remembered after their end, besides those in the history.
KEPT = 10_000
# A document may lead to the next one so often in a call.
MOST_REDIRECTS = 20
# Of <Say>, whatever speaks.
VOICES = frozenset({"man", "woman"})
# Who is told of what unless it says otherwise.
COMPLETED = frozenset({"completed"})

EVENTS = {
    PlacedState.QUEUED: "initiated",
    PlacedState.RINGING: "ringing",
    PlacedState.ANSWERED: "answered",
    PlacedState.OVER: "completed",
}


@dataclass(frozen=True, slots=True)
class Script:
    """Where it is said what a call is to do."""

    url: str
    method: str = "POST"
    fallback: "Script | None" = None


@dataclass(frozen=True, slots=True)
class Callback:
    """Who is told how far a call is."""

    url: str
    method: str = "POST"
    events: frozenset[str] = COMPLETED


@dataclass(slots=True)
class Bystander:
    """A party of a conference that the server has not called."""

    session: str
    party: str


Followed = PlacedCall | Bystander
"""Somebody whose call does what a document says, wherever it is."""


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
        timeout_s: float,
    ) -> RcmlCall:
        """Call somebody, who does what a document says once it has answered.

        Parameters
        ----------
        from_, to
            Who is shown, and who is called.
        timeout_s
            How long it rings.

        Raises
        ------
        Overloaded
        """
        number = to.removeprefix("client:").partition("?")[0]
        call = await self._context.control.calls.place(number, by=owner, shown=from_)
        made = RcmlCall(call, owner, from_, to, script, callback)
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

    # What it does.

    async def _follow(self, leg: Followed, owner: Extension, script: Script, made: RcmlCall | None) -> None:
        """Do what a document says, and what the next one says; the call ends where no conference keeps it."""
        try:
            for _ in range(MOST_REDIRECTS):
                further = await self._carry_out(leg, owner, await self._read(leg, owner, script, made))
                if further is None:
                    return
                script = further
            raise BadRcml(f"one document led to the next more than {MOST_REDIRECTS} times")
        except SoftphoneError as error:
            # To be mended by whoever wrote the document: it is said once, and the call does not hang.
            log.warning(
                "rcml_not_followed", session=leg.session, party=leg.party, url=_shown(script.url), reason=str(error)
            )
            if made is not None and not made.call.over:
                made.outcome = "failed"
            await self._hang_up(leg)

    async def _read(self, leg: Followed, owner: Extension, script: Script, made: RcmlCall | None) -> list[Verb]:
        told = self._told(made) if made is not None else {"AccountSid": account_sid(owner), "ApiVersion": VERSION}
        try:
            return rcml.read(await self._context.fetcher.fetch(script.url, script.method, told))
        except (NotFetched, BadRcml) as error:
            if script.fallback is None:
                raise
            log.info("rcml_fallback", session=leg.session, url=_shown(script.url), reason=str(error))
            return rcml.read(await self._context.fetcher.fetch(script.fallback.url, script.fallback.method, told))

    async def _carry_out(self, leg: Followed, owner: Extension, verbs: list[Verb]) -> Script | None:
        """Do one after the other; give what is to be done instead of the rest, if anything is."""
        for verb in verbs:
            match verb:
                case rcml.DialConference():
                    await self._meet(leg, owner, verb)
                    return None
                case rcml.Continue(url, method):
                    return Script(url, method)
                case rcml.PlaySound() | rcml.SayText():
                    await self._play(leg, await self._heard(verb), verb.loop)
                case rcml.Wait(seconds):
                    await asyncio.sleep(seconds)
                case rcml.EndCall():
                    break
        await self._hang_up(leg)
        return None

    async def _meet(self, leg: Followed, owner: Extension, verb: rcml.DialConference) -> None:
        calls = self._context.control.calls
        session = await calls.meet(owner, verb.name, max_members=verb.most, rules={"wait_for_host": True})
        if session.notices is not verb.beep and not session.parties:
            await self._context.control.notices(session.id, verb.beep)
        role = Role.MODERATOR if verb.starts else Role.PARTICIPANT
        party = await calls.join(leg.session, leg.party, session.id, role=role, muted=verb.muted, ends=verb.ends)
        if isinstance(leg, Bystander):
            leg.session, leg.party = session.id, party.id

    async def _heard(self, verb: rcml.PlaySound | rcml.SayText) -> Prompt:
        """Give what is heard; RCML's own names of voices are the usual one, unless the settings have one so named."""
        if isinstance(verb, rcml.PlaySound):
            return Sound(verb.sound) if verb.sound.isdecimal() else verb.sound
        usual = verb.voice in VOICES and verb.voice not in self._context.config.speech.voices
        return await self._context.speech.sound(verb.text, "" if usual else verb.voice, verb.language)

    async def _play(self, leg: Followed, prompt: Prompt, times: int) -> None:
        for _ in range(times):
            events = self._context.focus.feed.subscribe()
            number = await self._context.control.play(leg.session, [prompt], party=leg.party)
            async for event in events:
                if event.type is EventType.PLAYBACK_ENDED and event.data["playback"] == number:
                    break

    async def _hang_up(self, leg: Followed) -> None:
        if isinstance(leg, PlacedCall):
            await self._context.control.calls.hang_up(leg)
            return
        with contextlib.suppress(NoSuchParty, NoSuchSession):  # it has hung up meanwhile
            await self._context.control.remove(leg.session, leg.party)

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
                log.warning("status_callback_failed", call=made.sid, url=_shown(callback.url), reason=str(error))

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


async def complete(context: ApiContext, made: RcmlCall) -> None:
    """End a call; one that nobody has answered yet is canceled."""
    if made.call.answered is None:
        made.outcome = CANCELED
    await context.control.calls.hang_up(made.call)


def _shown(url: str) -> str:
    """Give what the log says of a URL: what follows its path may be a secret, and so may a user in it."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
