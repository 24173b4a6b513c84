"""Says prompts to a room and to its parties: `prompt_queue` decides when, the workers play."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from mixer.rules import prompt_queue as queue
from mixer.rules.effects import Prompt, Say
from mixer.rules.events import Time
from softphone.errors import MediaError
from softphone.focus.party.context import Context
from softphone.focus.party.member import Member
from softphone.tasks import Alarm

__all__ = ["PromptPlayer"]

log = structlog.get_logger()

Find = Callable[[str], Member | None]


class PromptPlayer:
    """The voice of one conference, or of one entrance.

    Parameters
    ----------
    context
        The focus's side.
    find
        Gives the member that a party's name means; None when it is gone.
    room
        Of the worker, for what is said to all.
    said
        Told when something with a tag was said: the tag, the party, and whether it was said whole.
    """

    def __init__(
        self,
        context: Context,
        find: Find,
        room: int | None = None,
        said: Callable[[str, str | None, bool], None] = lambda _tag, _party, _whole: None,
    ) -> None:
        self._context = context
        self._find = find
        self._room = room
        self._said = said
        self._queue = queue.PromptQueue(context.library.resolve)
        self._alarm = Alarm(context.clock, lambda: self._handle(Time()))
        self._playing: dict[int, asyncio.Task[int | None]] = {}

    def say(
        self,
        to: str | None,
        prompts: Sequence[Prompt],
        *,
        notice: bool = False,
        recorded: bool = False,
        barge_in: bool = False,
        tag: str = "",
    ) -> None:
        """Say something to a party, or to all, after what is being said to them.

        Parameters
        ----------
        notice
            Somebody came or left: when many do at once, few words are made of it.
        recorded
            Whether it may be in the recording.
        barge_in
            A key that the party presses ends it.
        tag
            To be told when it is over.
        """
        self._handle(queue.Speak(to, tuple(prompts), notice, recorded, barge_in, tag=tag))

    def tell(self, effect: Say, tag: str = "") -> None:
        """Say what the rules of a session say.

        Keys cut off what was said to the one who pressed them; what was said to all, they do not. What is said to one
        is not said in the room, so no recording of the room has it.
        """
        one = effect.to is not None
        recorded = effect.recorded and not one
        self.say(effect.to, effect.prompts, notice=effect.notice, recorded=recorded, barge_in=one, tag=tag)

    def key(self, party: str) -> None:
        """Take notice that a party pressed a key: what may be interrupted is."""
        self._handle(queue.BargeIn(party))

    def gone(self, party: str) -> None:
        """Say nothing more to a party."""
        self._handle(queue.PartyGone(party))

    def close(self) -> None:
        """Say nothing more to anybody."""
        self._handle(queue.Close())

    def _handle(self, event: queue.PromptEvent) -> None:
        for effect in self._queue.handle(event, self._context.clock()):
            match effect:
                case queue.StartPlayback():
                    self._playing[effect.playback] = self._context.tasks.start(self._play(effect))
                case queue.Stop(playback):
                    self._context.tasks.start(self._stop(playback))
                case queue.Said(tag, to, whole):
                    self._said(tag, to, whole)
        self._alarm.set(self._queue.deadline)

    async def _play(self, play: queue.StartPlayback) -> int | None:
        """Begin a playback; what cannot be played is over at once."""
        try:
            return await self._begin(play)
        except MediaError as error:
            log.debug("prompt_not_played", error=str(error))
            self._over(play.playback)
            return None

    async def _begin(self, play: queue.StartPlayback) -> int | None:
        paths = list(play.spoken.paths)

        def on_end(_reason: str) -> None:
            self._over(play.playback)

        playbacks = self._context.playbacks
        if play.to is not None:
            member = self._find(play.to)
            if member is not None:
                return await playbacks.to_leg(await member.ready(), paths, on_end, recorded=play.recorded)
        elif self._room is not None:
            return await playbacks.to_room(self._room, paths, on_end, recorded=play.recorded)
        self._over(play.playback)
        return None

    def _over(self, playback: int) -> None:
        self._playing.pop(playback, None)
        self._handle(queue.PlaybackOver(playback))

    async def _stop(self, playback: int) -> None:
        beginning = self._playing.get(playback)
        started = await beginning if beginning is not None else None
        if started is not None:
            await self._context.playbacks.stop(started)
