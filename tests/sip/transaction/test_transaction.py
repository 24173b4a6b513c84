"""The four machines: every state with every input, and pairs of layers over a wire that loses what the test says."""

import re
from itertools import product

import pytest

from softphone.sip.message.message import request, response
from softphone.sip.transaction.events import (
    AckReceived,
    CancelReceived,
    Event,
    Failure,
    InviteRepeated,
    RequestReceived,
    ResponseReceived,
    Terminated,
    TransactionFailed,
)
from softphone.sip.transaction.layer import TransactionLayer
from softphone.sip.transaction.machine import (
    MACHINES,
    Action,
    Input,
    Timers,
    TransactionKind,
    TransactionState,
    initial,
    step,
)
from softphone.sip.transport.hop import Hop
from softphone.sip.transport.listener import Listeners
from tests.sip.wire import ALICE, BOB, invite, invite_bytes

TIMERS = {Input.RESEND, Input.GIVE_UP, Input.LINGER, Input.TRYING_DUE}


class Pair:
    """Alice's and Bob's layers, a clock, and a wire between them."""

    def __init__(self, transport: str = "udp") -> None:
        self.now = 0.0
        ends = (Listeners(end.host, end.port) for end in (ALICE, BOB))
        self.alice, self.bob = (TransactionLayer(listeners=listeners) for listeners in ends)
        self.to_alice, self.to_bob = (Hop(transport, end.host, end.port) for end in (ALICE, BOB))
        self.seen: list[str] = []

    def call(self, method: str = "INVITE", body: bytes = b"") -> str:
        made = request(method, "sip:b@h", from_="<sip:a@h>;tag=1", to="<sip:b@h>", call_id="c", cseq=1, body=body)
        return self.alice.request(made, self.to_bob, self.now)

    def run(self, until: float | None = None, *, lose: bool = False) -> list[str]:
        """Let the time pass, carry what is sent (or lose it); the first lines with their times, "a" or "b" before."""
        until = self.now if until is None else until
        self.seen = []
        while True:
            self._carry(lose)
            due = [when for layer in (self.alice, self.bob) if (when := layer.next_deadline()) is not None]
            if not due or min(due) > until:
                self.now = until
                return self.seen
            self.now = min(due)
            self.alice.expire(self.now)
            self.bob.expire(self.now)

    def _carry(self, lose: bool) -> None:
        while sends := [("a", s) for s in self.alice.sends()] + [("b", s) for s in self.bob.sends()]:
            for who, send in sends:
                self.seen.append(
                    f"{who} {self.now:g} {send.data.split(b' SIP')[0].split(b' sip')[0].decode().split(chr(13))[0]}"
                )
                peer, source = (self.bob, self.to_alice) if who == "a" else (self.alice, self.to_bob)
                if not lose:
                    peer.receive(send.data, source, self.now)

    def asked(self) -> RequestReceived:
        (event,) = (event for event in self.bob.events() if isinstance(event, RequestReceived))
        return event


def statuses(events: list[Event]) -> list[int]:
    return [event.response.status for event in events if isinstance(event, ResponseReceived)]


@pytest.mark.parametrize("kind", TransactionKind)
def test_every_state_decides_every_input(kind: TransactionKind) -> None:
    states = {initial(kind), TransactionState.TERMINATED} | {state for state, _ in MACHINES[kind]}
    for state, what in product(TransactionState, Input):
        after, actions = step(kind, state, what)
        assert state in states or (after, actions) == (state, ())
        assert after in states or after is state
    assert all(step(kind, TransactionState.TERMINATED, what) == (TransactionState.TERMINATED, ()) for what in Input)


@pytest.mark.parametrize("kind", TransactionKind)
def test_every_state_can_be_reached_and_left(kind: TransactionKind) -> None:
    reached, before = {initial(kind)}, set[TransactionState]()
    while reached != before:
        before = set(reached)
        reached |= {after for (state, _), (after, _) in MACHINES[kind].items() if state in before}
    assert reached == {state for state, _ in MACHINES[kind]} | {TransactionState.TERMINATED}


@pytest.mark.parametrize("kind", TransactionKind)
def test_no_client_waits_for_ever(kind: TransactionKind) -> None:
    """Wherever a timer has a row, some way there arms it; nothing answered finally has no way out but a timer's."""
    armed = {Action.ARM_RESEND: Input.RESEND, Action.ARM_GIVE_UP: Input.GIVE_UP, Action.ARM_LINGER: Input.LINGER}
    for after, actions in MACHINES[kind].values():
        for action in set(actions) & set(armed):
            assert after is TransactionState.TERMINATED or (after, armed[action]) in MACHINES[kind]


