"""What a REGISTER does to the bindings of a user."""

import pytest

from softphone.sip.message.message import Request, Response, request
from softphone.sip.message.uri import Uri
from softphone.sip.services.binding import by_telephone, same_address
from softphone.sip.services.registrar import Registrar
from softphone.sip.transport.hop import Hop

PHONE = Hop("udp", "192.0.2.1", 5060)
NAT = Hop("udp", "203.0.113.7", 40_000)
STREAM = Hop("tcp", "192.0.2.1", 33_333, 4)


def register(*contacts: str, cseq: int = 1, call_id: str = "r1", expires: int | None = None) -> Request:
    made = request(
        "REGISTER",
        "sip:example.com",
        from_="<sip:101@example.com>;tag=x",
        to="<sip:101@example.com>",
        call_id=call_id,
        cseq=cseq,
        headers=[("Contact", value) for value in contacts],
    )
    made.set("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1")
    if expires is not None:
        made.set("Expires", str(expires))
    return made


def uris(registrar: Registrar, now: float = 1.0) -> list[str]:
    return [binding.uri for binding in registrar.contacts("101", now)]


def handle(registrar: Registrar, message: Request, source: Hop = PHONE, now: float = 0.0) -> Response:
    return registrar.handle(message, source, now)


def test_a_binding_lives_as_long_as_granted() -> None:
    registrar = Registrar(max_expires=100)
    answer = handle(registrar, register("<sip:101@192.0.2.1>", expires=7200))
    assert (answer.status, answer.get("Contact")) == (200, "<sip:101@192.0.2.1>;expires=100")
    assert uris(registrar, 99.9) == ["sip:101@192.0.2.1"]
    assert registrar.count(99.9) == 1 and registrar.count(100.0) == 0 and uris(registrar, 100.0) == []


def test_several_telephones_the_preferred_first() -> None:
    registrar = Registrar()
    handle(registrar, register("<sip:a@192.0.2.1>;q=0.2", "<sip:b@192.0.2.1>;q=0.9, <sip:c@192.0.2.1>;q=x"))
    assert uris(registrar) == ["sip:c@192.0.2.1", "sip:b@192.0.2.1", "sip:a@192.0.2.1"]


def test_the_answer_lists_all_in_one_header_the_senders_first() -> None:
    registrar = Registrar()
    handle(registrar, register("<sip:a@192.0.2.1>", call_id="other"))
    answer = handle(registrar, register('<sip:b@192.0.2.1>;+sip.instance="<urn:x>"', expires=60))
    assert answer.get_all("Contact") == [
        '<sip:b@192.0.2.1>;+sip.instance="<urn:x>";expires=60, <sip:a@192.0.2.1>;expires=3600'
    ]
    assert handle(registrar, register(cseq=2)).get_all("Contact") == answer.get_all("Contact")


def test_an_instance_replaces_its_old_address() -> None:
    registrar = Registrar()
    handle(registrar, register('<sip:a@one.invalid>;+sip.instance="<urn:x>"'))
    handle(registrar, register('<sip:b@two.invalid>;+sip.instance="<urn:x>"', call_id="r2"))
    assert uris(registrar) == ["sip:b@two.invalid"]


def test_removal() -> None:
    registrar = Registrar()
    handle(registrar, register("<sip:a@192.0.2.1>", "<sip:b@192.0.2.1>"))
    handle(registrar, register("<sip:a@192.0.2.1>;expires=0", cseq=2))
    assert uris(registrar) == ["sip:b@192.0.2.1"]
    assert handle(registrar, register("*", cseq=3)).status == 400
    answer = handle(registrar, register("*", cseq=4, expires=0))
    assert (answer.status, answer.get("Contact"), registrar.count(0.0)) == (200, None, 0)


def test_what_came_too_late_changes_nothing() -> None:
    registrar = Registrar()
    handle(registrar, register("<sip:a@192.0.2.1>", cseq=5))
    for stale in (register("<sip:a@192.0.2.1>", cseq=5), register("*", cseq=4, expires=0)):
        assert handle(registrar, stale).status == 500
    assert uris(registrar) == ["sip:a@192.0.2.1"]
    assert handle(registrar, register("<sip:a@192.0.2.1>", cseq=1, call_id="r2")).status == 200


