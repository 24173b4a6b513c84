"""Parameters of Opus in session descriptions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.opus import OpusParameters

ANY = st.builds(
    OpusParameters,
    max_playback_hz=st.integers(8000, 48_000),
    max_bitrate=st.none() | st.integers(6000, 510_000),
    cbr=st.booleans(),
    fec=st.booleans(),
    dtx=st.booleans(),
)


@given(ANY)
def test_what_is_written_is_read(parameters: OpusParameters) -> None:
    assert OpusParameters.read(str(parameters)) == parameters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", OpusParameters()),
        ("minptime=10;useinbandfec=1", OpusParameters(fec=True)),
        ("maxplaybackrate=16000; sprop-maxcapturerate=16000; maxaveragebitrate=20000; stereo=1; usedtx=1",
         OpusParameters(16_000, 20_000, dtx=True)),
        ("CBR=1;UseInbandFEC = 0", OpusParameters(cbr=True)),
        ("maxplaybackrate=7999;maxaveragebitrate=5999;cbr=2", OpusParameters()),
        ("maxplaybackrate=48001;maxaveragebitrate=510001;usedtx=11", OpusParameters()),
        ("sprop-cbr=1;x-usedtx=1;useinbandfec=1x;maxplaybackrate=16000.5", OpusParameters()),
        ("maxaveragebitrate=99999999999999999999", OpusParameters()),
        ("usedtx=1;usedtx=0", OpusParameters(dtx=True)),
    ],
)  # fmt: skip
def test_what_telephones_say_and_what_nobody_should(text: str, expected: OpusParameters) -> None:
    assert OpusParameters.read(text) == expected


@given(st.text(max_size=200) | st.text("=;0123456789 abdefginuvmxtr\t-", max_size=200))
def test_no_text_is_an_error(text: str) -> None:
    read = OpusParameters.read(text)
    assert 8000 <= read.max_playback_hz <= 48_000
    assert read.max_bitrate is None or 6000 <= read.max_bitrate <= 510_000
