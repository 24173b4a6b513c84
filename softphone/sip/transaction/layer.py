"""The transaction layer: RFC 3261 section 17 for all transactions of a node, as a value that knows no socket or clock.

A driver calls `receive` with what the transport read and `expire` when `next_deadline` has come, and after each call
takes `sends` to the transport and `events` to the user. The user calls `request`, `respond`, `ack` and `cancel`. What
may happen when is told by the tables in `machine`.
"""

import heapq
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from softphone.errors import BadMessage
from softphone.sip.message.fields import COOKIE
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.message.parser import BadRequest, parse
from softphone.sip.message.uri import Uri
from softphone.sip.transaction.events import (
    AckReceived,
    CancelReceived,
    Counters,
    Event,
    Failure,
    InviteRepeated,
    RequestReceived,
    ResponseReceived,
    Terminated,
    TransactionFailed,
)
from softphone.sip.transaction.machine import (
    Action,
    Input,
    Timers,
    TransactionKind,
    TransactionState,
    initial,
    may_answer,
    step,
)
from softphone.sip.transaction.matching import client_key, is_answer, rank, server_key, sibling
from softphone.sip.transport.hop import Hop, Send, reply_hop, stamp
from softphone.sip.transport.listener import Listeners

__all__ = ["TransactionLayer"]

# 400 calls a second, each with INVITE and BYE that stay 32 s after their answer, make 25,600; the rest is for bursts.
CAPACITY = 40_000
# Of one that is finished: its answer. A peer can make sixty kilobytes of it, for it repeats what was asked.
USUAL_BYTES = 2_000
# What the refused are told; long enough for the burst to be over (Retry-After, seconds).
RETRY_AFTER = "5"
# Refusals of requests by UDP that begin nothing, whoever is told: a challenge, and that there is nobody of that name.
STATELESS = (401, 404, 407)
BRANCH_BYTES = 8  # 64 bits: nobody guesses the branch of a request he has not seen


@dataclass(frozen=True, slots=True)
class _Came:
    message: Request | Response
    source: Hop


# In place of a request that has its final response: most transactions are finished ones, and would keep all of theirs.
_ANSWERED = Request("ANSWERED", Uri("sip", "invalid"))


@dataclass(slots=True)
class _Transaction:
    key: str
    kind: TransactionKind
    request: Request
    remote: Hop
    state: TransactionState
    last: bytes = b""
    """What SEND sends: the request (client), the latest response (server)."""
    wait: float = 0.0
    due: dict[Input, float] = field(default_factory=dict)
    cancel_wanted: bool = False
    cancel_headers: Headers = ()
    cancel_sent: bool = False


