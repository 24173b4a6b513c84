"""A 2xx to an INVITE is sent again until its ACK comes (RFC 3261 section 13.3.1.4): when, and until when."""

from softphone.sip.machine import Timers

__all__ = ["Acceptance"]


class Acceptance:
    """The times of one 2xx: T1 after the first, then doubling up to T2; given up after 64 T1."""

    def __init__(self, timers: Timers, now: float) -> None:
        self._interval = timers.t1
        self._longest = timers.t2
        self._over = now + 64 * timers.t1
        self.deadline = now + self._interval

    def expire(self, now: float) -> bool:
        """Say what is due when ``deadline`` has come: True to send the 2xx again, False to give up."""
        if now >= self._over:
            return False
        self._interval = min(2 * self._interval, self._longest)
        self.deadline = min(now + self._interval, self._over)
        return True