def test_too_short_is_423() -> None:
    registrar = Registrar(min_expires=60)
    answer = handle(registrar, register("<sip:a@192.0.2.1>", "<sip:b@192.0.2.1>;expires=5"))
    assert (answer.status, answer.get("Min-Expires"), registrar.count(0.0)) == (423, "60", 0)


def test_more_telephones_in_one_request_than_there_may_be_are_refused() -> None:
    registrar = Registrar(max_contacts=1)
    handle(registrar, register("<sip:a@192.0.2.1>"))
    assert handle(registrar, register("<sip:b@192.0.2.1>", "<sip:c@192.0.2.1>", cseq=2)).status == 403
    assert uris(registrar) == ["sip:a@192.0.2.1"]


def at(port: int) -> Hop:
    return Hop("udp", "192.0.2.1", port)


def test_a_telephone_that_is_started_anew_again_and_again_stays_registered() -> None:
    registrar = Registrar(max_contacts=5)
    for start in range(20):
        port = 5060 + start
        answer = handle(registrar, register(f"<sip:a@192.0.2.1:{port}>", call_id=str(start)), at(port), float(start))
        assert answer.status == 200 and uris(registrar, start)[0] == f"sip:a@192.0.2.1:{port}"
    assert uris(registrar, 20.0) == [f"sip:a@192.0.2.1:{5060 + start}" for start in (19, 18, 17, 16, 15)]


OTHER = Hop("udp", "198.51.100.9", 5060)


@pytest.mark.parametrize(
    ("present", "gives_way"),
    [
        ([("a", OTHER), ("b", OTHER)], "a"),  # refreshed longest ago
        ([("a", OTHER), ("b", PHONE)], "b"),  # the same host
        ([("a", STREAM), ("b", PHONE)], "b"),  # without a connection
        ([("a", Hop("tcp", OTHER.host, 9, 7)), ("b", OTHER)], "b"),
    ],
)
def test_who_gives_way_to_one_too_many(present: list[tuple[str, Hop]], gives_way: str) -> None:
    registrar = Registrar(max_contacts=len(present))
    for now, (name, source) in enumerate(present):
        handle(registrar, register(f"<sip:{name}@{source.host}:{source.port}>", call_id=name), source, float(now))
    handle(registrar, register("<sip:new@192.0.2.1>", call_id="new"), PHONE, 5.0)
    left = {uri.partition("@")[0] for uri in uris(registrar, 5.0)}
    assert left == {"sip:new", *(f"sip:{name}" for name, _ in present if name != gives_way)}


def test_a_telephone_where_nobody_answered_is_tried_last_then_forgotten() -> None:
    registrar = Registrar(max_contacts=2)
    handle(registrar, register("<sip:dead@192.0.2.1>;q=1.0", call_id="dead"))
    handle(registrar, register("<sip:live@192.0.2.2>;q=0.1", call_id="live"), OTHER)
    dead = registrar.contacts("101", 1.0)[0]
    registrar.failed(dead)
    assert uris(registrar) == ["sip:live@192.0.2.2", "sip:dead@192.0.2.1"]
    registrar.failed(dead)  # what is no longer there has no second failure
    assert len(uris(registrar)) == 2
    registrar.failed(registrar.contacts("101", 1.0)[1])
    assert uris(registrar) == ["sip:live@192.0.2.2"]


