"""The kernels as machine code and as the text that they are: the same samples of the same ticks."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from mixer import kernel
from tests.mixer.test_playout import tone
from tests.support.packets import Pcm, bridge_of, deliver, packets_of

TICKS, ROWS = 30, 3
PROGRAM = "import sys, numpy; from tests.mixer.test_uncompiled import said; numpy.save(sys.argv[1], said())"


def said() -> Pcm:
    """
    All that three talkers say and hear, as int16 of shape (ticks, frames * samples).

    One loses packets, in bursts too; one comes with jitter, then later for good, and its clock is fast; the timestamps
    of the third jump, and it sends noise.
    """
    random, half = np.random.default_rng(8), TICKS // 2
    late = random.uniform(0, 0.03, TICKS)
    noise = random.normal(0, 2000, 160 * TICKS).astype(np.int16)
    lossy = [p for k, p in enumerate(packets_of(tone(TICKS / 50, hz=210))) if k not in (6, 12, 13, 14, 21)]
    drifting = packets_of(
        tone(TICKS / 50, hz=330), row=1, ssrc=2, ppm=9000, delay_s=lambda k: late[k] + 0.05 * (k > half)
    )
    early, then = noise[: 160 * half], noise[160 * half :]
    jumping = [
        *packets_of(early, row=2, ssrc=3),
        *packets_of(then, row=2, ssrc=3, start_s=0.005 + half / 50, seq=100 + half, timestamp=900_000),
    ]
    bridge, heard = bridge_of(ROWS), []
    for k in range(TICKS):
        come = [p for p in [*lossy, *drifting, *jumping] if k <= p.at_s * 50 < k + 1]
        deliver(bridge, sorted(come, key=lambda p: p.at_s), (k + 1) / 50)
        frames = bridge.tick((k + 1) / 50)
        heard.append(np.concatenate([*bridge.usual.heard, *(frames.frame_for(row) for row in range(ROWS))]))
    assert (os.environ.get("NUMBA_DISABLE_JIT") != "1") == kernel.COMPILED
    assert bridge.counters(0).concealed >= 5
    return np.array(heard)


def test_the_text_makes_the_samples_of_the_machine_code(tmp_path: Path) -> None:
    env = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", PROGRAM, tmp_path / "said.npy"], env=env, check=True, timeout=110)
    compiled = said()
    assert compiled[2:].any(axis=1).all()
    np.testing.assert_array_equal(np.load(tmp_path / "said.npy"), compiled)
