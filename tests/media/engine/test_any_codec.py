"""Whatever comes in whatever codec of a leg, no index leaves its array, the others are heard, and so is the leg later.

`FUZZ_PACKETS=1000000` makes it long, `FUZZ_SEED` another.
"""

import os
import struct

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer.frame import TICK_S
from softphone.codec import TABLE, codec
from softphone.media.contract.leg import LegSpec, MediaAddress
from tests.media.codecs.any import encoder
from tests.media.memory import HOST, Came, MemoryPlane

PACKETS = int(os.environ.get("FUZZ_PACKETS", "6000"))
SEED = int(os.environ.get("FUZZ_SEED", "6"))
GOOD = ("PCMU", "G722", "OPUS", "L16/48000", "L16/16000")
STORM = 20  # ticks
SIZES = np.array([0, 1, 2, 3, 12, 33, 80, 159, 160, 161, 320, 480, 640, 960, 1275, 1276, 1280, 1281, 1400])
OTHERS = tuple((each.payload_type, each.name) for each in TABLE)


class Talker:
    """A leg that says a level of noise in its codec."""

    def __init__(self, plane: MemoryPlane, name: str, port: int, rng: np.random.Generator) -> None:
        self.spoken, self.at = codec(name), MediaAddress(HOST, port)
        others = tuple(each for each in OTHERS if each[1] != name)
        self.kinds = np.array([self.spoken.payload_type, *(kind for kind, _ in others[:3]), 0, 13, 101, 127])
        settings = {"codec": name, "payload_type": self.spoken.payload_type, "others": others}
        ptime = min(20, max(self.spoken.ptimes_ms))
        self.row = plane.open(LegSpec(remote=self.at, event_payload_type=101, ptime_ms=ptime, **settings))  # type: ignore[arg-type]
        self._coder = encoder(self.spoken, 1, self.spoken.rate_hz)
        self._sound = rng.normal(0, 4000, self.spoken.rate_hz // 50).astype(np.int16)
        self.seq, self.timestamp, self.ssrc = (int(each) for each in rng.integers(0, 1 << 16, 3))

    def due(self) -> list[bytes]:
        """The packets of the next tick."""
        step = min(20, max(self.spoken.ptimes_ms))
        said = []
        for part in np.split(self._sound, 20 // step):
            out = np.zeros((1, 2000), np.uint8)
            size = int(self._coder.encode(np.zeros(1, np.int64), part[None], out)[0])
            said.append(
                self.packet(self.spoken.payload_type, self.seq, self.timestamp, self.ssrc) + out[0, :size].tobytes()
            )
            self.seq, self.timestamp = self.seq + 1, self.timestamp + self.spoken.ticks(step)
        return said

    @staticmethod
    def packet(kind: int, seq: int, timestamp: int, ssrc: int) -> bytes:
        return struct.pack(">BBHII", 0x80, kind, seq & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc & 0xFFFFFFFF)


class Trial:
    """Two planes with the same good talkers; in one of them there are others, who say anything."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.planes = [MemoryPlane(0, monkeypatch, 32) for _ in range(2)]
        self.good = [
            [Talker(plane, name, 6000 + 2 * k, np.random.default_rng(k)) for k, name in enumerate(GOOD)]
            for plane in self.planes
        ]
        self.bad = [Talker(self.planes[1], each.name, 7000 + 2 * k, self.rng) for k, each in enumerate(TABLE)]
        self.told = 0

    def tick(self, bad: Came) -> list[list[NDArray[np.int16]]]:
        """What each good talker is heard to say, alone and beset."""
        found = []
        for plane, talkers, more in zip(self.planes, self.good, ([], bad), strict=True):
            said = [(packet, each.at) for each in talkers for packet in each.due()]
            tick = plane.tick([*more[: len(more) // 2], *said, *more[len(more) // 2 :]], [])
            found.append([tick.said_by(each.row).copy() for each in talkers])
        return found

    def storm(self) -> Came:
        """Anything, from the addresses of the bad ones."""
        rng, said = self.rng, []
        for each in self.bad:
            for _ in range(int(rng.integers(0, 5))):
                kind = int(rng.choice(each.kinds)) | 128 * int(rng.random() < 0.1)
                near = rng.random() < 0.6
                seq = each.seq + int(rng.integers(-3, 9)) if near else int(rng.integers(0, 1 << 16))
                stamp = each.timestamp + 160 * int(rng.integers(-3, 9)) if near else int(rng.integers(0, 1 << 32))
                ssrc = each.ssrc if rng.random() < 0.7 else int(rng.integers(0, 1 << 32))
                data = rng.integers(0, 256, int(rng.choice(SIZES)), np.uint8).tobytes()
                said.append((each.packet(kind, seq, stamp, ssrc) + data, each.at))
                each.seq, each.timestamp = each.seq + 1, each.timestamp + 160
        self.told += len(said)
        return said


@pytest.mark.timeout(120 + PACKETS // 1000)
def test_whatever_is_said_in_whatever_codec_the_others_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    trial = Trial(monkeypatch, SEED)
    while trial.told < PACKETS:
        for _ in range(STORM):
            alone, beset = trial.tick(trial.storm())
            for one, other in zip(alone, beset, strict=True):
                np.testing.assert_array_equal(one, other)
        for each in trial.bad:  # another source, once the storm's has been quiet for a while
            each.ssrc = int(trial.rng.integers(0, 1 << 32))
        for _ in range(round(0.3 / TICK_S)):
            trial.tick([])
        for _ in range(round(0.4 / TICK_S)):
            trial.tick([(packet, each.at) for each in trial.bad for packet in each.due()])
        levels = trial.planes[1].bridge.level_dbov[[each.row for each in trial.bad]]
        assert (levels > -30).all(), (trial.told, levels)
