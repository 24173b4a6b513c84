"""What one process of a run says is known to all, over a barrier of this machine and over a real Dask scheduler."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from typing import Any

import pytest

from softphone.errors import MediaError
from softphone.load.meeting import MOST_WORDS, ClusterMeeting, LocalMeeting, Meeting, agreed


@contextmanager
def local(shares: int) -> Iterator[list[Meeting]]:
    context = get_context("spawn")
    barrier, words = context.Barrier(shares), context.Array("c", MOST_WORDS)
    yield [LocalMeeting(barrier, words) for _ in range(shares)]  # type: ignore[arg-type]


@contextmanager
def cluster(shares: int) -> Iterator[list[Meeting]]:
    distributed: Any = pytest.importorskip("distributed")
    with ExitStack() as stack:
        made = stack.enter_context(
            distributed.LocalCluster(n_workers=0, processes=True, dashboard_address=None, host="127.0.0.1")
        )
        client = stack.enter_context(distributed.Client(made, set_as_default=False))
        yield [ClusterMeeting("run", share, shares, client) for share in range(shares)]


@pytest.mark.parametrize("kind", [local, cluster])
def test_all_know_what_the_one_that_leads_says(kind: Any) -> None:
    async def say(meetings: list[Meeting], words: str) -> list[str]:
        leads = [place == 0 for place in range(len(meetings))]
        each = (agreed(meeting, words * first, leads=first) for meeting, first in zip(meetings, leads, strict=True))
        return await asyncio.gather(*each)

    with kind(3) as meetings:
        for words in ('{"room": "größer"}', "then"):
            assert asyncio.run(say(meetings, words)) == [words] * 3


async def test_one_process_agrees_with_itself_and_too_much_is_told() -> None:
    assert await agreed(None, "x", leads=True) == "x"
    with local(1) as (meeting,), pytest.raises(MediaError, match="too many"):
        await agreed(meeting, "x" * MOST_WORDS, leads=True)
