"""Who is shown as calling, and whom we believe."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softphone.config import SipConfig, TrunkConfig
from softphone.focus.home import Home
from softphone.focus.party.dialer import shown_to_trunk
from softphone.focus.party.identity import ANONYMOUS, Caller, caller_of, is_trusted, shown
from softphone.sip.message.message import Request, request
from softphone.sip.message.uri import Uri
from softphone.testing.bridge import offer
from tests.focus.switchboard import Switchboard, answers, play


def invite(from_: str, **headers: str) -> Request:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return request("INVITE", "sip:1@x", from_=f"{from_};tag=1", to="<sip:1@x>", call_id="1", cseq=1, headers=named)


PAI = '"Eve Outside" <sip:+1(650)555.0100@trunk.example;user=phone>, <tel:+16505550100>'


@pytest.mark.parametrize(
    ("from_", "headers", "trusted", "number", "name"),
    [
        ('"Ann" <sip:15550001@x>', {}, False, "15550001", "Ann"),
        ('"Ann" <sip:15550001@x>', {"P_Asserted_Identity": PAI}, False, "15550001", "Ann"),
        ('"Ann" <sip:15550001@x>', {"P_Asserted_Identity": PAI}, True, "+16505550100", "Eve Outside"),
        ("<sip:anonymous@anonymous.invalid>", {"P_Asserted_Identity": PAI}, True, "+16505550100", "Eve Outside"),
        ("<sip:a@b>", {"P_Asserted_Identity": PAI, "Privacy": "id"}, True, ANONYMOUS, ""),
        ("<sip:a@b>", {"P_Asserted_Identity": PAI, "Privacy": "none"}, True, "+16505550100", "Eve Outside"),
        ('"Ann" <sip:15550001@x>', {"Privacy": "user;critical"}, False, ANONYMOUS, ""),
        ('"Ann" <sip:15550001@x>', {"Privacy": " ID "}, False, ANONYMOUS, ""),
        ("<sip:anonymous@anonymous.invalid>", {}, True, ANONYMOUS, ""),
        ("<sip:15550001@Anonymous.Invalid>", {}, False, ANONYMOUS, ""),
        ("<sip:x.example>", {}, False, ANONYMOUS, ""),
        ("<sip:15550001@x>", {"P_Asserted_Identity": '"<broken'}, True, "15550001", ""),
        ("<sip:15550001@x>", {"P_Asserted_Identity": "<sip:trunk.example>, <tel:+1-650>"}, True, "+1650", ""),
    ],
)
def test_whom_a_call_is_from(from_: str, headers: dict[str, str], trusted: bool, number: str, name: str) -> None:
    caller = caller_of(invite(from_, **headers), trusted=trusted)
    assert (caller.number, caller.name) == (number, name)


@given(st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_whoever_hides_is_not_in_what_others_are_shown(number: str, name: str) -> None:
    who = shown(Caller(number, name, private=True), Uri("sip", "us.example", None, number))
    assert str(who.from_) == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert [each for each in who.headers] == [("Privacy", "id")]


@pytest.mark.parametrize(
    ("host", "trusted"),
    [("192.0.2.7", True), ("10.1.2.3", True), ("10.2.0.1", False), ("192.0.2.70", False), ("proxy.example", False)],
)
def test_a_peer_is_trusted_by_its_address(host: str, trusted: bool) -> None:
    assert is_trusted(host, ("192.0.2.7", "10.1.0.0/16")) is trusted


@pytest.mark.parametrize(
    ("uri", "ours"),
    [
        ("sip:101@pbx.example", True),
        ("sip:101@PBX.Example:5070", True),
        ("sip:101@192.0.2.1:5070", True),
        ("sip:101@192.0.2.1", True),  # telephones leave the port away
        ("sip:101@192.0.2.1:5080", False),
        ("sip:101@softphone.lan", True),
        ("sip:101@old.example", True),
        ("sip:101@elsewhere.example", False),
        ("tel:101", False),
    ],
)
def test_which_addresses_are_ours(uri: str, ours: bool) -> None:
    settings = SipConfig(domain="pbx.example", realm="softphone.lan", aliases=("Old.Example",))
    assert Home.of(settings, "192.0.2.1", 5070).owns(Uri.parse(uri)) is ours


def test_an_address_of_ours_can_be_called_back() -> None:
    def address(domain: str, port: int) -> str:
        return str(Home.of(SipConfig(domain=domain), "192.0.2.1", port).address("101"))

    assert address("", 5060) == "sip:101@192.0.2.1"
    assert address("", 5070) == "sip:101@192.0.2.1:5070"
    assert address("pbx.example", 5070) == "sip:101@pbx.example"
    assert address("pbx.example:5070", 5070) == "sip:101@pbx.example:5070"


def test_a_called_telephone_sees_who_calls_and_can_call_back(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        callee = await board.telephone("103", answers)
        caller = await board.telephone("102", answers)
        call = await caller.call("103")
        asked = callee.calls[0].invite
        assert asked.from_.display == "Ben User"
        back = asked.from_.uri
        assert (back.user, back.host, back.port) == ("102", "127.0.0.1", board.stack.port)
        assert str(asked.to) == f"<sip:103@127.0.0.1:{board.stack.port}>"
        assert asked.uri.port == callee.stack.port
        await call.bye()
        # As the telephone does that calls back whom it has missed.
        again = await callee.stack.invite(str(back), offer(), from_uri=callee.uri, credentials=callee.credentials)
        await again.bye()

    play(tmp_path, scene)


def test_who_hides_its_number_is_not_shown(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        callee = await board.telephone("103", answers)
        caller = await board.telephone("102")
        call = await caller.call("103", headers=[("Privacy", "id")])
        asked = callee.calls[0].invite
        assert str(asked.from_.uri) == "sip:anonymous@anonymous.invalid"
        assert b"102" not in bytes(asked).replace(str(asked.via).encode(), b"")
        await call.bye()

    play(tmp_path, scene)


TRUNK = {"uri": "sip:127.0.0.1:5099", "username": "acc", "password": "secret"}


@pytest.mark.parametrize(
    ("trunk", "caller", "from_", "asserted", "privacy"),
    [
        ({}, Caller("101", "Ada"), '"Ada" <sip:101@127.0.0.1>', None, None),
        ({"caller": "16505550100"}, Caller("101"), "<sip:16505550100@127.0.0.1>", None, None),
        (
            {"from_user": "acc", "from_domain": "itsp.example", "trusted": True},
            Caller("101", "Ada"),
            '"Ada" <sip:acc@itsp.example>',
            '"Ada" <sip:101@itsp.example>',
            None,
        ),
        (
            {"trusted": True, "from_domain": "itsp.example"},
            Caller("101", "Ada", private=True),
            '"Anonymous" <sip:anonymous@anonymous.invalid>',
            '"Ada" <sip:101@itsp.example>',
            "id",
        ),
        ({}, Caller("101", private=True), '"Anonymous" <sip:anonymous@anonymous.invalid>', None, "id"),
        ({"trusted": True}, Caller(ANONYMOUS), '"Anonymous" <sip:anonymous@anonymous.invalid>', None, "id"),
    ],
)
def test_a_trunk_sees_the_caller_as_configured(
    trunk: dict[str, object], caller: Caller, from_: str, asserted: str | None, privacy: str | None
) -> None:
    who = shown_to_trunk(caller, TrunkConfig(**{**TRUNK, **trunk}))  # type: ignore[arg-type]
    headers = dict(who.headers)
    assert str(who.from_) == from_
    assert (headers.get("P-Asserted-Identity"), headers.get("Privacy")) == (asserted, privacy)
