"""Plays a scenario: a method for each verb."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import msgspec

from softphone.errors import ConfigError, SoftphoneError
from softphone.load.calls import JoinFailed
from softphone.load.meeting import Meeting
from softphone.load.plan import LoadPlan
from softphone.load.report import LoadReport, Moment
from softphone.load.run import LoadRun
from softphone.load.scenario import NUMBER, VERBS, Scenario, SceneStep, filled, selected
from softphone.sip.driver import TransportMaker
from softphone.sip.transport.sockets import SocketTransport

if TYPE_CHECKING:
    import httpx

__all__ = ["ScenePlayer", "client", "play"]

REQUEST_S = 10.0
GONE_S = 5.0
"""So long a bot that was sent away may still be in, where a step says nothing of it."""


class ScenePlayer:
    """Does the steps of a scenario with the bots of a run.

    Parameters
    ----------
    run
        Whose bots.
    scenario
        What they do.
    http
        Who makes requests; None: there are none.
    """

    def __init__(self, run: LoadRun, scenario: Scenario, http: "httpx.AsyncClient | None" = None) -> None:
        self._run, self._scenario, self._http = run, scenario, http
        self._values = dict(scenario.values)
        self._random = random.Random(1)
        self._measuring = all(step.do != "measure" for step in scenario.step)
        self._verbs: dict[str, Callable[[SceneStep, list[int]], Awaitable[None]]] = {
            verb: getattr(self, f"_{verb}") for verb in VERBS
        }

    async def play(self) -> None:
        """Do all steps; what a server refuses is noted and the rest is done.

        Bots are counted from the first of this process on. All processes do each step at the same time, with what of
        its bots is their own.
        """
        plan, whole = self._run.plan, self._run.plan.whole
        for step in self._scenario.step:
            for _ in range(step.times):
                bots = [number - plan.first for number in selected(step.bots, whole.parties, whole.talking)]
                await self._verbs[step.do](step, bots)
                await self._run.others()

    def _own(self, bots: Sequence[int]) -> list[int]:
        return [bot for bot in bots if 0 <= bot < self._run.plan.parties]

    def _rate(self, step: SceneStep) -> float:
        """Give our share of a step's rate; 0: it has none."""
        return self._number(step.rate) * self._run.plan.parties / self._run.plan.whole.parties

    def _number(self, value: float | str) -> float:
        return float(filled(value, self._values)) if isinstance(value, str) else value

    def _there(self, bots: Sequence[int]) -> list[int]:
        return [bot for bot in bots if bot in self._run.calls.joined]

    async def _join(self, step: SceneStep, bots: list[int]) -> None:
        if step.uri:
            uri = filled(step.uri, self._values | NUMBER)
            self._run.calls.whom |= dict.fromkeys(bots, uri)
            self._run.seating.together(bots, self._run.now_s, uri)
        await self._run.join(self._own(bots), self._rate(step) or None)
        await self._run.pressed()
        await self._come(bots)

    async def _come(self, bots: Sequence[int]) -> None:
        """Take those of other processes for there, once these are as far."""
        await self._run.others()
        self._run.elsewhere(bots, self._run.now_s)

    async def _talk(self, step: SceneStep, bots: list[int]) -> None:
        speakers, speech, cycles = self._speakers(bots), step.speech or None, self._run.cycles
        cycles.end(speakers)
        if step.duty == 1:
            self._run.talk(speakers, speech=speech)
        else:
            cycles.begin(speakers, duty=step.duty, every_s=step.every, speech=speech, now_s=self._run.now_s)

    def _speakers(self, bots: Sequence[int]) -> list[int]:
        return [bot for bot in bots if bot in self._run.plan.speakers]

    async def _listen(self, step: SceneStep, bots: list[int]) -> None:
        self._run.cycles.end(self._speakers(bots))
        self._run.talk(self._speakers(bots), False)

    async def _wait(self, step: SceneStep, bots: list[int]) -> None:
        await asyncio.sleep(self._number(step.seconds))
        if self._measuring:
            await self._run.listen_on()

    async def _measure(self, step: SceneStep, bots: list[int]) -> None:
        self._run.begin()
        self._measuring = True
        await self._wait(step, bots)

    async def _keys(self, step: SceneStep, bots: list[int]) -> None:
        for bot in self._there(bots):
            self._run.calls.press(bot, filled(step.keys, self._values))
        await self._run.pressed()

    async def _hold(self, step: SceneStep, bots: list[int]) -> None:
        self._away(bots)
        await self._offer(self._there(bots), "sendonly")

    def _away(self, bots: Sequence[int]) -> None:
        for bot in bots:
            self._run.truth.away(bot)

    async def _resume(self, step: SceneStep, bots: list[int]) -> None:
        await self._offer(self._there(bots), "sendrecv")
        for bot in self._there(bots):
            self._run.back(bot)
        await self._come(bots)

    async def _reinvite(self, step: SceneStep, bots: list[int]) -> None:
        await self._offer(self._there(bots), "sendrecv")

    async def _offer(self, bots: Sequence[int], direction: str) -> None:
        for bot in bots:
            with contextlib.suppress(SoftphoneError):  # which the report counts
                await self._run.calls.reinvite(bot, direction)

    async def _leave(self, step: SceneStep, bots: list[int]) -> None:
        self._away(bots)
        await self._run.leave(self._own(bots), self._rate(step) or None)

    async def _rejoin(self, step: SceneStep, bots: list[int]) -> None:
        await self._leave(step, bots)
        await self._join(step, bots)

    async def _churn(self, step: SceneStep, bots: list[int]) -> None:
        """Let bots go and come in an order by chance, which is the same in all processes; each does its own."""
        clock = asyncio.get_running_loop().time
        began, rate, own = clock(), self._number(step.rate) or 1.0, self._own(bots)
        self._away([bot for bot in bots if bot not in own])
        order, under_way = self._random.sample(bots, len(bots)), dict[int, asyncio.Task[None]]()
        for count in range(round(self._number(step.seconds) * rate) if own else 0):
            bot = order[count % len(order)]
            if bot in own and (bot not in under_way or under_way[bot].done()):
                await asyncio.sleep(max(0.0, began + count / rate - clock()))
                under_way[bot] = asyncio.create_task(self._again(bot))
        await asyncio.gather(*under_way.values())
        await self._come(bots)

    async def _again(self, bot: int) -> None:
        self._run.truth.away(bot)
        await self._run.calls.leave(bot)
        with contextlib.suppress(JoinFailed):
            await self._run.enter(bot)

    async def _rotate(self, step: SceneStep, bots: list[int]) -> None:
        voices, count = sorted(self._run.plan.speakers), max(1, self._run.plan.whole.talkers)
        clock = asyncio.get_running_loop().time
        began, lasts, turn = clock(), self._number(step.seconds), 0
        self._run.cycles.end(voices)
        while turn * step.every < lasts:
            self._run.talk(voices, False)
            self._run.talk([voices[(turn * count + k) % len(voices)] for k in range(min(count, len(voices)))])
            turn += 1
            await asyncio.sleep(max(0.0, began + min(turn * step.every, lasts) - clock()))

    async def _muted(self, step: SceneStep, bots: list[int]) -> None:
        self._run.seating.expect(bots, False, self._run.now_s)

    async def _heard(self, step: SceneStep, bots: list[int]) -> None:
        self._run.seating.expect(bots, True, self._run.now_s)

    async def _together(self, step: SceneStep, bots: list[int]) -> None:
        self._run.seating.together(bots, self._run.now_s)

    async def _gone(self, step: SceneStep, bots: list[int]) -> None:
        self._away(bots)
        await self._run.calls.sent_away(self._own(bots), self._number(step.seconds) or GONE_S)

    async def _asked(self, step: SceneStep) -> "httpx.Response":
        assert self._http is not None
        headers = {"Authorization": f"Bearer {self._values['token']}"} if self._values.get("token") else {}
        quoted = {name: _text(value)[1:-1] for name, value in self._values.items()}
        body = None if step.json is None else msgspec.json.decode(filled(_text(step.json), quoted))
        return await self._http.request(step.method, filled(step.url, self._values), json=body, headers=headers)

    async def _rest(self, step: SceneStep, bots: list[int]) -> None:
        if self._run.plan.leads:
            await self._request(step)
        self._values = msgspec.json.decode(await self._run.agreed(_text(self._values)), type=dict[str, str])

    async def _request(self, step: SceneStep) -> None:
        import httpx

        try:
            answer = await self._asked(step)
            if answer.is_error:
                raise ValueError(f"{answer.status_code} {answer.reason_phrase}")
            if step.keep:
                self._values[step.keep] = str(_at(answer.json(), step.field))
        except (httpx.HTTPError, httpx.InvalidURL, ConfigError, ValueError, LookupError, TypeError) as error:
            self._run.calls.failures[f"{step.method} {step.url}: {str(error)[:120]}"] += 1


