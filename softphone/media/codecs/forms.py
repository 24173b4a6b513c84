"""The codecs of the table as kernels see them: a record of numbers each, in the table's order."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mixer.frame import RATES_HZ, TICK_S
from mixer.kernel import kernel, records
from softphone.codec import TABLE, Codec
from softphone.media.codecs import opus
from softphone.media.codecs.g711 import LAWS

__all__ = [
    "DECODE",
    "ENCODE",
    "FORMS",
    "LARGEST",
    "LAW",
    "LINEAR",
    "NUMBERS",
    "QUEUED",
    "Form",
    "Forms",
    "samples_of",
    "ticks_of",
]

LAW, LINEAR, QUEUED = 0, 1, 2
"""How a codec is decoded: by a table, as it stands, or packet after packet by a decoder of the leg."""

LARGEST = 1280
"""Bytes of a payload of a codec that is queued: the most that a frame of Opus has, and 160 ms of G.722."""

NUMBERS = {each.name: number for number, each in enumerate(TABLE)}
"""The place of each codec in the table."""

DECODE: NDArray[np.int16] = np.stack([law.decoding for law in LAWS.values()])
"""int16, shape (laws, 256): the samples of each code."""
ENCODE: NDArray[np.uint8] = np.stack([law.encoding for law in LAWS.values()])
"""uint8, shape (laws, 65536): the code of each sample."""

FORM = np.dtype(
    [
        ("form", np.int64),
        ("law", np.int64),  # which table
        ("lane", np.int64),  # of its usual rate
        ("hz", np.int64),  # that rate
        ("up", np.int64),  # so many samples are
        ("down", np.int64),  # so many ticks of its clock
        ("ticks", np.int64),  # of its clock in a tick of the bridge
        ("samples", np.int64),  # in a tick of the bridge
        ("bytes", np.int64),  # of payload in a tick of the bridge; 0: any number
    ],
    align=True,
)
Form: TypeAlias = Any
"""A record of dtype `FORM`, as kernels see it."""
Forms: TypeAlias = Any
"""Records of dtype `FORM`, one for each codec of the table."""


def _form(codec: Codec) -> tuple[int, ...]:
    tick_ms = round(1000 * TICK_S)
    common = np.gcd(codec.rate_hz, codec.clock_hz)
    law = list(LAWS).index(codec.encoding) if codec.encoding in LAWS else -1
    form = QUEUED if codec.stateful else LAW if law >= 0 else LINEAR
    times = codec.ticks(tick_ms), codec.rate_hz * tick_ms // 1000, codec.size(tick_ms)
    lane = RATES_HZ.index(codec.rate_hz)
    return (form, law, lane, codec.rate_hz, codec.rate_hz // common, codec.clock_hz // common, *times)


FORMS: Forms = records(len(TABLE), FORM)
FORMS[:] = [_form(each) for each in TABLE]


@kernel
def samples_of(form: Form, data: NDArray[np.uint8], offset: int, size: int) -> int:
    """Tell how many samples the payload of a packet holds, at the codec's usual rate; 0: it is none of its."""
    if form.form == LAW:
        return size
    if form.form == LINEAR:
        return size // 2
    if form.bytes > 0:
        return size * form.samples // form.bytes
    return opus.length(data, offset, size, form.hz) if size > 0 else 0


@kernel
def ticks_of(form: Form, size: int) -> int:
    """Tell how many ticks of its clock so many bytes of a codec take that has as many bytes in every tick."""
    return size * form.ticks // form.bytes
