"""Synchronisation of the processes of one run."""

import asyncio
from multiprocessing.synchronize import Barrier
from threading import BrokenBarrierError
from typing import TYPE_CHECKING, Any, Protocol

from softphone.errors import MediaError

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import SynchronizedString

    from distributed import Client

__all__ = ["LATEST_S", "MOST_WORDS", "ClusterMeeting", "LocalMeeting", "Meeting", "agreed", "meet"]

LATEST_S = 600.0
"""Nobody is waited for longer than that."""
MOST_WORDS = 1 << 16
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

    def tell(self, words: str) -> None:
        """Say something to all others, which they find after they have met; raises MediaError for too much."""
        ...

    def told(self) -> str:
        """Give what was said last."""
        ...


class LocalMeeting:
    """A meeting of processes of this machine.

    Parameters
    ----------
    barrier, words
        Shared by all; `words` has room for `MOST_WORDS` bytes.
    """

    def __init__(self, barrier: Barrier, words: "SynchronizedString") -> None:
        self._barrier, self._words = barrier, words

    def wait(self) -> None:
        """Wait for all others."""
        try:
            self._barrier.wait(LATEST_S)
        except BrokenBarrierError as error:
            raise MediaError(FAILED) from error

    def give_up(self) -> None:
        """Let nobody wait for us."""
        self._barrier.abort()

    def tell(self, words: str) -> None:
        """Say something to all others."""
        data = words.encode()
        if len(data) >= MOST_WORDS:
            raise MediaError(f"{len(data)} bytes are too many to be told to other processes")
        self._words.value = data

    def told(self) -> str:
        """Give what was said last."""
        return self._words.value.decode()


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

    def _variable(self) -> Any:
        from distributed import Variable

        return Variable(f"{self._run}-words", client=self._client)  # type: ignore[no-untyped-call]

    def tell(self, words: str) -> None:
        """Say something to all others."""
        self._variable().set(words)

    def told(self) -> str:
        """Give what was said last."""
        return str(self._variable().get(timeout=LATEST_S))


async def agreed(meeting: Meeting | None, words: str, *, leads: bool) -> str:
    """Give in all processes what the one that leads says; raises MediaError where one has failed."""
    if meeting is None:
        return words
    if leads:
        await asyncio.to_thread(meeting.tell, words)
    await meet(meeting)
    said = await asyncio.to_thread(meeting.told)
    await meet(meeting)  # nothing else is said before all have heard this
    return said


async def meet(meeting: Meeting | None) -> None:
    """Wait for the other processes, where there are any; who is cancelled meanwhile holds up nobody."""
    if meeting is None:
        return
    try:
        await asyncio.to_thread(meeting.wait)
    except BaseException:
        meeting.give_up()
        raise