def test_invite_is_sent_again_until_given_up() -> None:
    pair = Pair()
    key = pair.call()
    assert [line.split()[1] for line in pair.run(40, lose=True)] == ["0", "0.5", "1.5", "3.5", "7.5", "15.5", "31.5"]
    assert pair.alice.events() == [TransactionFailed(key, Failure.TIMEOUT), Terminated(key)]
    assert len(pair.alice) == 0 and pair.alice.next_deadline() is None


def test_other_requests_are_sent_again_until_given_up() -> None:
    pair = Pair()
    pair.call("OPTIONS")
    sent = [float(line.split()[1]) for line in pair.run(40, lose=True)]
    assert sent == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def test_over_tcp_nothing_is_sent_again() -> None:
    pair = Pair("tcp")
    key = pair.call("OPTIONS")
    assert len(pair.run(40, lose=True)) == 1
    assert pair.alice.events()[0] == TransactionFailed(key, Failure.TIMEOUT)


def test_options_answered_and_repeated_answer() -> None:
    pair = Pair()
    pair.call("OPTIONS")
    pair.run()
    asked = pair.asked()
    pair.bob.respond(asked.key, response(asked.request, 200), 0.0)
    assert pair.run(lose=True) == ["b 0 SIP/2.0 200 OK"]
    assert pair.run(1.0) == ["a 0.5 OPTIONS", "b 0.5 SIP/2.0 200 OK"]
    assert statuses(pair.alice.events()) == [200] and pair.bob.events() == []
    pair.run(40)
    assert (len(pair.alice), len(pair.bob)) == (0, 0)


def test_server_says_trying_by_itself() -> None:
    pair = Pair()
    pair.call()
    assert pair.run(1.0) == ["a 0 INVITE", "b 0.2 SIP/2.0 100 Trying"]


def test_trying_is_not_said_again_by_the_user() -> None:
    pair = Pair()
    pair.call()
    pair.run(1.0)
    asked = pair.asked()
    pair.bob.respond(asked.key, response(asked.request, 100), 1.0)
    assert pair.run(1.1) == []


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_refusal_is_acknowledged_below_the_user(transport: str) -> None:
    pair = Pair(transport)
    pair.call()
    pair.run()
    asked = pair.asked()
    pair.bob.respond(asked.key, response(asked.request, 486), 0.0)
    pair.run(50)
    assert pair.seen[:2] == ["b 0 SIP/2.0 486 Busy Here", "a 0 ACK"] and len(pair.seen) == 2
    assert statuses(pair.alice.events()) == [486]
    assert pair.bob.events() == [Terminated(asked.key)] and (len(pair.alice), len(pair.bob)) == (0, 0)


def test_refusal_is_sent_again_until_its_ack() -> None:
    pair = Pair()
    pair.call()
    pair.run()
    asked = pair.asked()
    pair.bob.respond(asked.key, response(asked.request, 486), 0.0)
    assert [line for line in pair.run(0.6, lose=True) if line[0] == "b"] == [
        "b 0 SIP/2.0 486 Busy Here",
        "b 0.5 SIP/2.0 486 Busy Here",
    ]
    # at 1.5 s both sides' timers run out: one 486 is the server's own, one answers the INVITE that came again
    assert [line for line in pair.run(20.0) if line[0] == "b"] == ["b 1.5 SIP/2.0 486 Busy Here"] * 2
    pair.run(40)
    assert statuses(pair.alice.events()) == [486]


def test_a_lost_ack_is_made_again() -> None:
    pair = Pair()
    pair.call()
    pair.run()
    asked = pair.asked()
    pair.bob.respond(asked.key, response(asked.request, 486), 0.0)
    for send in pair.bob.sends():
        pair.alice.receive(send.data, BOB, 0.0)
    (lost,) = pair.alice.sends()
    assert lost.data.startswith(b"ACK ")
    assert pair.run(1.0) == ["b 0.5 SIP/2.0 486 Busy Here", "a 0.5 ACK"]


def test_without_an_ack_the_server_gives_up() -> None:
    pair = Pair()
    pair.call()
    pair.run()
    asked = pair.asked()
    pair.bob.respond(asked.key, response(asked.request, 486), 0.0)
    pair.run(40, lose=True)
    assert pair.bob.events() == [TransactionFailed(asked.key, Failure.TIMEOUT), Terminated(asked.key)]


