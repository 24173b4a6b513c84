"""What is not used may be anything; what is used must be right: nothing else loses a message."""

import pytest

from softphone.errors import BadMessage
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, Response, request, response, tag_of
from softphone.sip.message.parser import BadRequest, parse
from softphone.sip.message.uri import Uri
from softphone.sip.transaction.events import CancelReceived, RequestReceived, ResponseReceived
from softphone.sip.transaction.layer import TransactionLayer
from softphone.sip.transport.hop import Hop
from tests.sip.wire import ALICE, BOB, invite, invite_bytes

GARBAGE = [
    'Warning: 399 - odd "',
    "Date: yesterday at noon",
    "Server: (((",
    "Accept: ;;;,",
    "Timestamp: soon",
    "Contact: <sip:b@h",
    'Contact: sip:b@h;+x="unclosed',
    'Contact: "Bob <sip:b@h>',
    "Contact: *\r\nContact: <sip:b@h>",
    "Record-Route: <sip:p;lr",
    'Route: "',
    "Max-Forwards: many",
    "Content-Length: none",
    "Expires: never",
    "Require: ,,,",
    "Allow: \x01",
    "Reason: a\rb",
    "Subject: " + "x" * 9000,
    "no header at all",
]


def sent() -> tuple[TransactionLayer, Request]:
    layer = TransactionLayer()
    asked = request("INVITE", "sip:b@h", from_="<sip:a@h>;tag=1", to="<sip:b@h>", call_id="c", cseq=7)
    layer.request(asked, BOB, 0.0)
    (send,) = layer.sends()
    went = parse(send.data)
    assert isinstance(went, Request)
    return layer, went


def answered(layer: TransactionLayer, data: bytes) -> list[Response]:
    layer.receive(data, BOB, 0.1)
    return [event.response for event in layer.events() if isinstance(event, ResponseReceived)]


def spoiled(went: Request, line: str, status: int = 200) -> bytes:
    return bytes(response(went, status, to_tag="t")).replace(b"\r\nCall-ID", f"\r\n{line}\r\nCall-ID".encode(), 1)


@pytest.mark.parametrize("mixed", [False, True])
def test_lines_that_end_with_lf_alone(mixed: bool) -> None:
    """Of a datagram; the empty line that ends the headers may be either, and a body may hold empty lines of its own."""
    data = invite_bytes(Content_Length="8") + b"v=0\r\n\r\n-"
    head, gap, body = data.partition(b"\r\n\r\n")
    lines = head.replace(b"\r\n", b"\n", 3 if mixed else -1)
    for end in (b"\n\n", b"\n\r\n", *((gap,) if mixed else ())):
        assert bytes(parse(lines + end + body)) == bytes(parse(data)), end
    with pytest.raises(BadMessage, match="No end"):
        parse(lines)


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_headers_that_end_with_the_datagram(end: bytes) -> None:
    head, _, _ = invite_bytes().partition(b"\r\n\r\n")
    assert parse(head + end).body == b""
    with pytest.raises(BadMessage, match="No end"):
        parse(head)
    with pytest.raises(BadRequest, match="Body shorter"):
        parse(head + b"\r\nContent-Length: 9" + end)


@pytest.mark.parametrize("line", GARBAGE)
def test_garbage_beside_an_answer(line: str) -> None:
    layer, went = sent()
    (answer,) = answered(layer, spoiled(went, line))
    assert answer.status == 200 and answer.to.tag == "t"
    _ = (answer.contacts, answer.record_routes, answer.routes, answer.expires, bytes(answer))


@pytest.mark.parametrize(
    ("to", "tag"),
    [
        ('"Bob <sip:b@h>;tag=t', "t"),
        ("Bob (home), Smith <sip:b@h>;tag=t", "t"),
        ("<sip:b@h>;tag=t;odd=\"", "t"),
        ("<sip:b;tag=x@@h> ; TAG = t;a=b", "t"),
        ("<>", None),
    ],
)  # fmt: skip
def test_an_answer_is_known_by_its_branch_and_its_tag(to: str, tag: str | None) -> None:
    layer, went = sent()
    data = bytes(response(went, 180, to_tag="gone")).replace(b"To: <sip:b@h>;tag=gone", f"To: {to}".encode())
    (answer,) = answered(layer, data.replace(b"From: <sip:a@h>;tag=1", b"From: a <b"))
    assert answer.to.tag == tag


