"""Bots in a room of Janus's AudioBridge: parties of plain RTP, which its HTTP API lets in. There is no SIP.

It is called as ``janus:http://HOST:8088/janus#ROOM``; the room has ``allow_rtp_participants = true``.
"""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from softphone.errors import MediaError, SoftphoneError
from softphone.load.calls import JoinFailed, PartyCalls
from softphone.load.media.doors import Doors
from softphone.load.media.plane import LoadPlane
from softphone.load.plan import JANUS, LoadPlan

if TYPE_CHECKING:
    import httpx

__all__ = ["JanusCalls"]

PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8, "OPUS": 100}
POLL_S, EVENTS = 40.0, 50
"""Janus answers a poll after 30 s at the latest."""


class JanusCalls(PartyCalls[int]):
    """Parties, one per bot: a handle of the plugin each, all of one session.

    Parameters
    ----------
    plan
        Whom they call and how.
    doors, plane
        Where their sound goes in and out, and who makes it.
    clock
        Seconds of any monotonic clock.
    """

    def __init__(self, plan: LoadPlan, doors: Doors, plane: LoadPlane, *, clock: Callable[[], float]) -> None:
        super().__init__(clock)
        self._plan, self._doors, self._plane = plan, doors, plane
        self._numbers, self._waiting = itertools.count(1), dict[int, asyncio.Future[dict[str, Any]]]()
        self._http: httpx.AsyncClient | None = None
        self._polling: asyncio.Task[None] | None = None
        self._session = 0

    async def start(self) -> None:
        """Begin a session.

        Raises
        ------
        MediaError
            Janus does not answer, or it is asked for what it has not.
        """
        import httpx

        if self._plan.codec not in PAYLOAD_TYPES or self._plan.srtp or self._plan.register:
            raise MediaError(f"parties of Janus speak {', '.join(PAYLOAD_TYPES)}, without SRTP, and register nowhere")
        self._http = httpx.AsyncClient(timeout=POLL_S, trust_env=False)
        self._session = (await self._ask("create"))["data"]["id"]
        self._polling = asyncio.create_task(self._poll())

    async def stop(self) -> None:
        """End the session."""
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
            with suppress(SoftphoneError):
                await self._ask("destroy", self._session)
        if self._http is not None:
            await self._http.aclose()

    def _url(self, bot: int) -> tuple[str, int]:
        base, _, room = self._plan.target(bot, self.whom.get(bot, "")).removeprefix(JANUS).partition("#")
        return base, int(room)

    async def _ask(self, what: str, *path: int, **words: Any) -> dict[str, Any]:
        """Make a request; give its answer, raises MediaError for an error."""
        import httpx

        assert self._http is not None
        url = "/".join([self._url(0)[0], *map(str, path)])
        try:
            answer = await self._http.post(url, json={"janus": what, "transaction": str(next(self._numbers)), **words})
            told: dict[str, Any] = answer.raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise MediaError(f"Janus does not answer: {str(error)[:120]}") from error
        if told.get("janus") == "error":
            raise MediaError(f"Janus: {told.get('error', {}).get('reason')}")
        return told

    async def _poll(self) -> None:
        """Take events for as long as there is a session, and give each to whom it is for."""
        import httpx

        assert self._http is not None
        url = f"{self._url(0)[0]}/{self._session}"
        while True:
            try:
                events = (await self._http.get(url, params={"maxev": EVENTS})).raise_for_status().json()
            except (httpx.HTTPError, ValueError):
                await asyncio.sleep(1.0)
                continue
            for event in events if isinstance(events, list) else [events]:
                data = event.get("plugindata", {}).get("data", {})
                waiting = self._waiting.get(event.get("sender", 0))
                if waiting is not None and not waiting.done() and ("error" in data or "rtp" in data):
                    waiting.set_result(data)

    async def _join(self, bot: int) -> None:
        handle = await self._timed("attach", self._attach)
        data = await self._timed("join", lambda: self._enter(bot, handle))
        if "error" in data:
            with suppress(SoftphoneError):
                await self._ask("detach", self._session, handle)
            raise MediaError(f"Janus: {data['error']}")
        where, ours = (str(data["rtp"]["ip"]), int(data["rtp"]["port"])), PAYLOAD_TYPES[self._plan.codec]
        self.joined[bot] = handle
        self._plane.open(bot, where, ours, int(data["rtp"].get("payload_type", ours)))

    async def _attach(self) -> int:
        answer = await self._ask("attach", self._session, plugin="janus.plugin.audiobridge")
        return int(answer["data"]["id"])

    async def _enter(self, bot: int, handle: int) -> dict[str, Any]:
        """Join the room; what the plugin says of it."""
        host, port = self._doors.address(bot)
        rtp = {"ip": host, "port": port, "payload_type": PAYLOAD_TYPES[self._plan.codec]}
        body = {"request": "join", "room": self._url(bot)[1], "codec": self._plan.codec.lower(), "rtp": rtp}
        body |= {"display": f"load-{self._plan.first + bot}"} | ({"pin": self._plan.pin} if self._plan.pin else {})
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[handle] = waiting
        try:
            await self._ask("message", self._session, handle, body=body)
            return await asyncio.wait_for(waiting, self._plan.answer_s)
        except TimeoutError:
            raise MediaError("Janus: no answer") from None
        finally:
            del self._waiting[handle]

    async def leave(self, bot: int) -> None:
        """Let a bot go; one that is not in does nothing."""
        handle = self.joined.pop(bot, None)
        if handle is None:
            return
        self._plane.close(bot)
        try:
            await self._timed("detach", lambda: self._ask("detach", self._session, handle))
        except SoftphoneError as error:
            self.failures[f"detach: {error}"] += 1

    def press(self, bot: int, keys: str) -> None:
        """Count that there are no keys."""
        self.failures["Janus takes no keys"] += 1

    async def reinvite(self, bot: int, direction: str = "sendrecv") -> None:
        """Count that there are no offers; raises JoinFailed."""
        self.failures["Janus takes no offers"] += 1
        raise JoinFailed("Janus takes no offers")