def test_success_is_the_users_to_repeat_and_acknowledge() -> None:
    pair = Pair()
    pair.call()
    pair.run()
    asked = pair.asked()
    ok = response(asked.request, 200, to_tag="t")
    for _ in range(2):
        pair.bob.respond(asked.key, ok, 0.0)
    assert pair.run(1.0) == ["b 0 SIP/2.0 200 OK"] * 2
    assert statuses(pair.alice.events()) == [200, 200]
    ack = request("ACK", "sip:b@h", from_="<sip:a@h>;tag=1", to="<sip:b@h>;tag=t", call_id="c", cseq=1)
    pair.alice.ack(ack, BOB)
    assert pair.run() == ["a 1 ACK"]
    (event,) = pair.bob.events()
    assert isinstance(event, AckReceived) and event.request.to.tag == "t"
    pair.run(40)
    assert (len(pair.alice), len(pair.bob)) == (0, 0)


def test_an_ack_of_success_with_the_branch_of_the_invite_reaches_the_user() -> None:
    bob = TransactionLayer()
    bob.receive(invite_bytes(), ALICE, 0.0)
    (asked,) = bob.events()
    assert isinstance(asked, RequestReceived)
    bob.respond(asked.key, response(asked.request, 200, to_tag="t"), 0.0)
    bob.receive(invite_bytes(), ALICE, 0.5)
    assert len(bob.sends()) == 1
    assert bob.events() == [InviteRepeated(asked.key, len(invite_bytes()))]
    bob.receive(invite_bytes(method="ACK", CSeq="1 ACK", To="<sip:x@h>;tag=other"), ALICE, 1.0)
    (event,) = bob.events()
    assert isinstance(event, AckReceived)


def test_matching_as_of_rfc2543() -> None:
    bob = TransactionLayer()
    old = "SIP/2.0/UDP 192.0.2.1"
    for now in (0.0, 0.5):
        bob.receive(invite_bytes(Via=old), ALICE, now)
    asked, again = bob.events()
    assert isinstance(asked, RequestReceived) and bob.sends() == []
    assert again == InviteRepeated(asked.key, len(invite_bytes(Via=old)))
    bob.respond(asked.key, response(asked.request, 486, to_tag="t"), 1.0)
    bob.receive(invite_bytes(Via=old, method="ACK", CSeq="1 ACK", To="<sip:bob@example.com>;tag=t"), ALICE, 1.0)
    assert bob.events() == []
    bob.receive(invite_bytes(Via=old, CSeq="2 INVITE"), ALICE, 1.0)
    assert len(bob.events()) == 1


def test_one_branch_for_all_requests_is_borne() -> None:
    bob = TransactionLayer()
    bob.receive(invite_bytes(), ALICE, 0.0)
    bob.receive(invite_bytes(CSeq="2 INVITE"), ALICE, 0.0)
    bob.receive(invite_bytes(method="BYE", CSeq="3 BYE"), ALICE, 0.0)
    assert [event.request.method for event in bob.events() if isinstance(event, RequestReceived)] == [
        "INVITE",
        "INVITE",
        "BYE",
    ]


def test_cancel_waits_for_a_provisional_response() -> None:
    pair = Pair()
    key = pair.call()
    pair.alice.cancel(key, 0.0)
    assert pair.run() == ["a 0 INVITE"]
    asked = pair.asked()
    pair.bob.respond(asked.key, response(asked.request, 180, to_tag="t"), 0.0)
    assert pair.run() == ["b 0 SIP/2.0 180 Ringing", "a 0 CANCEL"]
    pair.alice.cancel(key, 0.0)
    assert pair.run() == []
    (cancel,) = pair.bob.events()
    assert isinstance(cancel, CancelReceived) and cancel.invite == asked.key
    pair.bob.respond(cancel.key, response(cancel.request, 200, to_tag="t"), 0.0)
    pair.bob.respond(asked.key, response(asked.request, 487, to_tag="t"), 0.0)
    assert pair.run(1.0)[-1] == "a 0 ACK"
    assert statuses(pair.alice.events()) == [180, 200, 487]


def test_a_cancelled_invite_that_nobody_ends_is_ended() -> None:
    pair = Pair()
    key = pair.call()
    pair.run(1.0)
    pair.alice.events()
    pair.alice.cancel(key, 1.0)
    pair.run(40, lose=True)
    assert TransactionFailed(key, Failure.TIMEOUT) in pair.alice.events() and len(pair.alice) == 0


def test_cancel_of_nothing() -> None:
    bob = TransactionLayer()
    bob.receive(invite_bytes(method="CANCEL", CSeq="1 CANCEL"), ALICE, 0.0)
    (event,) = bob.events()
    assert isinstance(event, CancelReceived) and event.invite is None
    bob.cancel("nothing", 0.0)
    assert bob.sends() == []


