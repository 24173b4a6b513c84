"""One run from many processes, of this machine or of a Dask cluster, and one report of it.

Each process has a share of the bots, from the first to the last step by itself; only plans go there, and reports come
back, as JSON.
"""

import asyncio
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from typing import TYPE_CHECKING, cast

import msgspec
from msgspec import Struct

from softphone.errors import MediaError, SoftphoneError
from softphone.load.meeting import LATEST_S, MOST_WORDS, ClusterMeeting, LocalMeeting, Meeting
from softphone.load.plan import LoadPlan
from softphone.load.report import LoadReport
from softphone.load.scenario import Scenario
from softphone.load.shares import merged, shares

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import SynchronizedString

__all__ = ["by_cluster", "by_processes", "run_share"]

READY_S = 120.0
"""For processes to load what a tick needs."""
FAILED = b"failed: "
CONNECT_S = 20.0
_meetings: list[LocalMeeting] = []
"""Of a process that has a share: a barrier goes there when it is started, and at no other time."""


class Share(Struct, frozen=True):
    """What one process does; `scenario`: it plays that, with requests that go to `rest`."""

    plan: LoadPlan
    scenario: Scenario | None = None
    rest: str = ""


def run_share(share: bytes, meeting: Meeting) -> bytes:
    """Carry out a share, here: JSON of a `Share` in, of a report out; or `FAILED` and why it could not run."""
    from softphone.load.play import play  # loads the compiler
    from softphone.load.run import run_load

    what = msgspec.json.decode(share, type=Share)
    try:
        if what.scenario is None:
            return msgspec.json.encode(asyncio.run(run_load(what.plan, meeting=meeting)))
        return msgspec.json.encode(asyncio.run(play(what.plan, what.scenario, rest=what.rest, meeting=meeting)))
    except (SoftphoneError, OSError) as error:
        meeting.give_up()
        return FAILED + str(error).encode()


def warm(codec: str) -> None:
    """Have all compiled and kept that a run needs, here; raises MediaError where there is no port."""
    from softphone.load.media.doors import open_doors
    from softphone.load.media.plane import LoadPlane
    from softphone.load.media.speakers import STEPS

    doors = open_doors("127.0.0.1", STEPS)
    try:
        made = LoadPlane(doors, STEPS, (0,), level_dbov=-20.0, name=codec, epoch_s=time.time())
        made.receive()
        made.rehearse()
    finally:
        doors.close()


def _warm_all(codec: str, barrier: Barrier, words: "SynchronizedString") -> None:
    """Load what a run needs, here and in all others: nobody begins before."""
    _meetings[:] = [LocalMeeting(barrier, words)]
    warm(codec)
    barrier.wait(READY_S)


def _is_there(number: int) -> int:
    """Answer from a process that is warm, as all are then."""
    return number


def _run_here(share: bytes) -> bytes:
    return run_share(share, _meetings[0])


def _run_there(share: bytes, run: str, number: int, count: int) -> bytes:
    """Carry out a share on a worker of a cluster."""
    from distributed import get_client

    return run_share(share, ClusterMeeting(run, number, count, get_client()))


def _longest_s(plan: LoadPlan, scenario: Scenario | None) -> float | None:
    """How long a share may take; None: as long as its scenario says."""
    if scenario is not None:
        return None
    return 2 * plan.parties / plan.rate + plan.answer_s + plan.settle_s + plan.seconds + LATEST_S


def _collected(plan: LoadPlan, found: Sequence[bytes]) -> LoadReport:
    reports = []
    for data in found:
        if data.startswith(FAILED):
            raise MediaError(f"a share of the bots could not run: {data.removeprefix(FAILED).decode()}")
        reports.append(msgspec.json.decode(data, type=LoadReport))
    return merged(plan, reports)


def by_processes(plan: LoadPlan, count: int, scenario: Scenario | None = None, rest: str = "") -> LoadReport:
    """Carry a plan out by so many processes of this machine, or play a scenario by them.

    Raises
    ------
    MediaError
        One of them could not run, or has died.
    TimeoutError
        One of them has not come back.
    """
    context = get_context("spawn")
    plans = [msgspec.json.encode(Share(share, scenario, rest)) for share in shares(plan, count)]
    barrier, words = context.Barrier(len(plans)), cast("SynchronizedString", context.Array("c", MOST_WORDS))
    try:
        with ProcessPoolExecutor(len(plans), context, _warm_all, (plan.codec, barrier, words)) as pool:
            list(pool.map(_is_there, range(len(plans))))
            return _collected(plan, list(pool.map(_run_here, plans, timeout=_longest_s(plan, scenario))))
    except BrokenProcessPool as error:
        raise MediaError(f"a process of the bots has died: {error}") from error


def by_cluster(plan: LoadPlan, scheduler: str, scenario: Scenario | None = None, rest: str = "") -> LoadReport:
    """Carry a plan out by all workers of a Dask cluster, a share each.

    Parameters
    ----------
    plan
        For all together.
    scheduler
        Its address, such as ``tcp://192.0.2.1:8786``.
    scenario, rest
        What they play, and where its requests go.

    Raises
    ------
    MediaError
        There is no such cluster, it has no workers, or one of them could not run. The extra ``load`` brings Dask.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MediaError("a cluster needs Dask: pip install 'softphone[load]'") from error
    try:
        with Client(scheduler, timeout=CONNECT_S, set_as_default=False) as client:  # type: ignore[no-untyped-call]
            workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
            if not workers:
                raise MediaError(f"the cluster at {scheduler} has no workers")
            client.gather([client.submit(warm, plan.codec, workers=[worker], pure=False) for worker in workers])
            parts, run, longest_s = shares(plan, len(workers)), uuid.uuid4().hex, _longest_s(plan, scenario)
            futures = [
                client.submit(
                    _run_there,
                    msgspec.json.encode(Share(share, scenario, rest)),
                    run,
                    number,
                    len(parts),
                    workers=[worker],
                    pure=False,
                )
                for number, (share, worker) in enumerate(zip(parts, workers, strict=False))
            ]
            return _collected(plan, [future.result(timeout=longest_s) for future in futures])
    except (OSError, TimeoutError) as error:
        raise MediaError(f"the cluster at {scheduler} does not answer: {error}") from error
