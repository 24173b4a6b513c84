"""XML from outside: read in one place, with limits, and without any of what XML can hide.

A document type, entities, processing instructions and more than is allowed are refused before anything of them is
read: expat tells of them as they come.
"""

import re
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.parsers import expat

from softphone.errors import SoftphoneError

__all__ = ["BadMarkup", "Bounds", "Element", "parse", "writable"]

Element = ElementTree.Element
"""Tag (``{namespace}name`` in a namespace), attributes, text and children."""

LONGEST_TAG = 200

# What is no Char of XML 1.0 (section 2.2) cannot be written into a document, by no way of escaping.
NO_CHAR = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class BadMarkup(SoftphoneError):
    """It is no XML, or has what is not taken; the message says what."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of it there may be: bytes, elements, and elements within each other."""

    size: int
    elements: int
    depth: int


def writable(text: str) -> str:
    """Give what of a text can be written into a document."""
    return NO_CHAR.sub("", text)


def parse(document: bytes, bounds: Bounds) -> Element:
    """Read a document.

    Raises
    ------
    BadMarkup
        Nothing of it is to be used.
    """
    if len(document) > bounds.size:
        raise BadMarkup(f"it is longer than {bounds.size} bytes")
    reader = _Reader(bounds)
    try:
        reader.parser.Parse(document, True)
    except expat.ExpatError as error:
        raise BadMarkup(f"it is no XML: {expat.ErrorString(error.code)}, line {error.lineno}") from error
    except (LookupError, ValueError) as error:
        raise BadMarkup(f"its encoding is not known here: {error}") from error
    return reader.builder.close()


class _Reader:
    """Builds the elements, and stops at what has no place."""

    def __init__(self, bounds: Bounds) -> None:
        self.parser = parser = expat.ParserCreate(namespace_separator="}")
        self.builder: ElementTree.TreeBuilder = ElementTree.TreeBuilder()
        self._bounds, self._count, self._depth = bounds, 0, 0
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self.builder.data
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = self._refuse
        parser.ExternalEntityRefHandler = parser.ProcessingInstructionHandler = self._refuse

    def _refuse(self, *_: object) -> int:
        raise BadMarkup("a document type, entities and processing instructions are not taken")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count, self._depth = self._count + 1, self._depth + 1
        if self._count > self._bounds.elements or self._depth > self._bounds.depth:
            raise BadMarkup(
                f"it has more than {self._bounds.elements} elements, or deeper ones than {self._bounds.depth}"
            )
        self.builder.start(_named(tag), attributes)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        self.builder.end(_named(tag))


def _named(tag: str) -> str:
    """Write a name as ElementTree does."""
    return ("{" + tag if "}" in tag else tag)[:LONGEST_TAG]
