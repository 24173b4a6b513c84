"""Streams of Opus: how hard their encoders try, and those of legs whose peers want what the others do not get."""

import numpy as np
from numpy.typing import NDArray

from softphone.codec import Codec
from softphone.media.codecs.opus import BITRATE, COMPLEXITY, OpusEncoder
from softphone.media.engine.legs import Legs
from softphone.media.engine.streams import Streams
from softphone.opus import OpusParameters

__all__ = ["OpusStreams"]

WIDE_HZ = 16_000
OFTEN = OpusParameters(fec=True)
"""What nearly every peer wants; who does not use what a packet says of the one before it is not harmed by it."""
EFFORTS = ((20, COMPLEXITY), (40, 5), (1 << 30, 0))
"""Up to so many streams, so hard do encoders try: the tick has other work than theirs."""
CALM = 0.8
"""They try harder again when so much less is to be done."""
UNKNOWN = NONE = -1


class OpusStreams(Streams):
    """The streams of Opus, or of Opus as others spell it; see `Streams`."""

    _encoder: OpusEncoder

    def __init__(self, codec: int, legs: Legs) -> None:
        super().__init__(codec, legs)
        self._effort, self._tries = COMPLEXITY, np.full(len(self._used), UNKNOWN, np.int64)

    def _make(self, codec: Codec, count: int) -> OpusEncoder:
        return OpusEncoder(count, codec.rate_hz)

    def tune(self, row: int, parameters: str) -> None:
        """Give a leg a stream of its own if its peer (`parameters`: its ``a=fmtp``) wants what others do not get."""
        wanted, rows, legs = OpusParameters.read(parameters), np.array([row]), self._legs
        legs.alone[row], before = not serves(wanted), legs.alone[row]
        if legs.alone[row]:
            self._encoder.reset(rows)
            self._encoder.configure(rows, wanted)
            self._tries[row], legs.stream[row] = UNKNOWN, row
        elif before:
            legs.stream[row] = NONE  # nobody goes on from what it alone wanted

    def _begin(self, streams: NDArray[np.int64]) -> None:
        super()._begin(streams)
        self._encoder.configure(streams, OFTEN)

    def _go_on(self, streams: NDArray[np.int64], before: NDArray[np.int64]) -> None:
        super()._go_on(streams, before)
        self._tries[streams] = UNKNOWN

    def _ready(self, streams: NDArray[np.int64]) -> None:
        """Let encoders try as hard as there is time for; the streams of a tick change over together."""
        effort = next(effort for most, effort in EFFORTS if len(streams) <= most)
        calm = next(effort for most, effort in EFFORTS if len(streams) <= CALM * most)
        self._effort = effort if effort < self._effort else max(self._effort, calm)
        late = streams[self._tries[streams] != self._effort]
        if late.size:
            self._encoder.try_harder(late, self._effort)
            self._tries[late] = self._effort


def serves(wanted: OpusParameters) -> bool:
    """Tell whether what all others are sent serves a peer, too."""
    little = wanted.max_playback_hz < WIDE_HZ or wanted.max_bitrate is not None and wanted.max_bitrate < BITRATE
    return not (little or wanted.cbr or wanted.dtx)
