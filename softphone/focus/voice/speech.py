"""Text made speech: by a program that the settings name, once, and kept for the next time.

The text goes to the program on its stdin, or in a file, and never into its arguments; no shell is involved. What it
writes is taken as any sound that somebody brings: checked, and made into the one format of our sounds.
"""

import asyncio
import hashlib
import os
import re
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import soundfile
import structlog

from mixer.rules.effects import Sound
from softphone.config import SpeechConfig
from softphone.errors import AudioError
from softphone.focus.errors import NotOffered, Overloaded, SpeechFailed
from softphone.focus.voice.uploads import Clip, decoded
from softphone.programs import run
from softphone.text import shown, without_paths

__all__ = ["Synthesiser"]

log = structlog.get_logger()

# Programs at once, and texts that wait for one: speech is made faster than it is said.
AT_ONCE = 2
MOST_WAITING = 50

FIELD = re.compile(r"\{(\w+)\}")
# What may be put into a command: no option, no path.
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}", re.ASCII)


class Synthesiser:
    """Makes speech of text.

    Parameters
    ----------
    settings
        The command, and its limits.
    folder
        Where what was made is kept, made (mode 0700) with the first; a library that knows it plays the sounds.
    """

    def __init__(self, settings: SpeechConfig, folder: Path) -> None:
        self._settings, self.folder = settings, folder
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._making: dict[str, asyncio.Task[Path]] = {}
        self._keeping = asyncio.Lock()

    async def sound(self, text: str, voice: str = "", language: str = "") -> Sound:
        """Give a text as a sound that can be played.

        Parameters
        ----------
        voice, language
            As the settings name voices, and as the command takes languages; empty: those of the settings.

        Raises
        ------
        NotOffered
            There is no speech here.
        AudioError
            The text, the voice or the language will not do; the message says why.
        SpeechFailed
            The command did not do it.
        Overloaded
            Too many texts wait.
        """
        return Sound((await self._file(text, voice, language)).stem)

    async def clip(self, text: str, voice: str = "", language: str = "") -> Clip:
        """Give a text as a sound that can be kept; raises as :meth:`sound`."""
        path = await self._file(text, voice, language)
        flac = await asyncio.to_thread(path.read_bytes)
        return Clip(flac, float(soundfile.info(path).duration))

    async def _file(self, text: str, voice: str, language: str) -> Path:
        argv, words = self._argv(voice, language), self._words(text)
        key = hashlib.sha256("\0".join((*argv, words)).encode()).hexdigest()[:32]
        path = self.folder / f"say-{key}.flac"
        if await asyncio.to_thread(_used, path):
            return path
        if key not in self._making and len(self._making) >= MOST_WAITING:
            raise Overloaded("Too many texts wait to be made speech")
        task = self._making.get(key)
        if task is None:
            task = self._making[key] = asyncio.create_task(self._make(argv, words, path))
            task.add_done_callback(lambda _: self._making.pop(key))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        # Who gives up waiting takes it from nobody else who waits for the same.
        return await asyncio.shield(task)

    def _argv(self, voice: str, language: str) -> tuple[str, ...]:
        """Give the command, without the names of files."""
        settings = self._settings
        if not settings.command:
            raise NotOffered("No text becomes speech here: see [speech] in the configuration")
        command = " ".join(settings.command)
        for name, wish in (("voice", voice), ("language", language)):
            if wish and not WORD.fullmatch(wish):
                raise AudioError(f"this is no {name}")
            if wish and f"{{{name}}}" not in command:
                raise AudioError(f"no {name} can be chosen here")
        if voice and settings.voices and voice not in settings.voices:
            raise AudioError(f"there is no such voice, only {', '.join(sorted(settings.voices))}")
        chosen = {
            "voice": settings.voices.get(voice, voice) or settings.voice,
            "language": language or settings.language,
        }
        return tuple(_filled(each, chosen) for each in settings.command)

    def _words(self, text: str) -> str:
        most = self._settings.max_chars
        words = shown(text, most + 1)
        if not words or len(words) > most:
            raise AudioError(f"a text has 1 to {most} characters that can be read")
        return words

    async def _make(self, argv: Sequence[str], words: str, path: Path) -> Path:
        return await self._kept(path, lambda work: self._spoken(argv, words, work))

    async def _kept(self, path: Path, make: Callable[[Path], Awaitable[Clip]]) -> Path:
        """Keep what is made in a folder of its own."""
        async with self._turns:
            await asyncio.to_thread(self.folder.mkdir, mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.folder, prefix="new-") as work:
                clip = await make(Path(work))
                async with self._keeping:
                    await asyncio.to_thread(self._keep, clip, Path(work) / "clip", path)
        return path

    async def brought(self, content: bytes) -> Sound:
        """Give the content of an audio file as a sound that can be played, and is kept as long as texts are.

        Raises
        ------
        AudioError
            As of `softphone.focus.voice.uploads.decoded`.
        """
        path = self.folder / f"say-{hashlib.sha256(content).hexdigest()[:32]}.flac"
        if not await asyncio.to_thread(_used, path):
            await self._kept(path, lambda _work: asyncio.to_thread(decoded, content))
        return Sound(path.stem)

    async def _spoken(self, argv: Sequence[str], words: str, work: Path) -> Clip:
        text, sound, said = work / "text", work / "sound.wav", f"{words}\n".encode()
        command = [_filled(each, {"text_file": str(text), "sound_file": str(sound)}) for each in argv]
        text.write_bytes(said)
        with sound.open("wb") as output:
            problem = await run(command, given=said, timeout_s=self._settings.timeout_s, output=output)
        if problem is None:
            try:
                with sound.open("rb") as made:
                    return await asyncio.to_thread(decoded, made)
            except AudioError as error:
                problem = f"{argv[0]}: {error}"
        log.warning("speech_failed", reason=problem)
        raise SpeechFailed(f"The text was not made speech: {without_paths(problem)}")

    def _keep(self, clip: Clip, fresh: Path, path: Path) -> None:
        """Keep it whole under its name, and make place for it: what was not used for the longest time goes."""
        fresh.write_bytes(clip.flac)
        fresh.replace(path)
        kept = sorted(self.folder.glob("say-*.flac"), key=lambda each: each.stat().st_mtime_ns)
        over = sum(each.stat().st_size for each in kept) - self._settings.cache_mb * 1_000_000
        for each in kept:
            if over <= 0 or each == path:
                break
            over -= each.stat().st_size
            each.unlink()


def _used(path: Path) -> bool:
    """Whether a file is there, which is noted as its last use."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _filled(argument: str, fields: dict[str, str]) -> str:
    """Put into an argument what it names; what is put in is not looked at again."""
    return FIELD.sub(lambda found: fields.get(found[1], found[0]), argument)
