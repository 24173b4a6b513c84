"""The record of a party: all columns of a row that a tick reads or writes.

The kernels of the mixer read and write these records. A record is the row's whole past; `reset` makes it that of a
party that has just sat down.
"""

from typing import Any, TypeAlias

import numpy as np

from mixer.frame import SILENCE_DBOV
from mixer.kernel import kernel, records

EMPTY, NEW, SURE = 0, 1, 2
"""Phases of `mixer.stream`."""
NOBODY = -1
"""The source of a row that has none; no SSRC, which has 32 bits and no sign."""
NOTHING = 1 << 40
"""A wait that says nothing: longer than any."""
FLOOR_DBOV = -62.0
"""The noise under a voice that nothing is known of: a telephone in a quiet room."""
UNKNOWN_TICKS = 200
"""So long nobody knows what of a line is noise (mixer.floor)."""

NOISE_ORDER = 10
"""Reflection coefficients of comfort noise: what ffmpeg and browsers send (RFC 3389 section 3.2)."""

PARTY = np.dtype(
    [
        # the line of packets that the row hears (mixer.stream)
        ("ssrc", np.int64),
        ("number", np.int64),  # sequence number that is due; -1: any
        ("time", np.int64),  # timestamp that is due, 32 bits
        ("other_ssrc", np.int64),
        ("other_number", np.int64),
        ("other_time", np.int64),
        ("soundless", np.int64),  # number after the last packet without sound
        # what the numbers tell (mixer.arrival)
        ("seen", np.uint64),  # a bit per number before `highest`
        ("highest", np.int64),
        ("lowest", np.int64),
        ("expected_before", np.int64),
        ("received", np.int64),
        ("others_received", np.int64),
        ("others_expected", np.int64),
        ("up", np.int64),  # so many samples are
        ("down", np.int64),  # so many ticks of the RTP clock
        ("last_timestamp", np.int64),
        ("last_s", np.float64),
        ("jitter", np.float64),  # in samples
        # where the row is played (mixer.playout); positions in samples since ever
        ("cursor", np.int64),
        ("end", np.int64),  # one past the newest sample
        ("played", np.int64),  # one past the last sample played, not concealed
        ("grain", np.int64),  # samples that packet and frame have in common
        ("idle", np.int64),  # ticks since something was played
        ("wait", np.int64),  # of the last packet that could be played
        # how fast (mixer.pace)
        ("recent", np.int64),
        ("older", np.int64),
        ("late_turns", np.int64),  # turns of the memory before a late packet is forgotten
        # what is made up (mixer.conceal)
        ("age", np.int64),
        ("first", np.int64),
        ("lag", np.int64),
        ("lossy_turns", np.int64),  # turns of the memory of `mixer.pace` before a loss is forgotten
        ("latest", np.int64),
        # its comfort noise (mixer.comfort): level, whether it has a spectrum, and the filter that gives it one
        ("noise", np.float32),
        ("coloured", np.bool_),
        ("reflections", np.float32, (NOISE_ORDER,)),
        ("lattice", np.float32, (NOISE_ORDER,)),
        ("lane", np.int64),  # at which rate it speaks (mixer.lane)
        ("ear_lane", np.int64),  # and hears
        # how it sits (mixer.roster)
        ("room", np.int64),  # -1: in none
        ("gain_in", np.float32),
        ("gain_out", np.float32),
        ("active", np.bool_),
        ("source", np.bool_),  # plays, and is no party: it has no gate and hears nothing
        ("muted", np.bool_),
        ("deaf", np.bool_),
        ("send", np.bool_),
        ("receive", np.bool_),
        ("inband_keys", np.bool_),
        ("private", np.bool_),  # it whispers: its room does not hear it
        ("listener", np.bool_),  # somebody may whisper to it
        ("unrecorded", np.bool_),
        ("levelled", np.bool_),  # its voice is brought to one level, in whatever room (mixer.agc)
        # whether it talks, and how loud (mixer.gate)
        ("level", np.float32),
        ("loudness", np.float32),
        ("auto_db", np.float32),  # gain of mixer.agc
        ("left", np.int64),  # ticks that the gate stays open
        # the noise under its voice (mixer.floor), dBov
        ("smooth", np.float32),
        ("least", np.float32),
        ("least_before", np.float32),
        ("floor_ticks", np.int32),
        ("in_vain", np.int32),  # how much it has talked while it is muted; below 0: its noise is not known yet
        ("talking", np.bool_),
        ("voiced", np.bool_),  # it is heard: its gate is open, or it has none and is not silent
        ("blanked", np.bool_),  # a key is dialled in its sound
        ("silenced", np.bool_),  # what others hear of it is silence already (mixer.ramp)
        # what changes, and is faded (mixer.ramp)
        ("spoke_in", np.int64),  # the room that heard it in the tick before, -1: none
        ("leaving", np.int64),  # the room that it is faded out of, -1: none
        ("ear", np.int64),  # the room that it heard in the tick before, -1: silence, -2: it has heard nothing yet
        ("hidden", np.bool_),  # it was muted in the tick before
        ("sounded", np.bool_),  # it was not silent in the tick before
        ("fading", np.int64),  # ticks for which it is heard less and less, should its gate be closed
        ("gain_in_before", np.float32),  # below 0: it has said nothing yet
        ("gain_out_before", np.float32),
        # gains of its limiters (mixer.limit), and its frame
        ("limit_in", np.float32),
        ("limit_out", np.float32),
        ("frame", np.int64),
        # counters
        ("duplicate", np.int64),
        ("late", np.int64),
        ("overrun", np.int64),
        ("stray", np.int64),
        ("concealed", np.int64),
        ("phase", np.int8),
        ("resting", np.bool_),  # dry for so long that the next packet sets the cursor anew
        ("begun", np.bool_),  # something was played since the stream began
        ("hushed", np.bool_),  # the sender said that it is silent from here on
        ("local", np.bool_),  # fed by `push`
    ],
    align=True,
)