def test_what_is_used_must_be_right() -> None:
    layer, went = sent()
    good = bytes(response(went, 200, to_tag="t"))
    for wrong in (
        good.replace(b"CSeq: 7 INVITE", b"CSeq: 8 INVITE"),
        good.replace(b"CSeq: 7 INVITE", b"CSeq: 7 BYE"),
        good.replace(b";branch=z9hG4bK", b";branch=z9hG4bKx"),
        good.replace(b"\r\nFrom:", b"\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK2\r\nFrom:"),
    ):
        assert wrong != good and answered(layer, wrong) == []
    assert layer.counters.stray == 4
    assert len(answered(layer, good.replace(b"SIP/2.0 200", b"sip/2.0 200"))) == 1


@pytest.mark.parametrize(
    "spoiled",
    [b';rport="x;received=[odd', b";rport=;received=@;;", b";rport=9;received=<10.0.0.1", b';rport;odd="', b';a="b\\"'],
)
def test_parameters_that_a_proxy_spoiled_in_our_via(spoiled: bytes) -> None:
    layer, went = sent()
    assert len(answered(layer, bytes(response(went, 200)).replace(b";rport", spoiled, 1))) == 1


# Of requests more is used: the end of the body, the hops that are left, and lines that are none are a trick.
BESIDE = [line for line in GARBAGE if not line.startswith(("Max-Forwards", "Content-Length", "Reason", "Subject"))]


@pytest.mark.parametrize(
    ("method", "line"),
    [*((method, line) for method in ("ACK", "BYE", "INFO", "CANCEL") for line in BESIDE), ("ACK", "Max-Forwards: x")],
)
def test_garbage_beside_a_request_that_does_not_use_it(method: str, line: str) -> None:
    data = invite_bytes(method=method, CSeq=f"1 {method}", Max_Forwards="", Contact="")
    message = parse(data.replace(b"\r\nCall-ID", f"\r\n{line}\r\nCall-ID".encode(), 1))
    assert isinstance(message, Request) and message.method == method
    _ = (message.contacts, message.record_routes, message.routes, message.expires, message.max_forwards)


def test_parameters_of_a_contact_that_make_no_sense() -> None:
    message = invite(Contact='<sip:a@192.0.2.1>;q=;=;@;+sip.instance="<x>";expires=9')
    assert message.contact is not None
    assert message.contact.params == {"q": None, "+sip.instance": '"<x>"', "expires": "9"}
    with pytest.raises(BadMessage, match="Contact"):
        invite(Contact="<sip:a@>")


@pytest.mark.parametrize("version", ["sip/2.0", "Sip/2.0", "SIP/2.0"])
def test_the_version_is_compared_without_case(version: str) -> None:
    message = parse(invite_bytes().replace(b"SIP/2.0\r\nVia", f"{version}\r\nVia".encode()))
    assert bytes(message).startswith(b"INVITE sip:bob@example.com SIP/2.0\r\n")
    with pytest.raises(BadMessage) as refused:
        parse(invite_bytes().replace(b"SIP/2.0\r\nVia", b"sip/3.0\r\nVia"))
    assert refused.value.status == 505


def test_hosts_are_compared_without_case() -> None:
    assert Uri.parse("sip:a@Host.EXAMPLE:5060") == Uri.parse("sip:a@host.example:5060")
    assert Uri.parse("sip:A@host") != Uri.parse("sip:a@host")
    assert str(Uri.parse("sip:a@Host")) == "sip:a@Host"


