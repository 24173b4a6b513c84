import audioop

import numpy as np
import pytest
from numpy.typing import NDArray

from mixer import g711

CODES = bytes(range(256))
SAMPLES = np.arange(-32768, 32768).astype(np.int16)


@pytest.mark.parametrize(
    ("table", "reference"), [(g711.DECODE_ULAW, audioop.ulaw2lin), (g711.DECODE_ALAW, audioop.alaw2lin)]
)
def test_every_code_decodes_as_the_standard_library_says(table: NDArray[np.int16], reference: object) -> None:
    assert callable(reference)
    expected = np.frombuffer(reference(CODES, 2), np.int16)
    codes = np.frombuffer(CODES, np.uint8)
    np.testing.assert_array_equal(g711.decode(codes, table), expected)


@pytest.mark.parametrize(
    ("table", "reference"), [(g711.ENCODE_ULAW, audioop.lin2ulaw), (g711.ENCODE_ALAW, audioop.lin2alaw)]
)
def test_every_sample_encodes_as_the_standard_library_says(table: NDArray[np.uint8], reference: object) -> None:
    assert callable(reference)
    expected = np.frombuffer(reference(SAMPLES.tobytes(), 2), np.uint8)
    np.testing.assert_array_equal(g711.encode(SAMPLES, table), expected)


def test_silence_on_the_line() -> None:
    silence = np.zeros(1, np.int16)
    assert g711.encode(silence, g711.ENCODE_ULAW)[0] == 0xFF
    assert g711.encode(silence, g711.ENCODE_ALAW)[0] == 0xD5


def test_no_code_decodes_to_the_value_that_means_absent() -> None:
    assert min(g711.DECODE_ULAW.min(), g711.DECODE_ALAW.min()) > -32768


def test_batches_keep_their_shape() -> None:
    codes = np.frombuffer(CODES, np.uint8).reshape(4, 64)
    back = g711.encode(g711.decode(codes, g711.DECODE_ULAW), g711.ENCODE_ULAW)
    # 0x7F is minus zero: the one code that is not restored
    np.testing.assert_array_equal(back, np.where(codes == 0x7F, 0xFF, codes))
