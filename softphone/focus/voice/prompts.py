"""The sound library: files of prompts, numbers and uploaded sounds.

Names are those of Asterisk's core sounds, so that a language pack of Asterisk drops in by naming its folder. What it
lacks is taken from our own set, which is part of the package (``softphone/sounds``).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import soundfile
import structlog

from mixer.rules.effects import Prompt, Sound
from mixer.rules.prompt_queue import Spoken
from softphone.config import PromptsConfig
from softphone.errors import ConfigError
from softphone.focus.errors import NoSuchSound

__all__ = ["ENGLISH", "LANGUAGES", "LARGEST", "NumberRule", "OWN_SOUNDS", "SoundLibrary", "spoken"]

log = structlog.get_logger()

LARGEST = 999_999

HIGH = "{high}"
REST = "{rest}"


@dataclass(frozen=True, slots=True)
class NumberRule:
    """How numbers from `least` up to the next step are said.

    Parameters
    ----------
    least
        The smallest number of this step.
    unit
        What the number is divided by.
    words
        Names of sounds in the order they are heard. ``{high}`` stands for the number of whole units, ``{rest}`` for
        the remainder, which is left out when it is 0; both are spoken as numbers. Within a name, ``{n}`` is the
        number, ``{tens}`` the number without its remainder, ``{ones}`` the remainder.
    """

    least: int
    unit: int
    words: tuple[str, ...]


ENGLISH = (
    NumberRule(0, 1, ("digits/{n}",)),
    NumberRule(20, 10, ("digits/{tens}", REST)),
    NumberRule(100, 100, (HIGH, "digits/hundred", REST)),
    NumberRule(1000, 1000, (HIGH, "digits/thousand", REST)),
)

# By language of the prompts; the first two letters decide. A language that is missing is counted as in English.
LANGUAGES = {"en": ENGLISH}


def spoken(number: int, steps: Sequence[NumberRule] = ENGLISH) -> tuple[str, ...]:
    """Names of the sounds that say a number.

    Parameters
    ----------
    number
        0 ... 999,999.
    steps
        The table of the language, smallest step first, beginning at 0.

    Raises
    ------
    ValueError
        The number is out of range.
    """
    if not 0 <= number <= LARGEST:
        raise ValueError(f"cannot say {number}: it is not within 0 ... {LARGEST}")
    step = max((step for step in steps if step.least <= number), key=lambda step: step.least)
    return tuple(name for word in step.words for name in _names(word, number, step, steps))


def _names(word: str, number: int, step: NumberRule, steps: Sequence[NumberRule]) -> tuple[str, ...]:
    units, rest = divmod(number, step.unit)
    if word == HIGH:
        return spoken(units, steps)
    if word == REST:
        return spoken(rest, steps) if rest else ()
    return (word.format(n=number, tens=number - rest, ones=rest),)


OWN_SOUNDS = Path(__file__).parents[2] / "sounds"

# The language that our own set is complete in.
OWN_LANGUAGE = "en"

SUFFIXES = (".wav", ".flac", ".ogg")

# Files whose length is known, and sounds that were missed and are not warned of again: more than a language pack has,
# and sounds come and go.
KNOWN = 2000

# No dot, so no way out of the folder and no other suffix.
NAME = re.compile(r"\A[A-Za-z0-9_-]+(?:/[A-Za-z0-9_-]+)*\Z")


class SoundLibrary:
    """The sounds of one language.

    Parameters
    ----------
    folders
        Searched first, in this order: language packs.
    language
        Names our own set, and how numbers are said.
    sounds
        Folders of what has an id instead of a name: uploaded sounds, names that callers recorded.

    Raises
    ------
    ConfigError
        One of `folders` is not there.
    """

    def __init__(self, folders: Sequence[Path] = (), language: str = OWN_LANGUAGE, sounds: Sequence[Path] = ()) -> None:
        for folder in folders:
            if not folder.is_dir():
                raise ConfigError(f"prompts.folders: no folder {str(folder)!r}")
        own = (OWN_SOUNDS / language, OWN_SOUNDS / OWN_LANGUAGE)
        self._folders = (*folders, *dict.fromkeys(own))
        self._sounds = tuple(sounds)
        self._steps = LANGUAGES.get(language[:2], ENGLISH)
        self._seconds: dict[Path, tuple[int, float]] = {}
        self._missed: dict[Prompt, None] = {}

    @classmethod
    def from_config(cls, config: PromptsConfig, sounds: Sequence[Path] = ()) -> Self:
        """Make the library that the settings describe.

        Raises
        ------
        ConfigError
            A folder is not there.
        """
        return cls([Path(folder) for folder in config.folders], config.language, sounds)

    def path(self, name: str | Sound) -> Path:
        """Find the file of a prompt, or of a sound by its id.

        Raises
        ------
        NoSuchSound
            There is none, or it is no name of a sound.
        """
        if isinstance(name, Sound):
            return _find(name.id, self._sounds)
        return _find(name, self._folders)

    def resolve(self, prompts: Sequence[Prompt]) -> Spoken:
        """Find the files of prompts, numbers and sounds.

        A conversation does not break off because a file is missing or broken: it is left out, and logged once.
        A number that is too large to be counted is said digit by digit.

        Raises
        ------
        ValueError
            A number is negative.
        """
        found = [one for prompt in prompts if (one := self._playable(prompt)) is not None]
        return Spoken(tuple(path for one in found for path in one.paths), sum(one.seconds for one in found))

    def _playable(self, prompt: Prompt) -> Spoken | None:
        if isinstance(prompt, int):
            return self.resolve(self._number(prompt))
        try:
            path = self.path(prompt)
            return Spoken((path,), self._duration(path))
        except (NoSuchSound, OSError, soundfile.SoundFileError) as error:
            if prompt not in self._missed:
                _make_place(self._missed)
                self._missed[prompt] = None
                log.warning("sound left out", sound=str(prompt), reason=str(error))
            return None

    def _number(self, number: int) -> tuple[str, ...]:
        if number > LARGEST:
            return tuple(f"digits/{digit}" for digit in str(number))
        return spoken(number, self._steps)

    def _duration(self, path: Path) -> float:
        """Seconds of a file, read again only when it changed."""
        changed = path.stat().st_mtime_ns
        known = self._seconds.get(path)
        if known is None or known[0] != changed:
            _make_place(self._seconds)
            known = self._seconds[path] = (changed, float(soundfile.info(path).duration))
        return known[1]


def _make_place(known: dict[Any, Any]) -> None:
    """Forget the oldest when there is no place for one more."""
    if len(known) >= KNOWN:
        del known[next(iter(known))]


def _find(name: str, folders: Sequence[Path]) -> Path:
    if not NAME.match(name):
        raise NoSuchSound(f"{name!r} is no name of a sound")
    for folder in folders:
        for suffix in SUFFIXES:
            path = folder / f"{name}{suffix}"
            if path.is_file():
                return path
    raise NoSuchSound(f"no sound {name!r}")
