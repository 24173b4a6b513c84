"""Text from outside: display names, user parts of URIs, titles, file names. Cleaned once, at the border.

What is written somewhere (XML, JSON, a URI, a terminal, a log line) is escaped there, by the rules of that place; what
is done here makes a text readable for people: one line, nothing invisible, nothing that turns the direction of what
follows.
"""

import re
import unicodedata
from collections.abc import Callable

__all__ = ["LONGEST_NAME", "distinct", "host_of", "misleads", "printable", "shown", "skeleton", "without_paths"]

# Longer than any name that is shown somewhere; a roster of a thousand of them stays below a megabyte.
LONGEST_NAME = 128

# Printable by their category, and yet nothing is seen: fillers of Hangul, blank Braille, joiners, variation selectors
# (Default_Ignorable_Code_Point of Unicode, as far as `str.isprintable` lets it pass).
INVISIBLE = frozenset(
    chr(code)
    for first, last in (
        (0x034F, 0x034F),
        (0x115F, 0x1160),
        (0x17B4, 0x17B5),
        (0x180B, 0x180F),
        (0x2800, 0x2800),
        (0x3164, 0x3164),
        (0xFE00, 0xFE0F),
        (0xFFA0, 0xFFA0),
        (0xE0100, 0xE01EF),
    )
    for code in range(first, last + 1)
)

# More marks on one letter run over the lines above and below it; no writing system stacks more.
MOST_MARKS = 3

# Cyrillic and Greek letters, and digits, that look like Latin ones, in lower case.
LOOK_ALIKES = str.maketrans(
    "авекмнорстухіјѕԁԛԝьαβγεικνορτυχω01",
    "abekmhopctyxijsdqwbabyeiknoptuxwol",
)


def shown(text: str, longest: int = LONGEST_NAME) -> str:
    """Make a text from outside readable: what may stand in rosters, lists, mails and events.

    Control and format characters (bidirectional overrides, zero width), surrogates, noncharacters, unassigned and
    private code points, and what shows nothing are left out; any white space is one blank; composed (NFC); cut to
    `longest` characters. May be empty. ``shown(shown(text)) == shown(text)``.
    """
    # Cut before it is composed, too: the work is bounded whatever comes.
    spaced = "".join(" " if each.isspace() else each for each in text[: 4 * longest] if _is_seen(each))
    composed = unicodedata.normalize("NFC", " ".join(spaced.split()))
    return _thinned(composed)[:longest].strip()


def _is_seen(character: str) -> bool:
    return character.isspace() or (character.isprintable() and character not in INVISIBLE)


def _thinned(text: str) -> str:
    """Leave out marks beyond those that one letter can bear, and those without a letter."""
    if text.isascii():
        return text
    kept: list[str] = []
    marks = MOST_MARKS
    for character in text:
        is_mark = unicodedata.category(character) in ("Mn", "Me")
        marks = marks + 1 if is_mark else 0
        if marks <= MOST_MARKS:
            kept.append(character)
        if character == " ":
            marks = MOST_MARKS
    return "".join(kept)


def printable(text: str) -> str:
    """Write a text for a terminal or a line of a log: what they would obey as Python has it in its literals."""
    return text if text.isprintable() else "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


# An absolute path, quoted or not; its last part is the name of the file.
_PATH = re.compile(r"'/(?:[^'/]*/)*([^'/]*)'|(?<!\S)/(?:[^\s/:]+/)*([^\s/:]+)")


def without_paths(text: str) -> str:
    """Give the words of an error without saying where on the server a file is: that is for the log."""
    return _PATH.sub(lambda path: path[1] or path[2] or "the file", shown(text, 1000))


def host_of(url: str) -> str:
    """Give what a log says of a URL, scheme, host and port: a user, a path or a query may be the key of its owner."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest)[0].rpartition('@')[2]}"


def misleads(text: str) -> bool:
    """Whether a text has what nobody writes for people to read, and what can only be refused where all is kept.

    Control characters, ends of lines, surrogates, noncharacters, and format characters but the joiners of words
    (U+200C, U+200D), which some scripts and emoji need.
    """
    return any(map(_misleads, text))


def _misleads(character: str) -> bool:
    if character.isprintable() or character in "\u200c\u200d":
        return False
    code = ord(character)
    is_noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    return is_noncharacter or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def skeleton(text: str) -> str:
    """Reduce a name to what a hasty reader sees of it: two names with one skeleton are taken for each other."""
    bare = (each for each in unicodedata.normalize("NFKD", text.casefold()) if each.isalnum())
    return "".join(bare).translate(LOOK_ALIKES)


def distinct(name: str, taken: Callable[[str], bool], first: int = 1) -> tuple[str, int]:
    """Give a name that cannot be taken for another: itself, or itself with a number, ``Ada (2)``; and the number.

    Parameters
    ----------
    name
        Shown; an empty one stays as it is.
    taken
        Whether a skeleton is somebody else's.
    first
        The number to begin with; those below are known to be taken. 1: the name itself.
    """
    number = first
    while name and taken(skeleton(_numbered(name, number))):
        number += 1
    return _numbered(name, number), number


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name} ({number})"
