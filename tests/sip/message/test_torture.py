"""The messages of RFC 4475, byte for byte, each with what section 3 of that RFC wants done with it."""

import os
from pathlib import Path

import pytest

from softphone.errors import BadMessage
from softphone.sip.message.message import Request, Response
from softphone.sip.message.parser import parse
from softphone.sip.transaction.events import RequestReceived
from softphone.sip.transaction.layer import TransactionLayer
from tests.sip.wire import ALICE, invite_bytes

FOLDER = Path(__file__).parents[3] / ".venv" / "share" / "torture"

# 3.1.1, and of 3.2 to 3.4 those whose oddity is for a layer above the parser to judge; and baddn, whose file ends with
# its last header, and whose names want quotation marks, which may be inferred (3.1.2.15).
ACCEPTED = {
    **dict.fromkeys(("wsinv", "esc01", "invut", "baddate", "sdp01", "inv2543"), "INVITE"),
    **dict.fromkeys(("escnull", "dblreq", "regaut01", "unksm2", "cparam01", "cparam02", "regescrt"), "REGISTER"),
    **dict.fromkeys(
        ("semiuri", "transports", "lwsdisp", "badbranch", "unkscm", "novelsc", "bext01", "zeromf", "baddn"), "OPTIONS"
    ),
    "intmeth": "!interesting-Method0123456789_*+`.%indeed'~",
    "esc02": "RE%47IST%45R",
    "longreq": "INVITE",
    "mpart01": "MESSAGE",
}
ANSWERED = {
    **dict.fromkeys(
        ("badinv01", "clerr", "ncl", "scalar02", "quotbal", "ltgtruri", "lwsruri", "lwsstart", "trws"), 400
    ),
    **dict.fromkeys(("escruri", "regbadct", "badaspec", "mismatch01", "mismatch02", "multi01", "mcl01"), 400),
    "badvers": 505,
}
RESPONSES = {"unreason": 200, "noreason": 100, "bcast": 200}
# insuf has no Call-ID, From or To to answer with.
DROPPED = ("scalarlg", "bigcode", "insuf")


def torture(name: str) -> bytes:
    path = FOLDER / f"{name}.dat"
    if not path.exists() and os.environ.get("CI") != "true":
        pytest.skip("no torture messages; tests/vectors/fetch brings them")
    return path.read_bytes()


def layer_fed(name: str) -> TransactionLayer:
    layer = TransactionLayer()
    layer.receive(torture(name), ALICE, 0.0)
    return layer


@pytest.mark.parametrize(("name", "method"), ACCEPTED.items())
def test_accepted(name: str, method: str) -> None:
    (event,) = layer_fed(name).events()
    assert isinstance(event, RequestReceived) and event.request.method == method


@pytest.mark.parametrize(("name", "status"), ANSWERED.items())
def test_answered(name: str, status: int) -> None:
    layer = layer_fed(name)
    (send,) = layer.sends()
    assert send.data.startswith(f"SIP/2.0 {status} ".encode()) and layer.events() == []


@pytest.mark.parametrize(("name", "status"), RESPONSES.items())
def test_responses_are_read(name: str, status: int) -> None:
    message = parse(torture(name))
    assert isinstance(message, Response) and message.status == status


@pytest.mark.parametrize("name", DROPPED)
def test_dropped(name: str) -> None:
    layer = layer_fed(name)
    assert layer.sends() == [] and layer.events() == [] and layer.counters.bad == 1


def test_every_message_is_judged() -> None:
    torture("wsinv")
    judged = {*ACCEPTED, *ANSWERED, *RESPONSES, *DROPPED}
    # Three files of the package are no part of RFC 4475.
    assert {path.stem for path in FOLDER.glob("*.dat")} - judged == {"badcseq", "baddn_sep", "test"}


def test_no_message_harms_the_next() -> None:
    layer = TransactionLayer()
    torture("wsinv")
    for path in sorted(FOLDER.glob("*.dat")):
        layer.receive(path.read_bytes(), ALICE, 0.0)
    layer.events()
    layer.receive(invite_bytes(), ALICE, 0.0)
    assert len(layer.events()) == 1


def test_wsinv_is_understood() -> None:
    message = parse(torture("wsinv"))
    assert isinstance(message, Request)
    assert message.uri.params == {"unknownparam": None}
    assert [via.host for via in message.vias] == ["192.0.2.2", "spindle.example.com", "192.168.255.111"]
    assert message.vias[1].branch == "z9hG4bK9ikj8" and message.vias[0].branch is None
    assert message.from_.display == 'J Rosenberg \\"' and message.from_.tag == "98asjd8"
    assert message.to.tag == "1918181833n" and message.max_forwards == 68
    assert (message.cseq.number, message.cseq.method) == (9, "INVITE")
    assert message.get("NewFangledHeader") == "newfangled value continued newfangled value"
    assert message.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;" and message.get("Subject") == ""
    assert message.contact is not None and message.contact.params == {
        "newparam": "newvalue",
        "secondparam": None,
        "q": "0.33",
    }
    assert message.contact.display == 'Quoted string ""' and len(message.body) == 150


def test_intmeth_is_understood() -> None:
    message = parse(torture("intmeth"))
    assert isinstance(message, Request)
    assert message.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.to.display == "BEL:\a NUL:\0 DEL:\x7f"
    assert message.from_.params["fromparam''~+*_!.-%"] == '"работающий"'


def test_escapes_are_understood() -> None:
    message = parse(torture("esc01"))
    assert isinstance(message, Request)
    assert message.uri.user == "sips:user@example.com" and message.to.uri.user == "user"
    with pytest.raises(BadMessage, match="Bad URI"):
        parse(torture("ltgtruri"))


def test_of_two_requests_in_a_datagram_the_second_is_cut_off() -> None:
    assert parse(torture("dblreq")).body == b""
