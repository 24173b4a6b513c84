"""What bots send: numbered without holes, whatever becomes of the clock."""

import itertools
import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import g711
from softphone.load.fitness import Fitness
from softphone.load.media.plane import LoadPlane
from softphone.load.media.speakers import STEPS
from softphone.load.report import Health
from softphone.media.net.port import Patience
from softphone.media.net.slots import Letters, SendBuffer
from tests.load.paper import PaperDoors, Table
from tests.support.signals import noise


def test_steps_that_are_left_out_are_a_pause_and_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    table, sent = Table(2, [0], 5.0), list[tuple[int, int]]()
    send = table.bridge.send

    def watched(outbox: SendBuffer | Letters, bots: NDArray[np.int64], patience: Patience) -> int:
        for i, bot in enumerate(bots):
            _, _, seq, timestamp = struct.unpack_from(">BBHI", outbox.datagram(i))
            if bot == 0:
                sent.append((seq, timestamp // 160))
        return send(outbox, bots, patience)

    monkeypatch.setattr(table.bridge, "send", watched)
    table.run(0.2)
    table.plane.press(0, "1", 101)
    table.run(0.4)
    table.plane.skip(40)
    table.run(0.2)
    assert [seq for seq, _ in sent] == list(range(len(sent)))
    assert max(later - tick for (_, tick), (_, later) in itertools.pairwise(sent)) == 11


def test_a_bot_says_its_word_or_any_speech_as_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    doors, speeches = PaperDoors(1, 4.0), [noise(1600, seed=1), noise(2400, seed=2)]
    plane = LoadPlane(doors, 1, [0], level_dbov=-22.0, epoch_s=0.0, speeches=speeches)
    plane.open(0, ("127.0.0.1", 9), 0, 0)
    sent = list[bytes]()

    def watched(outbox: SendBuffer | Letters, bots: NDArray[np.int64], patience: Patience) -> int:
        sent.extend(outbox.datagram(i)[12:] for i in range(len(bots)))
        return len(bots)

    monkeypatch.setattr(doors, "send", watched)

    def said() -> set[bytes]:
        sent.clear()
        for _ in range(20 * STEPS):
            plane.step(plane.due_s())
        return set(sent)

    for which, pcm in enumerate(speeches):
        plane.talk(0, True, which)
        assert said() == {bytes(frame) for frame in g711.encode(pcm, g711.ENCODE_ULAW).reshape(-1, 160)}
    plane.talk(0, True)
    word = said()
    assert len(word) == 2, "loud and soft frames of a tone"
    plane.talk(0, False)
    assert not word & said()


def test_what_the_generator_itself_lost_or_left_out_voids_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(2, [0, 1], 10.0)
    fitness = Fitness(table.plane, table.bridge)
    table.run(2.0)
    assert fitness.health(2.0, 0.1) == Health(busy_share=0.1)
    monkeypatch.setattr(table.bridge, "overflowed", lambda: 2)
    table.plane.skip(3 * STEPS)
    health = fitness.health(2.0, 0.1)
    assert health.overflow_share == pytest.approx(2 / 200, abs=1e-3)
    assert [word for word in ("late", "lost here") if not any(word in reason for reason in health.void)] == []
    assert health.held_up == 2, "a stall may silence the window in which it begins, and that in which it ends"
    fitness.begin()
    assert fitness.health(2.0, 0.1) == Health(busy_share=0.1)
