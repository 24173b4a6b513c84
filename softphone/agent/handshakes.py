"""DTLS handshakes of the calls of agents; imported with the first call that may be encrypted."""

import time
from collections import Counter
from functools import cache

from softphone.media.rtp.dtls import Identity
from softphone.media.workers.handshakes import DtlsMedia
from softphone.media.workers.local import LocalMedia

__all__ = ["handshakes", "identity"]


@cache
def identity() -> Identity:
    """Give the certificate of all calls of this process."""
    return Identity()


def handshakes(media: LocalMedia) -> DtlsMedia:
    """Give the same media, which make keys by DTLS without ICE, too."""
    told = media.on_event
    made = DtlsMedia(media, identity(), Counter(), media.clock, time.time)
    made.on_event = told
    return made
