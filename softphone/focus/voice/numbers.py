"""Numbers spoken from recorded words: a language is a table of steps."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["ENGLISH", "LARGEST", "LANGUAGES", "NumberRule", "spoken"]

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
