"""Dialogs as values: tags, order, targets, and the way through proxies."""

from softphone.sip.dialog.dialog import SERVER_CSEQ, Dialog, DialogId, dialog_id
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, request, response

PROXIES = ["<sip:p1.example;lr>, <sip:p2.example:5080;lr>"]
US = Address.parse("<sip:bob@192.0.2.2:5060>")


def invite(*, routes: list[str] | None = None, contact: str = "<sip:alice@192.0.2.1:5070>") -> Request:
    made = request(
        "INVITE",
        "sip:bob@example.com",
        from_='"Alice, A." <sip:alice@example.com>;tag=a1',
        to="<sip:bob@example.com>",
        call_id="call-1",
        cseq=7,
        contact=contact,
        headers=[("Record-Route", value) for value in routes or []],
    )
    made.set("Via", "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1")
    return made


def answered(sent: Request, contact: str = "<sip:bob@192.0.2.2:5060>") -> Dialog:
    return Dialog.from_response(sent, response(sent, 200, to_tag="b2", contact=contact))


def test_the_callee_answers_the_way_the_invite_came() -> None:
    dialog = Dialog.from_request(invite(routes=PROXIES), "b2", US)
    bye = dialog.request("BYE")
    assert dialog.id == DialogId("call-1", "b2", "a1")
    assert str(bye.uri) == "sip:alice@192.0.2.1:5070"
    assert bye.get_all("Route") == PROXIES
    assert bye.get("From") == "<sip:bob@example.com>;tag=b2"
    assert bye.get("To") == '"Alice, A." <sip:alice@example.com>;tag=a1'
    assert bye.cseq.number == SERVER_CSEQ + 1
    assert str(dialog.next_hop()) == "sip:p1.example;lr"


def test_the_caller_turns_the_record_route_around() -> None:
    dialog = answered(invite(routes=PROXIES))
    assert dialog.ack(7).get_all("Route") == ["<sip:p2.example:5080;lr>, <sip:p1.example;lr>"]
    assert str(dialog.ack(7).uri) == "sip:bob@192.0.2.2:5060"
    assert dialog.ack(7).get("CSeq") == "7 ACK"
    assert dialog.request("BYE").cseq.number == 8


def test_a_strict_router_stands_in_the_request_uri() -> None:
    dialog = Dialog.from_request(invite(routes=["<sip:strict.example>", "<sip:p2.example;lr>"]), "b2", US)
    bye = dialog.request("BYE")
    assert str(bye.uri) == "sip:strict.example"
    assert bye.get_all("Route") == ["<sip:p2.example;lr>, <sip:alice@192.0.2.1:5070>"]
    assert str(dialog.next_hop()) == "sip:strict.example"


def test_order_and_target_follow_the_peer() -> None:
    dialog = Dialog.from_request(invite(), "b2", US)
    assert not dialog.in_order(invite())
    again = invite(contact="<sip:alice@192.0.2.9>")
    again.set("CSeq", "8 INVITE")
    assert dialog.in_order(again) and not dialog.in_order(again)
    dialog.refresh(again)
    assert str(dialog.request("INFO").uri) == "sip:alice@192.0.2.9"


def test_only_requests_that_may_change_the_target_say_our_contact() -> None:
    dialog = Dialog.from_request(invite(), "b2", US)
    assert dialog.request("INVITE").get("Contact") == str(US)
    assert dialog.request("BYE").get("Contact") is None


def test_a_peer_without_contact_or_tag_is_still_found() -> None:
    sent = invite()
    bare = response(sent, 200, to_tag="x")
    bare.set("To", "<sip:bob@example.com>")
    dialog = Dialog.from_response(sent, bare)
    assert dialog.id == DialogId("call-1", "a1", "")
    assert str(dialog.request("BYE").uri) == "sip:bob@example.com"


def test_the_name_of_a_dialog_is_seen_from_here() -> None:
    bye = answered(invite()).request("BYE")
    assert dialog_id(bye) == DialogId("call-1", "b2", "a1")
