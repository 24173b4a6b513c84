"""What bots send: numbered without holes, whatever becomes of the clock."""

import itertools
import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone.media.net.port import Patience
from softphone.media.net.slots import Letters, SendBuffer
from tests.load.paper import Table


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
