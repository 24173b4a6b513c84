"""The names that callers say when they come in: recorded, played to the room, and gone with the conference.

It is somebody's voice: not kept longer than it is needed.
"""

import asyncio
import secrets
import wave
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import structlog

from mixer.rules.effects import Prompt, Sound
from softphone.errors import MediaError
from softphone.media.contract.messages import RecordLeg, StopRecording
from softphone.media.workers.client import Media

__all__ = ["Names", "SpokenNames"]

log = structlog.get_logger()

# Shorter is a click, or somebody who pressed # at once.
SHORTEST_S = 0.2
# The worker tells of the end a moment after it.
PATIENCE_S = 2.0


class Names:
    """Records names.

    Parameters
    ----------
    folder
        Where the sound library finds them; what an earlier run left there is removed.
    media
        The workers; whoever gets their events hands RecordingEnded to :meth:`ended`.
    """

    def __init__(self, folder: Path, media: Media) -> None:
        self._folder = folder.absolute()
        self._media = media
        self._over: dict[int, asyncio.Event] = {}
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob("*.wav"):
            left.unlink(missing_ok=True)

    async def record(self, leg: int, max_s: float, stop: asyncio.Event) -> str:
        """Record what a leg says, until `stop` or for at most `max_s`; give the id of the sound.

        Returns
        -------
        str
            Empty: nothing was said, or it could not be recorded.
        """
        if stop.is_set():
            return ""
        name = secrets.token_hex(16)
        try:
            await self._record(leg, name, max_s, stop)
            if await asyncio.to_thread(self._seconds, name) >= SHORTEST_S:
                return name
        except (MediaError, OSError, EOFError, wave.Error) as error:
            log.warning("name_not_recorded", error=str(error))
        self.forget(name)
        return ""

    async def _record(self, leg: int, name: str, max_s: float, stop: asyncio.Event) -> None:
        number = (await self._media.ask(RecordLeg(leg, str(self._path(name)), max_s))).value
        over = self._over[number] = asyncio.Event()
        waiting = [asyncio.create_task(event.wait()) for event in (over, stop)]
        try:
            await asyncio.wait(waiting, timeout=max_s + PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
            if not over.is_set():
                await self._media.ask(StopRecording(number))
        finally:
            for each in waiting:
                each.cancel()
            del self._over[number]

    def ended(self, number: int) -> bool:
        """Take notice that a recording has ended; whether it was a name."""
        over = self._over.get(number)
        if over is not None:
            over.set()
        return over is not None

    def forget(self, name: str) -> None:
        """Remove a name; an empty one is none."""
        if name:
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.wav"

    def _seconds(self, name: str) -> float:
        with wave.open(str(self._path(name)), "rb") as file:
            return float(file.getnframes() / file.getframerate())


class SpokenNames:
    """Removes a name when its party has left and what is said with it was said.

    Parameters
    ----------
    names
        Where they are kept.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._owners: dict[str, str] = {}
        self._known: set[str] = set()
        self._left: set[str] = set()
        self._telling: Counter[str] = Counter()

    def came(self, party: str, name: str) -> None:
        """Look after the name of a party; empty: it has none."""
        if name:
            self._owners[party] = name
            self._known.add(name)

    def left(self, party: str, *, moved: bool) -> None:
        """Take notice that a party left; one that was `moved` has taken its name along."""
        name = self._owners.pop(party, None)
        if name is not None:
            (self._known.discard if moved else self._left.add)(name)

    def telling(self, prompts: Iterable[Prompt]) -> str:
        """Take notice of what is going to be said; give the name in it, to be told to :meth:`told`, or nothing."""
        name = next((each.id for each in prompts if isinstance(each, Sound) and each.id in self._known), "")
        if name:
            self._telling[name] += 1
        return name

    def told(self, name: str) -> None:
        """Take notice that something with a name was said."""
        self._telling[name] -= 1
        self.sweep()

    def sweep(self) -> None:
        """Remove the names of which nothing more is going to be said."""
        for name in [name for name in self._left if self._telling[name] <= 0]:
            self._left.discard(name)
            self._known.discard(name)
            del self._telling[name]
            self._names.forget(name)

    def close(self) -> None:
        """Remove all that are left: nothing more is said here."""
        for name in (*self._owners.values(), *self._left):
            self._names.forget(name)
        for held in (self._owners, self._left, self._known):
            held.clear()
