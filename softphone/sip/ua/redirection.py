"""Redirections: the targets that a 300, 301 or 302 names are called in its place (RFC 3261 section 8.1.3.4)."""

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from softphone.errors import BadMessage, CallRefused, SipError
from softphone.sip.message.uri import Uri

__all__ = ["REDIRECTS", "follow"]

T = TypeVar("T")

REDIRECTS = 5
"""So many others are called at most for one call; loops are found out before."""
REDIRECTING = (300, 301, 302)
"""Who answers so names others to be called; 305 names a proxy, 380 another service."""
SCHEMES = ("sip", "sips", "tel")


async def follow(target: Uri, place: Callable[[Uri], Awaitable[T]], *, wanted: bool = True) -> T:
    """Call one after the other until somebody answers, the best first and nobody twice.

    Parameters
    ----------
    target
        Who is called first.
    place
        Calls somebody; raises CallRefused for an answer of 300 or above, another SipError for none.
    wanted
        Whether redirections are followed at all.

    Raises
    ------
    SipError
        What the last one said.
    """
    waiting, seen = deque([target]), {str(target)}
    while True:
        try:
            return await place(waiting.popleft())
        except CallRefused as refusal:
            if wanted:
                waiting.extendleft(reversed(_fresh(refusal, seen)))
            if not waiting:
                raise
        except SipError:
            if not waiting:
                raise


def _fresh(refusal: CallRefused, seen: set[str]) -> list[Uri]:
    """List whom a redirection names and nobody called yet, best first, as many as may be; notes them in `seen`."""
    found: list[Uri] = []
    for text in refusal.contacts if refusal.status in REDIRECTING else ():
        if len(seen) <= REDIRECTS and text not in seen:
            with suppress(BadMessage):
                uri = Uri.parse(text)
                if uri.scheme.lower() in SCHEMES:
                    found.append(uri)
                    seen.add(text)
    return found
