"""Loss is exact against sequence numbers, whatever a network does to packets."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mixer.kernel import records
from softphone.load.media.ears import waves_at
from softphone.load.media.lately import Lately, lately, measured
from softphone.load.media.tally import BOT, Bots, settle, take
from softphone.media.codecs.forms import DECODE
from softphone.media.net.slots import SLOT_SIZE


def counted(sequence: list[int], ssrc: list[int] | None = None) -> tuple[Bots, int]:
    """Let packets of these numbers come to a bot; its record, and what it lost."""
    n = len(sequence)
    bots = records(1, BOT)
    bots["open"], bots["clock"] = True, 160
    data: NDArray[np.uint8] = np.zeros((n, SLOT_SIZE), np.uint8)
    data[:, 0] = 0x80
    for i, number in enumerate(sequence):
        data[i, 2:4] = list((number & 0xFFFF).to_bytes(2))
        data[i, 4:8] = list((160 * number & 0xFFFFFFFF).to_bytes(4))
        data[i, 11] = ssrc[i] if ssrc else 1
    args: Any = data, np.full(n, 172, np.uint32), 0.02 * np.arange(n), np.zeros(n, np.int64), n, bots
    waves = waves_at(8000, (0,))
    tools: Any = waves, lately(4), np.zeros((1, 127, 4), np.float32)
    together: list[Any] = [*args, DECODE, *tools, np.zeros(n, np.int64)]
    take(*together)
    expected, lost = np.zeros(1, np.int64), np.zeros(1, np.int64)
    settle(bots, expected, lost)
    return bots[0], int(lost[0])


@settings(deadline=None, max_examples=60)
@given(
    first=st.integers(0, 0xFFFF),
    keep=st.lists(st.booleans(), min_size=3, max_size=300),
    swaps=st.lists(st.tuples(st.integers(0, 299), st.integers(1, 40)), max_size=20),
    doubles=st.lists(st.integers(0, 299), max_size=20),
)
def test_what_never_came_is_lost_and_nothing_else(
    first: int, keep: list[bool], swaps: list[tuple[int, int]], doubles: list[int]
) -> None:
    came = [first + k for k, kept in enumerate(keep) if kept]
    if not came:
        return
    wanted_lost = came[-1] - came[0] + 1 - len(came)
    for at, by in swaps:  # each is moved back by less than what is remembered
        if at < len(came):
            number = came.pop(at)
            came.insert(min(at + by, len(came)), number)
    for at in doubles:
        if at < len(came):
            came.insert(at + 1, came[at])
    behind = max(max(came[: i + 1]) - number for i, number in enumerate(came))
    row, lost = counted(came)
    if behind < 64:
        assert lost == wanted_lost
        assert int(row.received) == len(set(came))
        assert int(row.duplicate) == len(came) - len(set(came))
        assert int(row.stale) == 0


def test_what_comes_out_of_order_is_no_loss() -> None:
    row, lost = counted([5, 7, 6, 8, 8, 10])
    assert (lost, int(row.reordered), int(row.duplicate), int(row.received)) == (1, 1, 1, 5)


def test_numbers_that_wrap_are_no_loss() -> None:
    assert counted([65534, 65535, 65536, 65537])[1] == 0


def test_another_source_is_another_row_of_numbers() -> None:
    row, lost = counted([10, 11, 13, 4000, 4001], [1, 1, 1, 2, 2])
    assert (lost, int(row.streams)) == (1, 2)


def test_what_is_no_rtp_is_counted_apart() -> None:
    bots = records(1, BOT)
    bots["open"], bots["clock"] = True, 160
    data = np.zeros((3, SLOT_SIZE), np.uint8)
    data[1, 0], data[2, 0] = 0x9F, 0x8F  # an extension, and sources, that are cut off
    args: Any = data, np.full(3, 13, np.uint32), np.zeros(3), np.zeros(3, np.int64), 3, bots
    waves = waves_at(8000, (0,))
    tools: Any = waves, lately(4), np.zeros((1, 127, 4), np.float32)
    together: list[Any] = [*args, DECODE, *tools, np.zeros(3, np.int64)]
    assert take(*together) == 0
    assert (int(bots[0].invalid), int(bots[0].received)) == (3, 0)


def memory() -> tuple[Lately, dict[str, NDArray[Any]]]:
    """What was measured lately, and its arrays: of two tones."""
    arrays: dict[str, NDArray[Any]] = {
        "codes": np.zeros((8, 160), np.uint8),
        "law": np.full(8, -1, np.int8),
        "energy": np.zeros(8),
        "clipped": np.zeros(8, np.int64),
        "tones": np.zeros((8, 4), np.float32),
        "sound": np.zeros(160, np.float32),
        "last": np.zeros(1, np.int64),
    }
    return Lately(**arrays), arrays


def test_what_was_measured_lately_is_what_it_would_be_measured_as() -> None:
    """Frames of both laws, among them some whose codes have the same sum, come again and again in any order."""
    rng, waves = np.random.default_rng(1), waves_at(8000, (0, 5))
    frames = rng.integers(0, 256, (40, 160)).astype(np.uint8)
    frames[1:20] = [rng.permutation(frames[0]) for _ in range(19)]
    known, kept = memory()
    for which, law in zip(rng.integers(0, 40, 400), rng.integers(0, 2, 400), strict=True):
        (fresh, alone), at = memory(), measured(frames[which], 0, law, DECODE, waves, known)
        assert at == measured(frames[which], 0, law, DECODE, waves, fresh)
        for name in ("energy", "clipped", "tones"):
            np.testing.assert_array_equal(kept[name][at], alone[name][at])
        wave = DECODE[law][frames[which]].astype(np.float64)
        assert kept["energy"][at] == np.dot(wave, wave)
