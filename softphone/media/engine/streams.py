"""What is sent in codecs whose encoder remembers: one stream for all who hear the same, and one for each who talks.

All listeners of a room are sent the same payloads, made once. Who begins to talk hears another mix from then on, and so
has a stream of its own: its encoder goes on from the state of the room's, so that the telephone's decoder notices
nothing; when it has ended, the leg is sent the room's stream again.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.kernel import kernel
from mixer.lane import Lane
from softphone.codec import TABLE, Codec
from softphone.media.codecs.coders import Encoder, encoder
from softphone.media.codecs.forms import FORMS, LARGEST
from softphone.media.engine.legs import Columns, Legs

__all__ = ["Streams", "is_sent"]

Numbers: TypeAlias = NDArray[np.int64]


@kernel
def is_sent(leg: Columns, frame: int) -> bool:
    """Tell whether a leg is sent sound in this tick: something that it hears (`frame` is not -1), or silence."""
    return leg.sending and (frame >= 0 or leg.answered) and leg.credit >= leg.price


@kernel
def choose(
    order: Numbers, legs: Columns, codec: int, frame_of_row: Numbers, first_room: int, count: int, tick: int,
    used: Numbers, place: Numbers, streams: Numbers, frames: Numbers, before: Numbers,
) -> int:  # fmt: skip
    """Choose the stream of each leg of a codec, and list those that are to be encoded in this tick.

    Parameters
    ----------
    order, legs, codec
        The rows with a leg; and the codec's place in the table.
    frame_of_row, first_room, count
        As `mixer.tick` and `mixer.lane` have them: the frame of each row, where those of the rooms begin, and how many
        frames there are; the last is silence.
    tick
        How many there have been.
    used, place
        int64, shape (streams,): the last tick in which each stream was sent, and its place in the lists then.
    streams, frames, before
        int64, shape (2 * streams,), written: each stream that is encoded, of which frame, and the stream from whose
        state it goes on: itself, or that of the leg that comes to it where it had rested; -1: it begins anew. One whose
        packets are half a tick long is listed twice, and is its leg's alone.

    Returns
    -------
    int
        How many are listed.
    """
    n, shared = 0, len(legs)
    for row in order:
        leg, frame = legs[row], frame_of_row[row]
        if leg.codec != codec or not is_sent(leg, frame):
            continue
        frame = frame if frame >= 0 else count - 1
        own = frame < first_room or leg.alone or leg.parts > 1
        stream = row if own else shared + frame - first_room
        if used[stream] != tick:
            source = stream if used[stream] == tick - 1 else leg.stream
            used[stream], place[stream] = tick, n
            for _ in range(leg.parts):
                streams[n], frames[n], before[n] = stream, frame, source
                source, n = stream, n + 1
        leg.stream, leg.place = stream, place[stream]
    return n


class Streams:
    """
    The streams of one codec.

    Parameters
    ----------
    codec
        Its place in `softphone.codec.TABLE`.
    legs
        Whom they are for.

    Attributes
    ----------
    payloads, sizes
        uint8, shape (streams, LARGEST), and int64: what was encoded in this tick, where `Leg.place` says.

    Raises
    ------
    MediaError
        The codec's library is not there.
    """

    def __init__(self, codec: int, legs: Legs) -> None:
        count = 2 * legs.capacity + 1
        self.codec, self._legs, spoken = codec, legs, TABLE[codec]
        self._encoder = self._make(spoken, count)
        most = 2 * count  # in halves
        self.payloads, self.sizes = np.zeros((most, LARGEST), np.uint8), np.zeros(most, np.int64)
        self._sound = np.zeros((most, FORMS[codec].samples), np.int16)
        self._used, self._place = np.full(count, -2, np.int64), np.zeros(count, np.int64)
        self._streams, self._frames, self._before = np.zeros((3, most), np.int64)
        self._tick = 0

    def _make(self, codec: Codec, count: int) -> Encoder:
        return encoder(codec, count, codec.rate_hz)

    def tune(self, row: int, parameters: str) -> None:
        """Let what a leg is sent be as its peer wants it, by its ``a=fmtp``; here all are sent the same."""
        self._legs.alone[row] = False

    def encode(self, order: NDArray[np.int64], frame_of_row: NDArray[np.int64], lane: Lane) -> None:
        """Encode what the legs of the codec are sent in this tick."""
        self._tick += 1
        at = lane.first_room, len(lane.frames), self._tick
        lists = self._streams, self._frames, self._before
        n = choose(order, self._legs.table, self.codec, frame_of_row, *at, self._used, self._place, *lists)
        if not n:
            return
        streams, before, sound = self._streams[:n], self._before[:n], self._sound[:n]
        if (moved := np.flatnonzero(before != streams)).size:
            self._go_on(streams[moved], before[moved])
        self._ready(streams)
        np.take(lane.frames, self._frames[:n], axis=0, out=sound, mode="clip")
        self._encode(streams, sound)

    def _encode(self, streams: NDArray[np.int64], sound: NDArray[np.int16]) -> None:
        """Encode a frame of each stream; of one that is listed twice, its first half, and then the other."""
        second = np.flatnonzero(streams[1:] == streams[:-1]) + 1
        if not second.size:
            self.sizes[: len(streams)] = self._encoder.encode(streams, sound, self.payloads)
            return
        half, whole = sound.shape[1] // 2, np.ones(len(streams), np.bool_)
        whole[second] = whole[second - 1] = False
        parts = (np.flatnonzero(whole), sound), (second - 1, sound[:, :half]), (second, sound[:, half:])
        for places, frames in parts:
            payloads = np.zeros((len(places), LARGEST), np.uint8)
            self.sizes[places] = self._encoder.encode(streams[places], frames[places], payloads)
            self.payloads[places] = payloads

    def _go_on(self, streams: NDArray[np.int64], before: NDArray[np.int64]) -> None:
        """Let streams that had rested go on from others, those before which there was none (-1) anew."""
        self._begin(streams[before < 0])
        for stream, source in zip(streams[before >= 0].tolist(), before[before >= 0].tolist(), strict=True):
            self._encoder.copy(source, stream)

    def _begin(self, streams: NDArray[np.int64]) -> None:
        """Let streams begin anew."""
        self._encoder.reset(streams)

    def _ready(self, streams: NDArray[np.int64]) -> None:
        """Do what is to be done before the streams of a tick are encoded."""
