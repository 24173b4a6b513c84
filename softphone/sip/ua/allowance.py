"""Limits of what is sent to an unverified address.

A datagram's sender is what it says. Whoever writes somebody else's address into an INVITE has our answers sent there,
so they may not be much more than what came: three times as many bytes, as for an address that is not validated in QUIC
(RFC 9000 section 8.1). What an answer needs beyond that to be sent once is lent, for callers who write little: there is
a small grace for each address, and one for all of them together. An ACK with our tag gives it back, time does the same.
"""

from collections import OrderedDict
from collections.abc import Callable

from softphone.sip.message.message import Request
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.retransmission import AckPatience

__all__ = ["Allowance", "Allowances", "answer_bytes", "bind", "repeated", "trying_bytes"]

FACTOR = 3
# Of one address: some answers with their repetitions, over a line that loses every other packet.
GRACE, GRACE_PER_S = 12_000, 100.0
# Of all together: who forges an address for each datagram gets no more out of us than this.
GRACE_OF_ALL, GRACE_OF_ALL_PER_S = 100_000, 1_000.0
# Addresses that are remembered, a megabyte of them, and only until their grace is whole again, which takes two minutes.
# Who is forgotten before has it anew, but nobody has more than is left for all.
ADDRESSES = 4_096
# For each that comes: more than one, so that what a flood has left behind goes, and few, so that nobody waits for it.
FORGOTTEN_AT_ONCE = 2


# A 200 without what it repeats of the INVITE, our own headers and the description; and a 100.
ANSWER_BYTES = 525
TRYING_BYTES = 50
REPEATED = ("Via", "From", "To", "Call-ID", "CSeq", "Record-Route")


class Bucket:
    """A number of bytes that comes back with time."""

    __slots__ = ("_at", "_left", "_most", "_per_s")

    def __init__(self, most: float, per_s: float, now: float) -> None:
        self._most, self._per_s = most, per_s
        self._left, self._at = most, now

    def left(self, now: float) -> float:
        """Say how many there are."""
        self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        self._at = now
        return self._left

    def has_rested(self, now: float) -> bool:
        """Say whether nobody has asked for so long that it is whole, whatever was taken out."""
        return (now - self._at) * self._per_s >= self._most

    def take(self, size: float, now: float) -> None:
        """Take some out; a negative number puts some back."""
        self._left = min(self._most, self.left(now) - size)


class Allowance:
    """What may be sent in answer to one request.

    Parameters
    ----------
    received
        Bytes of the request.
    lenders
        Who lends what goes beyond the factor.
    """

    def __init__(self, received: int, lenders: tuple[Bucket, ...]) -> None:
        self._own = FACTOR * received
        self._lent = 0.0
        self._lenders = lenders

    def earn(self, received: int) -> None:
        """Note that the request has come once more, in so many bytes."""
        self._own += FACTOR * received

    def covers(self, size: int) -> bool:
        """Say whether so many bytes could be sent for which nothing is lent."""
        return size <= self._own

    def repeat(self, size: int, leaving: int = 0) -> bool:
        """Say whether so many bytes may be sent besides, for which nothing is lent; if so, they count as sent.

        There must be so many left after them as `leaving` says.
        """
        if not self.covers(size + leaving):
            return False
        self._own -= size
        return True

    def spend(self, size: int, now: float) -> bool:
        """Say whether so many bytes may be sent at the time `now`, in seconds; if so, they count as sent."""
        if not self.borrow(max(0, size - self._own), now):
            return False
        self._own = max(0, self._own - size)
        return True

    def borrow(self, size: int, now: float) -> bool:
        """Say whether so many bytes may be sent that are lent, what is its own being for something else."""
        if size and any(lender.left(now) < size for lender in self._lenders):
            return False
        self._lend(size, now)
        return True

    def proved(self, now: float) -> None:
        """Note that the address is its own: what was lent is given back."""
        self._lend(-self._lent, now)

    def _lend(self, size: float, now: float) -> None:
        self._lent += size
        for lender in self._lenders:
            lender.take(size, now)


class Allowances:
    """Those of all addresses."""

    def __init__(self, now: float) -> None:
        self._all = Bucket(GRACE_OF_ALL, GRACE_OF_ALL_PER_S, now)
        self._of: OrderedDict[str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        """Addresses remembered."""
        return len(self._of)

    def of(self, host: str, received: int, now: float) -> Allowance:
        """Give the allowance of a request of so many bytes."""
        own = self._of.setdefault(host, Bucket(GRACE, GRACE_PER_S, now))
        own.left(now)
        self._of.move_to_end(host)
        for _ in range(FORGOTTEN_AT_ONCE):
            oldest = next(iter(self._of))
            if len(self._of) > ADDRESSES or self._of[oldest].has_rested(now):
                del self._of[oldest]
        return Allowance(received, (own, self._all))


def bind(
    call: InviteSession,
    allowance: Allowance,
    clock: Callable[[], float],
    *,
    ack_s: float | None = None,
    repeat_s: float | None = None,
    trying: bool = False,
) -> None:
    """Have the caller of a call sent no more than its allowance, until it has shown to be where its INVITE says.

    `ack_s`, `repeat_s` and `trying` are those of `AckPatience`.
    """
    call.patience = AckPatience(
        ack_s,
        trying=trying,
        repeat_s=repeat_s,
        may_repeat=allowance.repeat,
        on_repeated=allowance.earn,
        may_leave=lambda size: allowance.spend(size, clock()),
    )
    call.proof.told.append(lambda: allowance.proved(clock()))


def answer_bytes(invite: Request) -> int:
    """Give how many bytes a 200 to an INVITE has, with a description."""
    return ANSWER_BYTES + repeated(invite)


def trying_bytes(invite: Request) -> int:
    """Give how many bytes a 100 to an INVITE has."""
    return TRYING_BYTES + repeated(invite)


def repeated(request: Request) -> int:
    """Give how many bytes of a request each answer repeats."""
    return sum(len(name) + len(value) + 4 for name in REPEATED for value in request.get_all(name))
