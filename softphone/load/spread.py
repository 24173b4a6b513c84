"""One run from many processes, of this machine or of a Dask cluster, and one report of it.

Each process has a share of the bots, from the first to the last step by itself; only plans go there, and reports come
back, as JSON.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier

import msgspec

from softphone.errors import MediaError, SoftphoneError
from softphone.load.plan import LoadPlan
from softphone.load.report import LoadReport
from softphone.load.shares import merged, shares

__all__ = ["by_cluster", "by_processes", "run_share"]

START_S = 2.0
"""For processes that are ready to open their ports, before the first calls."""
READY_S = 120.0
"""For processes to load what a tick needs."""
FAILED = b"failed: "
CONNECT_S = 20.0
LATEST_S = 600.0
"""Longer than planned nobody is waited for."""


def run_share(plan: bytes) -> bytes:
    """Carry out a share, here: JSON of a plan in, of a report out; or `FAILED` and why it could not run."""
    from softphone.load.run import run_load  # loads the compiler

    try:
        report = asyncio.run(run_load(msgspec.json.decode(plan, type=LoadPlan)))
    except (SoftphoneError, OSError) as error:
        return FAILED + str(error).encode()
    return msgspec.json.encode(report)


def warm(codec: str) -> None:
    """Have all compiled and kept that a run needs, here."""
    from softphone.load.run import warm_up

    warm_up(codec)


def _warm_all(codec: str, ready: Barrier) -> None:
    """Load what a run needs, here and in all others: nobody begins before."""
    warm(codec)
    ready.wait(READY_S)


def _is_there(number: int) -> int:
    """Answer from a process that is warm, as all are then."""
    return number


def _shared(plan: LoadPlan, count: int) -> list[bytes]:
    begin_at = time.time() + START_S + plan.parties / plan.rate + plan.settle_s
    return [msgspec.json.encode(share) for share in shares(plan, count, begin_at)]


def _longest_s(plan: LoadPlan) -> float:
    return START_S + 2 * plan.parties / plan.rate + plan.answer_s + plan.settle_s + plan.seconds + LATEST_S


def _collected(plan: LoadPlan, found: Sequence[bytes]) -> LoadReport:
    reports = []
    for data in found:
        if data.startswith(FAILED):
            raise MediaError(f"a share of the bots could not run: {data.removeprefix(FAILED).decode()}")
        reports.append(msgspec.json.decode(data, type=LoadReport))
    return merged(plan, reports)


def by_processes(plan: LoadPlan, count: int) -> LoadReport:
    """Carry a plan out by so many processes of this machine.

    Raises
    ------
    MediaError
        One of them could not run, or has died.
    TimeoutError
        One of them has not come back.
    """
    count, context = len(_shared(plan, count)), get_context("spawn")
    ready = context.Barrier(count)
    try:
        with ProcessPoolExecutor(count, context, _warm_all, (plan.codec, ready)) as pool:
            list(pool.map(_is_there, range(count)))
            return _collected(plan, list(pool.map(run_share, _shared(plan, count), timeout=_longest_s(plan))))
    except BrokenProcessPool as error:
        raise MediaError(f"a process of the bots has died: {error}") from error


def by_cluster(plan: LoadPlan, scheduler: str) -> LoadReport:
    """Carry a plan out by all workers of a Dask cluster, a share each.

    Parameters
    ----------
    plan
        For all together.
    scheduler
        Its address, such as ``tcp://192.0.2.1:8786``.

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
            plans = _shared(plan, len(workers))
            futures = [
                client.submit(run_share, share, workers=[worker], pure=False)
                for share, worker in zip(plans, workers, strict=False)
            ]
            return _collected(plan, [future.result(timeout=_longest_s(plan)) for future in futures])
    except (OSError, TimeoutError) as error:
        raise MediaError(f"the cluster at {scheduler} does not answer: {error}") from error
