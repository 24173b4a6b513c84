"""The playbacks that run on the workers, and who wants to know when each ends."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from softphone.media.client import Media

__all__ = ["Playbacks"]


class Playbacks:
    """Starts and stops playbacks.

    Parameters
    ----------
    media
        The workers; whoever gets their events hands PlaybackEnded to :meth:`ended`.
    """

    def __init__(self, media: "Media") -> None:
        self._media = media
        self._on_end: dict[int, Callable[[str], None]] = {}
        self._starting = 0
        # Ends that were told before whoever began the playback had its number: a short sound, a busy event loop.
        self._early: dict[int, str] = {}

    async def to_leg(
        self, leg: int, paths: list[Path], on_end: Callable[[str], None], *, loop: bool = False, recorded: bool = False
    ) -> int:
        """Play files to one leg, in whatever room it is.

        Parameters
        ----------
        on_end
            Called once, with the reason, and not before this has returned.

        Raises
        ------
        MediaError
        """
        return await self._begun(self._media.play(paths, leg=leg, loop=loop, recorded=recorded), on_end)

    async def to_room(
        self, room: int, paths: list[Path], on_end: Callable[[str], None], *, loop: bool = False, recorded: bool = False
    ) -> int:
        """Play files to all in a room; as :meth:`to_leg`."""
        return await self._begun(self._media.play(paths, room=room, loop=loop, recorded=recorded), on_end)

    async def _begun(self, beginning: Awaitable[int], on_end: Callable[[str], None]) -> int:
        """Wait for the number of a playback, and see to it that its end is told."""
        self._starting += 1
        try:
            playback = await beginning
        finally:
            self._starting -= 1
            early = self._early
            if not self._starting:
                self._early = {}
        if playback in early:
            asyncio.get_running_loop().call_soon(on_end, early.pop(playback))
        else:
            self._on_end[playback] = on_end
        return playback

    async def stop(self, playback: int) -> None:
        """Stop a playback; its end is told as any other.

        Raises
        ------
        MediaError
            It is over already.
        """
        await self._media.stop_playback(playback)

    def ended(self, playback: int, reason: str) -> None:
        """Take notice that a playback has ended."""
        on_end = self._on_end.pop(playback, None)
        if on_end is not None:
            on_end(reason)
        elif self._starting:
            self._early[playback] = reason