def test_a_telephone_that_answers_or_registers_again_has_not_failed() -> None:
    registrar = Registrar()
    for renew in (False, True):
        handle(registrar, register("<sip:a@192.0.2.1>", cseq=1 + renew))
        registrar.failed(registrar.contacts("101", 1.0)[0])
        (doubtful,) = registrar.contacts("101", 1.0)
        assert doubtful.failures == 1
        if renew:
            handle(registrar, register("<sip:a@192.0.2.1>", cseq=3))
        else:
            registrar.answered(doubtful)
        assert registrar.contacts("101", 1.0)[0].failures == 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("sip:a@Host.example", "sip:a@hOST.EXAMPLE", True),
        ("sip:a@host.example.", "sip:a@host.example", True),
        ("sip:A@host", "sip:a@host", False),
        ("sip:a@host", "sip:a@host:5060", False),
        ("sip:a@host;transport=TCP", "sip:a@host;transport=tcp", True),
        ("sip:a@host;transport=tcp", "sip:a@host", False),
        ("sip:a@host;ob", "sip:a@host", True),
        ("sip:a@host;x=1", "sip:a@host;x=2", False),
        ("sips:a@host", "sip:a@host", False),
    ],
)
def test_when_two_contacts_are_one(one: str, other: str, same: bool) -> None:
    assert same_address(Uri.parse(one), Uri.parse(other)) is same
    assert same_address(Uri.parse(other), Uri.parse(one)) is same


@pytest.mark.parametrize(
    "contact", ["<sip:101@192.0.2.1;transport=ws>", "<sip:101@192.0.2.1;transport=sctp>", "<mailto:a@b>", "<tel:+1555>"]
)
def test_a_contact_that_cannot_be_reached_is_refused(contact: str) -> None:
    registrar = Registrar()
    assert (handle(registrar, register(contact)).status, registrar.count(0.0)) == (400, 0)


@pytest.mark.parametrize(
    ("source", "contact", "reached"),
    [
        (PHONE, "<sip:101@192.0.2.1:5060>", PHONE),
        (PHONE, "<sip:101@192.0.2.1:6060>", Hop("udp", "192.0.2.1", 6060)),
        (NAT, "<sip:101@10.0.0.5:5060>", NAT),
        (PHONE, "<sip:101@192.0.2.9:6060>", Hop("udp", "192.0.2.9", 6060)),
        (STREAM, "<sip:101@x.invalid;transport=ws>", STREAM),
    ],
)
def test_calls_reach_it_where_it_can_be_reached(source: Hop, contact: str, reached: Hop) -> None:
    registrar = Registrar()
    handle(registrar, register(contact), source)
    assert registrar.contacts("101", 1.0)[0].hop == reached


@pytest.mark.parametrize(
    "to", ["<sip:1-0-1@example.com>", "<sip:(1)01@example.com;user=phone>", "<tel:1.01>", "<sip:%31%301@example.com>"]
)
def test_a_telephone_is_forgotten_however_it_writes_its_number(to: str) -> None:
    registrar = Registrar()
    message = register("<sip:101@192.0.2.1>")
    message.set("To", to)
    assert handle(registrar, message).status == 200
    for count in (1, 0):
        (binding,) = registrar.contacts("101", 1.0)
        registrar.failed(binding)
        assert len(registrar.contacts("101", 1.0)) == count


def test_the_flows_of_one_telephone_are_one_telephone_the_latest_first() -> None:
    registrar = Registrar(max_contacts=9)
    flows = ['<sip:{}@192.0.2.1>;+sip.instance="<urn:uuid:{}>"' + each for each in (";reg-id=1", ";reg-id=2", "")]
    for cseq, (name, instance, flow) in enumerate([("a", 1, 0), ("b", 2, 0), ("c", 1, 1), ("d", 1, 2)], 1):
        handle(registrar, register(flows[flow].format(name, instance), cseq=cseq), now=float(cseq))
    for cseq, name in enumerate("ef", 5):
        handle(registrar, register(f"<sip:{name}@192.0.2.1>", cseq=cseq), now=float(cseq))

    def telephones() -> list[str]:
        found = by_telephone(registrar.contacts("101", 10.0))
        return sorted("".join(each.contact.uri.user or "" for each in flows) for flows in found)

    # One that has been started anew as RFC 5626 wants it is not rung twice either, at the Contact it had before.
    assert telephones() == ["b", "dca", "e", "f"]
    handle(registrar, register(flows[0].format("a", 1), cseq=9), now=9.0)
    assert telephones() == ["adc", "b", "e", "f"]
    registrar.failed(next(each for each in registrar.contacts("101", 10.0) if each.contact.uri.user == "a"))
    assert telephones() == ["b", "dca", "e", "f"]
