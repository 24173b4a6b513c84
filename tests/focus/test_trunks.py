"""Numbers outside: which trunk takes them, how they are written, when another is tried; and calls from there."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from softphone.config import DialRule, PrefixRule, TollConfig, TrunkConfig, from_table
from softphone.errors import CallRefused, ConfigError, SipTimeout
from softphone.focus.entrance.trunk_lines import TrunkLines
from softphone.focus.errors import WrongState
from softphone.focus.party.trunks import rewritten
from softphone.focus.room.parking import check_orbit
from softphone.focus.session import PartyAddress
from softphone.sip.services.registrar import Registrar
from softphone.sip.ua.call import InviteState
from tests.focus.switchboard import Behaviour, Switchboard, Telephone, answers, play, refuses

# The switchboard has port 5001, and who is made first the next.
FIRST = TrunkConfig(name="first", uri="sip:127.0.0.1:5002")
SECOND = TrunkConfig(name="second", uri="sip:127.0.0.1:5003")


async def itsps(board: Switchboard, *behaviours: Behaviour) -> list[Telephone]:
    return [await board.telephone(f"itsp{index}", each, register=False) for index, each in enumerate(behaviours)]


def test_a_telephone_calls_a_number_outside_as_the_trunk_wants_it(tmp_path: Path) -> None:
    trunk = TrunkConfig(
        name="first",
        uri="sip:127.0.0.1:5002",
        from_domain="itsp.example",
        outgoing=(PrefixRule("+49", 3, "0"), PrefixRule("+", 1, "00")),
    )
    rules = (DialRule("0", 1, "+49"), DialRule("00", 2, "+"))

    async def scene(board: Switchboard) -> None:
        (itsp,) = await itsps(board, answers)
        caller = await board.telephone("101")
        for dialled, called in (("0301234", "0301234"), ("0012125550100", "0012125550100"), ("+4930999", "030999")):
            call = await caller.call(dialled)
            invite = itsp.calls[-1].invite
            assert (invite.uri.user, str(invite.from_.uri)) == (called, "sip:101@itsp.example")
            (room,) = board.focus.calls.values()
            first, second = room.session.parties.values()
            assert (first.extension_id, first.callee) == ("100101", PartyAddress(dialled))
            await asyncio.sleep(0.1)
            assert second.extension_id is None and room.answered
            await call.bye()
            await asyncio.sleep(1)
            assert not board.focus.rooms and itsp.calls[-1].state is InviteState.ENDED

    play(tmp_path, scene, trunk=trunk, dial=rules)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_another_trunk_is_tried_for_what_is_only_on_the_way(tmp_path: Path, status: int) -> None:
    async def scene(board: Switchboard) -> None:
        first, second = await itsps(board, refuses(status), answers)
        call = await (await board.telephone("101")).call("+16505550177")
        assert [len(each.calls) for each in (first, second)] == [1, 1]
        await call.bye()

    play(tmp_path, scene, trunk=(FIRST, SECOND))


@pytest.mark.parametrize("status", [403, 404, 480, 486, 603])
def test_what_the_callee_says_is_final(tmp_path: Path, status: int) -> None:
    async def scene(board: Switchboard) -> None:
        first, second = await itsps(board, refuses(status), answers)
        with pytest.raises(CallRefused) as refused:
            await (await board.telephone("101")).call("+16505550177")
        assert refused.value.status == status
        assert [len(each.calls) for each in (first, second)] == [1, 0]

    play(tmp_path, scene, trunk=(FIRST, SECOND))


def test_a_trunk_that_is_dead_is_passed_by_and_two_dead_ones_are_said(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        first, second = await itsps(board, answers, answers)
        caller = await board.telephone("101")
        await first.stack.stop()
        call = await caller.call("+16505550177", timeout_s=60)
        assert len(second.calls) == 1
        await call.bye()
        await second.stack.stop()
        with pytest.raises((CallRefused, SipTimeout)) as refused:
            await caller.call("+16505550177", timeout_s=120)
        assert isinstance(refused.value, CallRefused) and refused.value.status == 408

    play(tmp_path, scene, trunk=(FIRST, SECOND))


def test_a_trunk_takes_what_it_may_and_what_the_dial_plan_gives_it(tmp_path: Path) -> None:
    trunks = (TrunkConfig(name="first", uri=FIRST.uri, allow=("+1",), max_calls=1), SECOND)

    async def scene(board: Switchboard) -> None:
        first, second = await itsps(board, answers, answers)
        caller = await board.telephone("101")
        for number in ("+4930123", "911", "+16505550177", "+16505550188"):
            await caller.call(number)
        # The last one finds no line free at the first.
        called = [[call.invite.uri.user for call in each.calls] for each in (first, second)]
        assert called == [["+16505550177"], ["+4930123", "911", "+16505550188"]]

    play(tmp_path, scene, trunk=trunks, dial=(DialRule("911", trunks=("second",)),))


def test_nobody_is_parked_under_a_number_that_the_settings_have_called_outside(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        refused = []
        for number in ("911", "16505550177", "4930123", "801", "1"):
            try:
                check_orbit((), board.dialer, number)
            except WrongState:
                refused.append(number)
        assert refused == ["911", "16505550177", "4930123"]

    trunks = (TrunkConfig(name="first", uri=FIRST.uri, allow=("+16",)), SECOND)
    play(tmp_path, scene, trunk=trunks, dial=(DialRule("911"), DialRule("")), toll=TollConfig(allow=("+49",)))


@pytest.mark.parametrize(
    ("toll", "numbers", "statuses"),
    [
        (TollConfig(allow=("+1",)), ["+4930123", "+16505550177"], [403, 200]),
        (TollConfig(deny=("+1900",)), ["+19005550100", "+16505550177"], [403, 200]),
        (TollConfig(user_calls_per_hour=1), ["+16505550177", "+16505550188"], [200, 503]),
        (TollConfig(calls_per_hour=1), ["+16505550177", "+16505550188"], [200, 503]),
        (TollConfig(max_calls=1), ["+16505550177", "+16505550188"], [200, 503]),
        (TollConfig(), ["x@y", "nobody", "+1650555017712345678901234567890123"], [404, 404, 404]),
    ],
)
def test_what_is_not_allowed_is_refused_and_logged_once(
    tmp_path: Path, toll: TollConfig, numbers: list[str], statuses: list[int]
) -> None:
    async def scene(board: Switchboard) -> None:
        await itsps(board, answers)
        caller, found = await board.telephone("101"), []
        with capture_logs() as logs:
            for number in numbers:
                try:
                    await caller.call(number.replace("@", "%40"))
                    found.append(200)
                except CallRefused as refused:
                    found.append(refused.status)
        assert found == statuses
        told = [each["account"] for each in logs if each["event"] == "toll_refused"]
        assert told == ["100101"] * sum(status in (403, 503) for status in statuses)

    play(tmp_path, scene, trunk=FIRST, toll=toll)


def test_who_is_nobody_calls_nobody(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        (itsp,) = await itsps(board, answers)
        stranger = await board.telephone("stranger", register=False)
        for user in ("+16505550177", "00", "103"):
            with pytest.raises(CallRefused):
                await stranger.call(user, from_uri="sip:stranger@elsewhere.example")
        # Nor does a trunk: what it calls is here, or nowhere.
        with pytest.raises(CallRefused, match="404"):
            await itsp.call("+16505550177")
        assert not itsp.calls

    play(tmp_path, scene, trunk=FIRST)


def test_calls_from_a_trunk_reach_what_their_number_means(tmp_path: Path) -> None:
    trunk = TrunkConfig(
        uri=FIRST.uri,
        trusted=True,
        incoming=(PrefixRule("+1650555", 8, ""),),
        numbers={"+16505550177": "102", "16505550188": "202"},
        default="103",
    )

    async def scene(board: Switchboard) -> None:
        (itsp,) = await itsps(board, answers)
        bob, cid = await board.telephone("102", answers), await board.telephone("103", answers)
        from_uri = "sip:+493012345@itsp.example"
        for number, phone in (("+16505550177", bob), ("16505550177", bob), ("+1650555102", bob), ("+15550000", cid)):
            call = await itsp.call(number, from_uri=from_uri)
            assert phone.calls[-1].invite.from_.uri.user == "+493012345"
            (room,) = board.focus.calls.values()
            first, second = room.session.parties.values()
            assert (first.extension_id, second.callee.number) == (None, phone.number)
            assert board.notes.of("call_started")[-1][2] == "inbound"
            await phone.calls[-1].bye()
            await asyncio.sleep(1)
            assert call.state is InviteState.ENDED and not board.focus.rooms
        conference = await board.focus.create_conference(board.paper.accounts.extensions["101"])
        for number in ("16505550188", str(conference.token), "+16505550100"):
            call = await itsp.call(number, from_uri=from_uri)
            assert call.state is InviteState.CONFIRMED
            await call.bye()
        assert len(board.focus.conferences) == 2

    play(tmp_path, scene, trunk=trunk)


def test_a_trunk_that_is_registered_calls_by_its_contact(tmp_path: Path) -> None:
    trunk = TrunkConfig(
        name="itsp", uri="sip:127.0.0.1:5002", register=True, username="acc", password="s", numbers={"555": "102"}
    )

    async def scene(board: Switchboard) -> None:
        (itsp,) = await itsps(board, answers)
        elsewhere = await board.telephone("gateway", register=False)
        bob = await board.telephone("102", answers)
        registrar = Registrar()

        async with TrunkLines(board.stack, board.dialer.trunks) as lines:
            # Away at first: that holds up nothing, and it is asked again.
            await asyncio.sleep(40)
            assert not lines.registrations
            itsp.registrar = registrar
            await asyncio.sleep(60)
            (binding,) = registrar.contacts("acc", asyncio.get_running_loop().time())
            user = binding.contact.uri.user or ""
            # It comes from a host that nobody has named, to our Contact; whom it is for stands in To.
            call = await elsewhere.call(user, from_uri="sip:+4930@itsp.example", to="sip:555@itsp.example")
            assert len(bob.calls) == 1
            await call.bye()
            with pytest.raises(CallRefused, match="404"):
                await elsewhere.call(user, from_uri="sip:+4930@itsp.example", to="sip:556@itsp.example")
            with pytest.raises(CallRefused):
                await elsewhere.call("f" * 24, from_uri="sip:+4930@itsp.example", to="sip:555@itsp.example")
        assert not registrar.contacts("acc", asyncio.get_running_loop().time())

    play(tmp_path, scene, trunk=trunk)


@given(st.text("+0123456789", max_size=8), st.lists(st.builds(PrefixRule, st.text("+01", max_size=3)), max_size=4))
def test_a_number_without_a_rule_stays_as_it_is(number: str, rules: list[PrefixRule]) -> None:
    assert rewritten(number, rules) == number


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"trunk": [{"uri": "sip:a"}, {"uri": "sip:b"}]}, "a name of its own"),
        ({"trunk": {"uri": "sip:a", "register": True}}, "trunk.username"),
        ({"trunk": [{"name": "a", "uri": "sips:a;transport=udp"}]}, "trunk.0.uri"),
        ({"trunk": {"uri": "sip:a", "addresses": ["example.com"]}}, "trunk.addresses"),
        ({"trunk": {"uri": "sip:a", "outgoing": [{"prefix": "x"}]}}, "prefix"),
        ({"dial": [{"prefix": "0", "trunks": ["nobody"]}]}, "no trunk named 'nobody'"),
        ({"toll": {"max_calls": -1}}, "toll.max_calls"),
    ],
)
def test_trunks_that_cannot_be(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        from_table(table)


def test_one_trunk_is_a_table_and_several_are_a_list() -> None:
    def several(trunk: object) -> list[str]:
        return [each.name for each in from_table({"trunk": trunk}).trunks]

    assert several({"name": "a", "uri": "sip:a"}) == ["a"]
    assert several([{"name": "a", "uri": "sip:a"}, {"name": "b", "uri": ""}, {"name": "c", "uri": "sip:c"}]) == [
        "a",
        "c",
    ]
    assert several({}) == []
