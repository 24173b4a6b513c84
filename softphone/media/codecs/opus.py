"""Opus (RFC 6716) by libopus: mono, in a loop over rows whose states lie side by side in memory.

A state of libopus is one block of memory without pointers into itself: it is copied as it stands.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixer.frame import FULL_SCALE
from mixer.kernel import kernel
from softphone.errors import MediaError
from softphone.media.codecs import libopus
from softphone.media.codecs.payloads import Payloads, bounds
from softphone.opus import OpusParameters

__all__ = ["OpusDecoder", "OpusEncoder", "length"]

LONGEST_S = 0.120
"""The most sound that a packet has (RFC 6716 section 3.1), and that is made up in one piece."""
PER_S = 400
"""Lengths of sound are multiples of a part of a second: 2.5 ms."""
DTX_SIZE = 2
"""A payload of so few bytes says that nobody speaks: it need not be sent (RFC 7587 section 3.1.3)."""
LARGEST = 1275
"""Bytes of a frame at most (RFC 6716 section 3.2.1)."""
BITRATE, COMPLEXITY, LOSS_PERCENT = 32_000, 9, 10
ALIGNED = 64

# Requests of `opus_encoder_ctl`, and the mode for speech.
SET_BITRATE, SET_MAX_BANDWIDTH, SET_VBR, SET_COMPLEXITY = 4002, 4004, 4006, 4010
SET_FEC, SET_LOSS, SET_DTX = 4012, 4014, 4016
VOIP = 2048
BANDWIDTHS = ((8000, 1101), (12_000, 1102), (16_000, 1103), (24_000, 1104), (48_000, 1105))
"""Sampling rates up to which a bandwidth is enough, and its number."""

_decode = libopus.function("opus_decode")
_encode = libopus.function("opus_encode")


class _States:
    """States as rows, each ready before it is first used.

    Parameters
    ----------
    capacity, size
        How many there are, and how many bytes each has.
    fresh
        Writes a new state to an address; gives an error of libopus below 0.
    """

    def __init__(self, capacity: int, size: int, fresh: Callable[[int], int]) -> None:
        self.size = -(-size // ALIGNED) * ALIGNED
        self._memory = np.zeros((capacity + 1) * self.size + ALIGNED, np.uint8)
        skipped = -self._memory.ctypes.data % ALIGNED
        self._rows = self._memory[skipped : skipped + (capacity + 1) * self.size].reshape(capacity + 1, self.size)
        self._ready = np.zeros(capacity, np.bool_)
        self.address = self._rows.ctypes.data
        if error := fresh(self.address + capacity * self.size):
            raise MediaError(f"libopus cannot begin: error {error}")

    def prepare(self, rows: NDArray[np.int64]) -> None:
        """Let rows that were never used begin."""
        if not self._ready[rows].all():
            self.reset(rows[~self._ready[rows]])

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Let rows begin anew."""
        self._rows[rows] = self._rows[-1]
        self._ready[rows] = True

    def copy(self, source: int, target: int) -> None:
        """Let a row be as another."""
        self.prepare(np.array([source]))
        self._rows[target] = self._rows[source]
        self._ready[target] = True


