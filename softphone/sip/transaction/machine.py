"""The four transaction machines of RFC 3261 section 17, with the corrections of RFC 6026, as tables.

A machine is a dict: (state, input) -> (next state, actions in order). Every pair that is not listed is decided too: the
input is absorbed and the state stays. `step` is the only reader. The tables know no message, clock or socket; what an
action means, and how long a timer runs, is the business of `transaction`.

Timers carry their role, not the RFC's letter: RESEND is A, E and G; GIVE_UP is B, F and H; LINGER is D, I, J, K, L and
M; TRYING_DUE is the 200 ms of section 17.2.1 after which a server answers 100 by itself.
"""

from dataclasses import dataclass
from enum import Enum, auto

__all__ = [
    "MACHINES",
    "Action",
    "Input",
    "TransactionKind",
    "TransactionState",
    "Timers",
    "initial",
    "may_answer",
    "step",
]


class TransactionKind(Enum):
    """Which of the four machines."""

    INVITE_CLIENT = auto()
    CLIENT = auto()
    INVITE_SERVER = auto()
    SERVER = auto()


class TransactionState(Enum):
    """The states of RFC 3261 figures 5 to 8, and Accepted of RFC 6026."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    ACCEPTED = auto()
    TERMINATED = auto()


class Input(Enum):
    """What can happen to a transaction."""

    PROVISIONAL = auto()
    """Client: a response below 200 came. Server: the user sends one."""
    SUCCESS = auto()
    """The same for 200 to 299."""
    FAILURE = auto()
    """The same for 300 and above."""
    REQUEST = auto()
    """Server: the request came again."""
    ACK = auto()
    """Server: an ACK of this INVITE came."""
    CANCELLED = auto()
    """Client: the CANCEL of this INVITE went out."""
    RESEND = auto()
    GIVE_UP = auto()
    LINGER = auto()
    TRYING_DUE = auto()
    TRANSPORT_ERROR = auto()


class Action(Enum):
    """What a transition does."""

    SEND = auto()
    """Send the last message of this side again, or for the first time."""
    ACKNOWLEDGE = auto()
    """Send the ACK for a response of 300 and above (RFC 3261 section 17.1.1.3)."""
    SAY_TRYING = auto()
    """Send 100 Trying."""
    DELIVER = auto()
    """Hand the message that came to the user."""
    FAIL_TIMEOUT = auto()
    """Tell the user that nobody answered."""
    FAIL_TRANSPORT = auto()
    """Tell the user that it could not be sent."""
    ARM_RESEND = auto()
    """Run RESEND, each time for longer."""
    ARM_GIVE_UP = auto()
    ARM_LINGER = auto()
    DISARM = auto()
    """Stop all timers."""


S, E, A = TransactionState, Input, Action
Table = dict[tuple[TransactionState, Input], tuple[TransactionState, tuple[Action, ...]]]

_FAILED = (S.TERMINATED, (A.FAIL_TRANSPORT,))
_TIMED_OUT = (S.TERMINATED, (A.FAIL_TIMEOUT,))
_GONE: tuple[TransactionState, tuple[Action, ...]] = (S.TERMINATED, ())

# Figure 5, with RFC 6026 section 8.4: a 2xx leads to Accepted, where further 2xx of forks and retransmissions reach the
# user. A transport error after the final response is not told: the user has what it needs. GIVE_UP in Proceeding runs
# only after a CANCEL (section 9.1: without an answer in 64*T1 the INVITE counts as cancelled).
INVITE_CLIENT: Table = {
    (S.CALLING, E.RESEND): (S.CALLING, (A.SEND, A.ARM_RESEND)),
    (S.CALLING, E.GIVE_UP): _TIMED_OUT,
    (S.CALLING, E.TRANSPORT_ERROR): _FAILED,
    (S.CALLING, E.PROVISIONAL): (S.PROCEEDING, (A.DISARM, A.DELIVER)),
    (S.CALLING, E.SUCCESS): (S.ACCEPTED, (A.DISARM, A.DELIVER, A.ARM_LINGER)),
    (S.CALLING, E.FAILURE): (S.COMPLETED, (A.DISARM, A.ACKNOWLEDGE, A.DELIVER, A.ARM_LINGER)),
    (S.PROCEEDING, E.PROVISIONAL): (S.PROCEEDING, (A.DELIVER,)),
    (S.PROCEEDING, E.CANCELLED): (S.PROCEEDING, (A.ARM_GIVE_UP,)),
    (S.PROCEEDING, E.GIVE_UP): _TIMED_OUT,
    (S.PROCEEDING, E.SUCCESS): (S.ACCEPTED, (A.DISARM, A.DELIVER, A.ARM_LINGER)),
    (S.PROCEEDING, E.FAILURE): (S.COMPLETED, (A.DISARM, A.ACKNOWLEDGE, A.DELIVER, A.ARM_LINGER)),
    (S.COMPLETED, E.FAILURE): (S.COMPLETED, (A.ACKNOWLEDGE,)),
    (S.COMPLETED, E.TRANSPORT_ERROR): _GONE,
    (S.COMPLETED, E.LINGER): _GONE,
    (S.ACCEPTED, E.SUCCESS): (S.ACCEPTED, (A.DELIVER,)),
    (S.ACCEPTED, E.LINGER): _GONE,
}

# Figure 6.
_COMPLETE_CLIENT = (S.COMPLETED, (A.DISARM, A.DELIVER, A.ARM_LINGER))
CLIENT: Table = {
    (S.TRYING, E.RESEND): (S.TRYING, (A.SEND, A.ARM_RESEND)),
    (S.TRYING, E.GIVE_UP): _TIMED_OUT,
    (S.TRYING, E.TRANSPORT_ERROR): _FAILED,
    (S.TRYING, E.PROVISIONAL): (S.PROCEEDING, (A.DELIVER,)),
    (S.TRYING, E.SUCCESS): _COMPLETE_CLIENT,
    (S.TRYING, E.FAILURE): _COMPLETE_CLIENT,
    (S.PROCEEDING, E.RESEND): (S.PROCEEDING, (A.SEND, A.ARM_RESEND)),
    (S.PROCEEDING, E.GIVE_UP): _TIMED_OUT,
    (S.PROCEEDING, E.TRANSPORT_ERROR): _FAILED,
    (S.PROCEEDING, E.PROVISIONAL): (S.PROCEEDING, (A.DELIVER,)),
    (S.PROCEEDING, E.SUCCESS): _COMPLETE_CLIENT,
    (S.PROCEEDING, E.FAILURE): _COMPLETE_CLIENT,
    (S.COMPLETED, E.LINGER): _GONE,
}

# Figure 7, with RFC 6026 section 8.7: in Accepted the retransmitted INVITE is absorbed (the user retransmits the 2xx)
# and an ACK that carries the INVITE's branch, as some phones send it, reaches the user.
INVITE_SERVER: Table = {
    (S.PROCEEDING, E.REQUEST): (S.PROCEEDING, (A.SEND,)),
    (S.PROCEEDING, E.TRYING_DUE): (S.PROCEEDING, (A.SAY_TRYING,)),
    (S.PROCEEDING, E.PROVISIONAL): (S.PROCEEDING, (A.DISARM, A.SEND)),
    (S.PROCEEDING, E.SUCCESS): (S.ACCEPTED, (A.DISARM, A.SEND, A.ARM_LINGER)),
    (S.PROCEEDING, E.FAILURE): (S.COMPLETED, (A.DISARM, A.SEND, A.ARM_RESEND, A.ARM_GIVE_UP)),
    (S.PROCEEDING, E.TRANSPORT_ERROR): _FAILED,
    (S.COMPLETED, E.REQUEST): (S.COMPLETED, (A.SEND,)),
    (S.COMPLETED, E.RESEND): (S.COMPLETED, (A.SEND, A.ARM_RESEND)),
    (S.COMPLETED, E.GIVE_UP): _TIMED_OUT,
    (S.COMPLETED, E.ACK): (S.CONFIRMED, (A.DISARM, A.ARM_LINGER)),
    (S.COMPLETED, E.TRANSPORT_ERROR): _FAILED,
    (S.CONFIRMED, E.LINGER): _GONE,
    (S.ACCEPTED, E.SUCCESS): (S.ACCEPTED, (A.SEND,)),
    (S.ACCEPTED, E.ACK): (S.ACCEPTED, (A.DELIVER,)),
    (S.ACCEPTED, E.LINGER): _GONE,
}

# Figure 8.
_COMPLETE_SERVER = (S.COMPLETED, (A.SEND, A.ARM_LINGER))
SERVER: Table = {
    (S.TRYING, E.PROVISIONAL): (S.PROCEEDING, (A.SEND,)),
    (S.TRYING, E.SUCCESS): _COMPLETE_SERVER,
    (S.TRYING, E.FAILURE): _COMPLETE_SERVER,
    (S.PROCEEDING, E.REQUEST): (S.PROCEEDING, (A.SEND,)),
    (S.PROCEEDING, E.PROVISIONAL): (S.PROCEEDING, (A.SEND,)),
    (S.PROCEEDING, E.SUCCESS): _COMPLETE_SERVER,
    (S.PROCEEDING, E.FAILURE): _COMPLETE_SERVER,
    (S.PROCEEDING, E.TRANSPORT_ERROR): _FAILED,
    (S.COMPLETED, E.REQUEST): (S.COMPLETED, (A.SEND,)),
    (S.COMPLETED, E.TRANSPORT_ERROR): _FAILED,
    (S.COMPLETED, E.LINGER): _GONE,
}

MACHINES: dict[TransactionKind, Table] = {
    TransactionKind.INVITE_CLIENT: INVITE_CLIENT,
    TransactionKind.CLIENT: CLIENT,
    TransactionKind.INVITE_SERVER: INVITE_SERVER,
    TransactionKind.SERVER: SERVER,
}

_INITIAL = {
    TransactionKind.INVITE_CLIENT: TransactionState.CALLING,
    TransactionKind.CLIENT: TransactionState.TRYING,
    TransactionKind.INVITE_SERVER: TransactionState.PROCEEDING,
    TransactionKind.SERVER: TransactionState.TRYING,
}


def initial(kind: TransactionKind) -> TransactionState:
    """Return the state in which a machine begins."""
    return _INITIAL[kind]


def step(kind: TransactionKind, state: TransactionState, what: Input) -> tuple[TransactionState, tuple[Action, ...]]:
    """Decide: the next state and the actions; an input the table does not list is absorbed."""
    return MACHINES[kind].get((state, what), (state, ()))


def may_answer(kind: TransactionKind, state: TransactionState, what: Input) -> bool:
    """Whether a response still counts: nothing final went before it, or both are a 2xx to an INVITE."""
    if state is TransactionState.ACCEPTED:
        return what is Input.SUCCESS
    return kind in (TransactionKind.INVITE_SERVER, TransactionKind.SERVER) and state in (
        TransactionState.TRYING,
        TransactionState.PROCEEDING,
    )


@dataclass(frozen=True, slots=True)
class Timers:
    """The three numbers from which every timer follows, in seconds (RFC 3261 section 17.1.1.1 and table 4)."""

    t1: float = 0.5
    """Round-trip time estimate."""
    t2: float = 4.0
    """Longest wait between retransmissions."""
    t4: float = 5.0
    """Longest time a message stays in the network."""
    trying: float = 0.2
    """Longest silence of a server after an INVITE (section 17.2.1)."""

    @property
    def give_up(self) -> float:
        """Timers B, F, H, and L and M of RFC 6026: 64*T1."""
        return 64 * self.t1

    def linger(self, kind: TransactionKind, state: TransactionState, reliable: bool) -> float:
        """How long a transaction stays after its end, to absorb what the network repeats."""
        if state is TransactionState.ACCEPTED:
            return self.give_up
        if reliable:
            return 0.0
        # D is "at least 32 s"; with T1 other than its default it scales like the others
        return self.give_up if kind in (TransactionKind.INVITE_CLIENT, TransactionKind.SERVER) else self.t4

    def resend(self, kind: TransactionKind, state: TransactionState, previous: float) -> float:
        """How long until the next retransmission, `previous` being 0 before the first."""
        if not previous:
            return self.t1
        if kind is TransactionKind.INVITE_CLIENT:
            return 2 * previous
        if kind is TransactionKind.CLIENT and state is TransactionState.PROCEEDING:
            return self.t2
        return min(2 * previous, self.t2)
