"""Streams to peers that cut them where they rest."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from softphone.sip.transport.spacing import SILENCE_S, Spaced, Spacing
from softphone.testing.clock import run

BARE = b"SIP/2.0 100 Trying\r\nContent-Length: 0\r\n\r\n"
BODY = b"SIP/2.0 183 Session Progress\r\nContent-Length: 5\r\n\r\nv=0\r\n"
BLANK = b"SIP/2.0 183 Session Progress\r\nContent-Length: 6\r\n\r\nv=\r\n\r\n"


@given(st.lists(st.tuples(st.sampled_from([BARE, BODY, BLANK]), st.floats(0, 0.2)), max_size=20))
def test_after_a_body_there_is_silence_and_the_order_stays(sent: list[tuple[bytes, float]]) -> None:
    spacing, now, before = Spacing(), 0.0, (BARE, 0.0)
    for data, pause in sent:
        now += pause
        at = spacing.when(data, now)
        assert at >= now
        assert at >= before[1] + (SILENCE_S if before[0] is not BARE else 0.0)
        assert at == now or at == before[1] + (SILENCE_S if before[0] is not BARE else 0.0)
        before = data, at


def test_they_are_written_when_they_may_be() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        written: list[tuple[float, bytes]] = []
        spaced = Spaced(lambda data: written.append((loop.time(), data)))
        for data in (BARE, BODY, BARE, BARE, BODY, BODY):
            spaced.put(data)
        await asyncio.sleep(1)
        spaced.put(BARE)
        assert [data for _, data in written] == [BARE, BODY, BARE, BARE, BODY, BODY, BARE]
        assert [round(at, 3) for at, _ in written] == [0.0, 0.0, 0.05, 0.05, 0.05, 0.1, 1.0]

    run(scene())
