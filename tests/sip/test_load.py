"""What a layer carries for a minute, and what a finished transaction costs; with the time as an argument."""

import gc
import tracemalloc

import pytest

from softphone.sip.message.message import response
from softphone.sip.transaction.events import RequestReceived
from softphone.sip.transaction.layer import CAPACITY, TransactionLayer
from tests.sip.wire import ALICE, invite, invite_bytes

BODY = "v=0\r\n" * 60
# A tenth of the calls in a tenth of the room: the same, in a tenth of the time.
SCALE = 10
CALL_S = 5.0


def serve(layer: TransactionLayer, data: bytes, now: float) -> bool:
    """Hand a request in and answer it with 200; whether it was let in."""
    layer.expire(now)
    layer.receive(data, ALICE, now)
    came = [event for event in layer.events() if isinstance(event, RequestReceived)]
    for event in came:
        layer.respond(event.key, response(event.request, 200, to_tag="b", body=BODY), now)
    layer.sends()
    return bool(came)


def minute(calls_per_s: int) -> tuple[TransactionLayer, int, int]:
    """Let calls of 5 s come in for 60 s; the layer, how many were let in, and how many could not be ended."""
    layer = TransactionLayer(capacity=CAPACITY // SCALE)
    up: list[tuple[float, str]] = []
    stuck = 0
    for number in range(60 * calls_per_s // SCALE):
        now = number * SCALE / calls_per_s
        if serve(layer, invite_bytes(Call_ID=f"c{number}"), now):
            up.append((now + CALL_S, f"c{number}"))
        while up and up[0][0] <= now:
            ended = invite_bytes(method="BYE", CSeq="2 BYE", To="<sip:b@h>;tag=b", Call_ID=up.pop(0)[1])
            stuck += not serve(layer, ended, now)
    return layer, number + 1, stuck


def test_400_calls_a_second_for_a_minute() -> None:
    layer, came, stuck = minute(400)
    assert (came, layer.counters.refused, stuck) == (2400, 0, 0)


def test_above_that_new_calls_are_shed_and_those_that_are_up_can_end() -> None:
    layer, came, stuck = minute(1600)
    assert 0 < layer.counters.refused < came
    assert stuck == 0
    assert len(layer) <= 2 * layer.capacity


def test_a_finished_transaction_is_small() -> None:
    layer = TransactionLayer()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(1000):
        serve(layer, invite_bytes(Call_ID=f"c{number}", Content_Type="application/sdp"), 0.0)
    gc.collect()
    each = (tracemalloc.get_traced_memory()[0] - before) / 1000
    tracemalloc.stop()
    assert len(layer) == 1000
    assert each < 3000


@pytest.mark.parametrize("way_back", [1, 7])
def test_a_layer_is_full_of_long_answers_too(way_back: int) -> None:
    """An answer repeats the Via of its request: a few of sixty kilobytes are as much as a crowd of usual ones."""
    bob = TransactionLayer(capacity=100)
    long = [f"SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{'x' * (50_000 // way_back)}{n}" for n in range(way_back)]
    came = 0
    while not bob.overloaded:
        first = f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-{came}"
        request = invite(Call_ID=str(came), method="SUBSCRIBE", CSeq="1 SUBSCRIBE")
        request.set("Via", first, *long)
        bob.deliver(request, ALICE, 0.0)
        (event,) = bob.events()
        assert isinstance(event, RequestReceived)
        bob.respond(event.key, response(request, 200), 0.0)
        came += 1
    assert came == 4
    bob.sends()
    bob.receive(invite_bytes(), ALICE, 0.0)
    assert bob.sends()[0].data.startswith(b"SIP/2.0 503 ")
    bob.receive(invite_bytes(method="BYE", CSeq="2 BYE", To="<sip:b@h>;tag=t"), ALICE, 0.0)
    assert len(bob.events()) == 1
    bob.expire(100.0)
    assert len(bob) == 1 and not bob.overloaded
