"""Opus against ffmpeg's own decoder, which is not libopus, and what packets are like under each parameter."""

import ctypes
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from softphone import opus
from softphone.errors import MediaError
from softphone.media.codecs import libopus
from softphone.media.codecs.opus import DTX_SIZE, OpusDecoder, OpusEncoder, length
from softphone.media.codecs.payloads import Payloads
from softphone.opus import OpusParameters
from tests.media.codecs.lines import Peer, Samples, frames, laid, speech
from tests.media.codecs.test_states import heard, sent

RATES_HZ = (8000, 16_000, 24_000, 48_000)
NARROW, WIDE, FULL = range(4), range(8, 12), 48_000
ROW = np.zeros(1, np.int64)


def encoded(rate_hz: int, sound: Samples, ms: int = 20, **wanted: object) -> list[bytes]:
    coder = OpusEncoder(1, rate_hz)
    coder.configure(ROW, OpusParameters(**wanted))  # type: ignore[arg-type]
    return sent(coder, 0, frames(sound, rate_hz * ms // 1000))


def likeness(one: Samples, other: Samples, most: int) -> float:
    """The correlation of two sounds, where one may come up to so many samples later."""
    n = min(len(one), len(other)) - most
    a = one[:n].astype(np.float64)
    shifted = [other[lag : lag + n].astype(np.float64) for lag in range(most)]
    return max(float(a @ b / np.sqrt((a @ a) * (b @ b) + 1)) for b in shifted)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("ms", [10, 20, 40, 60])
def test_another_decoder_hears_what_is_encoded(rate_hz: int, ms: int) -> None:
    payloads = encoded(rate_hz, speech(rate_hz, 1.2), ms)
    theirs = Peer("opus", FULL, sample="fltp").decode(payloads)
    ours = heard(OpusDecoder(1, FULL), 0, payloads)
    assert len(ours) == len(payloads) * FULL * ms // 1000
    assert likeness(ours, theirs, 400) > 0.98  # their filter after the lower band is another one


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_what_another_encodes_is_heard_at_each_rate(rate_hz: int) -> None:
    payloads = Peer("libopus", FULL, application="voip", b="32000").encode(frames(speech(FULL, 1.2), 960))
    ours = heard(OpusDecoder(1, rate_hz), 0, payloads)
    assert len(ours) == len(payloads) * rate_hz // 50
    assert likeness(speech(rate_hz, 1.2), ours, rate_hz // 50) > 0.9
    if rate_hz == FULL:
        np.testing.assert_array_equal(ours, np.maximum(Peer("libopus", FULL).decode(payloads), -32_767))


def test_packets_are_of_one_size_or_of_many() -> None:
    sound = speech(16_000, 2.0)
    assert len({len(each) for each in encoded(16_000, sound, cbr=True)}) == 1
    assert len({len(each) for each in encoded(16_000, sound)}) > 5


@pytest.mark.parametrize("most", [6000, 12_000, 16_000])
@pytest.mark.parametrize("cbr", [True, False])
def test_no_more_is_sent_than_the_peer_wants(most: int, cbr: bool) -> None:
    sizes = [len(each) for each in encoded(16_000, speech(16_000, 3.0), cbr=cbr, max_bitrate=most)]
    assert sum(sizes) * 8 / 3.0 <= 1.1 * most


@pytest.mark.parametrize(("rate_hz", "modes"), [(8000, NARROW), (16_000, WIDE)])
def test_no_more_of_the_spectrum_is_sent_than_the_peer_plays(rate_hz: int, modes: range) -> None:
    payloads = encoded(48_000, speech(48_000, 1.0), max_playback_hz=rate_hz)
    assert {each[0] >> 3 for each in payloads} <= set(modes)  # RFC 6716 section 3.1
    assert not {each[0] >> 3 for each in encoded(48_000, speech(48_000, 1.0))} <= set(modes)


def test_who_uses_dtx_is_sent_next_to_nothing_while_nobody_speaks() -> None:
    silence = np.zeros(16_000, np.int16)
    assert sum(len(each) <= DTX_SIZE for each in encoded(16_000, silence, dtx=True)) > 30
    assert all(len(each) > DTX_SIZE for each in encoded(16_000, silence))


def lossy(payloads: list[bytes], lost: int, *, told: bool) -> Samples:
    """What is heard when one packet in so many is lost, and the decoder is told, or given nothing."""
    ears, out, sound = OpusDecoder(1, 16_000), np.zeros((1, 5760), np.int16), []
    for k, payload in enumerate(payloads):
        if k % lost == lost - 1:
            if not told:
                made = ears.decode(ROW, laid([b""]), out, np.array([320]))
                sound.append(out[0, : made[0]].copy())
            continue
        missing = np.array([320 if told and k and k % lost == 0 else 0])
        made = ears.decode(ROW, laid([payload]), out, missing)
        sound.append(out[0, : made[0]].copy())
    return np.concatenate(sound)


def test_what_a_packet_says_of_the_one_before_it_is_better_than_what_is_made_up() -> None:
    payloads = encoded(16_000, speech(16_000, 3.0), fec=True)
    clean = heard(OpusDecoder(1, 16_000), 0, payloads).astype(np.float64)

    def error(sound: Samples) -> float:
        n = min(len(sound), len(clean))
        return float(np.square(sound[:n] - clean[:n]).sum())

    made_up, read = lossy(payloads, 5, told=False), lossy(payloads, 5, told=True)
    assert abs(len(made_up) - len(clean)) <= 320 and abs(len(read) - len(clean)) <= 320
    assert error(read) < 0.5 * error(made_up)
    without = encoded(16_000, speech(16_000, 3.0))
    assert sum(map(len, without)) < sum(map(len, payloads)) * 1.05


@pytest.mark.parametrize(
    ("missing", "expected"),
    [(0, 0), (-5, 0), (39, 0), (40, 40), (320, 320), (330, 320), (1920, 1920), (2**62, 1920)],
)
@pytest.mark.parametrize("said", [b"", b"\x48\xff\xfe"])
def test_what_is_missing_is_bounded(missing: int, expected: int, said: bytes) -> None:
    pcm = np.zeros((1, 6000), np.int16)
    made = OpusDecoder(1, 16_000).decode(ROW, laid([said]), pcm, np.array([missing]))
    assert made[0] == expected + (320 if said else 0)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_how_long_a_packet_is_can_be_told_before_it_is_decoded(rate_hz: int) -> None:
    library = libopus.load()
    for first in range(256):
        for rest in [b"", *(bytes([second, 1]) for second in range(256))]:
            packet = np.frombuffer(bytes([first]) + rest, np.uint8)
            theirs = library.opus_packet_get_nb_samples(ctypes.c_void_p(packet.ctypes.data), len(packet), rate_hz)
            assert length(packet, 0, len(packet), rate_hz) == max(theirs, 0)


def test_a_packet_that_is_no_opus_leaves_the_next_ones_as_they_are() -> None:
    payloads = encoded(16_000, speech(16_000, 1.0))
    ears, pcm = OpusDecoder(2, 16_000), np.zeros((1, 5760), np.int16)
    expected = heard(ears, 0, payloads)
    got: list[NDArray[np.int16]] = []
    for payload in payloads:
        assert ears.decode(np.array([1]), laid([b"\x4b\xff\xff"]), pcm)[0] == 0
        got.append(heard(ears, 1, [payload]))
    np.testing.assert_array_equal(np.concatenate(got), expected)


@given(
    which=st.integers(0, 39),
    spoiled=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=5),
    kept=st.integers(0, 200),
    more=st.binary(max_size=400),
    missing=st.integers(-1, 2000),
)
def test_spoiled_packets_give_a_bounded_sound_and_the_next_good_ones_are_heard(
    which: int, spoiled: list[tuple[int, int]], kept: int, more: bytes, missing: int
) -> None:
    payloads = _with_fec()
    bad = bytearray(payloads[which])
    for at, value in spoiled:
        bad[at % len(bad)] = value
    ears, pcm = OpusDecoder(1, 16_000), np.zeros((1, 5760), np.int16)
    ears.decode(ROW, laid([payloads[which]]), pcm)
    made = ears.decode(ROW, laid([bytes(bad[:kept]) + more]), pcm, np.array([missing]))[0]
    assert 0 <= made <= 2 * 1920
    assert len(heard(ears, 0, payloads)) == 320 * len(payloads)


@cache
def _with_fec() -> list[bytes]:
    return encoded(16_000, speech(16_000, 0.8), fec=True)


def test_memory_that_is_not_in_order_is_not_written_by_address() -> None:
    coder, sound = OpusEncoder(1, 16_000), frames(speech(16_000), 320)
    straight = np.zeros((1, 400), np.uint8)
    size = coder.encode(ROW, np.asfortranarray(sound[3:4, ::-1]), straight)
    coder.reset(ROW)
    again = np.zeros((1, 400), np.uint8)
    assert coder.encode(ROW, np.ascontiguousarray(sound[3:4, ::-1]), again) == size and (again == straight).all()
    with pytest.raises(ValueError, match="C order"):
        coder.encode(ROW, sound[:1], np.zeros((1, 800), np.uint8)[:, ::2])
    data = np.repeat(straight[0], 2)[::2]
    payloads = Payloads(data, np.zeros(1, np.int64), size)
    assert OpusDecoder(1, 16_000).decode(ROW, payloads, np.zeros((1, 960), np.int16))[0] == 320


def test_where_there_is_no_libopus_it_is_said_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus, "library", lambda: None)
    with pytest.raises(MediaError, match="`av`"):
        libopus.load.__wrapped__()
    monkeypatch.setattr(opus, "library", lambda: libopus.__file__)
    with pytest.raises(MediaError, match="no libopus"):
        libopus.load.__wrapped__()


@pytest.mark.skipif(sys.platform != "linux", reason="lists what is loaded")
def test_ffmpeg_and_we_have_one_libopus_in_a_process_and_it_is_ours_without_ffmpeg() -> None:
    script = """
import sys
from softphone.media.codecs.opus import OpusDecoder
OpusDecoder(1, 16_000)
assert "av" not in sys.modules
import av
av.CodecContext.create("libopus", "r")
print(*{line.split()[-1] for line in open("/proc/self/maps") if "opus" in line.split()[-1]})
"""
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert len(loaded) == 1