class OpusDecoder:
    """Decodes Opus to mono; what is missing is made up by the decoder, or read from the packet after it.

    Parameters
    ----------
    capacity
        How many legs have a row.
    rate_hz
        8000, 12000, 16000, 24000 or 48000.

    Raises
    ------
    MediaError
        There is no libopus.
    """

    def __init__(self, capacity: int, rate_hz: int) -> None:
        library = libopus.load()
        size = library.opus_decoder_get_size(1)
        self._states = _States(capacity, size, lambda at: library.opus_decoder_init(at, rate_hz, 1))
        self._step = rate_hz // PER_S
        self._sound = np.zeros(2 * round(LONGEST_S * rate_hz), np.int16)

    def decode(
        self,
        rows: NDArray[np.int64],
        payloads: Payloads,
        pcm: NDArray[np.int16],
        missing: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """Decode as `softphone.media.codecs.coders.Decoder.decode`; a payload that is no Opus gives no sound.

        Parameters
        ----------
        rows, payloads, pcm
            As there. A payload of no bytes gives what is missing, and no more.
        missing
            int64, shape (n,): samples that are missing before each payload; None: none. They come before its own in
            `pcm`, as far as they are multiples of 2.5 ms, up to 120 ms: the last of them from the payload, if its
            sender has put them there (`OpusParameters.fec`), the others made up.

        Returns
        -------
        NDArray
            As there, with those that were missing.
        """
        made = np.zeros(len(rows), np.int64)
        missing = made if missing is None else missing
        states, sound = self._states, self._sound
        states.prepare(rows)
        payloads = payloads._replace(data=np.ascontiguousarray(payloads.data))
        addresses = (states.address, payloads.data.ctypes.data, sound.ctypes.data)
        decode(addresses, states.size, self._step, rows, *payloads, missing.copy(), sound, pcm, made)
        return made

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Let some rows begin anew."""
        self._states.reset(rows)

    def copy(self, source: int, target: int) -> None:
        """Let a row go on as another one would."""
        self._states.copy(source, target)


class OpusEncoder:
    """Encodes mono sound as Opus, a frame of 10, 20, 40 or 60 ms a packet.

    Parameters
    ----------
    capacity
        How many streams have a row.
    rate_hz
        As of `OpusDecoder`.

    Raises
    ------
    MediaError
        There is no libopus.
    """

    def __init__(self, capacity: int, rate_hz: int) -> None:
        self._library = libopus.load()
        size = self._library.opus_encoder_get_size(1)
        self._states = _States(capacity, size, lambda at: self._begin(at, rate_hz))

    def encode(self, rows: NDArray[np.int64], frames: NDArray[np.int16], out: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Encode as `softphone.media.codecs.coders.Encoder.encode`; 1 or 2 bytes need not be sent (`DTX_SIZE`)."""
        states, size = self._states, np.zeros(len(rows), np.int64)
        states.prepare(rows)
        frames = np.ascontiguousarray(frames)  # libopus takes addresses
        if not out.flags.c_contiguous:
            raise ValueError("payloads are written to memory in C order")
        encode((states.address, frames.ctypes.data, out.ctypes.data), states.size, rows, frames, out, size)
        return size

    def configure(self, rows: NDArray[np.int64], wanted: OpusParameters, bitrate: int = BITRATE) -> None:
        """Let some rows encode as their listeners want, from the next frame on.

        Parameters
        ----------
        rows
            int64, shape (n,).
        wanted
            What the listeners say.
        bitrate
            Bits per second on average, if they do not want less.
        """
        self._states.prepare(rows)
        bandwidth = next(number for rate_hz, number in BANDWIDTHS if wanted.max_playback_hz <= rate_hz)
        for row in rows:
            at = self._states.address + int(row) * self._states.size
            self._set(at, SET_MAX_BANDWIDTH, bandwidth)
            self._set(at, SET_BITRATE, min(bitrate, wanted.max_bitrate or bitrate))
            self._set(at, SET_VBR, int(not wanted.cbr))
            self._set(at, SET_FEC, int(wanted.fec))
            self._set(at, SET_LOSS, LOSS_PERCENT if wanted.fec else 0)
            self._set(at, SET_DTX, int(wanted.dtx))

    def try_harder(self, rows: NDArray[np.int64], complexity: int) -> None:
        """Say how hard some rows try: 0, a quarter of the time and the worst sound for the bits, to 10."""
        self._states.prepare(rows)
        for row in rows:
            self._set(self._states.address + int(row) * self._states.size, SET_COMPLEXITY, complexity)

    def reset(self, rows: NDArray[np.int64]) -> None:
        """Let some rows begin anew, as if nobody had said what is wanted."""
        self._states.reset(rows)

    def copy(self, source: int, target: int) -> None:
        """Let a row go on as another one would, with what is wanted of it."""
        self._states.copy(source, target)

    def _begin(self, at: int, rate_hz: int) -> int:
        error: int = self._library.opus_encoder_init(at, rate_hz, 1, VOIP)
        if not error:
            self._set(at, SET_COMPLEXITY, COMPLEXITY)
            self._set(at, SET_BITRATE, BITRATE)
        return error

    def _set(self, at: int, request: int, value: int) -> None:
        if error := self._library.opus_encoder_ctl(at, request, libopus.INT(value)):
            raise MediaError(f"libopus does not take {value} for setting {request}: error {error}")


@kernel
def length(data: NDArray[np.uint8], start: int, size: int, rate_hz: int) -> int:
    """Tell how many samples a packet holds, by its first bytes alone (RFC 6716 sections 3.1 and 3.2).

    Parameters
    ----------
    data, start, size
        Its bytes lie there; `size` is at least 1.
    rate_hz
        Of the samples.

    Returns
    -------
    int
        0: it is no packet of Opus, or of more than 120 ms.
    """
    first = int(data[start])
    mode, frames = first >> 3, 1 if first & 3 == 0 else 2
    if first & 3 == 3:
        frames = int(data[start + 1]) & 63 if size > 1 else 0
    if mode < 12:
        frame = 4 << (mode & 3) if mode & 3 < 3 else 24
    else:
        frame = 4 << (mode & 1) if mode < 16 else 1 << (mode & 3)
    parts = frames * frame
    return parts * rate_hz // PER_S if parts <= round(LONGEST_S * PER_S) else 0


@kernel
def decode(
    addresses: tuple[int, int, int],
    state_size: int,
    step: int,
    rows: NDArray[np.int64],
    data: NDArray[np.uint8],
    offset: NDArray[np.int64],
    size: NDArray[np.int64],
    missing: NDArray[np.int64],
    sound: NDArray[np.int16],
    pcm: NDArray[np.int16],
    made: NDArray[np.int64],
) -> None:
    """Decode payloads into rows of `pcm`.

    Parameters
    ----------
    addresses
        Of the states, of `data`, and of `sound`.
    state_size
        Bytes from one state to the next.
    step
        Samples of 2.5 ms.
    rows, data, offset, size, missing
        As of `OpusDecoder.decode`.
    sound
        int16, room for the longest packet twice.
    pcm, made
        Out: the sound, and how many samples of each row of it.
    """
    states_at, data_at, sound_at = addresses
    longest = len(sound) // 2
    for i in range(len(made)):
        state, (start, count) = states_at + rows[i] * state_size, bounds(len(data), offset[i], size[i])
        lost = min(max(missing[i], 0), longest) // step * step
        samples = 0
        if lost > 0:
            samples = max(_decode(state, data_at + start if count > 0 else 0, count, sound_at, lost, 1), 0)
        if count > 0:
            samples += max(_decode(state, data_at + start, count, sound_at + 2 * samples, longest, 0), 0)
        made[i] = samples = min(samples, pcm.shape[1])
        for j in range(np.uint64(0), np.uint64(samples)):
            pcm[i, j] = max(sound[j], np.int16(-FULL_SCALE))


@kernel
def encode(
    addresses: tuple[int, int, int],
    state_size: int,
    rows: NDArray[np.int64],
    frames: NDArray[np.int16],
    out: NDArray[np.uint8],
    size: NDArray[np.int64],
) -> None:
    """Encode frames into rows of `out`; `addresses` of the states, of `frames` and of `out`; `size` is written."""
    states_at, frames_at, out_at = addresses
    samples, room = frames.shape[1], out.shape[1]
    for i in range(len(frames)):
        state, at = states_at + rows[i] * state_size, out_at + i * room
        size[i] = max(_encode(state, frames_at + 2 * i * samples, samples, at, min(room, LARGEST)), 0)
