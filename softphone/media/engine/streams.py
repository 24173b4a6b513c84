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
from softphone.codec import TABLE
from softphone.media.codecs.coders import Encoder, encoder
from softphone.media.codecs.opus import BITRATE, OpusEncoder
from softphone.media.engine.legs import Columns, Legs
from softphone.opus import OpusParameters

__all__ = ["Streams", "is_sent"]

LARGEST = 1280
"""Bytes of a payload."""
WIDE_HZ = 16_000
OFTEN = OpusParameters(fec=True)
"""What nearly every peer wants; who does not use what a packet says of the one before it is not harmed by it."""
EFFORTS = ((20, 9), (40, 5), (1 << 30, 0))
"""Up to so many streams of Opus, so hard do encoders try: the tick has other work than theirs."""
CALM = 0.8
"""They try harder again when so much less is to be done."""
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
        int64, shape (streams,), written: each stream that is encoded, of which frame, and the stream from whose state
        it goes on: itself, or that of the leg that comes to it where it had rested; -1: it begins anew.

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
        stream = shared + frame - first_room if frame >= first_room and not leg.alone else row
        if used[stream] != tick:
            streams[n], frames[n] = stream, frame
            before[n] = stream if used[stream] == tick - 1 else leg.stream
            used[stream], place[stream] = tick, n
            n += 1
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
        self.codec, self._legs = codec, legs
        self._encoder: Encoder = encoder(TABLE[codec], count, TABLE[codec].rate_hz)
        self.payloads, self.sizes = np.zeros((count, LARGEST), np.uint8), np.zeros(count, np.int64)
        self._used, self._place = np.full(count, -2, np.int64), np.zeros(count, np.int64)
        self._streams, self._frames, self._before = np.zeros((3, count), np.int64)
        self._tick, self._effort = 0, EFFORTS[0][1]
        self._tries = np.full(count, -1, np.int64)

    def configure(self, row: int, parameters: str) -> None:
        """Give a leg a stream of its own if its peer (`parameters`: its ``a=fmtp``) wants what others do not get."""
        wanted, rows = OpusParameters.read(parameters), np.array([row])
        alone = isinstance(self._encoder, OpusEncoder) and not serves(wanted)
        if alone and not self._legs.alone[row]:
            self._encoder.reset(rows)
        if isinstance(self._encoder, OpusEncoder) and alone:
            self._encoder.configure(rows, wanted)
        self._legs.alone[row] = alone

    def encode(self, order: NDArray[np.int64], frame_of_row: NDArray[np.int64], lane: Lane) -> None:
        """Encode what the legs of the codec are sent in this tick."""
        self._tick += 1
        at = lane.first_room, len(lane.frames), self._tick
        lists = self._streams, self._frames, self._before
        n = choose(order, self._legs.table, self.codec, frame_of_row, *at, self._used, self._place, *lists)
        if not n:
            return
        streams, before = self._streams[:n], self._before[:n]
        if (moved := np.flatnonzero(before != streams)).size:
            self._go_on(streams[moved], before[moved])
        if isinstance(self._encoder, OpusEncoder):
            self._try(self._encoder, streams)
        self.sizes[:n] = self._encoder.encode(streams, lane.frames[self._frames[:n]], self.payloads)

    def _try(self, opus: OpusEncoder, streams: NDArray[np.int64]) -> None:
        """Let encoders try as hard as there is time for; the streams of this tick change over together."""
        effort = next(effort for most, effort in EFFORTS if len(streams) <= most)
        calm = next(effort for most, effort in EFFORTS if len(streams) <= CALM * most)
        wanted = effort if effort < self._effort else max(self._effort, calm)
        if wanted != self._effort:
            self._effort = wanted
            self._tries[:] = -1
        late = streams[self._tries[streams] != self._effort]
        if late.size:
            opus.try_harder(late, self._effort)
            self._tries[late] = self._effort

    def _go_on(self, streams: NDArray[np.int64], before: NDArray[np.int64]) -> None:
        """Let streams that had rested go on from others."""
        new = before < 0
        self._tries[streams] = -1
        own = self._legs.alone[np.minimum(streams, self._legs.capacity - 1)] & (streams < self._legs.capacity)
        begun = streams[new & ~own]
        self._encoder.reset(begun)
        if isinstance(self._encoder, OpusEncoder):
            self._encoder.configure(begun, OFTEN)
        for stream, source in zip(streams[~new & ~own].tolist(), before[~new & ~own].tolist(), strict=True):
            self._encoder.copy(source, stream)


def serves(wanted: OpusParameters) -> bool:
    """Tell whether what all others are sent serves a peer, too."""
    little = wanted.max_playback_hz < WIDE_HZ or wanted.max_bitrate is not None and wanted.max_bitrate < BITRATE
    return not (little or wanted.cbr or wanted.dtx)
