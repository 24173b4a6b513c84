"""Each codec against one that nobody here wrote, both ways, bit by bit: what one says the other understands."""

import audioop

import numpy as np
import pytest

from softphone.codec import Codec, codec
from tests.media.codecs.any import decoder, encoder
from tests.media.codecs.lines import Peer, Samples, frames, laid, noise, speech

PEERS = {"PCMU": "pcm_mulaw", "PCMA": "pcm_alaw", "L16": "pcm_s16be", "G722": "g722"}
# ffmpeg rounds between two codes of G.711 another way than the reference does.
REFERENCES = {"PCMU": audioop.lin2ulaw, "PCMA": audioop.lin2alaw}
EXACT = [codec(name) for name in ("PCMU", "PCMA", "G722", "L16/8000", "L16/16000", "L16/48000")]


def sounds(rate_hz: int) -> list[Samples]:
    quiet = (speech(rate_hz, 1.0) // 300).astype(np.int16)
    return [speech(rate_hz), noise(rate_hz), quiet, np.zeros(rate_hz // 10, np.int16)]


def theirs(spoken: Codec, cut: Samples) -> bytes:
    if reference := REFERENCES.get(spoken.encoding):
        return reference(cut.tobytes(), 2)
    return b"".join(Peer(PEERS[spoken.encoding], spoken.rate_hz).encode(cut))


@pytest.mark.parametrize("spoken", EXACT, ids=str)
def test_it_encodes_as_others_do(spoken: Codec) -> None:
    for sound in sounds(spoken.rate_hz):
        cut = frames(sound, spoken.rate_hz // 50)
        ours, out = encoder(spoken, 1, spoken.rate_hz), np.zeros((1, 2000), np.uint8)
        payloads = [out[0, : ours.encode(np.zeros(1, np.int64), frame[None], out)[0]].tobytes() for frame in cut]
        assert b"".join(payloads) == theirs(spoken, cut)
        assert {len(each) for each in payloads} == {spoken.size(20)}


@pytest.mark.parametrize("spoken", EXACT, ids=str)
def test_it_decodes_as_others_do(spoken: Codec) -> None:
    peer = Peer(PEERS[spoken.encoding], spoken.rate_hz)
    for sound in sounds(spoken.rate_hz):
        payloads = peer.encode(frames(sound, spoken.rate_hz // 50))
        ours = decoder(spoken, 1, spoken.rate_hz)
        pcm = np.zeros((len(payloads), 5760), np.int16)
        made = ours.decode(np.zeros(len(payloads), np.int64), laid(payloads), pcm)
        heard = np.concatenate([pcm[i, : made[i]] for i in range(len(payloads))])
        np.testing.assert_array_equal(heard, np.maximum(peer.decode(payloads), -32_767))


def test_g722_decodes_any_codes_as_others_do() -> None:
    codes = np.random.default_rng(722).integers(0, 256, 160 * 50).astype(np.uint8)
    payloads = [codes[at : at + 160].tobytes() for at in range(0, len(codes), 160)]
    pcm = np.zeros((len(payloads), 320), np.int16)
    decoder(codec("G722"), 1, 16_000).decode(np.zeros(len(payloads), np.int64), laid(payloads), pcm)
    expected = Peer("g722", 16_000).decode(payloads)
    assert np.abs(expected).max() > 32_000
    np.testing.assert_array_equal(pcm.reshape(-1), np.maximum(expected, -32_767))
