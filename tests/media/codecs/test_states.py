"""Rows of one coder: none knows of another, and a row can begin anew or go on as another would."""

import numpy as np
import pytest

from softphone.codec import TABLE, Codec
from softphone.media.codecs.coders import Decoder, Encoder
from tests.media.codecs.any import decoder, encoder
from tests.media.codecs.lines import Samples, frames, laid, noise, speech

STATEFUL = [each for each in TABLE if each.stateful]


def sent(coder: Encoder, row: int, sound: Samples) -> list[bytes]:
    """The payloads of frames, encoded one after the other."""
    out = np.zeros((1, 2000), np.uint8)
    return [out[0, : coder.encode(np.array([row]), frame[None], out)[0]].tobytes() for frame in sound]


def heard(coder: Decoder, row: int, payloads: list[bytes]) -> Samples:
    """The sound of payloads, decoded in one call."""
    pcm = np.zeros((len(payloads), 5760), np.int16)
    made = coder.decode(np.full(len(payloads), row), laid(payloads), pcm)
    return np.concatenate([pcm[i, : made[i]] for i in range(len(payloads))])


def voices(spoken: Codec) -> list[Samples]:
    samples = spoken.rate_hz // 50
    return [
        frames(each, samples)[:12]
        for each in (speech(spoken.rate_hz), noise(spoken.rate_hz), speech(spoken.rate_hz)[::-1])
    ]


@pytest.mark.parametrize("spoken", TABLE, ids=str)
def test_rows_side_by_side_are_as_if_alone(spoken: Codec) -> None:
    sounds, rows = voices(spoken), np.array([2, 0, 3])
    alone = [sent(encoder(spoken, 1, spoken.rate_hz), 0, sound) for sound in sounds]
    together, out = encoder(spoken, 4, spoken.rate_hz), np.zeros((3, 2000), np.uint8)
    listening, pcm = decoder(spoken, 4, spoken.rate_hz), np.zeros((3, 5760), np.int16)
    for k in range(12):
        size = together.encode(rows, np.stack([sound[k] for sound in sounds]), out)
        assert [out[i, : size[i]].tobytes() for i in range(3)] == [payloads[k] for payloads in alone]
        made = listening.decode(rows, laid([payloads[k] for payloads in alone]), pcm)
    for i, payloads in enumerate(alone):
        expected = heard(decoder(spoken, 1, spoken.rate_hz), 0, payloads)
        np.testing.assert_array_equal(pcm[i, : made[i]], expected[-made[i] :])


@pytest.mark.parametrize("spoken", STATEFUL, ids=str)
def test_a_row_begins_anew(spoken: Codec) -> None:
    first, second, _ = voices(spoken)
    coder, ears = encoder(spoken, 2, spoken.rate_hz), decoder(spoken, 2, spoken.rate_hz)
    before = sent(coder, 1, first)
    sound = heard(ears, 1, before)
    assert sent(coder, 1, first) != before and (heard(ears, 1, before) != sound).any()
    sent(coder, 1, second)
    coder.reset(np.array([1]))
    ears.reset(np.array([1]))
    assert sent(coder, 1, first) == before
    np.testing.assert_array_equal(heard(ears, 1, before), sound)


@pytest.mark.parametrize("spoken", STATEFUL, ids=str)
def test_a_row_goes_on_as_another_would(spoken: Codec) -> None:
    first, second, _ = voices(spoken)
    coder, ears = encoder(spoken, 2, spoken.rate_hz), decoder(spoken, 2, spoken.rate_hz)
    heard(ears, 0, sent(coder, 0, first))
    coder.copy(0, 1)
    ears.copy(0, 1)
    payloads = sent(coder, 0, second)
    assert sent(coder, 1, second) == payloads
    np.testing.assert_array_equal(heard(ears, 0, payloads), heard(ears, 1, payloads))


@pytest.mark.parametrize("wait", [0, 10, 40])
@pytest.mark.parametrize("spoken", STATEFUL, ids=str)
def test_who_stops_talking_is_given_the_stream_of_its_room_again_without_a_click(spoken: Codec, wait: int) -> None:
    """A talker hears the room without itself, by an encoder that was a copy of the room's; then they say the same."""
    samples, start, stop = spoken.rate_hz // 50, 20, 60
    others = frames(speech(spoken.rate_hz, 3.0), samples) // 2
    own = frames(speech(spoken.rate_hz, 3.0)[::-1], samples) // 2 * (np.arange(len(others)) < stop)[:, None]
    coder = encoder(spoken, 2, spoken.rate_hz)
    room = sent(coder, 0, others[:start] + own[:start])
    coder.copy(0, 1)
    room += sent(coder, 0, (others + own)[start:])
    talker = room[:start] + sent(coder, 1, others[start:])
    back, ears = stop + wait, decoder(spoken, 2, spoken.rate_hz)
    sound = heard(ears, 0, talker[:back] + room[back:]).astype(np.int64)
    steady = heard(ears, 1, room).astype(np.int64)
    around = slice(back * samples - samples // 8, (back + 1) * samples)
    assert np.abs(np.diff(sound[around])).max() <= 1.2 * np.abs(np.diff(steady[around])).max() + 50
    assert np.abs(sound - steady)[(back + 10) * samples :].max() < 100
