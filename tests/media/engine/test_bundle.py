"""Packets of several frames of Opus, read by ffmpeg."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.media.engine.bundle import PACKED, ROOM, add, fits, pack
from tests.media.codecs import lines


def packed(payloads: list[bytes]) -> bytes:
    memory = np.zeros(ROOM, np.uint8)
    for count, payload in enumerate(payloads):
        data = np.frombuffer(payload, np.uint8)
        assert fits(memory, count, data)
        add(memory, count, data, len(payload))
    return memory[PACKED : PACKED + pack(memory, len(payloads))].tobytes()


def unpacked(packet: bytes) -> list[bytes]:
    """By the letter of RFC 6716 section 3.2.5: variable lengths, no padding."""
    if packet[0] & 3 == 0:
        return [packet]
    assert packet[0] & 3 == 3 and packet[1] & 0xC0 == 0x80
    head, count, at, lengths = packet[0] & 0xFC, packet[1] & 63, 2, []
    for _ in range(count - 1):
        first, at = packet[at], at + 1
        if first >= 252:
            first, at = first + 4 * packet[at], at + 1
        lengths.append(first)
    lengths.append(len(packet) - at - sum(lengths))
    frames = []
    for length in lengths:
        frames.append(bytes([head]) + packet[at : at + length])
        at += length
    return frames


@given(
    st.integers(0, 63),
    st.lists(st.integers(0, 1274) | st.sampled_from([251, 252, 253, 255, 256]), min_size=1, max_size=3),
)
def test_frames_come_out_as_they_went_in(configuration: int, sizes: list[int]) -> None:
    head = configuration << 2
    payloads = [bytes([head]) + bytes((7 * j + size) % 256 for j in range(size)) for size in sizes]
    assert unpacked(packed(payloads)) == payloads


def test_frames_of_another_configuration_or_of_two_parts_are_not_joined() -> None:
    memory = np.zeros(ROOM, np.uint8)
    add(memory, 0, np.array([0x48, 1, 2], np.uint8), 3)
    assert fits(memory, 1, np.array([0x48, 9], np.uint8))
    assert not fits(memory, 1, np.array([0x50, 9], np.uint8))
    assert not fits(memory, 1, np.array([0x49, 9], np.uint8))


@pytest.mark.parametrize("count", [2, 3])
def test_ffmpeg_hears_the_same_of_packets_that_hold_several(count: int) -> None:
    peer = lines.Peer("libopus", 48_000, application="voip", b="32000")
    payloads = peer.encode(lines.frames(lines.speech(48_000, 1.8), 960))
    bundles: list[list[bytes]] = []
    for payload in payloads:
        if bundles and len(bundles[-1]) < count and bundles[-1][0][0] == payload[0]:
            bundles[-1].append(payload)
        else:
            bundles.append([payload])
    joined = [packed(each) for each in bundles]
    assert len(joined) < 1.2 * len(payloads) / count
    np.testing.assert_array_equal(peer.decode(joined), peer.decode(payloads))
