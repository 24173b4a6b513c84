"""Execution of RCML documents for a call."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import urljoin

import structlog

from softphone.api.context import ApiContext
from softphone.api.restcomm import rcml
from softphone.api.restcomm.gathering import gathered
from softphone.api.restcomm.rcml import BadRcml, Verb
from softphone.api.restcomm.sids import recording_sid
from softphone.errors import LibraryError, SoftphoneError
from softphone.focus.errors import NoSuchParty, NoSuchPlayback, NoSuchSession, WrongState
from softphone.focus.feed import EventType
from softphone.focus.placed import PlacedCall
from softphone.focus.room.dictation import Dictated, Dictation
from softphone.focus.words import Prompt, Sound, role_named
from softphone.store.values import Extension
from softphone.text import host_of
from softphone.webhooks.fetch import NotFetched

__all__ = ["Bystander", "Followed", "Interpreter", "Script", "Mandate"]

log = structlog.get_logger()

# A document may lead to the next one so often in a call.
MOST_REDIRECTS = 20
# Before what is recorded.
BEEP = "beep"
# Of <Say>, whatever speaks.
VOICES = frozenset({"man", "woman"})
# Of a sound that a web server has.
MOST_SOUND_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Script:
    """Where it is said what a call is to do."""

    url: str
    method: str = "POST"
    fallback: "Script | None" = None
    form: Mapping[str, str] = field(default_factory=dict)
    "What is told there besides what always is: the keys that were gathered."


@dataclass(slots=True)
class Bystander:
    """A party of a conference that the server has not called."""

    session: str
    party: str


Followed = PlacedCall | Bystander
"""Somebody whose call does what a document says, wherever it is."""


@dataclass(frozen=True, slots=True)
class Mandate:
    """On whose behalf documents are followed, and who learns what of it."""

    owner: Extension
    "Whose conferences are meant."
    told: Callable[[], Mapping[str, str]]
    "Gives what the server of a document is told of the call."
    failed: Callable[[], None]
    "Called before the call ends because something could not be done."
    recordings: str = ""
    "URL of the recordings of the owner."


class After(Enum):
    """What follows when a verb is done, if no other document does."""

    NEXT = "the next verb, and after the last one the end of the call"
    STAYS = "nothing: it stays where it is now"
    ENDS = "the end of the call"


class Interpreter:
    """Carries documents out.

    Parameters
    ----------
    context
        The server.
    """

    def __init__(self, context: ApiContext) -> None:
        self._context = context

    async def follow(self, leg: Followed, mandate: Mandate, script: Script) -> None:
        """Do what a document says, and what the next one says; the call ends where no conference keeps it."""
        try:
            for _ in range(MOST_REDIRECTS):
                further = await self._carry_out(leg, mandate, await self._read(leg, script, mandate.told()), script)
                if further is None:
                    return
                script = further
            raise BadRcml(f"one document led to the next more than {MOST_REDIRECTS} times")
        except SoftphoneError as error:
            # To be mended by whoever wrote the document: it is said once, and the call does not hang.
            log.warning(
                "rcml_not_followed", session=leg.session, party=leg.party, url=host_of(script.url), reason=str(error)
            )
            mandate.failed()
            await self._hang_up(leg)

    async def _read(self, leg: Followed, script: Script, told: Mapping[str, str]) -> list[Verb]:
        form = {**told, **script.form}
        try:
            return rcml.read(await self._context.fetcher.fetch(script.url, script.method, form))
        except (NotFetched, BadRcml) as error:
            if script.fallback is None:
                raise
            log.info("rcml_fallback", session=leg.session, url=host_of(script.url), reason=str(error))
            return rcml.read(await self._context.fetcher.fetch(script.fallback.url, script.fallback.method, form))

    async def _carry_out(self, leg: Followed, mandate: Mandate, verbs: list[Verb], here: Script) -> Script | None:
        """Do one after the other; give what is to be done instead of the rest, if anything is."""
        after: Script | After = After.NEXT
        for verb in verbs:
            after = await self._do(leg, mandate, verb, here)
            if after is not After.NEXT:
                break
        if isinstance(after, Script):
            return after
        if after is not After.STAYS:
            await self._hang_up(leg)
        return None

    async def _do(self, leg: Followed, mandate: Mandate, verb: Verb, here: Script) -> Script | After:
        """Do one; say what follows from it."""
        match verb:
            case rcml.DialConference():
                await self._meet(leg, mandate.owner, verb)
                return After.STAYS
            case rcml.DialNumber():
                return await self._put_through(leg, mandate.owner, verb)
            case rcml.GatherDigits():
                return await self._gather(leg, verb, here)
            case rcml.RecordMessage():
                return await self._record(leg, mandate, verb, here)
            case rcml.Continue(url, method):
                return Script(urljoin(here.url, url), method)
            case rcml.EndCall():
                return After.ENDS
        await self._speak(leg, verb)
        return After.NEXT

    async def _meet(self, leg: Followed, owner: Extension, verb: rcml.DialConference) -> None:
        calls = self._context.control.calls
        session = await calls.meet(owner, verb.name, max_members=verb.most, rules={"wait_for_host": True})
        if session.notices is not verb.beep and not session.parties:
            await self._context.control.notices(session.id, verb.beep)
        role = role_named("host" if verb.starts else "participant")
        party = await calls.join(leg.session, leg.party, session.id, role=role, muted=verb.muted, ends=verb.ends)
        if isinstance(leg, Bystander):
            leg.session, leg.party = session.id, party.id

    async def _put_through(self, leg: Followed, owner: Extension, verb: rcml.DialNumber) -> After:
        """Ring somebody, and connect whoever answers."""
        own = _of_its_own(leg, "Dial")
        try:
            async with asyncio.timeout(verb.timeout_s):
                await self._context.control.calls.put_through(own, verb.number, by=owner)
        except (TimeoutError, WrongState) as error:
            log.info("rcml_not_put_through", call=own.id, reason=str(error) or "no answer")
            return After.NEXT
        return After.STAYS

    async def _gather(self, leg: Followed, verb: rcml.GatherDigits, here: Script) -> Script | After:
        """Take the keys that are pressed while something is heard, and after it; the first key cuts it short."""
        own = _of_its_own(leg, "Gather")

        async def heard() -> None:
            for each in verb.heard:
                await self._speak(leg, each)

        keys: asyncio.Queue[str] = asyncio.Queue(rcml.MOST_DIGITS)
        own.on_key = lambda key: None if keys.full() else keys.put_nowait(key)
        try:
            pressed = await gathered(keys, heard(), finish=verb.finish, most=verb.most, timeout_s=verb.timeout_s)
        finally:
            own.on_key = lambda _key: None
        if not pressed:
            return After.NEXT
        return Script(urljoin(here.url, verb.action), verb.method, form={"Digits": pressed})

    async def _record(self, leg: Followed, mandate: Mandate, verb: rcml.RecordMessage, here: Script) -> Script | After:
        """Record what is said, behind a tone; where nothing is said the next verb follows, and nothing is kept."""
        own = _of_its_own(leg, "Record")
        if verb.beep:
            await self._play(leg, BEEP)
        how, tasks = Dictation(verb.finish, verb.timeout_s, verb.longest_s), self._context.focus.context.tasks
        taking = tasks.start(self._context.control.calls.take_message(own, how))
        try:
            message = await asyncio.shield(taking)
        except asyncio.CancelledError:
            if own.over:
                tasks.start(self._tell_of(taking, mandate, verb, here))
            else:
                taking.cancel()
            raise
        return await self._recorded(message, mandate, verb, here) or After.NEXT

    async def _tell_of(
        self, taking: "asyncio.Task[Dictated]", mandate: Mandate, verb: rcml.RecordMessage, here: Script
    ) -> None:
        """Tell of what somebody has said who has hung up; what is answered nobody does."""
        try:
            script = await self._recorded(await taking, mandate, verb, here)
            if script is not None:
                await self._context.fetcher.fetch(script.url, script.method, {**mandate.told(), **script.form})
        except SoftphoneError as error:
            log.warning("rcml_recording_not_told", url=host_of(here.url), reason=str(error))

    async def _recorded(
        self, message: Dictated, mandate: Mandate, verb: rcml.RecordMessage, here: Script
    ) -> Script | None:
        """Give the document that is told of a message; None: nothing was said, and nothing is kept."""
        if not message.spoken:
            with contextlib.suppress(LibraryError):
                await self._context.recordings.delete(message.recording)
            return None
        entry = await self._context.recordings.get(message.recording)
        sid = recording_sid(message.recording)
        told = {
            "RecordingSid": sid,
            "RecordingUrl": f"{mandate.recordings}/{sid}.{entry.mix.rpartition('.')[2]}",
            "RecordingDuration": str(round(message.seconds)),
            "Digits": message.key,
        }
        return Script(urljoin(here.url, verb.action), verb.method, form=told)

    async def _speak(self, leg: Followed, verb: rcml.Spoken) -> None:
        if isinstance(verb, rcml.Wait):
            await asyncio.sleep(verb.seconds)
            return
        prompt = await self._heard(verb)
        for _ in range(verb.loop):
            await self._play(leg, prompt)

    async def _heard(self, verb: rcml.PlaySound | rcml.PlayUrl | rcml.SayText) -> Prompt:
        """Give what is heard; RCML's own names of voices are the usual one, unless the settings have one so named."""
        speech = self._context.speech
        match verb:
            case rcml.PlaySound(sound):
                return Sound(sound) if sound.isdecimal() else sound
            case rcml.PlayUrl(url):
                fetch = self._context.fetcher.fetch
                return await speech.brought(await fetch(url, "GET", {}, most_bytes=MOST_SOUND_BYTES))
        usual = verb.voice in VOICES and verb.voice not in self._context.config.speech.voices
        return await speech.sound(verb.text, "" if usual else verb.voice, verb.language)

    async def _play(self, leg: Followed, prompt: Prompt) -> None:
        control, events = self._context.control, self._context.focus.feed.subscribe()
        number = await control.play(leg.session, [prompt], party=leg.party)
        try:
            async for event in events:
                if event.type is EventType.PLAYBACK_ENDED and event.data["playback"] == number:
                    break
        except asyncio.CancelledError:
            with contextlib.suppress(NoSuchPlayback, NoSuchSession):
                await control.stop_playback(leg.session, number)
            raise

    async def _hang_up(self, leg: Followed) -> None:
        if isinstance(leg, PlacedCall):
            await self._context.control.calls.hang_up(leg)
            return
        with contextlib.suppress(NoSuchParty, NoSuchSession):  # it has hung up meanwhile
            await self._context.control.remove(leg.session, leg.party)


def _of_its_own(leg: Followed, tag: str) -> PlacedCall:
    """Give a call that nobody else is in; raises BadRcml for who is in a conference."""
    if not isinstance(leg, PlacedCall) or leg.session != leg.id:
        raise BadRcml(f"<{tag}> is for calls that the server has made, before they are in a conference")
    return leg
