"""By what number a sender is known."""

import numpy as np
import pytest

from softphone.media.contract.leg import MediaAddress
from softphone.media.net.directory import key_of
from softphone.media.net.senders import hashed, number_of, place_of, places
from softphone.media.net.slots import Slots, address_of, sockaddr

KEY, MESSAGE = bytes(range(16)), bytes(range(24))


def test_the_hash_is_siphash_2_4() -> None:
    words = np.frombuffer(MESSAGE, np.uint64)
    k0, k1 = np.frombuffer(KEY, np.uint64)
    assert int(hashed(words[0], words[1], words[2], k0, k1)) == siphash(KEY, MESSAGE)


def siphash(key: bytes, message: bytes) -> int:
    """SipHash-2-4 as its paper has it, over integers of Python."""
    mask = (1 << 64) - 1

    def turned(word: int, bits: int) -> int:
        return (word << bits | word >> (64 - bits)) & mask

    def round_(v: list[int]) -> None:
        v[0] = (v[0] + v[1]) & mask
        v[1] = turned(v[1], 13) ^ v[0]
        v[0] = turned(v[0], 32)
        v[2] = (v[2] + v[3]) & mask
        v[3] = turned(v[3], 16) ^ v[2]
        v[0] = (v[0] + v[3]) & mask
        v[3] = turned(v[3], 21) ^ v[0]
        v[2] = (v[2] + v[1]) & mask
        v[1] = turned(v[1], 17) ^ v[2]
        v[2] = turned(v[2], 32)

    k0, k1 = (int.from_bytes(key[i : i + 8], "little") for i in (0, 8))
    v = [0x736F6D6570736575 ^ k0, 0x646F72616E646F6D ^ k1, 0x6C7967656E657261 ^ k0, 0x7465646279746573 ^ k1]
    padded = message + bytes(7 - len(message) % 8) + bytes([len(message)])
    for i in range(0, len(padded), 8):
        word = int.from_bytes(padded[i : i + 8], "little")
        v[3] ^= word
        round_(v)
        round_(v)
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(4):
        round_(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_our_reference_is_the_papers() -> None:
    """Appendix A of the paper: key 00 ... 0f, message 00 ... 0e."""
    assert siphash(bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5


@pytest.mark.parametrize("host", ["192.0.2.1", "127.0.0.1", "::1", "2001:db8::1", "fd00:1:2:3:4:5:6:7"])
def test_an_address_comes_back_as_it_went_in(host: str) -> None:
    assert address_of(sockaddr(host, 40_000)) == (host, 40_000)


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_each_part_of_an_address_counts(host: str) -> None:
    other = host[:-1] + "2"
    known = {number_of(each, port, local) for each in (host, other) for port in (5000, 5001) for local in (0, 7)}
    assert len(known) == 8
    assert key_of(MediaAddress(host, 5000), 7) == number_of(host, 5000, 7)
    assert len({place_of(each, local) for each in (host, other) for local in (0, 7)}) == 4


def test_places_are_hosts_whatever_port_they_send_from() -> None:
    slots, at = Slots(4), np.arange(4)
    four, six = "192.0.2.1", "2001:db8::1"
    for i, (host, port) in enumerate([(four, 5000), (four, 6000), (six, 5000), (six, 9)]):
        slots.address[i], slots.local[i] = sockaddr(host, port), 3
    found = places(slots.words, slots.local, at).tolist()
    assert found == [place_of(four, 3)] * 2 + [place_of(six, 3)] * 2
