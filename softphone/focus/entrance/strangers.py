"""Callers whom we do not know: how many there may be, and what is sent to an address that may not be their own.

Until the ACK nothing shows that a caller by UDP is where its INVITE says: one forged datagram takes a leg till then,
and what we answer goes to whom it names. So there are few, they are answered few times, and never are all legs theirs.

An ACK is a proof only with the To tag of our answer, which nobody knows but who received it. Some telephones put a tag
of their own there; they have their call all the same, but what was lent for them is not given back, and they are sent
no more sound than three times what comes from where they say (`softphone.calls.nat`).
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import Protocol

from softphone.sip.message.message import Request
from softphone.sip.ua.allowance import Allowance, Allowances, answer_bytes, bind, trying_bytes
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.retransmission import AckPatience

__all__ = ["Strangers", "Turns", "Waiting", "reserved"]

# Four hundred calls in a second whose ACK takes a second are a storm; a conference of thousands takes longer to come.
PER_ADDRESS = 500
# Unacknowledged; of fewer legs, at most half.
TOTAL = 1000
# So many may take their time, over lines that lose messages: the answer comes at 0, 0.5, 1.5 and 3.5 s, and with each
# repetition of the INVITE, as far as all of it is no more than three times what has come.
FEW = 50
LONG_S = 12.0
# Of more, each has two answers to acknowledge one.
PATIENCE_S = 4.0
BRIEF_S = 1.0
# Telephones that see no answer before a 100, by what their User-Agent begins with. They have one. All others have none,
# for after it their INVITE comes no more: on a bad line it would earn another answer.
WAIT_FOR_TRYING = ("pyVoIP",)
# Of all legs strangers leave one in so many to those whom we know.
RESERVE = 8


def reserved(legs: int) -> int:
    """Give how many of all legs are for those whom we know."""
    return legs // RESERVE


class Strangers:
    """Counts the calls of strangers that are not acknowledged yet.

    Parameters
    ----------
    legs
        How many there are for everybody.
    clock
        Monotonic seconds.
    allowances
        What is sent to unproved addresses, also by others.
    """

    def __init__(self, legs: int, clock: Callable[[], float], allowances: Allowances) -> None:
        self.legs = legs - reserved(legs)
        "How many legs may be taken, by whomever, when a stranger comes in."
        self._most = max(1, legs // 2)
        self._waiting: Counter[str] = Counter()
        self._total = 0
        self._clock = clock
        self._allowances = allowances

    def __len__(self) -> int:
        return self._total

    def take(self, call: InviteSession) -> bool:
        """Take a call in, with how long it may take to be acknowledged; False: there are too many."""
        host = call.source.host
        if self._total >= min(TOTAL, self._most) or self._waiting[host] >= PER_ADDRESS:
            return False
        allowance = None if call.proved else self._allowance(call)
        answer = answer_bytes(call.invite)
        if allowance is not None and not allowance.spend(answer, self._clock()):
            return False
        few = self._total < min(FEW, max(1, self._most // 4))
        ack_s = LONG_S if few else PATIENCE_S
        if allowance is None:
            call.patience = AckPatience(ack_s)
        else:
            trying = waits_for_trying(call.invite) and allowance.repeat(trying_bytes(call.invite), leaving=answer)
            bind(call, allowance, self._clock, ack_s=ack_s, repeat_s=PATIENCE_S if few else BRIEF_S, trying=trying)
        self._waiting[host] += 1
        self._total += 1
        call.on_settled = lambda: self._settled(host)
        return True

    def _allowance(self, call: InviteSession) -> Allowance:
        return self._allowances.of(call.source.host, call.invite.size, self._clock())

    def _settled(self, host: str) -> None:
        self._total -= 1
        self._waiting[host] -= 1
        if not self._waiting[host]:
            del self._waiting[host]


class Turns:
    """Lets strangers come in one by one, each in a turn of the event loop of its own.

    A leg, its answer and what is said first are a hundred times the work of a challenge: of many that come at once,
    whoever is known would wait for all.
    """

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._due = False

    async def wait(self) -> None:
        """Wait until those before have begun."""
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        self._later()
        await mine

    def _later(self) -> None:
        if self._waiting and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._due = False
        first = self._waiting.popleft()
        if not first.done():
            first.set_result(None)
        self._later()


def waits_for_trying(invite: Request) -> bool:
    """Say whether a telephone takes nothing else for a first answer."""
    return (invite.get("User-Agent") or "").startswith(WAIT_FOR_TRYING)


class Guest(Protocol):
    """A stranger that has been answered, and has yet to say which room it wants."""

    def give_way(self) -> None:
        """Hang up: somebody else needs the place."""


class Waiting:
    """Strangers that are asked for a code: few from one host, and few in all.

    One too many takes the place of the one that has waited longest, from the same host or, when all places are taken,
    from the host that has most: who fills them shuts out nobody but himself.

    Parameters
    ----------
    legs
        How many there are for everybody.
    """

    def __init__(self, legs: int) -> None:
        self._most = max(1, legs // 4)
        self._most_of_host = max(1, min(50, self._most // 4))
        self._by_host: dict[str, OrderedDict[Guest, None]] = {}
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def enter(self, guest: Guest, host: str) -> None:
        """Let somebody wait; until it leaves."""
        if len(self._by_host.get(host, ())) >= self._most_of_host:
            self._dismiss(host)
        elif self._total >= self._most:
            self._dismiss(max(self._by_host, key=lambda each: len(self._by_host[each])))
        self._by_host.setdefault(host, OrderedDict())[guest] = None
        self._total += 1

    def leave(self, guest: Guest, host: str) -> None:
        """Somebody waits no longer; nothing happens if it did not."""
        there = self._by_host.get(host, OrderedDict())
        if guest not in there:
            return
        del there[guest]
        self._total -= 1
        if not there:
            del self._by_host[host]

    def _dismiss(self, host: str) -> None:
        guest = next(iter(self._by_host[host]))
        self.leave(guest, host)
        guest.give_way()
