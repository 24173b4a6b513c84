"""Keys that are gathered while something is heard."""

import asyncio
import contextlib
from collections.abc import Coroutine

__all__ = ["gathered"]


async def gathered(
    keys: "asyncio.Queue[str]", heard: Coroutine[None, None, None], *, finish: str, most: int, timeout_s: float
) -> str:
    """Give the keys that are pressed: up to so many, until one of `finish`, or until no further one comes in time.

    Parameters
    ----------
    heard
        What is played meanwhile; the first key ends it. What it raises is raised.
    timeout_s
        How long to wait for each key; for the first one, after the end of what is heard.
    """
    playing, first = asyncio.ensure_future(heard), asyncio.ensure_future(keys.get())
    try:
        await asyncio.wait((playing, first), return_when=asyncio.FIRST_COMPLETED)
        if not first.done():
            await playing
            await asyncio.wait((first,), timeout=timeout_s)
        if not first.done():
            return ""
    finally:
        playing.cancel()
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing
    pressed = ""
    key: str | None = first.result()
    while key is not None and key not in finish:
        pressed += key
        key = await _next(keys, timeout_s) if len(pressed) < most else None
    return pressed


async def _next(keys: "asyncio.Queue[str]", timeout_s: float) -> str | None:
    try:
        return await asyncio.wait_for(keys.get(), timeout_s)
    except TimeoutError:
        return None
