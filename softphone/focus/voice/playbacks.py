"""The playbacks that run on the workers, and who wants to know when each ends."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from mixer.rules.prompt_queue import Spoken
from softphone.errors import MediaError
from softphone.media.contract.messages import Play, StopPlayback
from softphone.media.workers.client import Media

__all__ = ["Playbacks"]

# A playback that never tells of its end must not keep who waits for it.
PATIENCE_S = 2.0


class Playbacks:
    """Starts and stops playbacks.

    Parameters
    ----------
    media
        The workers; whoever gets their events hands PlaybackEnded to :meth:`ended`.
    """

    def __init__(self, media: Media) -> None:
        self._media = media
        self._together: dict[int, list[int]] = {}
        self._on_end: dict[int, Callable[[str], None]] = {}

    async def to_leg(
        self, leg: int, paths: list[Path], on_end: Callable[[str], None], *, loop: bool = False, recorded: bool = False
    ) -> int:
        """Play files to one leg, in whatever room it is.

        Parameters
        ----------
        on_end
            Called once, with the reason, and not before this has returned: `Media.ask` sees to it.

        Raises
        ------
        MediaError
        """
        return await self._play(Play(_files(paths), [leg], loop=loop, recorded=recorded), on_end)

    async def say(self, leg: int, spoken: Spoken, over: asyncio.Event) -> None:
        """Play something to one leg, and return when that is over.

        Parameters
        ----------
        over
            Set by the end of the playback, or by whoever knows that nobody hears it any more.

        Raises
        ------
        MediaError
        """
        if not spoken.paths:
            return
        await self.to_leg(leg, list(spoken.paths), lambda _reason: over.set())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(spoken.seconds + PATIENCE_S):
                await over.wait()

    async def to_room(
        self, room: int, paths: list[Path], on_end: Callable[[str], None], *, loop: bool = False, recorded: bool = False
    ) -> int:
        """Play files to all in a room; as :meth:`to_leg`."""
        return await self._play(Play(_files(paths), room=room, loop=loop, recorded=recorded), on_end)

    async def to_rooms(
        self,
        rooms: Sequence[int],
        paths: list[Path],
        on_end: Callable[[str], None],
        *,
        loop: bool = False,
        recorded: bool = False,
    ) -> int:
        """Play files to all in several rooms, as one playback: it ends when it has in all; as :meth:`to_leg`."""
        begun: list[int] = []
        left = [len(rooms)]

        def ended(reason: str) -> None:
            left[0] -= 1
            if not left[0]:
                self._together.pop(begun[0], None)
                on_end(reason)

        try:
            for room in rooms:
                begun.append(await self.to_room(room, paths, ended, loop=loop, recorded=recorded))
        except MediaError:
            for playback in begun:
                self._on_end.pop(playback, None)
                await self.stop(playback)
            raise
        self._together[begun[0]] = begun[1:]
        return begun[0]

    async def _play(self, request: Play, on_end: Callable[[str], None]) -> int:
        playback = (await self._media.ask(request)).value
        self._on_end[playback] = on_end
        return playback

    async def stop(self, playback: int) -> None:
        """Stop a playback; its end is told as any other.

        Raises
        ------
        MediaError
            It is over already.
        """
        parts = (playback, *self._together.pop(playback, ()))
        for part in parts if len(parts) == 1 else [each for each in parts if each in self._on_end]:
            await self._media.ask(StopPlayback(part))

    def ended(self, playback: int) -> Callable[[str], object]:
        """Take notice that a playback has ended; give what is to be told why."""
        return self._on_end.pop(playback, _nobody)


def _nobody(_reason: str) -> None:
    """Tell nobody."""


def _files(paths: list[Path]) -> list[str]:
    """Give files as a worker finds them."""
    return [str(path.absolute()) for path in paths]
