"""What became of a party's packets, as one value."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PartyCounters:
    """
    What became of a party's packets since it was added.

    Attributes
    ----------
    received : int
        Packets of the party's stream that came, whatever became of them.
    late, duplicate, overrun : int
        Packets thrown away because their time had passed, because they had come before, or because they exceeded the
        delay bound (audio skipped to keep the bound counts as the packets it would fill).
    stray : int
        Packets that belonged to no stream that was heard: of another source, or with a number or timestamp that the
        next packet did not confirm. They are in no other counter.
    lost : int
        Packets that never came (RFC 3550 A.3): expected minus received, duplicates not counted.
    concealed : int
        Frames in which missing audio was made up.
    expected : int
        Packets the peer sent, from its sequence numbers (RFC 3550 A.3).
    extended_highest_sequence : int
        Highest sequence number with its wraps above bit 16 (RFC 3550 6.4.1).
    jitter_samples : float
        Interarrival jitter in timestamp units (RFC 3550 A.8).
    delay_s : float
        How long the last packet that could be played waits between its arrival and its playout.
    """

    received: int = 0
    late: int = 0
    lost: int = 0
    duplicate: int = 0
    overrun: int = 0
    stray: int = 0
    concealed: int = 0
    expected: int = 0
    extended_highest_sequence: int = 0
    jitter_samples: float = 0.0
    delay_s: float = 0.0
