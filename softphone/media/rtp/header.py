"""How RTP packets and telephone events are laid out."""

import numpy as np

__all__ = ["EVENT", "EVENT_END", "HEADER", "HEADER_SIZE", "KEYS"]

# RFC 3550 section 5.1: the fixed header
HEADER = np.dtype([("first", "u1"), ("second", "u1"), ("seq", ">u2"), ("timestamp", ">u4"), ("ssrc", ">u4")])
HEADER_SIZE = HEADER.itemsize
# RFC 4733 section 2.3: the payload of a telephone-event packet
EVENT = np.dtype([("event", "u1"), ("flags", "u1"), ("duration", ">u2")])
EVENT_END = 0x80
# RFC 4733 section 3.2: event codes 0 to 15
KEYS = "0123456789*#ABCD"
