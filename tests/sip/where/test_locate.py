"""Which hops a URI leads to (RFC 3263), the answers of the DNS given by the test."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.errors import SipNetworkError, UnresolvedName
from softphone.resolver import Pointer, Record, Service
from softphone.sip.message.uri import Uri
from softphone.sip.transport.hop import Hop
from softphone.sip.where.locate import Answer, Question, Target, locate

Zone = dict[str, list[Record]]
"""Records by ``name type``."""

HOST: Zone = {"pbx.example A": ["192.0.2.1"]}
SERVERS: Zone = {
    "a.example A": ["192.0.2.10", "192.0.2.11"],
    "b.example A": ["192.0.2.20"],
    "_sip._udp.pbx.example SRV": [Service(20, 0, 5062, "b.example"), Service(10, 0, 5061, "a.example")],
}
UDP_SERVERS = ["udp 192.0.2.10:5061", "udp 192.0.2.11:5061", "udp 192.0.2.20:5062"]
BOTH: Zone = SERVERS | {"_sip._tcp.pbx.example SRV": [Service(10, 0, 5070, "b.example")]}
POINTERS: Zone = {
    "pbx.example NAPTR": [
        Pointer(20, 1, "s", "SIP+D2U", "_sip._udp.pbx.example"),
        Pointer(10, 5, "s", "SIPS+D2T", "_sips._tcp.pbx.example"),
        Pointer(10, 9, "s", "SIP+D2T", "_sip._tcp.hosted.example"),
        Pointer(10, 1, "u", "SIP+D2T", "elsewhere.example"),
    ],
    "_sip._tcp.hosted.example SRV": [Service(1, 0, 5075, "b.example")],
}


def located(uri: str, zone: Zone, choice: int = 0) -> tuple[list[str], list[str]]:
    """The hops, and what was asked for on the way."""
    return found(Uri.parse(uri), zone, choice)


def found(target: Target, zone: Zone, choice: int = 0) -> tuple[list[str], list[str]]:
    asked: list[str] = []

    def answer(question: Question) -> Answer:
        asked.append(f"{question.name} {question.kind}")
        return zone.get(asked[-1]) or UnresolvedName(f"cannot resolve {question.name!r}: there is no such name")

    asking = locate(target, lambda below: min(choice, below - 1))
    try:
        questions = next(asking)
        while True:
            questions = asking.send([answer(each) for each in questions])
    except StopIteration as done:
        return [f"{hop.transport} {hop.host}:{hop.port}{hop.name and f' as {hop.name}'}" for hop in done.value], asked


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:192.0.2.9", "udp 192.0.2.9:5060"),
        ("sip:bob@192.0.2.9:5070", "udp 192.0.2.9:5070"),
        ("sip:192.0.2.9;transport=TCP", "tcp 192.0.2.9:5060"),
        ("sip:192.0.2.9;transport=tls", "tls 192.0.2.9:5061 as 192.0.2.9"),
        ("sips:192.0.2.9:5070", "tls 192.0.2.9:5070 as 192.0.2.9"),
        ("sips:192.0.2.9;transport=tcp", "tls 192.0.2.9:5061 as 192.0.2.9"),
        ("sip:pbx.example;maddr=192.0.2.9", "udp 192.0.2.9:5060"),
    ],
)
def test_an_address_is_asked_for_nowhere(uri: str, hop: str) -> None:
    assert located(uri, {}) == ([hop], [])


@pytest.mark.parametrize(
    ("uri", "zone", "hops"),
    [
        ("sip:pbx.example", HOST, ["udp 192.0.2.1:5060"]),
        ("sip:pbx.example;transport=tcp", HOST, ["tcp 192.0.2.1:5060"]),
        ("sip:pbx.example:5099", HOST | SERVERS, ["udp 192.0.2.1:5099"]),  # a port is said: no service is asked for
        ("sip:pbx.example", HOST | SERVERS, UDP_SERVERS),
        ("sip:pbx.example;transport=tcp", BOTH, ["tcp 192.0.2.20:5070"]),
        ("sip:pbx.example;transport=tcp", HOST | SERVERS, ["tcp 192.0.2.1:5060"]),
        (
            "sip:pbx.example",
            SERVERS | POINTERS,
            ["tcp 192.0.2.20:5075", "udp 192.0.2.10:5061", "udp 192.0.2.11:5061", "udp 192.0.2.20:5062"],
        ),
        ("sip:x.example;maddr=pbx.example", HOST, ["udp 192.0.2.1:5060"]),
    ],
)
def test_what_a_name_leads_to(uri: str, zone: Zone, hops: list[str]) -> None:
    assert located(uri, zone)[0] == hops


def test_a_domain_is_asked_for_its_services_at_once_and_a_short_name_for_none() -> None:
    _, asked = located("sip:pbx.example", HOST)
    assert asked == ["pbx.example NAPTR", "_sip._udp.pbx.example SRV", "_sip._tcp.pbx.example SRV", "pbx.example A"]
    assert located("sip:pbx", {"pbx A": ["192.0.2.1"]}) == (["udp 192.0.2.1:5060"], ["pbx A"])
    assert found(Hop("tcp", "pbx.example", 5066), HOST) == (["tcp 192.0.2.1:5066"], ["pbx.example A"])


def test_a_server_without_an_address_is_passed_over() -> None:
    zone = {name: records for name, records in SERVERS.items() if name != "a.example A"}
    assert located("sip:pbx.example", zone)[0] == ["udp 192.0.2.20:5062"]


@pytest.mark.parametrize("uri", ["sips:pbx.example;transport=udp", "sip:pbx.example;transport=sctp", "tel:+15550100"])
def test_what_was_to_be_private_leads_nowhere(uri: str) -> None:
    with pytest.raises(SipNetworkError, match="is not spoken here"):
        located(uri, BOTH)


SECURE: Zone = BOTH | {"_sips._tcp.pbx.example SRV": [Service(1, 0, 5071, "b.example")]}


@pytest.mark.parametrize(
    "uri", ["sips:pbx.example", "sip:pbx.example;transport=tls", "sips:x@pbx.example;transport=tcp"]
)
def test_what_is_private_leads_to_tls_alone_and_to_who_was_asked_for(uri: str) -> None:
    hops, asked = located(uri, SECURE)
    assert hops == ["tls 192.0.2.20:5071 as pbx.example"]
    assert asked == ["pbx.example NAPTR", "_sips._tcp.pbx.example SRV", "b.example A"]
    assert located(uri, POINTERS | SECURE)[0] == hops
    assert located(uri, HOST)[0] == ["tls 192.0.2.1:5061 as pbx.example"]
    with pytest.raises(UnresolvedName):
        located(uri, SERVERS)


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        ("sip:x@pbx.example;transport=wss", "wss 192.0.2.1:443 as pbx.example"),
        ("sips:x@pbx.example;transport=ws", "wss 192.0.2.1:443 as pbx.example"),
        ("sip:x@pbx.example:8088;transport=ws", "ws 192.0.2.1:8088"),
    ],
)
def test_a_web_socket_leads_to_who_is_named_and_no_service_of_the_domain_is_asked_for(uri: str, hop: str) -> None:
    assert located(uri, BOTH | HOST) == ([hop], ["pbx.example A"])


@pytest.mark.parametrize("zone", [{}, {"_sip._udp.pbx.example SRV": [Service(0, 0, 0, "")], **HOST}])
def test_who_has_no_server_says_so(zone: Zone) -> None:
    with pytest.raises(UnresolvedName, match=r"pbx\.example"):
        located("sip:pbx.example", zone)


def test_weights_are_chances() -> None:
    """RFC 2782: of 10 numbers that may be drawn, the server of weight 9 has nine and the other one, with 0, one."""
    zone: Zone = {
        "_sip._udp.pbx.example SRV": [Service(1, 9, 1, "a.example"), Service(1, 0, 2, "b.example")],
        "a.example A": ["192.0.2.1"],
        "b.example A": ["192.0.2.2"],
    }
    first = [located("sip:pbx.example", zone, choice)[0][0] for choice in range(10)]
    assert first == ["udp 192.0.2.2:2", *["udp 192.0.2.1:1"] * 9]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(1, 65535)), min_size=1, max_size=8, unique=True
    ),
    st.integers(0, 50),
)
def test_every_server_is_tried_once_the_lowest_priority_first(some: list[tuple[int, int, int]], choice: int) -> None:
    zone: Zone = {
        "_sip._udp.pbx.example SRV": [Service(*each, "a.example") for each in some],
        "a.example A": ["192.0.2.1"],
    }
    hops, _ = located("sip:pbx.example", zone, choice)
    priorities = {f"udp 192.0.2.1:{port}": min(p for p, _, same in some if same == port) for *_, port in some}
    assert set(hops) == set(priorities) and len(hops) == len(set(hops))
    assert [priorities[hop] for hop in hops] == sorted(priorities[hop] for hop in hops)