class TransactionLayer:
    """All transactions of a node.

    Parameters
    ----------
    timers
        T1, T2 and T4, in seconds.
    listeners
        Our own addresses, for the Via of our requests; may be set later, when the port is known.
    capacity
        Transactions of usual size at a time. New requests above it are answered with 503; requests inside dialogs and
        CANCEL, which make the load smaller, are let in up to twice as many.
    """

    def __init__(
        self,
        timers: Timers | None = None,
        *,
        listeners: Listeners | None = None,
        capacity: int = CAPACITY,
    ) -> None:
        self.timers = timers or Timers()
        self.listeners = listeners or Listeners("127.0.0.1", 5060)
        self.capacity = capacity
        self.counters = Counters()
        self._transactions: dict[str, _Transaction] = {}
        self._bytes = 0
        self._heap: list[tuple[float, int, str, Input]] = []
        self._order = count()
        self._sends: list[Send] = []
        self._events: list[Event] = []

    def __len__(self) -> int:
        return len(self._transactions)

    @property
    def overloaded(self) -> bool:
        """Whether new requests are being refused."""
        return not self._takes(self.capacity)

    def _takes(self, capacity: int) -> bool:
        return len(self._transactions) < capacity and self._bytes < capacity * USUAL_BYTES

    # What the driver takes.

    def sends(self) -> list[Send]:
        """Take what is to be sent, in order."""
        taken, self._sends = self._sends, []
        return taken

    def events(self) -> list[Event]:
        """Take what the user is to be told, in order."""
        taken, self._events = self._events, []
        return taken

    def next_deadline(self) -> float | None:
        """Return when `expire` wants to be called, on the clock of `now`; None when no timer runs."""
        while self._heap:
            when, _, key, timer = self._heap[0]
            transaction = self._transactions.get(key)
            if transaction is not None and transaction.due.get(timer) == when:
                return when
            heapq.heappop(self._heap)
        return None

    def expire(self, now: float) -> None:
        """Run the timers that are due."""
        while (when := self.next_deadline()) is not None and when <= now:
            _, _, key, timer = heapq.heappop(self._heap)
            transaction = self._transactions[key]
            del transaction.due[timer]
            self._feed(transaction, timer, now)

    # What comes from the network.

    def receive(self, data: bytes, source: Hop, now: float) -> None:
        """Take a datagram, or one message of a stream.

        What is no message is counted; if it is a request that can be answered, it is, without a transaction.
        """
        try:
            message = parse(data, streamed=source.kind.streamed)
        except BadRequest as error:
            self.counters.bad += 1
            self._answer(error.request, source, error.status, error.reason)
        except BadMessage:
            self.counters.bad += 1
        else:
            message.size = len(data)
            self.deliver(message, source, now)

    def deliver(self, message: Request | Response, source: Hop, now: float) -> None:
        """Take a message that has been read already."""
        if isinstance(message, Response):
            self._deliver_response(message, source, now)
        elif message.method == "ACK":
            self._deliver_ack(message, source, now)
        else:
            self._deliver_request(message, source, now)

    def failed(self, key: str | None, now: float) -> None:
        """Take note that a `Send` with this key could not be sent."""
        transaction = self._transactions.get(key or "")
        if transaction is not None:
            self._feed(transaction, Input.TRANSPORT_ERROR, now)

    def _deliver_response(self, message: Response, source: Hop, now: float) -> None:
        transaction = self._transactions.get(client_key(message.via.branch, message.cseq.method))
        if transaction is None or not is_answer(transaction.request, message):
            self.counters.stray += 1
            return
        self._feed(transaction, rank(message), now, _Came(message, source))
        if transaction.cancel_wanted:
            self._send_cancel(transaction, now)

    def _deliver_ack(self, message: Request, source: Hop, now: float) -> None:
        transaction = self._transactions.get(server_key(message, "INVITE"))
        if transaction is None:
            self._events.append(AckReceived(message, source))
        else:
            self._feed(transaction, Input.ACK, now, _Came(message, source))

    def _deliver_request(self, message: Request, source: Hop, now: float) -> None:
        key = server_key(message, message.method)
        if (transaction := self._transactions.get(key)) is not None:
            self._feed(transaction, Input.REQUEST, now)
            if transaction.kind is TransactionKind.INVITE_SERVER:
                self._events.append(InviteRepeated(key, message.size))
            return
        if not self._takes(self._room_for(message)):
            self.counters.refused += 1
            self._answer(message, source, 503, None, ("Retry-After", RETRY_AFTER))
            return
        invite_key = server_key(message, "INVITE")
        stamp(message, source)
        kind = TransactionKind.INVITE_SERVER if message.method == "INVITE" else TransactionKind.SERVER
        transaction = self._add(key, kind, message, reply_hop(message, source))
        if message.method == "CANCEL":
            invite = invite_key if invite_key in self._transactions else None
            self._events.append(CancelReceived(key, invite, message, source))
            return
        if kind is TransactionKind.INVITE_SERVER:
            self._arm(transaction, Input.TRYING_DUE, self.timers.trying, now)
        self._events.append(RequestReceived(key, message, source))

    def _room_for(self, message: Request) -> int:
        eases = message.to.tag is not None or message.method == "CANCEL"
        return 2 * self.capacity if eases else self.capacity

    def _answer(self, to: Request, source: Hop, status: int, reason: str | None, *headers: tuple[str, str]) -> None:
        """Answer without a transaction (RFC 3261 section 8.2.7)."""
        stamp(to, source)
        self._sends.append(Send(bytes(response(to, status, reason, headers=headers)), reply_hop(to, source)))

    # What the user asks for.

    def request(self, message: Request, target: Hop, now: float) -> str:
        """Send a request, not ACK or CANCEL, and return the key of its transaction.

        The message is copied; its Via is ours alone.
        """
        branch = f"{COOKIE}-{secrets.token_hex(BRANCH_BYTES)}"
        kind = TransactionKind.INVITE_CLIENT if message.method == "INVITE" else TransactionKind.CLIENT
        sent = self._addressed(message, branch, target)
        transaction = self._add(client_key(branch, message.method), kind, sent, target)
        self._start(transaction, now)
        return transaction.key

    def ack(self, message: Request, target: Hop) -> None:
        """Send the ACK for a 2xx (RFC 3261 section 13.2.2.4): no transaction, called again for each repeated 2xx."""
        branch = f"{COOKIE}-{secrets.token_hex(BRANCH_BYTES)}"
        self._sends.append(Send(bytes(self._addressed(message, branch, target)), target))

    def cancel(self, key: str, now: float, headers: Headers = ()) -> None:
        """Cancel an INVITE of ours (RFC 3261 section 9.1), at once or when its first provisional response has come.

        Its final response is still told, 487 mostly; a peer that sends none is given 64*T1 after the CANCEL.
        """
        transaction = self._transactions.get(key)
        if transaction is None or transaction.kind is not TransactionKind.INVITE_CLIENT:
            return
        transaction.cancel_wanted = True
        transaction.cancel_headers = headers
        self._send_cancel(transaction, now)

    def respond(self, key: str, message: Response, now: float, *, once: bool = False) -> None:
        """Send a response; of a transaction that is over, or answered finally already, nothing is sent.

        Parameters
        ----------
        once
            By UDP, answer a request that begins nothing and forget it (RFC 3261 section 8.2.7), as it is done with
            `STATELESS` answers: it may bear somebody else's address, and nobody is to be sent many.
        """
        transaction = self._transactions.get(key)
        if transaction is None or not may_answer(transaction.kind, transaction.state, rank(message)):
            return
        if message.status == 100 and transaction.last:  # something was said already
            return
        self._keep(transaction, bytes(message))
        once = once or (message.status in STATELESS and transaction.request.to.tag is None)
        if once and message.status >= 200 and not transaction.remote.reliable:
            self._sends.append(Send(transaction.last, transaction.remote))
            self.forget(key)
            return
        self._feed(transaction, rank(message), now)
        if message.status >= 200:
            transaction.request = _ANSWERED

    def forget(self, key: str) -> None:
        """Send a message no more; what comes for it is stray."""
        if (transaction := self._transactions.pop(key, None)) is not None:
            self._bytes -= len(transaction.last)
            self._events.append(Terminated(key))

    def _addressed(self, message: Request, branch: str, target: Hop) -> Request:
        return message.copy(str(self.listeners.by(target.kind, target.host).via(branch)))

    def _send_cancel(self, invite: _Transaction, now: float) -> None:
        if invite.state is not TransactionState.PROCEEDING or invite.cancel_sent:
            return
        invite.cancel_sent = True
        request = sibling(invite.request, "CANCEL", invite.request.get_all("To")[0], invite.cancel_headers)
        self._feed(invite, Input.CANCELLED, now)
        self._start(
            self._add(client_key(request.via.branch, "CANCEL"), TransactionKind.CLIENT, request, invite.remote), now
        )

    # How transactions live.

    def _add(self, key: str, kind: TransactionKind, request: Request, remote: Hop) -> _Transaction:
        transaction = _Transaction(key, kind, request, remote, initial(kind))
        self._transactions[key] = transaction
        return transaction

    def _keep(self, transaction: _Transaction, data: bytes) -> None:
        self._bytes += len(data) - len(transaction.last)
        transaction.last = data

    def _start(self, transaction: _Transaction, now: float) -> None:
        self._keep(transaction, bytes(transaction.request))
        self._send(transaction, now)
        self._arm_resend(transaction, now)
        self._arm_give_up(transaction, now)

    def _arm(self, transaction: _Transaction, timer: Input, after: float, now: float) -> None:
        transaction.due[timer] = now + after
        heapq.heappush(self._heap, (now + after, next(self._order), transaction.key, timer))

    def _feed(self, transaction: _Transaction, what: Input, now: float, came: _Came | None = None) -> None:
        """Move a transaction by one input; `came` is the message from the network behind it, if there is one."""
        transaction.state, actions = step(transaction.kind, transaction.state, what)
        for action in actions:
            _EFFECTS[action](self, transaction, now, came)
        if transaction.state is TransactionState.TERMINATED:
            self.forget(transaction.key)

    # What the actions of the tables mean.

    def _send(self, transaction: _Transaction, now: float, came: _Came | None = None) -> None:
        if transaction.last:
            self._sends.append(Send(transaction.last, transaction.remote, transaction.key))

    def _acknowledge(self, transaction: _Transaction, now: float, came: _Came | None) -> None:
        if came is not None:
            ack = sibling(transaction.request, "ACK", came.message.get_all("To")[0])
            self._sends.append(Send(bytes(ack), transaction.remote, transaction.key))

    def _say_trying(self, transaction: _Transaction, now: float, came: _Came | None) -> None:
        self._keep(transaction, bytes(response(transaction.request, 100)))
        self._send(transaction, now)

    def _tell(self, transaction: _Transaction, now: float, came: _Came | None) -> None:
        if came is None:
            return
        if isinstance(came.message, Response):
            self._events.append(ResponseReceived(transaction.key, came.message, came.source))
        else:
            self._events.append(AckReceived(came.message, came.source))

    def _time_out(self, transaction: _Transaction, now: float, came: _Came | None) -> None:
        self._events.append(TransactionFailed(transaction.key, Failure.TIMEOUT))

    def _break_off(self, transaction: _Transaction, now: float, came: _Came | None) -> None:
        self._events.append(TransactionFailed(transaction.key, Failure.TRANSPORT))

    def _arm_resend(self, transaction: _Transaction, now: float, came: _Came | None = None) -> None:
        if not transaction.remote.reliable:
            transaction.wait = self.timers.resend(transaction.kind, transaction.state, transaction.wait)
            self._arm(transaction, Input.RESEND, transaction.wait, now)

    def _arm_give_up(self, transaction: _Transaction, now: float, came: _Came | None = None) -> None:
        self._arm(transaction, Input.GIVE_UP, self.timers.give_up, now)

    def _arm_linger(self, transaction: _Transaction, now: float, came: _Came | None) -> None:
        after = self.timers.linger(transaction.kind, transaction.state, transaction.remote.reliable)
        if after:
            self._arm(transaction, Input.LINGER, after, now)
        else:
            self._feed(transaction, Input.LINGER, now)

    def _disarm(self, transaction: _Transaction, now: float, came: _Came | None) -> None:
        transaction.due.clear()


_EFFECTS: dict[Action, Callable[[TransactionLayer, _Transaction, float, _Came | None], None]] = {
    Action.SEND: TransactionLayer._send,
    Action.ACKNOWLEDGE: TransactionLayer._acknowledge,
    Action.SAY_TRYING: TransactionLayer._say_trying,
    Action.DELIVER: TransactionLayer._tell,
    Action.FAIL_TIMEOUT: TransactionLayer._time_out,
    Action.FAIL_TRANSPORT: TransactionLayer._break_off,
    Action.ARM_RESEND: TransactionLayer._arm_resend,
    Action.ARM_GIVE_UP: TransactionLayer._arm_give_up,
    Action.ARM_LINGER: TransactionLayer._arm_linger,
    Action.DISARM: TransactionLayer._disarm,
}
