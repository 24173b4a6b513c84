"""Call handling of a user, as stored."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from msgspec import Meta

from softphone.store.errors import PropertyError
from softphone.store.properties import changed

__all__ = ["NUMBER", "CallHandling"]

# E.164 has 15 digits; prefixes of carriers and of private lines come before them.
NUMBER = re.compile(r"\+?[0-9*#]{1,32}")
"""What can be called, of ours or outside."""


@dataclass(frozen=True, slots=True)
class CallHandling:
    """Where calls to a user go.

    Raises
    ------
    PropertyError
        What is to be forwarded to is no number.
    """

    do_not_disturb: bool = False
    call_waiting: bool = True
    "Whether a further call rings; else it is busy."
    forward_always: str = ""
    "A number, of an extension or outside; empty: not forwarded."
    forward_busy: str = ""
    "Also of who is not to be disturbed."
    forward_no_answer: str = ""
    "Also of who is not registered, or cannot be reached."
    no_answer_s: Annotated[int, Meta(ge=1, le=600)] = 20

    def __post_init__(self) -> None:
        for name in ("forward_always", "forward_busy", "forward_no_answer"):
            number = getattr(self, name)
            if number and not NUMBER.fullmatch(number):
                raise PropertyError(name, "must be a number, or empty")

    def changed(self, changes: Mapping[str, object]) -> Self:
        """Give the same with some of it replaced; raises PropertyError as of `softphone.store.properties.changed`."""
        return changed(self, changes)
