"""Whatever bytes come, of whatever length: nothing is read or written outside, and the sound is bounded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.codec import TABLE, Codec
from softphone.errors import MediaError
from softphone.media.codecs.payloads import Payloads
from tests.media.codecs.any import decoder, encoder
from tests.media.codecs.lines import laid

CODERS = [(spoken, rate_hz) for spoken in TABLE for rate_hz in spoken.rates_hz]
IDS = [f"{spoken} at {rate_hz}" for spoken, rate_hz in CODERS]
ROWS = 4
payload = st.binary(max_size=300) | st.integers(0, 1600).map(lambda size: b"\xff" * size)


def decoded(spoken: Codec, rate_hz: int, payloads: Payloads, rows: list[int], width: int) -> list[bytes]:
    """The sound of each payload; what lies beside the place for it must not change."""
    whole = np.full((len(rows) + 2, width), 77, np.int16)
    made = decoder(spoken, ROWS, rate_hz).decode(np.array(rows, np.int64), payloads, whole[1:-1])
    assert (whole[[0, -1]] == 77).all() and (made >= 0).all() and (made <= width).all()
    assert all((whole[i + 1, made[i] :] == 77).all() for i in range(len(rows)))
    assert (whole > -32_768).all()
    return [whole[i + 1, : made[i]].tobytes() for i in range(len(rows))]


@pytest.mark.parametrize(("spoken", "rate_hz"), CODERS, ids=IDS)
@given(lines=st.lists(st.tuples(st.integers(0, ROWS - 1), payload), min_size=1, max_size=6), width=st.integers(0, 6000))
def test_any_bytes_of_any_length(spoken: Codec, rate_hz: int, lines: list[tuple[int, bytes]], width: int) -> None:
    rows, payloads = [row for row, _ in lines], laid([each for _, each in lines])
    sound = decoded(spoken, rate_hz, payloads, rows, width)
    around = np.ones(len(payloads.data), np.bool_)
    for start, size in zip(payloads.offset, payloads.size, strict=True):
        around[start : start + size] = False
    payloads.data[around] = 0x5A  # what lies around a payload is no part of it
    assert sound == decoded(spoken, rate_hz, payloads, rows, width)


@pytest.mark.parametrize(("spoken", "rate_hz"), CODERS, ids=IDS)
@given(
    offset=st.integers(-(2**40), 2**40) | st.integers(-5, 105),
    size=st.integers(-(2**40), 2**40) | st.integers(-5, 105),
)
def test_what_is_said_to_lie_elsewhere_is_not_read(spoken: Codec, rate_hz: int, offset: int, size: int) -> None:
    data = np.full(300, 0x5A, np.uint8)
    lies = Payloads(data[100:200], np.array([offset]), np.array([size]))
    sound = decoded(spoken, rate_hz, lies, [0], 6000)
    data[:100] = data[200:] = 0xC3
    assert sound == decoded(spoken, rate_hz, lies, [0], 6000)


@pytest.mark.parametrize(("spoken", "rate_hz"), CODERS, ids=IDS)
def test_an_encoder_writes_no_more_than_there_is_room_for(spoken: Codec, rate_hz: int) -> None:
    frames = np.full((3, rate_hz // 50), -32_768, np.int16)
    for room in (0, 1, 7, 160, 2000):
        whole = np.full((5, room), 0xA5, np.uint8)
        size = encoder(spoken, ROWS, rate_hz).encode(np.arange(3), frames, whole[1:-1])
        assert (whole[[0, -1]] == 0xA5).all() and (size >= 0).all() and (size <= room).all()
    assert (size > 0).all()


@pytest.mark.parametrize("spoken", TABLE, ids=str)
def test_a_rate_that_a_codec_has_not_is_named(spoken: Codec) -> None:
    for make in (decoder, encoder):
        with pytest.raises(MediaError, match=f"{spoken.name} .* 44100 Hz"):
            make(spoken, 1, 44_100)
