"""Music for parties that wait, are held, or are alone."""

from dataclasses import dataclass

import structlog

from mixer.rules.effects import Sound
from softphone.errors import MediaError
from softphone.focus.party.context import Context
from softphone.focus.party.member import Member

__all__ = ["HoldMusic"]

log = structlog.get_logger()

DEFAULT = "music-on-hold"


@dataclass(slots=True)
class _Tune:
    wanted: bool = True
    playback: int | None = None


class HoldMusic:
    """Who hears music just now.

    Parameters
    ----------
    context
        The focus's side.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._tunes: dict[str, _Tune] = {}

    def start(self, member: Member, sound: str = "") -> None:
        """Play to a member until :meth:`stop`, instead of what it hears already.

        Parameters
        ----------
        sound
            Id of an uploaded sound; empty, or no longer there: the usual music.
        """
        self.stop(member.party.id)
        tune = self._tunes[member.party.id] = _Tune()
        self._context.tasks.start(self._play(member, sound, tune))

    def stop(self, party: str) -> None:
        """Let a party hear no more music."""
        tune = self._tunes.pop(party, None)
        if tune is not None:
            tune.wanted = False
            if tune.playback is not None:
                self._context.tasks.start(self._end(tune.playback))

    async def _play(self, member: Member, sound: str, tune: _Tune) -> None:
        resolve = self._context.library.resolve
        spoken = (sound and resolve((Sound(sound),))) or None
        paths = list((spoken if spoken and spoken.paths else resolve((DEFAULT,))).paths)
        try:
            leg = await member.ready()
            if not tune.wanted or not paths:
                return
            playback = await self._context.playbacks.to_leg(leg, paths, lambda _reason: None, loop=True)
        except MediaError as error:
            log.debug("music_not_played", error=str(error))
            return
        if tune.wanted:
            tune.playback = playback
        else:
            await self._end(playback)

    async def _end(self, playback: int) -> None:
        try:
            await self._context.playbacks.stop(playback)
        except MediaError as error:
            log.debug("music_was_over", error=str(error))