def _text(value: dict[str, Any] | str) -> str:
    return msgspec.json.encode(value).decode()


def _at(value: Any, path: str) -> Any:
    """Give what stands at a place like ``parties.0.id``; raises LookupError, TypeError."""
    for name in path.split(".") if path else []:
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def client(rest: str) -> "httpx.AsyncClient":
    """Make who makes requests, at `rest` where they say no host: while bots talk it would hold them up."""
    import httpx

    return httpx.AsyncClient(base_url=rest, timeout=REQUEST_S, trust_env=False)


async def play(
    plan: LoadPlan,
    scenario: Scenario,
    on_moment: Callable[[Moment], None] = lambda moment: None,
    rest: str = "",
    transport: TransportMaker = SocketTransport,
    meeting: Meeting | None = None,
) -> LoadReport:
    """Play a scenario, and report on what was measured: all of it, where no step begins to measure.

    Raises
    ------
    ConfigError
        A step says something that cannot be.
    MediaError, OSError
        As `softphone.load.run.run_load`.
    """
    sayings = tuple(sorted({step.speech for step in scenario.step} - {""}))
    plan = msgspec.structs.replace(plan, sayings=sayings)
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(client(rest)) if "rest" in {step.do for step in scenario.step} else None
        run = await stack.enter_async_context(LoadRun(plan, transport, meeting))
        run.on_moment = on_moment
        player = ScenePlayer(run, scenario, http)
        run.begin()
        await player.play()
        await run.listen_on()
        run.finish()
        if plan.pesq:
            await run.recite()
        await run.others()
        await run.leave(list(run.calls.joined))
        return msgspec.structs.replace(run.report(), scenario=scenario.title)
