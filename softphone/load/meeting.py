"""Synchronisation of the processes of one run."""

import asyncio
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError
from typing import TYPE_CHECKING, Any, Protocol

from softphone.errors import MediaError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["LATEST_S", "ClusterMeeting", "LocalMeeting", "Meeting", "meet"]

LATEST_S = 600.0
"""Nobody is waited for longer than that."""
LOOK_S = 1.0
"""Between two looks whether another process of a cluster has given up."""
FAILED = "another process of the run has failed, or is late by ten minutes"


class Meeting(Protocol):
    """A barrier that all shares of a run come to, as often as each of them does."""

    def wait(self) -> None:
        """Wait for all others; raises MediaError where one has given up, or does not come."""
        ...

    def give_up(self) -> None:
        """Let nobody wait for us."""
        ...


class LocalMeeting:
    """A meeting of processes of this machine."""

    def __init__(self, barrier: Barrier) -> None:
        self._barrier = barrier

    def wait(self) -> None:
        """Wait for all others."""
        try:
            self._barrier.wait(LATEST_S)
        except BrokenBarrierError as error:
            raise MediaError(FAILED) from error

    def give_up(self) -> None:
        """Let nobody wait for us."""
        self._barrier.abort()


class ClusterMeeting:
    """A meeting of the workers of a Dask cluster: each says by an event of the scheduler that it has come.

    Parameters
    ----------
    run
        A name that no other run has.
    share, shares
        Which one this is, of how many.
    client
        Of this worker.
    """

    def __init__(self, run: str, share: int, shares: int, client: "Client") -> None:
        self._run, self._share, self._shares, self._client = run, share, shares, client
        self._times = 0

    def _event(self, name: str) -> Any:
        from distributed import Event

        return Event(f"{self._run}-{name}", client=self._client)  # type: ignore[no-untyped-call]

    def wait(self) -> None:
        """Wait for all others."""
        self._times += 1
        self._event(f"{self._times}-{self._share}").set()
        for share in range(self._shares):
            if not self._comes(f"{self._times}-{share}"):
                raise MediaError(FAILED)

    def _comes(self, name: str) -> bool:
        for _ in range(round(LATEST_S / LOOK_S)):
            if self._event(name).wait(LOOK_S):
                return True
            if self._event("failed").is_set():
                break
        return False

    def give_up(self) -> None:
        """Let nobody wait for us."""
        self._event("failed").set()


async def meet(meeting: Meeting | None) -> None:
    """Wait for the other processes, where there are any; who is cancelled meanwhile holds up nobody."""
    if meeting is None:
        return
    try:
        await asyncio.to_thread(meeting.wait)
    except BaseException:
        meeting.give_up()
        raise
