"""Lists in parts, by one rule: a part begins behind a place in the order of the list, whatever comes or goes meanwhile.

``limit`` says how many at most, ``next`` in the answer is the place where the part ends, and ``after`` in the next
request goes on behind it. A place of another list, or one that was made up, is refused (400), as is a limit that is
none.
"""

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

import msgspec
from fastapi import Depends, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from softphone.api.http.errors import invalid

__all__ = ["After", "Limit", "Moment", "Part", "Parts", "PartsDep", "Place", "WholeDep", "microseconds"]

T = TypeVar("T")

# More items are not given at once.
MOST = 1000

# Where an item stands: by number, and among those with the same number by text. No two items have the same.
Place = tuple[int, str]

# No conference was before.
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
LAST = datetime(9999, 1, 1, tzinfo=UTC)


def _possible(moment: datetime) -> datetime:
    if not FIRST.replace(tzinfo=None) <= moment.replace(tzinfo=None) < LAST.replace(tzinfo=None):
        raise ValueError("it is not between 1970 and 9999")
    return moment


Moment = Annotated[AwareDatetime | None, AfterValidator(lambda each: each and _possible(each)), Query()]
After = Annotated[str | None, Query(max_length=400, description="`next` of the part before.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Items at most.")]


class Part(BaseModel):
    """A part of a list; without `next` nothing follows."""

    next: Annotated[str | None, Field(exclude_if=lambda mark: mark is None)] = None


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """A part of a list."""

    items: list[T]
    next: str | None


@dataclass(frozen=True, slots=True)
class Parts:
    """Which part is asked for."""

    after: str | None
    limit: int

    def of(self, name: str, items: Iterable[T], place: Callable[[T], Place]) -> Found[T]:
        """Give the part of a list, in the order of places.

        Parameters
        ----------
        name
            Of the list: its places are good for no other.
        items
            All of them.
        place
            Gives the place of an item.

        Raises
        ------
        ApiError
            400: `after` is no place in this list.
        """
        behind = None if self.after is None else _read(name, self.after)
        placed = sorted((place(each), number, each) for number, each in enumerate(items))
        rest = [(where, each) for where, _, each in placed if behind is None or where > behind]
        more = len(rest) > self.limit
        return Found([each for _, each in rest[: self.limit]], _write(name, rest[self.limit - 1][0]) if more else None)


def microseconds(moment: datetime) -> int:
    """Give a moment as a number to be ordered by: microseconds."""
    since = moment - FIRST
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _write(name: str, place: Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((name, *place))).decode()


def _read(name: str, mark: str) -> Place:
    try:
        of, number, text = msgspec.json.decode(base64.urlsafe_b64decode(mark), type=tuple[str, int, str])
    except (binascii.Error, ValueError):
        of, number, text = "", 0, ""
    if of != name:
        raise invalid("after", "it is not the `next` of the part before")
    return number, text


def _parts(after: After = None, limit: Limit = 100) -> Parts:
    return Parts(after, limit)


def _whole(after: After = None, limit: Limit = MOST) -> Parts:
    return Parts(after, limit)


PartsDep = Annotated[Parts, Depends(_parts)]

# Of lists that are short as a rule, and wanted whole.
WholeDep = Annotated[Parts, Depends(_whole)]
