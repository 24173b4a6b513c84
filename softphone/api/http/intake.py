"""Bodies on their way in: an end in bytes and in time; files onto the disk, not into memory, few at a time.

Nobody may fill the memory or hold a connection open for ever.
"""

import asyncio
import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softphone.api.http.errors import ApiError, overloaded

__all__ = ["BodyLimit", "IN_ALL", "PER_USER", "SPOOLED", "UploadIntake", "replay"]

# What takes files.
ROUTES = frozenset({("POST", "/api/v1/sounds")})

# How long one may take, from its head to its last byte.
UPLOAD_S = 120.0

# At the same time: of one user, and of all.
PER_USER = 2
IN_ALL = 8

BLOCK = 1 << 16

# In the scope of a request whose body is on the disk and comes in pieces: the SHA-256 of all of it.
SPOOLED = "softphone.spooled"


class UploadIntake:
    """ASGI middleware: takes a file from somebody whom we know, and hands it on when it is all there.

    The file that it lies in has no name: nothing is left of one that was sent by half, not even after ``kill -9``.
    Other requests pass.

    Parameters
    ----------
    app
        What it guards.
    folder
        Where the file lies; made when missing.
    max_bytes
        Longest body.
    who
        Names who sends a request, by its ``Authorization`` header; None: nobody that we know.
    """

    def __init__(self, app: ASGIApp, folder: Path, max_bytes: int, who: Callable[[str], str | None]) -> None:
        self.app = app
        self._folder, self._max_bytes, self._who = folder, max_bytes, who
        self._coming: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a file, or let a request pass."""
        is_upload = scope["type"] == "http" and (scope["method"], scope["path"]) in ROUTES
        who = self._who(Headers(scope=scope).get("authorization", "")) if is_upload else None
        if who is None:
            await self.app(scope, receive, send)
            return
        try:
            self._begin(who)
        except ApiError as error:
            await error.response(scope["path"])(scope, receive, send)
            return
        try:
            await self._take(scope, receive, send)
        finally:
            self._coming[who] -= 1
            self._coming += Counter()

    def _begin(self, who: str) -> None:
        # The body is still on its way: the connection cannot be used for another request.
        if self._coming[who] >= PER_USER:
            headers = {"Retry-After": "5", "Connection": "close"}
            raise ApiError(429, "CMN-301", f"A user sends {PER_USER} files at a time", headers=headers)
        if self._coming.total() >= IN_ALL:
            busy = overloaded("Too many files are being sent")
            busy.headers["Connection"] = "close"
            raise busy
        self._coming[who] += 1

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._folder) as file:
            try:
                async with asyncio.timeout(UPLOAD_S):
                    digest = await self._spool(receive, file)
            except (TimeoutError, OSError, ApiError) as error:
                await _refusal(error).response(scope["path"])(scope, receive, send)
                return
            file.seek(0)
            await self.app({**scope, SPOOLED: digest}, _from(file, receive), send)

    async def _spool(self, receive: Receive, file: IO[bytes]) -> bytes:
        """Write a body to a file, and give its digest; what is too long is read to its end and thrown away."""
        length, digest = 0, hashlib.sha256()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ApiError(400, "CMN-104", "The file did not come to its end")
            chunk = message.get("body", b"")
            length += len(chunk)
            if length <= self._max_bytes:
                file.write(chunk)
                digest.update(chunk)
            if not message.get("more_body", False):
                break
        if length > self._max_bytes:
            raise ApiError(413, "CMN-104", "Request is too large")
        return digest.digest()


def _refusal(error: Exception) -> ApiError:
    match error:
        case ApiError():
            refusal = error
        case TimeoutError():
            refusal = ApiError(408, "CMN-104", "Request takes too long")
        case _:
            refusal = overloaded("The file cannot be kept now: the disk takes nothing")
    refusal.headers["Connection"] = "close"
    return refusal


def _from(file: IO[bytes], receive: Receive) -> Receive:
    whole = False

    async def read() -> Message:
        nonlocal whole
        if whole:
            return await receive()
        chunk = file.read(BLOCK)
        whole = len(chunk) < BLOCK
        return {"type": "http.request", "body": chunk, "more_body": not whole}

    return read


class BodyLimit:
    """ASGI middleware: 413 for a body that is too long, 408 for one that takes too long.

    Parameters
    ----------
    app
        What it guards.
    max_bytes
        Longest body.
    timeout_s
        How long the whole body may take.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, timeout_s: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body first, then hand it on whole: the routes behind never see half of one."""
        if scope["type"] != "http" or SPOOLED in scope:
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.timeout_s):
                body = await _read(receive, self.max_bytes)
        except TimeoutError:
            await _refuse(408, "Request takes too long", scope)(scope, receive, send)
            return
        if body is None:
            await _refuse(413, "Request is too large", scope)(scope, receive, send)
            return
        await self.app(scope, replay({"type": "http.request", "body": body, "more_body": False}, receive), send)


async def _read(receive: Receive, max_bytes: int) -> bytes | None:
    """Give the whole body, or None when it is too long.

    What is too long is read to its end all the same, and thrown away: a connection closed on a client that still
    sends takes the answer with it. The time limit bounds that too.
    """
    body = bytearray()
    length = 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        length += len(chunk)
        if length <= max_bytes:
            body += chunk
        if not message.get("more_body", False):
            return bytes(body) if length <= max_bytes else None


def _refuse(status: int, message: str, scope: Scope) -> ASGIApp:
    # The rest of the body is still on its way: the connection cannot be used for another request.
    return ApiError(status, "CMN-104", message, headers={"Connection": "close"}).response(scope["path"])


def replay(request: Message, receive: Receive) -> Receive:
    """Let a request whose body was read already be read again: this message first, then what comes."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return request

    return replayed
