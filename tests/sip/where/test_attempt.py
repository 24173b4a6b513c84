"""How a request is tried: large ones by TCP first, what has failed lately last, the next where one does not answer."""

import pytest

from softphone.errors import SipError, SipNetworkError
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.transaction.events import Failure, TransactionUser
from softphone.sip.transport.hop import TCP, Hop
from softphone.sip.where.attempt import (
    LARGEST_DATAGRAM,
    MOST_HOPS,
    OUTAGE_S,
    REFUSED_S,
    REMEMBERED,
    Outages,
    RequestAttempt,
)
from tests.sip.wire import ALICE, BOB, invite

LARGE = LARGEST_DATAGRAM + 1


def test_a_large_request_goes_by_a_stream_first() -> None:
    outages = Outages()
    assert outages.order([BOB], LARGE, 0.0) == [BOB.by(TCP), BOB]
    assert outages.order([BOB], LARGEST_DATAGRAM, 0.0) == [BOB]
    assert outages.order([BOB.by(TCP)], LARGE, 0.0) == [BOB.by(TCP)]
    assert Outages(None).order([BOB], 9000, 0.0) == [BOB]


def test_who_refused_a_stream_is_not_asked_for_one_again_for_a_while() -> None:
    outages = Outages()
    outages.failed(BOB.by(TCP), 0.0)
    neighbour = Hop("udp", BOB.host, BOB.port + 1)
    assert outages.order([BOB], LARGE, REFUSED_S - 1) == [BOB]
    assert outages.order([neighbour], LARGE, 1.0)[0] == neighbour.by(TCP)  # another telephone at the same address
    assert outages.order([BOB], LARGE, REFUSED_S + 1) == [BOB.by(TCP), BOB]


def test_what_has_failed_comes_last_until_it_answers_or_time_has_passed() -> None:
    outages = Outages()
    outages.failed(ALICE, 0.0)
    assert outages.order([ALICE, BOB], 9, OUTAGE_S - 1) == [BOB, ALICE]
    assert outages.order([ALICE, BOB], 9, OUTAGE_S + 1) == [ALICE, BOB]
    outages.failed(ALICE, 1000.0)
    outages.answered(ALICE)
    assert outages.order([ALICE, BOB], 9, 1001.0) == [ALICE, BOB]


def test_outages_of_many_are_bounded_and_the_latest_are_kept() -> None:
    outages = Outages()
    for port in range(REMEMBERED + 1):
        outages.failed(Hop("udp", "192.0.2.9", port), 0.0)
    first, last = Hop("udp", "192.0.2.9", 0), Hop("udp", "192.0.2.9", REMEMBERED)
    assert outages.order([last, first], 9, 1.0) == [first, last]


class Node:
    """Client transactions that only take notes, and the user of the attempt."""

    def __init__(self) -> None:
        self.outages = Outages()
        self.went: list[Hop] = []
        self.cancelled: list[str] = []
        self.forgotten: list[str] = []
        self.told: list[int | Failure | SipError] = []

    def now(self) -> float:
        return 0.0

    def begin(self, request: Request, hop: Hop, user: TransactionUser) -> str:
        self.went.append(hop)
        return str(len(self.went))

    def give_up(self, key: str) -> None:
        self.forgotten.append(key)

    def cancel(self, key: str, headers: Headers) -> None:
        self.cancelled.append(key)

    def on_response(self, response: Response) -> None:
        self.told.append(response.status)

    def on_failure(self, reason: Failure | SipError) -> None:
        self.told.append(reason)


def trying(*hops: Hop, size: int = 0) -> tuple[Node, RequestAttempt]:
    node = Node()
    attempt = RequestAttempt(node, invite(X_Large="x" * size), node)
    attempt.go(hops)
    return node, attempt


def say(attempt: RequestAttempt, what: int | Failure) -> None:
    if isinstance(what, Failure):
        attempt.on_failure(what)
    else:
        attempt.on_response(response(invite(), what))


@pytest.mark.parametrize("failed", [503, Failure.TIMEOUT, Failure.TRANSPORT])
def test_the_next_is_tried_when_one_does_not_take_it(failed: int | Failure) -> None:
    node, attempt = trying(ALICE, BOB)
    say(attempt, failed)
    assert node.went == [ALICE, BOB] and attempt.hop == BOB and not node.told
    say(attempt, 200)
    assert node.told == [200]


@pytest.mark.parametrize("last", [503, Failure.TIMEOUT, Failure.TRANSPORT, 486])
def test_the_last_word_is_told(last: int | Failure) -> None:
    node, attempt = trying(ALICE, BOB)
    say(attempt, Failure.TRANSPORT)
    say(attempt, last)
    assert node.told == [last] and len(node.went) == 2


@pytest.mark.parametrize("answer", [404, 486, 500, 504, 600])
def test_an_answer_is_an_answer(answer: int) -> None:
    node, attempt = trying(ALICE, BOB)
    say(attempt, answer)
    assert node.told == [answer] and node.went == [ALICE]


def test_who_has_begun_to_answer_is_waited_for() -> None:
    node, attempt = trying(ALICE, BOB)
    for what in (100, Failure.TIMEOUT):
        say(attempt, what)
    assert node.told == [100, Failure.TIMEOUT] and node.went == [ALICE]


def test_who_cancels_is_not_taken_anywhere_else() -> None:
    node, attempt = trying(ALICE, BOB)
    attempt.cancel()
    say(attempt, 503)
    assert (node.cancelled, node.told, node.went) == (["1"], [503], [ALICE])


def test_what_is_given_up_before_it_went_anywhere_never_goes() -> None:
    for stop in (RequestAttempt.cancel, RequestAttempt.forget):
        node = Node()
        attempt = RequestAttempt(node, invite(), node)
        stop(attempt)
        attempt.go([ALICE])
        attempt.fail(SipNetworkError("no such name"))
        assert not node.went and node.told in ([], [Failure.STOPPED])


def test_a_name_that_leads_nowhere_is_told() -> None:
    node = Node()
    RequestAttempt(node, invite(), node).fail(error := SipNetworkError("no such name"))
    assert node.told == [error]


@pytest.mark.parametrize(("failed", "by_udp"), [(Failure.TRANSPORT, True), (Failure.TIMEOUT, False), (503, False)])
def test_a_refused_stream_gives_way_to_a_datagram_and_silence_does_not(failed: int | Failure, by_udp: bool) -> None:
    node, attempt = trying(BOB, size=LARGE)
    say(attempt, failed)
    assert node.went == ([BOB.by(TCP), BOB] if by_udp else [BOB.by(TCP)]) and bool(node.told) != by_udp


def test_a_request_is_not_tried_for_ever() -> None:
    node, attempt = trying(*(Hop("udp", "192.0.2.9", port) for port in range(1, 50)))
    for _ in range(50):
        say(attempt, Failure.TIMEOUT)
    assert len(node.went) == MOST_HOPS