def test_what_cannot_be_sent() -> None:
    pair = Pair()
    key = pair.call()
    pair.alice.sends()
    pair.alice.failed(key, 0.0)
    assert pair.alice.events() == [TransactionFailed(key, Failure.TRANSPORT), Terminated(key)]
    pair.alice.failed(key, 0.0)
    pair.alice.failed(None, 0.0)
    assert pair.alice.events() == []


@pytest.mark.parametrize(
    ("via", "target", "stamped"),
    [
        ("SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1;rport", ("192.0.2.1", 40000), ";rport=40000;received=192.0.2.1"),
        ("SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1", ("192.0.2.1", 5062), ";received=192.0.2.1"),
        ("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", ("192.0.2.1", 5060), ""),
    ],
)
def test_where_responses_go(via: str, target: tuple[str, int], stamped: str) -> None:
    bob = TransactionLayer()
    bob.receive(invite_bytes(Via=via), Hop("udp", "192.0.2.1", 40000), 0.0)
    bob.expire(0.2)
    (send,) = bob.sends()
    assert (send.target.host, send.target.port) == target
    assert f"{via.removesuffix(';rport')}{stamped}\r\n".encode() in send.data


def test_a_full_layer_refuses_but_lets_calls_end() -> None:
    bob = TransactionLayer(capacity=1)
    bob.receive(invite_bytes(), ALICE, 0.0)
    assert bob.overloaded and len(bob.events()) == 1
    bob.receive(invite_bytes(Call_ID="other"), ALICE, 0.0)
    (send,) = bob.sends()
    assert send.data.startswith(b"SIP/2.0 503 ") and b"Retry-After: 5\r\n" in send.data
    assert bob.events() == [] and bob.counters.refused == 1
    bob.receive(invite_bytes(method="BYE", CSeq="2 BYE", To="<sip:b@h>;tag=t"), ALICE, 0.0)
    assert len(bob.events()) == 1


def test_what_belongs_nowhere_is_counted() -> None:
    layer = TransactionLayer()
    layer.deliver(response(invite(), 200), BOB, 0.0)
    layer.respond("nothing", response(invite(), 200), 0.0)
    assert layer.counters.stray == 1 and layer.events() == [] and layer.sends() == []


def test_a_second_final_answer_is_not_sent() -> None:
    bob = TransactionLayer()
    bob.receive(invite_bytes(), ALICE, 0.0)
    (asked,) = bob.events()
    assert isinstance(asked, RequestReceived)
    for status in (486, 200, 603):
        bob.respond(asked.key, response(asked.request, status), 0.0)
    (send,) = bob.sends()
    assert send.data.startswith(b"SIP/2.0 486")


def test_timers_follow_from_three_numbers() -> None:
    timers = Timers(t1=0.1, t2=1.0, t4=2.0)
    assert timers.give_up == pytest.approx(6.4)
    assert timers.linger(TransactionKind.CLIENT, TransactionState.COMPLETED, False) == 2.0
    assert timers.linger(TransactionKind.SERVER, TransactionState.COMPLETED, True) == 0.0
    assert timers.linger(TransactionKind.INVITE_SERVER, TransactionState.ACCEPTED, True) == pytest.approx(6.4)


@pytest.mark.parametrize(("transport", "kept"), [("udp", 0), ("tcp", 1)])
def test_strangers_are_refused_once_and_forgotten(transport: str, kept: int) -> None:
    pair = Pair(transport)
    pair.call()
    pair.run()
    asked = pair.asked()
    pair.bob.respond(asked.key, response(asked.request, 407), pair.now)
    assert pair.run(40.0, lose=True).count("b 0 SIP/2.0 407 Proxy Authentication Required") == 1
    assert [line for line in pair.seen if line.startswith("b")][1:] == []
    assert len(pair.bob) == kept * (pair.now < 32)


def test_a_refusal_that_got_lost_is_given_again_with_the_same_tag() -> None:
    layer = TransactionLayer()
    tags = []
    for _ in range(2):
        layer.receive(invite_bytes(), ALICE, 0.0)
        (asked,) = (event for event in layer.events() if isinstance(event, RequestReceived))
        layer.respond(asked.key, response(asked.request, 404), 0.0)
        (send,) = layer.sends()
        tags.append(re.findall(rb"To: .*;tag=(\w+)", send.data))
    assert tags[0] == tags[1] and len(layer) == 0 and layer.next_deadline() is None
