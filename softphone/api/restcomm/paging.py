"""Pages of lists: which is asked for, and what is said of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from softphone.api.restcomm.errors import failure

__all__ = ["MOST", "Paging"]

PAGE_SIZE, LIMIT = 50, 10_000

# More items are not given at once: a larger page is as large as this, and its links say so.
MOST = 1000

NONE = "null"
"""As links are written that lead nowhere: the word, not a null."""


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for."""

    page: int = 0
    "From 0 on."
    page_size: int = PAGE_SIZE
    limit: int = LIMIT
    "The list has no more items, however many there are."

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Paging":
        """Read it out of a query.

        Raises
        ------
        ApiError
            400: something is no number.
        """
        page, size, limit = _number(query, "Page", 0), _number(query, "PageSize", PAGE_SIZE), _number(query, "Limit")
        if size < 1:
            raise failure(400)
        return cls(page, min(size, MOST), LIMIT if limit < 0 else limit)

    def within(self, matches: int) -> int:
        """Give how many items the list has of so many that there are."""
        return min(matches, self.limit)

    @property
    def offset(self) -> int:
        """How many items are before the page."""
        return self.page * self.page_size

    def most(self) -> int:
        """How many items the page may have at most, within the limit."""
        return max(0, min(self.page_size, self.limit - self.offset))

    def told(self, uri: str, matches: int, shown: int, filters: Mapping[str, str]) -> dict[str, Any]:
        """Say what is to be said of the page.

        Parameters
        ----------
        uri
            Of the list.
        matches
            How many items there are.
        shown
            How many of them the page has.
        filters
            Which they are; links to other pages have them, too.

        Raises
        ------
        ApiError
            400: there is no such page.
        """
        total = self.within(matches)
        last = (total - 1) // self.page_size if total else 0
        if self.page > last:
            raise failure(400)
        end = self.offset + (shown if self.page == last else self.page_size - 1)

        def link(page: int) -> str:
            asked = {"Page": page, "PageSize": self.page_size, "Limit": self.limit}
            return f"{uri}?{urlencode({**asked, **filters})}"

        return {
            "page": self.page,
            "num_pages": last,
            "page_size": self.page_size,
            "total": total,
            "limit": self.limit,
            "start": str(self.offset),
            "end": str(end),
            "uri": uri,
            "first_page_uri": link(0),
            "previous_page_uri": link(self.page - 1) if self.page else NONE,
            "next_page_uri": link(self.page + 1) if self.page < last else NONE,
            "last_page_uri": link(last),
        }


def _number(query: Mapping[str, str], name: str, default: int = -1) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise failure(400)
    return int(text)