ROOM = np.dtype(
    [
        ("exists", np.bool_),
        ("levelled", np.bool_),  # voices are brought to one level (mixer.agc)
        ("taped", np.int64),  # a bit per lane: it is recorded at that rate
        ("wanted", np.int64),  # a bit per lane: somebody listens there, or a recorder
        ("speakers", np.int64),  # parties that may speak
        ("dominant", np.int64),  # the row that leads; -1: nobody spoke yet
        ("winner", np.int64),
        ("best", np.float32),
    ],
    align=True,
)
Room: TypeAlias = Any
"""A record of dtype `ROOM`, as kernels see it."""
Rooms: TypeAlias = Any
"""Records of dtype `ROOM`, one record per room."""
Party: TypeAlias = Any
"""A record of dtype `PARTY`, as kernels see it."""
Parties: TypeAlias = Any
"""Records of dtype `PARTY`, one record per row."""


@kernel
def reset(p: Party, position: int) -> None:
    """Forget a row: a new party sits in it; `position`: where its cursor stands, not below a ring and a half."""
    p.ssrc = p.other_ssrc = p.soundless = NOBODY
    p.time = p.other_number = p.other_time = 0
    p.seen = np.uint64(0)
    p.highest, p.lowest, p.expected_before = 0, 1, 0
    p.received = p.others_received = p.others_expected = 0
    p.up = p.down = 1
    p.last_timestamp, p.last_s, p.jitter = 0, 0.0, 0.0
    p.noise, p.coloured = np.float32(0), False
    for k in range(NOISE_ORDER):
        p.reflections[k] = p.lattice[k] = np.float32(0)
    p.level = p.loudness = np.float32(SILENCE_DBOV)
    p.auto_db = np.float32(0)
    p.left, p.talking, p.voiced, p.blanked = -1, False, False, False
    p.smooth = p.least = p.least_before = np.float32(FLOOR_DBOV)
    p.floor_ticks, p.in_vain = 0, -UNKNOWN_TICKS
    p.spoke_in, p.leaving, p.ear, p.hidden, p.sounded, p.fading = -1, -1, -2, False, False, 0
    p.gain_in_before = p.gain_out_before = np.float32(-1)
    p.limit_in = p.limit_out = np.float32(1)
    p.frame = -1
    p.duplicate = p.late = p.overrun = p.stray = p.concealed = 0
    begin(p, position)


@kernel
def begin(p: Party, position: int) -> None:
    """Let a row be played anew from a position on: nothing has come of what is to be heard there."""
    p.number = NOBODY  # what comes next follows nothing
    p.cursor = p.end = p.played = position
    p.grain, p.idle, p.wait = 1, 0, 0
    p.recent = p.older = NOTHING
    p.late_turns = 0
    p.age, p.first, p.lag, p.lossy_turns, p.latest = 0, 0, 1, 0, 0
    p.phase, p.resting, p.begun, p.hushed = EMPTY, True, False, False
    p.silenced = False


def table(capacity: int) -> Parties:
    """Give the records of `capacity` rows."""
    parties = records(capacity, PARTY)
    parties["room"] = parties["frame"] = -1
    return parties


def room_table(capacity: int) -> Rooms:
    """Give the records of `capacity` rooms."""
    rooms = records(capacity, ROOM)
    rooms["dominant"] = -1
    return rooms