def test_a_cancel_has_the_tag_of_its_invite() -> None:
    layer = TransactionLayer()
    proxy = Hop("udp", "192.0.2.7", 5060)
    hop = "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK-p;rport"
    layer.receive(invite_bytes(Via=f"{hop}\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-a"), proxy, 0.0)
    layer.receive(invite_bytes(method="CANCEL", CSeq="1 CANCEL", Via=hop), proxy, 0.1)
    asked, cancelled = layer.events()
    assert isinstance(asked, RequestReceived) and isinstance(cancelled, CancelReceived)
    assert tag_of(asked.request, "here") == tag_of(cancelled.request, "here") != tag_of(asked.request, "there")
    other = parse(invite_bytes(CSeq="2 INVITE"))
    assert isinstance(other, Request) and tag_of(other, "here") != tag_of(invite(), "here")
    assert proxy != ALICE


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Sales (EU) & Co. ", "Sales (EU) & Co."),
        ("Bell, Alexander ", "Bell, Alexander"),
        ("4711@home.example ", "4711@home.example"),
        ("[lobby]: door 2 =/? ", "[lobby]: door 2 =/?"),
        ("Zoë Ünal-O'Neil ", "Zoë Ünal-O'Neil"),
        ('"Joe \\"The\\" Plumber; <x>, y" ', 'Joe "The" Plumber; <x>, y'),
        ("", ""),
    ],
)
def test_a_name_may_be_written_in_any_way_that_leaves_the_uri_clear(written: str, name: str) -> None:
    asked = parse(invite_bytes().replace(b"From: ", f"From: {written}".encode()))
    assert asked.from_.display == name
    assert Address.parse(str(asked.from_)) == asked.from_


@pytest.mark.parametrize("written", ['"open ', "two <brackets> ", 'quote"inside ', "a > b "])
def test_a_name_that_leaves_it_unclear_is_refused(written: str) -> None:
    with pytest.raises(BadMessage):
        parse(invite_bytes().replace(b"From: ", f"From: {written}".encode()))


@pytest.mark.parametrize(
    ("written", "params"),
    [
        ("<sip:a@192.0.2.1>;tag=1;", {"tag": "1"}),
        ("<sip:a@192.0.2.1>;;tag=1 ; ;x", {"tag": "1", "x": None}),
        ("<sip:a@192.0.2.1>;x=;tag=1", {"x": None, "tag": "1"}),
        ("sip:a@192.0.2.1;tag=1;", {"tag": "1"}),
    ],
)
def test_a_parameter_that_is_not_there_says_nothing(written: str, params: dict[str, str | None]) -> None:
    assert invite(From=written).from_.params == params
    assert invite(To="<sip:b@h>;tag=").to.tag is None


@pytest.mark.parametrize("via", [";rport;branch=z9hG4bKx;", ";;rport=;branch=z9hG4bKx", ";rport ; ; branch = z9hG4bKx"])
def test_the_same_holds_for_a_via(via: str) -> None:
    top = invite(Via=f"SIP/2.0/UDP 192.0.2.1:5060{via}").via
    assert top.params == {"rport": None, "branch": "z9hG4bKx"}


@pytest.mark.parametrize(
    ("text", "user", "port", "params"),
    [
        ("sip:a@192.0.2.1:5062;", "a", 5062, {}),
        ("sip:a@192.0.2.1;;transport=udp;;ob", "a", None, {"transport": "udp", "ob": None}),
        ("sip:a@192.0.2.1:;lr;", "a", None, {"lr": None}),
        ("sip:@192.0.2.1:5062", None, 5062, {}),
        ('sip:192.0.2.1;transport=tcp;info="VG8+/=="', None, None, {"transport": "tcp", "info": '"VG8+/=="'}),
        ('sip:a@192.0.2.1;x-tiu="MT0="', "a", None, {"x-tiu": '"MT0="'}),
    ],
)  # fmt: skip
def test_a_contact_that_has_one_meaning_is_read_and_goes_back_as_it_came(
    text: str, user: str | None, port: int | None, params: dict[str, str | None]
) -> None:
    contact = invite(Contact=f"<{text}>;expires=9, <sip:c@192.0.2.3>").contact
    assert contact is not None and contact.params == {"expires": "9"} and str(contact.uri) == text
    assert (contact.uri.user, contact.uri.port, contact.uri.params) == (user, port, params)


@pytest.mark.parametrize(
    "text", ['sip:a@h;x="b', 'sip:a@h;x="b;c"', 'sip:a@h;x="b>"', 'sip:"a"@h', "sip:@", "sip:a@h:x"]
)
def test_a_uri_without_one_meaning_is_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        invite(Contact=f"<{text}>")


def test_of_the_contacts_in_an_answer_those_that_can_be_read_count() -> None:
    """A registrar lists what other telephones have said."""
    layer, went = sent()
    contacts = 'Contact: <sip:b@>;expires=30, <sip:a@h>;expires=60, <sip:c d@h>, "d <sip:d@h>'
    (answer,) = answered(layer, spoiled(went, contacts))
    assert [(str(each.uri), each.params) for each in answer.contacts] == [("sip:a@h", {"expires": "60"})]
