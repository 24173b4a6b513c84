"""Large requests to UDP telephones: by TCP, but to those that have refused it."""

from softphone.sip.transaction.layer import TransactionLayer
from softphone.sip.transaction.streams import REFUSALS, StreamChoice
from softphone.sip.transport.hop import Hop
from softphone.sip.transport.kinds import TCP
from tests.sip.wire import BOB, invite


def test_who_refused_a_stream_is_not_asked_for_one_again_for_a_while() -> None:
    alice = TransactionLayer()

    def transport_of(target: Hop, now: float) -> str:
        key = alice.request(invite(X_Large="x" * 1300), target, now)
        (send,) = alice.sends()
        alice.failed(key, now)
        alice.sends()
        return send.target.transport

    neighbour = Hop("udp", BOB.host, BOB.port + 1)
    assert [transport_of(BOB, now) for now in (0.0, 1.0, 1799.0)] == ["tcp", "udp", "udp"]
    assert transport_of(neighbour, 2.0) == "tcp"  # another telephone at the same address
    assert transport_of(BOB, 1801.0) == "tcp"


def test_refusals_of_many_are_bounded_and_the_latest_is_kept() -> None:
    choice = StreamChoice(1300)
    for port in range(REFUSALS + 1):
        choice.refused(Hop("udp", "192.0.2.9", port), 0.0)
    assert choice.wanted(1301, Hop("udp", "192.0.2.9", 0), 1.0)
    assert not choice.wanted(1301, Hop("udp", "192.0.2.9", REFUSALS), 1.0)
    assert not choice.wanted(1300, BOB, 1.0) and choice.wanted(1301, BOB, 1.0)
    assert not choice.wanted(9000, BOB.by(TCP), 1.0) and not StreamChoice(None).wanted(9000, BOB, 1.0)
