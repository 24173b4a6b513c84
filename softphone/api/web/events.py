"""The WebSocket of a party that has joined by HTTP: the roster, what changes of it, and its commands.

The first frame of the client has the key: what is secret is in no URL, and a page elsewhere has nothing to send.
"""

import asyncio
import contextlib
from urllib.parse import urlsplit

import msgspec
import structlog
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from softphone.api.context import ApiContext
from softphone.api.http.errors import ApiError
from softphone.api.web.boards import Boards, Follower, written
from softphone.api.web.commands import BadCommand, NoMailServer, WebCommand, carry_out, read, why
from softphone.api.web.rates import AskingRate
from softphone.api.web.views import farewell
from softphone.errors import SoftphoneError
from softphone.focus.entrance.web_parties import WebParty

__all__ = ["router"]

log = structlog.get_logger()

router = APIRouter(tags=["web"])

# How long a client may take to say its key, to take what it is sent, and to take that it is closed.
KEY_S = 10.0
STALLED_S = 60.0
CLOSING_S = 1.0

# Characters of a frame.
LONGEST = 4096

# Commands at work, and of what is too much so many until we close.
MOST_AT_WORK = 8
PATIENCE = 100

STRANGER = (4404, "no party has this key")
TOO_LONG = (1009, "a frame is too long")
TOO_MANY = (1008, "too many commands")


class KeyFrame(msgspec.Struct, frozen=True):
    """The first frame of a client."""

    key: str


def is_foreign(socket: WebSocket, allowed: tuple[str, ...]) -> bool:
    """Whether a page of an origin that may not use this asks; a program that is no browser names none."""
    origin = socket.headers.get("origin")
    return origin is not None and origin not in allowed and urlsplit(origin).netloc != socket.headers.get("host")


def is_gone(socket: WebSocket, error: Exception) -> bool:
    """Whether a client is gone or stalled; starlette says RuntimeError of a socket that is closed already."""
    over = WebSocketState.DISCONNECTED in (socket.client_state, socket.application_state)
    return isinstance(error, WebSocketDisconnect | TimeoutError) or (over and isinstance(error, RuntimeError))


@router.websocket("/web/events")
async def web_events(socket: WebSocket) -> None:
    """Serve the client of a party until one of the two leaves."""
    context: ApiContext = socket.app.state.context
    if is_foreign(socket, context.config.http.cors_origins):
        raise ApiError(403, "not_allowed", "Pages of this origin may not use this: see cors_origins")
    await socket.accept()
    try:
        await _serve(socket, context)
    except Exception as error:
        if not is_gone(socket, error):
            raise


async def _serve(socket: WebSocket, context: ApiContext) -> None:
    key = await _key(socket)
    party = context.door.parties.of_key(key)
    if party is not None:
        await _Client(socket, context, socket.app.state.boards, party).serve()
        return
    ended = context.door.parties.farewell(key)
    if ended is not None:
        word, message = farewell(ended)
        await socket.send_text(written("over", reason=word, message=message))
    await socket.close(*(STRANGER if ended is None else (1000, "the party is over")))


async def _key(socket: WebSocket) -> str:
    """Give the key that the client says first; empty: it says none."""
    try:
        async with asyncio.timeout(KEY_S):
            said = await socket.receive_text()
        return msgspec.json.decode(said, type=KeyFrame).key if len(said) <= LONGEST else ""
    except (TimeoutError, msgspec.DecodeError, KeyError):
        return ""


class _Client:
    """One connection at work."""

    def __init__(self, socket: WebSocket, context: ApiContext, boards: Boards, party: WebParty) -> None:
        self._socket, self._context, self._boards, self._party = socket, context, boards, party
        self._follower: Follower = boards.follow(party)
        self._rate = AskingRate(asyncio.get_running_loop().time())
        self._working: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Send and receive until one of the two is over."""
        tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._receive())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._boards.leave(self._follower)
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception) and not is_gone(self._socket, end):
                log.error("web_connection_failed", exc_info=end)
        if self._follower.closing is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSING_S):
                    await self._socket.close(*self._follower.closing)

    async def _send(self) -> None:
        follower = self._follower
        while True:
            follower.news.clear()
            while follower.waiting:
                async with asyncio.timeout(STALLED_S):
                    await self._socket.send_text(follower.waiting.popleft())
            if follower.closing is not None:
                return
            await follower.news.wait()

    async def _receive(self) -> None:
        while self._follower.closing is None:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None or len(text) > LONGEST:
                self._follower.close(TOO_LONG)
                return
            self._take(text)

    def _take(self, text: str) -> None:
        """Take a command, or refuse it."""
        try:
            command = read(text)
        except BadCommand as error:
            if self._spend(error.number):
                self._refuse(error.number, "bad_command", str(error))
            return
        if not self._spend(command.n):
            return
        task = asyncio.create_task(self._carry_out(command), name="web command")
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    def _spend(self, number: int) -> bool:
        # What is refused because others are at work counts, too: who goes on all the same is let go.
        if self._rate.spend(asyncio.get_running_loop().time()) and len(self._working) < MOST_AT_WORK:
            return True
        if self._rate.refused > PATIENCE:
            self._follower.close(TOO_MANY)
        self._refuse(number, "too_many", "Too many commands: wait a moment")
        return False

    async def _carry_out(self, command: WebCommand) -> None:
        try:
            await carry_out(self._context, self._party, command)
        except SoftphoneError as error:
            self._refuse(command.n, "no_mail" if isinstance(error, NoMailServer) else "refused", why(error))
        except Exception:
            log.exception("web_command_failed", command=command.do)
            self._refuse(command.n, "failed", "That did not work")
        else:
            self._follower.say(written("done", of=command.n))

    def _refuse(self, number: int, code: str, message: str) -> None:
        self._follower.say(written("refused", of=number, code=code, message=message))
