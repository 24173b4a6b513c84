"""One run: all join, talk, listen and leave; what is counted meanwhile becomes a report."""

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from math import ceil
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from mixer.frame import TICK_S
from softphone import descriptors
from softphone.codec import codec
from softphone.load import hearing
from softphone.load.caller import BotCalls, address_towards
from softphone.load.calls import JoinFailed, PartyCalls
from softphone.load.duty import DutyCycles
from softphone.load.fitness import Fitness
from softphone.load.hints import hints
from softphone.load.janus import JanusCalls
from softphone.load.lines import hearing_of, lines_of, unknown
from softphone.load.listening import Listening
from softphone.load.media.doors import open_doors
from softphone.load.media.plane import LoadPlane
from softphone.load.media.tally import settle
from softphone.load.meeting import Meeting, agreed, meet
from softphone.load.pace import Pace
from softphone.load.plan import JANUS, LoadPlan
from softphone.load.quantiles import Quantiles
from softphone.load.recital import recite
from softphone.load.report import LoadReport, Moment, SpeechLine
from softphone.load.seating import Seating
from softphone.load.speech import spoken
from softphone.load.truth import WINDOW_S
from softphone.load.usage import CpuUsage
from softphone.sip.driver import TransportMaker
from softphone.sip.transport.sockets import SocketTransport

__all__ = ["LoadRun", "run_load"]

AHEAD_S = 0.3
"""Between the making of the plane and its first step."""
IN_FLIGHT = 500
"""Calls that are not answered yet, at most."""
MAP_CELLS = 4_000_000
FAULTS_TOLD = 200
LISTEN_ON_S = 4 * WINDOW_S
"""So long a run goes on for pairs that it cannot judge yet: a moment's trouble has blurred their windows."""


