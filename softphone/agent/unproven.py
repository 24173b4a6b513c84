"""Unverified callers of an agent: the source of an INVITE over UDP can be forged."""

from collections.abc import Callable

from softphone.errors import CallRefused
from softphone.sip.ua.allowance import Allowances, answer_bytes, bind, repeated, trying_bytes
from softphone.sip.ua.call import InviteSession

__all__ = ["Unproven"]

RINGING_BYTES = 200
"""Of a 180, without what it repeats of the INVITE."""

ACK_S = 32.0


class Unproven:
    """Has them sent no more than their allowance until they have acknowledged an answer.

    Parameters
    ----------
    clock
        Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._allowances = Allowances(clock())

    def take(self, call: InviteSession) -> bool:
        """Take a call in; gives whether its caller may hear that it rings.

        A 100 always goes out, since somebody may take longer to answer than an INVITE is repeated; a 180, which callers
        wait for before they give up, as long as it is paid for or there is grace for it.

        Raises
        ------
        CallRefused
            503: too much is on its way to its address already.
        """
        if call.proved:
            return True
        now, answer = self._clock(), answer_bytes(call.invite)
        allowance = self._allowances.of(call.source.host, call.invite.size, now)
        if not allowance.spend(answer + trying_bytes(call.invite), now):
            raise CallRefused(503)
        bind(call, allowance, self._clock, repeat_s=ACK_S, trying=True)
        ringing = RINGING_BYTES + repeated(call.invite)
        return allowance.repeat(ringing, leaving=answer) or allowance.borrow(ringing, now)
