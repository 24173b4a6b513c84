"""What can be spoken, and what cannot and is told so."""

from typing import Any

import numpy as np
import pytest

from softphone import AudioError, audio


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([1, 2, 3], "list"),
        (b"\0\0", "frombuffer"),
        (np.zeros(3, np.int32), "int32"),
        (np.zeros(3, np.uint8), "uint8"),
        (np.zeros(3, np.bool_), "bool"),
        (np.zeros(3, np.uint16), "uint16"),
        (np.zeros(3, np.complex64), "complex64"),
        (np.array(["a"]), "U1"),
        (np.zeros(()), "shape"),
        (np.zeros((2, 2, 2)), "shape"),
        (np.zeros((2, 0)), "shape"),
        (np.array([0.0, np.nan]), "NaN"),
        (np.array([0.0, -np.inf], np.float32), "infinity"),
        (np.array([12000.0]), "full scale"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_audio_is_named(wrong: Any, words: str) -> None:
    with pytest.raises(AudioError, match=words):
        audio.checked(wrong)


@pytest.mark.parametrize("rate_hz", [0, -1, 1, True, 1999, 768_001, 8000.5, float("nan"), float("inf"), "8000", 1 + 1j])
def test_what_is_no_rate_is_named(rate_hz: Any) -> None:
    with pytest.raises(AudioError, match="whole number of Hz from 2000 to 768000"):
        audio.checked_rate(rate_hz)