class LoadRun:
    """A run under way: what scenarios drive.

    Attributes
    ----------
    plan, doors, plane, calls, truth, seating, cycles
        What it is made of.
    moments
        A line for every second.
    notes
        What could not be known, and why.
    """

    def __init__(
        self, plan: LoadPlan, transport: TransportMaker = SocketTransport, meeting: Meeting | None = None
    ) -> None:
        self.plan, self._transport, self._meeting = plan, transport, meeting
        self.moments: list[Moment] = []
        self.notes: list[str] = []
        self.began_at = time.time()
        self.on_moment: Callable[[Moment], None] = lambda moment: None
        self._exit = AsyncExitStack()
        self._usage, self._since_begun = CpuUsage(plan.server_pid), CpuUsage(plan.server_pid)
        self._looked_s = 0.0
        self.joins_per_s = 0.0
        self.talking: set[int] = set()
        self.speech: list[SpeechLine] = []
        self.present: set[int] = set()
        self._pace = Pace()
        self._finished = False
        self._said: NDArray[np.int16] | None = None

    async def __aenter__(self) -> "LoadRun":
        """Open ports, and begin to tick.

        Raises
        ------
        MediaError
            There are not so many ports.
        OSError
            There is no way to the server, or no port for signalling.
        """
        plan = self.plan
        descriptors.allow_all()
        host = plan.host or await address_towards(plan.uri[0])
        async with AsyncExitStack() as stack:
            self.doors = open_doors(host, plan.parties, first_port=plan.media_port, first=256 + plan.first)
            stack.callback(self.doors.close)
            self.plane = self._make_plane()
            self._fitness = Fitness(self.plane, self.doors)
            self._listening = Listening(self.plane, plan.heard)
            self.truth = self._listening.truth
            self.seating = Seating(plan, self.truth)
            self.cycles = DutyCycles(self.talk, plan.first)
            self.calls: PartyCalls[Any] = self._make_calls(host)
            await self.calls.start()
            stack.push_async_callback(self.calls.stop)
            self._pace.start(self.plane, self._after_step)
            stack.push_async_callback(self._pace.stop)
            self._exit = stack.pop_all()
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Leave all that are still in, and close everything; raises MediaError where the clock has stopped."""
        self._pace.let_go()
        with suppress(Exception):
            await self.leave(list(self.calls.joined))
        await self._exit.aclose()
        gc.unfreeze()
        self._pace.check()

    def _make_plane(self) -> LoadPlane:
        plan = self.plan
        stateful = plan.codec not in ("PCMU", "PCMA")
        ears = min(plan.parties, max(1, MAP_CELLS // max(1, len(plan.heard))), 64 if stateful else plan.parties)
        if ears < plan.parties:
            self.notes.append(f"only the first {ears} of {plan.parties} bots listen to what they are sent")
        files = [plan.speech] * bool(plan.speech or plan.pesq) + list(plan.sayings)
        speeches = [spoken(path, codec(plan.codec).rate_hz) for path in files]
        self._speeches = {path: place for place, path in enumerate(files)}
        if plan.pesq:
            self._said = speeches[0]
        level = hearing.tone_level_dbov(max(1, plan.talkers if plan.spoken_by is None else plan.spoken_by))
        made = LoadPlane(
            self.doors,
            plan.parties,
            plan.voices,
            level_dbov=level,
            name=plan.codec,
            epoch_s=self.unix_s() + 3600,
            ears=ears,
            first=plan.first,
            heard=plan.heard,
            speeches=speeches,
            wordless=bool(plan.speech),
        )
        made.receive()  # has all kernels compiled before anybody waits for them
        made.rehearse(sealed=bool(plan.srtp))
        gc.collect()
        gc.freeze()  # a search through all that was imported would hold up a dozen steps
        epoch_s = self.unix_s() + AHEAD_S
        if plan.together is not None:  # words begin together in all processes, which know delays by it
            epoch_s = ceil(epoch_s / WINDOW_S) * WINDOW_S
        made.begin(epoch_s)
        return made

    def _make_calls(self, host: str) -> PartyCalls[Any]:
        where = self.plan, self.doors, self.plane
        if self.plan.uri[0].startswith(JANUS):
            return JanusCalls(*where, clock=time.monotonic)
        return BotCalls(*where, host=host, clock=time.monotonic, transport=self._transport)

    # --- its clock

    def unix_s(self) -> float:
        """Unix seconds that never leap."""
        return self._pace.unix_s()

    @property
    def now_s(self) -> float:
        """Seconds since the plane's first tick."""
        return self.unix_s() - self.plane.epoch_s

    def _after_step(self) -> None:
        if self.plane.at_tick and not self._finished:
            self.cycles.look(self.now_s)
            self._listening.look()
        if self.now_s - self._looked_s >= 1.0:
            self._look()

    def _look(self) -> None:
        """Write a line of the timeline."""
        now, plane = self.now_s, self.plane
        _, own, server = self._usage.look()
        expected, lost = self.counted()
        jitter = plane.bots["jitter_s"][plane.bots["heard"]]
        moment = Moment(
            at_s=round(now, 2),
            parties=len(self.calls.joined),
            failures=self.calls.failures.total() + self.calls.dropped.total(),
            loss_percent=round(100 * float(lost.sum()) / max(1, int(expected.sum())), 4),
            delay_p50_ms=self.truth.delays_ms.at(0.5),
            delay_p99_ms=self.truth.delays_ms.at(0.99),
            jitter_p99_ms=round(1000 * float(np.quantile(jitter, 0.99)), 3) if len(jitter) else None,
            own_cpu_percent=round(100 * own, 1),
            server_cpu_percent=None if server is None else round(100 * server, 1),
            late_steps=plane.late_steps,
        )
        self._looked_s = now
        if len(self.moments) < 86_400:
            self.moments.append(moment)
        self.on_moment(moment)

    def counted(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give what each bot should have had, and what it lost."""
        expected, lost = np.zeros(self.plan.parties, np.int64), np.zeros(self.plan.parties, np.int64)
        settle(self.plane.bots, expected, lost)
        return expected, lost

    # --- its parts

    async def join(self, bots: Sequence[int], rate: float | None = None) -> None:
        """Let bots join at the plan's rate; those that fail are counted."""
        began, gate, rate = time.monotonic(), asyncio.Semaphore(IN_FLIGHT), rate or self.plan.rate

        async def one(bot: int) -> None:
            async with gate:
                with suppress(JoinFailed):
                    await self.enter(bot)

        tasks = []
        for place, bot in enumerate(bots):
            await asyncio.sleep(max(0.0, began + place / rate - time.monotonic()))
            tasks.append(asyncio.create_task(one(bot)))
        await asyncio.gather(*tasks)
        self.joins_per_s = len(tasks) / max(time.monotonic() - began, 1e-3)

    async def enter(self, bot: int) -> None:
        """Let a bot join now; raises JoinFailed, which is counted."""
        await self.calls.join(bot)
        self.present.add(bot)
        self.back(bot)

    def back(self, bot: int) -> None:
        """Judge again what a bot hears and who hears it: it has come, or has taken its call up again."""
        self.truth.back(bot, self.now_s, talks=bot in self.talking)

    async def leave(self, bots: Sequence[int], rate: float | None = None) -> None:
        """Let bots hang up at the plan's rate."""
        began, rate = time.monotonic(), rate or 2 * self.plan.rate
        tasks = []
        for place, bot in enumerate(bots):
            await asyncio.sleep(max(0.0, began + place / rate - time.monotonic()))
            tasks.append(asyncio.create_task(self.calls.leave(bot)))
        await asyncio.gather(*tasks)

    def talk(self, bots: Sequence[int], on: bool = True, speech: str | None = None) -> None:
        """Let talkers begin, or cease; those of other processes do it by themselves.

        `speech`: what they say, one of the plan's files; None: their words, by which alone they are told from others.
        """
        for bot in bots:
            if bot in self.plan.voices:
                self.plane.talk(bot, on, None if speech is None else self._speeches[speech])
            there = bot in self.calls.joined or bot not in range(self.plan.parties)
            self.truth.talking(bot, on and there and speech is None, self.now_s)
        self.talking = self.talking | set(bots) if on and speech is None else self.talking - set(bots)

    async def agreed(self, words: str) -> str:
        """Give in all processes what the one that leads says; raises MediaError where one has failed."""
        return await agreed(self._meeting, words, leads=self.plan.leads)

    async def others(self) -> None:
        """Wait until all other processes are as far as this one; raises MediaError where one has failed."""
        await meet(self._meeting)

    def elsewhere(self, bots: Sequence[int], since_s: float) -> None:
        """Say that those of some bots that are other processes' are there, or there again, since then."""
        for bot in set(bots).difference(range(self.plan.parties)):
            self.truth.back(bot, since_s, talks=bot in self.talking)

    async def listen_on(self) -> None:
        """Go on until all pairs are judged that can be, or for `LISTEN_ON_S`."""
        ends, wanted = self.now_s + LISTEN_ON_S, self.plan.objectives.hearing and self.plan.heard
        while wanted and self.calls.joined and self.now_s < ends and self._listening.is_undecided():
            await asyncio.sleep(WINDOW_S / 10)

    async def pressed(self) -> None:
        """Wait until nobody presses keys any more."""
        while any(self.plane.pressing(bot) for bot in list(self.calls.joined)):
            await asyncio.sleep(TICK_S)

    def begin(self) -> None:
        """Count anew: the report is of what follows, up to `finish`."""
        gc.freeze()  # nor through all calls
        self.plane.forget()
        self._listening.forget()
        self.present = set(self.calls.joined)
        self._fitness.begin()
        self._since_begun.look()

    def finish(self) -> None:
        """End the part that the report is of: who leaves then is missed by nobody."""
        self._finished = True
        self.seconds, self._spent, self._server_share = self._since_begun.look()
        self.lines = lines_of(self.plane, self.truth, *self.counted(), sorted(self.present), self.plan)
        self._health = self._fitness.health(self.seconds, self._spent)

    async def recite(self) -> None:
        """Let one bot say speech alone, and judge what others of its conference have heard of it; after `finish`."""
        self.talk(self.plan.speakers, False)
        await self.others()
        there = [bot for bot in sorted(self.calls.joined) if self.seating.room(bot) == 0]
        if there and self.plan.leads and self._said is not None:
            stalls, self.speech = self.plane.stalls, await recite(self.plane, self._said, there)
            if self.plane.stalls != stalls:
                self.speech = []
                self.notes.append("how speech was heard is not known: this program was held up while it was said")
        await self.others()

    def report(self) -> LoadReport:
        """Say what was measured; after `finish`."""
        first = self.plan.first
        faults = [
            replace(fault, listener=fault.listener + first, talker=fault.talker + first)
            for fault in self.truth.faults()[:FAULTS_TOLD]
        ]
        return LoadReport(
            plan=self.plan,
            began_at=self.began_at,
            asked=self.plan.parties,
            joined=len(self.lines),
            at_once=self.calls.at_once,
            failures=dict(self.calls.failures),
            dropped=dict(self.calls.dropped),
            joins_per_s=round(self.joins_per_s, 1),
            answers_ms=self.calls.answers_ms,
            seconds=round(self.seconds, 2),
            bots=self.lines,
            delays_ms=self.truth.delays_ms,
            jitter_ms=Quantiles.of(line.jitter_ms for line in self.lines if line.received),
            mos=Quantiles.of(line.mos for line in self.lines if line.mos is not None),
            faults=faults,
            hearing=hearing_of(self.truth, faults, self.plan.first) if self.plan.heard else None,
            health=self._health,
            timeline=self.moments,
            notes=[
                *self.notes,
                *unknown(self.plane, self.truth, self.lines, self.plan),
                *self.calls.notes,
                *hints(self.calls.failures, self.plan),
            ],
            policy_limit=self.calls.policy_limit,
            speech=self.speech,
            server_cpu_percent=None if self._server_share is None else round(100 * self._server_share, 1),
        )


async def run_load(
    plan: LoadPlan,
    on_moment: Callable[[Moment], None] = lambda moment: None,
    transport: TransportMaker = SocketTransport,
    meeting: Meeting | None = None,
) -> LoadReport:
    """Let all join, talk and listen for the plan's time, and leave.

    Who hears whom is listened for a little longer where it is not known by then.

    Parameters
    ----------
    plan
        What is tried.
    on_moment
        Told every second how it goes.
    transport
        What carries messages.
    meeting
        Of the processes that have a share each; None: this is the only one.

    Raises
    ------
    AudioError
        What is to be said is no audio.
    MediaError, OSError
        There are no ports, there is no way to the server, or another process has failed.
    """
    async with LoadRun(plan, transport, meeting) as run:
        run.on_moment = on_moment
        await run.join(range(plan.parties))
        await run.pressed()
        run.talk((*plan.talking, *plan.talking_elsewhere))
        await asyncio.sleep(plan.settle_s if run.calls.joined else 0.0)
        await run.others()
        run.elsewhere(plan.talking_elsewhere, run.now_s - plan.settle_s)
        run.begin()
        await asyncio.sleep(plan.seconds if run.calls.joined else 0.0)
        await run.listen_on()
        run.finish()
        if plan.pesq:
            await run.recite()
        await run.others()
        await run.leave(list(run.calls.joined))
        return run.report()
