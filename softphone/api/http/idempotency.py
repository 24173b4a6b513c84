"""``Idempotency-Key``: a command that is sent again, because its answer was lost, is answered again and not done again.

The answer is kept under who asks and the key. The same key with another request is a mistake (422). Whoever repeats a
command while the first is still at work waits for its answer. What failed on our side (5xx) is not kept: doing it again
is what repeating is for then.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from softphone.api.http.answers import KEY_HEADER
from softphone.api.http.errors import ApiError
from softphone.api.http.intake import SPOOLED, replay

__all__ = ["Answers", "Idempotency"]

METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
PREFIXES = ("/api/", "/extension/")

# A client that repeats a command does so within minutes; a day outlives its restart.
KEPT_S = 86_400.0
# Of one user. Our answers to commands are some hundred bytes; the second bounds what a few long ones take.
KEPT = 1_000
KEPT_BYTES = 16 << 20
# As many times as much of all.
OF_ALL = 10
BYTES_OF_ALL = 4
LONGEST_KEY = 255


@dataclass(slots=True)
class Answer:
    """What was answered, or, without a start, is going to be."""

    fingerprint: bytes
    begun: float
    start: Message | None = None
    body: bytes = b""
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Answers:
    """The answers that are kept; a value that is told the time.

    Parameters
    ----------
    kept
        How many of one user, and ten times as many of all; of more the oldest go, of who has the most.
    kept_s
        For how long.
    kept_bytes
        How much of one user, and four times as much of all.
    """

    def __init__(self, kept: int = KEPT, kept_s: float = KEPT_S, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept, self._kept_s, self._kept_bytes = kept, kept_s, kept_bytes
        self._of: dict[str, _UserAnswers] = {}
        self._count = self._bytes = 0

    def __len__(self) -> int:
        return self._count

    def find(self, key: tuple[str, str], now: float) -> Answer | None:
        """Give what is kept under a key."""
        self._forget(key[0], now)
        kept = self._of.get(key[0])
        return None if kept is None else kept.answers.get(key[1])

    def begin(self, key: tuple[str, str], fingerprint: bytes, now: float) -> Answer:
        """Note that a command is at work."""
        answer = Answer(fingerprint, now)
        kept = self._of.setdefault(key[0], _UserAnswers())
        self._count += key[1] not in kept.answers
        kept.answers[key[1]] = answer
        self._forget(key[0], now)
        return answer

    def end(self, key: tuple[str, str], answer: Answer, start: Message | None, body: bytes) -> None:
        """Note what a command was answered; without a start it is not to be given again."""
        answer.start, answer.body = start, body
        kept = self._of.get(key[0])
        if kept is not None and kept.answers.get(key[1]) is answer:
            if start is None:
                del kept.answers[key[1]]
                self._count -= 1
            else:
                kept.bytes += len(body)
                self._bytes += len(body)
        answer.done.set()

    def _forget(self, who: str, now: float) -> None:
        if (kept := self._of.get(who)) is not None:
            while kept.answers and self._is_over(kept, now):
                self._drop(who, kept)
        while self._count > OF_ALL * self._kept:
            self._drop(*max(self._of.items(), key=lambda each: len(each[1].answers)))
        while self._bytes > BYTES_OF_ALL * self._kept_bytes:
            self._drop(*max(self._of.items(), key=lambda each: each[1].bytes))

    def _is_over(self, kept: "_UserAnswers", now: float) -> bool:
        """Whether the oldest of a user is not to be kept."""
        many = len(kept.answers) > self._kept or kept.bytes > self._kept_bytes
        return many or now - next(iter(kept.answers.values())).begun >= self._kept_s

    def _drop(self, who: str, kept: "_UserAnswers") -> None:
        _, oldest = kept.answers.popitem(last=False)
        kept.bytes -= len(oldest.body)
        self._bytes -= len(oldest.body)
        self._count -= 1
        if not kept.answers:
            del self._of[who]


@dataclass(slots=True)
class _UserAnswers:
    """What is kept of one user."""

    answers: "OrderedDict[str, Answer]" = field(default_factory=OrderedDict)
    bytes: int = 0


class Idempotency:
    """ASGI middleware; behind `softphone.api.http.intake.BodyLimit`, which hands bodies on whole.

    Parameters
    ----------
    app
        What does the commands.
    who
        Names who sends a request, by its ``Authorization`` header; None: nobody that we know, who will be refused.
    clock
        Seconds.
    """

    def __init__(
        self, app: ASGIApp, who: Callable[[str], str | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.app = app
        self._who = who
        self._clock = clock
        self._answers = Answers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer again what was answered, and keep what is answered for the first time."""
        asked = self._asked(scope)
        if asked is None:
            await self.app(scope, receive, send)
            return
        if not 0 < len(asked[1]) <= LONGEST_KEY:
            await _bad_key(400, f"{KEY_HEADER} must have 1 to {LONGEST_KEY} characters", scope)(scope, receive, send)
            return
        if SPOOLED in scope:
            fingerprint = _fingerprint(scope, scope[SPOOLED])
        else:
            request = await receive()
            fingerprint, receive = _fingerprint(scope, request.get("body", b"")), replay(request, receive)
        while (kept := self._answers.find(asked, self._clock())) is not None:
            if kept.fingerprint != fingerprint:
                refusal = _bad_key(422, f"this {KEY_HEADER} was used for another request; take a new one", scope)
                await refusal(scope, receive, send)
                return
            await kept.done.wait()
            if kept.start is not None:
                await _again(kept, send)
                return
        await self._first(asked, fingerprint, scope, receive, send)

    def _asked(self, scope: Scope) -> tuple[str, str] | None:
        """Give who asks with which key, when it is a command with a key."""
        if scope["type"] != "http" or scope["method"] not in METHODS or not scope["path"].startswith(PREFIXES):
            return None
        headers = Headers(scope=scope)
        key = headers.get(KEY_HEADER)
        who = None if key is None else self._who(headers.get("authorization", ""))
        return None if key is None or who is None else (who, key)

    async def _first(
        self, key: tuple[str, str], fingerprint: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        answer = self._answers.begin(key, fingerprint, self._clock())
        start: list[Message] = []
        body = bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.append(message)
            else:
                body.extend(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, keep)
        except BaseException:
            start.clear()
            raise
        finally:
            good = bool(start) and start[0]["status"] < 500
            self._answers.end(key, answer, start[0] if good else None, bytes(body))


def _fingerprint(scope: Scope, body: bytes) -> bytes:
    kind = Headers(scope=scope).get("content-type", "")
    parts = (scope["method"].encode(), scope["path"].encode(), scope["query_string"], kind.encode())
    return hashlib.sha256(b"\0".join((*parts, body))).digest()


async def _again(answer: Answer, send: Send) -> None:
    start = dict(answer.start or {})
    start["headers"] = [*start["headers"], (b"idempotency-replayed", b"true")]
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})


def _bad_key(status: int, message: str, scope: Scope) -> ASGIApp:
    return ApiError(status, "CMN-101", message, extra={"parameterName": KEY_HEADER}).response(scope["path"])
