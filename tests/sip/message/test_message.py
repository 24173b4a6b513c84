"""The border of messages: what real clients send, what is refused, and what we write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sipmessage import Message as OutsideMessage

from softphone.errors import BadMessage
from softphone.sip.message.fields import Address, CSeq, Via
from softphone.sip.message.grammar import quote, split_outside, unquote
from softphone.sip.message.message import Request, Response, request, response
from softphone.sip.message.parser import MAX_HEADERS, MAX_LINE, MAX_MESSAGE, BadRequest, parse
from softphone.sip.message.uri import Uri
from tests.sip.wire import invite, invite_bytes, wire


def test_leading_line_ends_and_keep_alives() -> None:
    assert parse(b"\r\n\r\n" + invite_bytes()).call_id == "c1@example.com"
    with pytest.raises(BadMessage, match="No end"):
        parse(b"\r\n\r\n")


def test_folded_and_spaced_headers() -> None:
    message = parse(invite_bytes().replace(b"Call-ID: ", b"Call-ID \t:\r\n\t "))
    assert message.call_id == "c1@example.com" and b"Call-ID: c1@example.com\r\n" in bytes(message)


def test_compact_forms_are_written_out() -> None:
    message = parse(invite_bytes().replace(b"Via:", b"v:").replace(b"From:", b"F:").replace(b"Call-ID:", b"i:"))
    assert message.names()[:4] == ["Via", "From", "To", "Call-ID"] and message.via.host == "192.0.2.1"


def test_response_without_reason_phrase() -> None:
    data = bytes(response(invite(), 200)).replace(b"SIP/2.0 200 OK", b"SIP/2.0 200")
    message = parse(data)
    assert isinstance(message, Response) and (message.status, message.reason) == (200, "")


def test_bytes_that_are_no_utf8_come_back_as_they_were() -> None:
    data = invite_bytes().replace(b"From: <", b'From: "J\xfcrgen" <')
    message = parse(data)
    assert message.from_.display == "J\ufffdrgen"
    assert b'From: "J\xfcrgen" <' in bytes(message)


def test_contact_star() -> None:
    message = invite(Contact="*")
    assert message.contact_is_star and message.contacts == [] and message.contact is None
    with pytest.raises(BadRequest, match="Contact"):
        parse(invite_bytes(Contact="*\nContact: <sip:a@b>"))


@pytest.mark.parametrize(
    ("uri", "scheme", "user", "host"),
    [
        ("urn:service:sos", "urn", None, ""),
        ("tel:+16505550100;ext=1", "tel", "+16505550100", ""),
        ("sip:17203861294*11101@h.example", "sip", "17203861294*11101", "h.example"),
        ("sip:#1@sip.bridge.test", "sip", "#1", "sip.bridge.test"),
        ("sip:17#15550100201@[2001:db8::1]:5070", "sip", "17#15550100201", "[2001:db8::1]"),
        ("SIPS:my_host", "sips", None, "my_host"),
    ],
)
def test_request_uris(uri: str, scheme: str, user: str | None, host: str) -> None:
    message = invite(uri=uri)
    assert (message.uri.scheme, message.uri.user, message.uri.host) == (scheme, user, host)
    assert bytes(message).startswith(f"INVITE {uri} SIP/2.0\r\n".encode())


@pytest.mark.parametrize(
    "uri", ["sip:", "sip:a@", "sip:a@b:0", "sip:a@b:65536", "sip:a@b@c", "sip:a@b;x=<", "a@b", "sip:-a"]
)
def test_bad_uris(uri: str) -> None:
    with pytest.raises(BadMessage) as told:
        Uri.parse(uri)
    assert str(told.value).endswith(f": {uri!r}")
    assert uri not in told.value.reason, "the reason phrase of an answer repeats nothing"


def test_the_error_of_a_long_uri_is_a_line() -> None:
    with pytest.raises(BadMessage) as told:
        Uri.parse("sip:" + "\x1b\r\n" * 9000)
    assert len(str(told.value)) < 1000 and str(told.value).isprintable()


def test_several_vias_in_one_line() -> None:
    message = invite(Via="SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/TCP [::1]:5070;branch=z9hG4bK2\nVia: SIP/2.0/UDP c")
    assert [(via.transport, via.host, via.port) for via in message.vias] == [
        ("UDP", "a", None),
        ("TCP", "[::1]", 5070),
        ("UDP", "c", None),
    ]


def test_commas_and_semicolons_inside_quotes() -> None:
    assert split_outside('a="x, y", <sip:b;c,d>, e', ",") == ['a="x, y"', "<sip:b;c,d>", "e"]
    first, second = Address.parse_list('"A, B" <sip:a@h>;q="1;2", "C" <sip:c@h>')
    assert (first.display, first.params["q"], second.display) == ("A, B", '"1;2"', "C")


def test_instance_ids_are_echoed_as_they_were() -> None:
    text = '<sip:r@r.invalid;transport=ws>;+sip.instance="<urn:uuid:1>";expires=60'
    assert str(Address.parse(text)) == text


def test_body_is_trimmed_to_content_length() -> None:
    data = invite_bytes(Content_Length="4") + b"v=0\nrest"
    assert parse(data).body == b"v=0\n"
    with pytest.raises(BadRequest, match="shorter") as caught:
        parse(invite_bytes(Content_Length="9") + b"v=0\n")
    assert caught.value.status == 400


def test_without_content_length_the_datagram_is_the_body() -> None:
    assert parse(invite_bytes() + b"v=0\n").body == b"v=0\n"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (invite_bytes(Subject="x" * MAX_LINE), 513),
        (invite_bytes(Subject="\n".join(["a", *["X: y"] * MAX_HEADERS])), 513),
        (invite_bytes() + b"x" * MAX_MESSAGE, 513),
        (invite_bytes(uri="sip:" + "a" * 5000), 400),
        (invite_bytes(CSeq="1 BYE"), 400),
        (invite_bytes(CSeq="4294967296 INVITE"), 400),
        (invite_bytes(Max_Forwards="300"), 400),
        (invite_bytes(Max_Forwards="x"), 400),
        (invite_bytes(Record_Route="<sip:a"), 400),
        (invite_bytes(Contact="<sip:a@b"), 400),
        (invite_bytes(Content_Length="-1"), 400),
        (invite_bytes(Content_Length="0\nContent-Length: 1"), 400),
        (invite_bytes(From="<sip:a@b>;tag=\ufffd\nFrom: <sip:c@d>"), 400),
        (invite_bytes(Subject="a\rb"), 400),
        (invite_bytes().replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"), 505),
    ],
)
def test_refused_with_an_answer(data: bytes, status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(data)
    answer = bytes(response(caught.value.request, caught.value.status, caught.value.reason))
    assert answer.startswith(f"SIP/2.0 {status} ".encode()) and b"branch=z9hG4bK-a1;rport\r\n" in answer


@pytest.mark.parametrize("missing", ["Via", "From", "To", "Call_ID", "CSeq"])
def test_mandatory_headers(missing: str) -> None:
    with pytest.raises(BadMessage) as caught:
        parse(invite_bytes(**{missing: ""}))
    assert not isinstance(caught.value, BadRequest)


def test_bad_acks_and_responses_are_never_answered() -> None:
    for data in (
        invite_bytes(method="ACK", CSeq="1 BYE"),
        bytes(response(invite(), 200)).replace(b"CSeq: 1", b"CSeq: x"),
    ):
        with pytest.raises(BadMessage) as caught:
            parse(data)
        assert not isinstance(caught.value, BadRequest)


def test_lines_that_are_no_headers_are_passed_over() -> None:
    message = invite(Subject="x\nnonsense\nbad name: y\nExtra: z")
    assert message.get("Extra") == "z" and b"nonsense" not in bytes(message)


def test_a_client_without_max_forwards_is_borne() -> None:
    assert invite(Max_Forwards="").max_forwards is None


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\nb", "a\r"])
def test_line_breaks_are_refused_when_building(value: str) -> None:
    with pytest.raises(ValueError, match="header line"):
        request("OPTIONS", "sip:a@b", from_="<sip:a@b>", to="<sip:a@b>", call_id="c", cseq=1, headers=[("X", value)])
    with pytest.raises(ValueError, match="header line"):
        response(invite(), 200, value)
    with pytest.raises(ValueError, match="header line"):
        invite().set("Subject", value)
    with pytest.raises(ValueError, match="header line"):
        invite().add("Bad name", "x")
    with pytest.raises(ValueError, match="Request-URI"):
        request("BYE", Uri("sip", "a b"), from_="<sip:a@b>", to="<sip:a@b>", call_id="c", cseq=1)


def test_what_we_write() -> None:
    made = request(
        "BYE",
        "sip:b@h",
        from_="<sip:a@h>;tag=1",
        to="<sip:b@h>;tag=2",
        call_id="c",
        cseq=1000000,
        routes=["<sip:p;lr>"],
    )
    assert bytes(made) == wire(
        "BYE sip:b@h SIP/2.0\nFrom: <sip:a@h>;tag=1\nTo: <sip:b@h>;tag=2\nCall-ID: c\nCSeq: 1000000 BYE\n"
        "Max-Forwards: 70\nRoute: <sip:p;lr>\nContent-Length: 0"
    )


def test_a_response_repeats_what_it_must() -> None:
    asked = invite(Record_Route="<sip:p1;lr>\nRecord-Route: <sip:p2;lr>")
    made = response(asked, 200, to_tag="t", contact="<sip:b@h>", content_type="application/sdp", body="v=0\r\n")
    lines = bytes(made).decode().split("\r\n")
    assert lines[0] == "SIP/2.0 200 OK" and "To: <sip:bob@example.com>;tag=t" in lines
    assert made.get_all("Record-Route") == ["<sip:p1;lr>", "<sip:p2;lr>"]
    assert lines[-4:] == ["Content-Length: 5", "", "v=0", ""]
    assert (
        response(asked, 100).to.tag is None and response(asked, 404).to.tag and response(asked, 404).record_routes == []
    )


def test_headers_are_parsed_once_and_again_after_a_change() -> None:
    message = invite()
    assert message.from_ is message.from_ and message.vias is message.vias
    message.set("From", "<sip:carol@example.com>;tag=z")
    assert message.from_.tag == "z"


def test_a_copy_is_its_own() -> None:
    message = invite()
    twin = message.copy("SIP/2.0/UDP h;branch=z9hG4bK9")
    twin.add("X", "1")
    assert message.get("X") is None and message.via.branch == "z9hG4bK-a1" and twin.via.branch == "z9hG4bK9"


@given(st.text())
def test_quoting_comes_back(text: str) -> None:
    assert unquote(quote(text)) == text


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=30))
def test_users_come_back(user: str) -> None:
    uri = Uri("sip", "h.example", 5070, user, params={"transport": "tcp"})
    assert Uri.parse(str(uri)) == uri


def test_an_outside_reader_agrees() -> None:
    ours = request(
        "INVITE",
        "sip:b@h.example:5070",
        from_=Address(Uri.parse("sip:a@h"), "A B").with_tag("1"),
        to="<sip:b@h>",
        call_id="c",
        cseq=7,
    )
    theirs = OutsideMessage.parse(bytes(ours.copy(str(Via("UDP", "h", 5060, {"branch": "z9hG4bK1", "rport": None})))))
    assert theirs.from_address.name == "A B" and theirs.from_address.parameters["tag"] == "1"
    assert (theirs.cseq.sequence, theirs.cseq.method) == (7, "INVITE") and theirs.content_length == 0
    assert theirs.via[0].parameters["branch"] == "z9hG4bK1"


def test_values_know_their_text() -> None:
    assert str(CSeq.parse("0009   INVITE")) == "9 INVITE"
    assert (
        str(Via.parse("SIP / 2.0 / udp  h : 5060 ; branch = z9hG4bK1 ;rport"))
        == "SIP/2.0/UDP h:5060;branch=z9hG4bK1;rport"
    )
    assert isinstance(invite(), Request) and repr(invite()) == "<INVITE sip:bob@example.com SIP/2.0>"
