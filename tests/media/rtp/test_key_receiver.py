"""What a new key is (RFC 4733): senders of many manners, and what the network does to their packets."""

import itertools
import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softphone.media.rtp.header import KEYS
from softphone.media.rtp.keys import EventPacket, KeyReceiver

HZ = 8000


@dataclass(frozen=True)
class Manner:
    """How a sender writes a key."""

    timestamps: str = "of the event"
    "or: each its own, ends their own, one for all"
    markers: str = "first"
    "or: starts, all, none"
    interval_s: float = 0.05
    starts: int = 3
    ends_at_once: bool = True
    grows: bool = True
    clock_hz: int = HZ


@dataclass(frozen=True)
class Sent:
    packet: EventPacket
    seq: int
    at_s: float


def pressed(
    keys: str, manner: Manner, tone_s: float = 0.1, gap_s: float = 0.05, base: int = 2**32 - 3000
) -> list[Sent]:
    """All packets of some keys, in the order they are sent."""
    sent: list[Sent] = []
    for number, key in enumerate(keys):
        begin_s = number * (tone_s + gap_s)
        steps = round(tone_s / manner.interval_s)
        times = [0.0] * manner.starts + [manner.interval_s * i for i in range(1, steps)]
        ends = [tone_s + (0 if manner.ends_at_once else i * manner.interval_s) for i in range(3)]
        for index, after_s in enumerate(times + ends):
            end = index >= len(times)
            begin = round(begin_s * manner.clock_hz)
            own = round(after_s * manner.clock_hz)
            past = min(after_s + manner.interval_s, tone_s) if not end else tone_s
            timestamp = {
                "of the event": begin,
                "each its own": begin + own + (160 * (index - len(times)) if end else 0),
                "ends their own": begin + (160 * (index - len(times)) if end else 0),
                "one for all": 0,
            }[manner.timestamps]
            marker = {"first": index == 0, "starts": index < manner.starts, "all": True, "none": False}[manner.markers]
            duration = round((past if manner.grows else 0.02) * manner.clock_hz)
            packet = EventPacket(base + timestamp & 0xFFFFFFFF, KEYS.index(key), end, duration, marker)
            sent.append(Sent(packet, 65_530 + len(sent) & 0xFFFF, begin_s + after_s))
    return sent


def found(sent: list[Sent], clock_hz: int = HZ) -> str:
    receiver = KeyReceiver(clock_hz)
    keys = [receiver.receive(each.packet, each.seq, 7, each.at_s) for each in sent]
    return "".join(key for key in keys if key)


PLAIN = Manner()
MANNERS = {
    "of the standard": PLAIN,
    "ends with varying timestamps": Manner("ends their own"),
    "each packet its own": Manner("each its own"),
    "each packet its own, of one length": Manner("each its own", interval_s=0.02, grows=False),
    "one timestamp, markers": Manner("one for all"),
    "one timestamp, no markers": Manner("one for all", markers="none"),
    "no markers": Manner(markers="none"),
    "each its own, no markers": Manner("each its own", markers="none"),
    "markers on all starts": Manner(markers="starts"),
    "markers everywhere": Manner(markers="all"),
    "markers everywhere, each its own": Manner("each its own", markers="all"),
    "ends apart": Manner(ends_at_once=False, interval_s=0.02),
    "one start": Manner(starts=1),
    "48 kHz": Manner("ends their own", clock_hz=48_000),
    "48 kHz, each its own": Manner("each its own", clock_hz=48_000),
}
manners = pytest.mark.parametrize("manner", MANNERS.values(), ids=MANNERS)


@manners
@pytest.mark.parametrize("keys", ["1234#", "11", "0000", "1", "9*9"])
@pytest.mark.parametrize(("tone_s", "gap_s"), [(0.1, 0.05), (0.1, 1.0), (0.6, 0.1)])
def test_each_key_once(manner: Manner, keys: str, tone_s: float, gap_s: float) -> None:
    assert found(pressed(keys, manner, tone_s, gap_s), manner.clock_hz) == keys


@manners
def test_a_lost_packet_costs_no_key(manner: Manner) -> None:
    """Any one packet of each key, its start and its end too."""
    sent = pressed("1123#", manner, gap_s=0.2)
    each = len(sent) // 5
    for first, second in itertools.product(range(each), repeat=2):
        lost = {key * each + (first if key % 2 else second) for key in range(5)}
        assert found([one for i, one in enumerate(sent) if i not in lost], manner.clock_hz) == "1123#", lost


@given(
    manner=st.sampled_from([each for each in MANNERS.values() if each.starts > 1]),  # an only marker may be overtaken
    late=st.sets(st.integers(0, 60)),
    copied=st.lists(st.integers(0, 34), max_size=5),
)
@settings(max_examples=50, deadline=None)
def test_copies_and_overtaking_make_no_key(manner: Manner, late: set[int], copied: list[int]) -> None:
    sent = pressed("1123#", manner)
    came = [*enumerate(sent), *((i + 1, sent[i]) for i in copied)]
    order = sorted(range(len(came)), key=lambda k: came[k][0] + 2.5 * (k in late))
    arrived = list(itertools.accumulate((came[k][1].at_s for k in order), max))
    stamped = [replace(came[k][1], at_s=at_s) for k, at_s in zip(order, arrived, strict=True)]
    assert found(stamped, manner.clock_hz) == "1123#"


@pytest.mark.parametrize("manner", [PLAIN, MANNERS["ends with varying timestamps"], MANNERS["no markers"]])
@pytest.mark.parametrize("kept", ["start", "middle", "end"])
def test_what_is_left_of_a_key_is_a_key(manner: Manner, kept: str) -> None:
    sent = pressed("1123#", manner, tone_s=0.2, gap_s=0.1)
    each = len(sent) // 5
    part = {"start": range(3), "middle": range(3, each - 3), "end": range(each - 3, each)}[kept]
    assert found([one for i, one in enumerate(sent) if i % each in part]) == "1123#"


@pytest.mark.parametrize("clock_hz", [8000, 48_000])
def test_a_key_longer_than_a_segment_is_one(clock_hz: int) -> None:
    step, seq, sent = clock_hz // 20, 0, []
    for segment in range(3):
        for duration in range(step, 0xFFFF, step):
            packet = EventPacket(1000 + 0xFFFF * segment, 5, False, duration, seq == 0)
            sent.append(Sent(packet, seq & 0xFFFF, seq * 0.05))
            seq += 1
    ends = [Sent(EventPacket(1000 + 0xFFFF * 2, 5, True, 0xFFFF, False), seq + i, seq * 0.05) for i in range(3)]
    assert found([*sent, *ends], clock_hz) == "5"


def test_a_held_key_without_updates_is_one() -> None:
    start = [Sent(EventPacket(0, 1, False, 160, i == 0), i, 0.0) for i in range(3)]
    end = [Sent(EventPacket(0, 1, True, 24_000, False), 3 + i, 3.0) for i in range(3)]
    assert found([*start, *end]) == "1"


def test_a_sender_that_begins_its_numbers_anew_is_heard() -> None:
    receiver, rng = KeyReceiver(), random.Random(1)
    for at in range(20):
        ssrc, seq, base = rng.randrange(2**32), rng.randrange(2**16), rng.randrange(2**32)
        sent = [replace(one, seq=seq + i & 0xFFFF) for i, one in enumerate(pressed("1", PLAIN, base=base))]
        keys = [receiver.receive(one.packet, one.seq, ssrc, 10.0 * at + one.at_s) for one in sent]
        assert [key for key in keys if key] == ["1"]
