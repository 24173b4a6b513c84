"""Proxies between a telephone and its registrar (RFC 3327): kept with the binding, gone through on the way to it."""

import pytest

from softphone.bindings import Telephone
from softphone.errors import SipTimeout
from softphone.sip.message.message import Request
from softphone.sip.message.parser import parse
from softphone.sip.services.registrar import Registrar
from softphone.sip.stack import Stack
from softphone.sip.transport.hop import Hop
from softphone.testing.clock import run
from softphone.testing.wire import Ether
from tests.sip.services.test_registrar import handle, register

PROXY = Hop("udp", "192.0.2.8", 5060)
STREAM = Hop("tcp", "192.0.2.8", 33_333, 4)
CONTACT = "<sip:101@10.0.0.5:5060>"


def through(*path: str, supported: str = "path") -> Request:
    made = register(CONTACT)
    made.set("Via", "SIP/2.0/UDP 192.0.2.8:5060;branch=z9hG4bK2", "SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1")
    made.set("Path", *path)
    if supported:
        made.set("Supported", supported)
    return made


def test_it_is_kept_and_shown() -> None:
    registrar = Registrar()
    answer = handle(registrar, through("<sip:p1.test;lr>, <sip:p2.test;lr;x=1>", "<sip:p3.test;lr>"), PROXY)
    assert answer.get_all("Path") == ["<sip:p1.test;lr>, <sip:p2.test;lr;x=1>", "<sip:p3.test;lr>"]
    (binding,) = registrar.contacts("101", 1.0)
    assert binding.path == ("sip:p1.test;lr", "sip:p2.test;lr;x=1", "sip:p3.test;lr")
    assert binding.uri == "sip:101@10.0.0.5:5060" and binding.hop == Hop("udp", "p1.test", 5060)
    assert Telephone.of(binding, 7.0).binding("101", 7.0) == binding
    # A refresh by a shorter way is reached by that.
    again = through("<sip:192.0.2.8;lr>")
    again.set("CSeq", "2 REGISTER")
    handle(registrar, again, PROXY)
    assert registrar.contacts("101", 1.0)[0].hop == PROXY


def test_who_does_not_know_it_is_reached_so_too() -> None:
    registrar = Registrar()
    answer = handle(registrar, through("<sip:192.0.2.8;lr>", supported=""), PROXY)
    assert answer.get("Path") is None and "path" in answer.tokens("Supported")
    assert registrar.contacts("101", 1.0)[0].path == ("sip:192.0.2.8;lr",)


def test_the_flow_of_the_proxy_is_preferred_and_its_name_is_left() -> None:
    registrar = Registrar()
    handle(registrar, through("<sip:192.0.2.8;transport=tcp;lr;ob>"), STREAM)
    (binding,) = registrar.contacts("101", 1.0)
    assert binding.hop == STREAM
    left = binding.without_flow()
    assert left is not None and left.hop == Hop("tcp", "192.0.2.8", 5060)


@pytest.mark.parametrize("path", ["nonsense", "<sip:p1.test;lr>, ", "<tls:p1>", "<sips:p1.test;lr;transport=udp>"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    registrar = Registrar()
    assert handle(registrar, through(path), PROXY).status == 400
    assert registrar.contacts("101", 1.0) == []


def test_a_call_goes_through_the_proxies() -> None:
    async def work() -> None:
        ether = Ether()
        stack: Stack = ether.stack()
        await stack.start()
        path = ["sip:127.0.0.1:9;lr", "sip:p2.test;lr"]
        with pytest.raises(SipTimeout):
            await stack.invite("sip:101@10.0.0.5", "v=0", from_uri="sip:a@b.test", route=path, timeout_s=0.1)
        invite = parse(ether.messages[0])
        assert isinstance(invite, Request) and str(invite.uri) == "sip:101@10.0.0.5"
        assert [str(each) for each in invite.routes] == ["<sip:127.0.0.1:9;lr>", "<sip:p2.test;lr>"]
        assert ether.targets[0] == Hop("udp", "127.0.0.1", 9)
        await stack.stop()

    run(work())
