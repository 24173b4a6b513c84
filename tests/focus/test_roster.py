"""Whoever calls itself whatever: the roster stays a document, and its users stay apart; with calls on paper."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as etree
from xml.parsers import expat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mixer.rules.roles import Role
from mixer.rules.settings import Settings
from softphone.errors import CallRefused
from softphone.focus.entrance.conference_info import ConferenceInfo, User, UserEndpoint, document, sip_uri
from softphone.focus.entrance.subscriptions import RosterSubscriptions, roster
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.room.referrals import refer, was_called
from softphone.focus.session import TelephonySession
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, Response, request, response
from softphone.sip.message.uri import Uri
from softphone.sip.transport.hop import Hop
from softphone.testing.bridge import PaperBridge
from softphone.testing.clock import run
from tests.focus.test_conference_info import NS

ANY = st.text(st.characters(), max_size=60)
DOMAIN = "softphone.local"

Scene = Callable[[PaperBridge], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scene], None]:
    async def all_of_it(scene: Scene) -> None:
        bridge = PaperBridge(tmp_path)
        await scene(bridge)
        for room in list(bridge.focus.rooms.values()):
            room.close("requested")
        await asyncio.sleep(60.0)

    return lambda scene: run(all_of_it(scene))


def users(room: ConferenceRoom) -> list[User]:
    called = {name for name, member in room.members.items() if was_called(member)}
    told = roster(room.session, "sip:conf_1@host", DOMAIN, 10, called)
    text = document(told, None, 1)
    assert text is not None
    expat.ParserCreate().Parse(text, True)
    return list(told.users)


@settings(max_examples=300, deadline=None)
@given(ANY, ANY, ANY, ANY, ANY, ANY)
def test_a_roster_of_any_text_is_well_formed(
    entity: str, user: str, name: str, role: str, endpoint: str, status: str
) -> None:
    one = User(user, name, (role,), (UserEndpoint(endpoint, status, status, status),))
    there, gone = ConferenceInfo(entity, name, 10, False, (one,)), ConferenceInfo(entity, name, 10, False, ())
    for told, known in ((there, None), (gone, there)):
        text = document(told, known, 1)
        assert text is not None
        expat.ParserCreate().Parse(text, True)
        etree.fromstring(text)


@settings(max_examples=300, deadline=None)
@given(ANY.filter(bool))
def test_an_entity_of_any_user_is_a_sip_uri_of_that_user(user: str) -> None:
    uri = sip_uri(user, DOMAIN)
    assert uri.isascii() and not set(uri) & set('<>"\\^`{|} #')
    assert Uri.parse(uri).user == user.encode("utf-8", "replace").decode()
    assert sip_uri("a", "::1", 5060) == "sip:a@[::1]:5060"


@pytest.mark.parametrize("number", ["", "\x01", "\ufffe", "anonymous", "alice"])
def test_callers_from_outside_are_different_users_whatever_they_call_themselves(
    play: Callable[[Scene], None], number: str
) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room = await bridge.room(Settings())
        for _ in range(3):
            await bridge.call(room, number, name="A\ufffe\x07")
        found = users(room)
        assert len({user.entity for user in found}) == 3
        assert [user.name for user in found] == ["A", "A (2)", "A (3)"]

    play(scene)


def test_phones_of_an_extension_are_one_user_and_a_stranger_of_its_name_is_another(
    play: Callable[[Scene], None],
) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room = await bridge.room(Settings())
        ben = bridge.accounts.extensions["102"]
        for _ in range(2):
            await bridge.call(room, "102", name=ben.name, caller=ben)
        await bridge.call(room, "102", name="Ben\u200b User")
        first, second = users(room)
        assert (first.entity, first.name, len(first.endpoints)) == (f"sip:102@{DOMAIN}", "Ben User", 2)
        assert (second.name, len(second.endpoints)) == ("Ben User (2)", 1)

    play(scene)


def test_who_was_called_keeps_its_number_and_is_one_user(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room = await bridge.room(Settings())
        await bridge.call(room, "101", role=Role.MODERATOR)
        await bridge.control.dial(room.session.id, "+15550123", confirm=False)
        await asyncio.sleep(5)
        await bridge.call(room, "+15550123")
        found = {user.entity: len(user.endpoints) for user in users(room)}
        assert found[f"sip:+15550123@{DOMAIN}"] == 1 and len(found) == 3

    play(scene)


def test_one_pseudonym_is_sent_away_and_nobody_else(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room = await bridge.room(Settings())
        await bridge.call(room, "101", role=Role.MODERATOR)
        host = next(iter(room.members.values()))
        for number in ("anonymous", "anonymous", "101", "p-1"):
            await bridge.call(room, number)
        entities = [user.entity for user in users(room)]
        for named in ("anonymous", "101", "p-1"):
            with pytest.raises(CallRefused, match="404"):
                await refer(room, host, bye(f"sip:{named}@{DOMAIN}"))
        for entity in entities[1:]:
            before = len(room.members)
            await refer(room, host, bye(entity))
            assert len(room.members) == before - 1
        assert [user.entity for user in users(room)] == entities[:1]

    play(scene)


def bye(uri: str) -> Address:
    return Address(Uri.parse(f"{uri};method=BYE"))


def test_who_left_gives_its_name_back(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room = await bridge.room(Settings())
        await bridge.call(room, "x", name="Stay")
        for _ in range(200):
            call = await bridge.call(room, "y", name="Ada")
            call.end()
        await bridge.call(room, "y", name="Ada")
        names: list[Any] = [user.name for user in users(room)]
        assert sorted(names) == ["Ada", "Stay"]

    play(scene)


def test_the_document_says_who_is_who() -> None:
    told = ConferenceInfo("sip:c@h", "C", 3, False, (User("sip:a@h", "O'Neil <x>", ("Host",), ()),))
    root = etree.fromstring(document(told, None, 1) or b"")
    assert root.findtext(f"{NS}users/{NS}user/{NS}display-text") == "O'Neil <x>"


class Unheard:
    """A stack that sends into the void, and counts."""

    def __init__(self) -> None:
        self.told = 0

    def contact(self, user: str, *_how: Any, **_more: Any) -> Address:
        return Address(Uri("sip", "host", user=user))

    def flow(self, target: Hop) -> None:
        return None

    async def request(self, asked: Request, target: Hop | None = None) -> Response:
        self.told += 1
        return response(asked, 200)


def test_a_roster_is_written_once_for_all_and_not_for_talk(
    play: Callable[[Scene], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def write(session: TelephonySession, *rest: Any) -> ConferenceInfo:
        written.append(session.id)
        return roster(session, *rest)

    async def scene(bridge: PaperBridge) -> None:
        monkeypatch.setattr("softphone.focus.entrance.subscriptions.roster", write)
        room, unheard = await bridge.room(Settings()), Unheard()
        stack: Any = unheard
        async with RosterSubscriptions(bridge.focus, stack, bridge.accounts) as watchers:
            for number in range(20):
                asked = request(
                    "SUBSCRIBE",
                    "sip:room@host",
                    from_=f"<sip:w@host>;tag=t{number}",
                    to="<sip:room@host>",
                    call_id=f"c{number}",
                    cseq=1,
                    contact=stack.contact("w"),
                    headers=[("Via", "SIP/2.0/UDP host;branch=z9hG4bK1"), ("Event", "conference")],
                )
                assert watchers.subscribe(asked, Hop("udp", "127.0.0.1", 9), room).status == 200
            await asyncio.sleep(5)
            assert (unheard.told, len(written)) == (20, 2), "once for the answers, once for the NOTIFYs"
            await bridge.call(room, "guest")
            await asyncio.sleep(5)
            assert (unheard.told, len(written)) == (40, 3)
            for on in (True, False, True):
                room.talking(next(iter(room.members.values())), on)
                await asyncio.sleep(5)
            assert (unheard.told, len(written)) == (40, 3)

    play(scene)


def test_a_ban_of_a_stranger_is_none_of_the_extension_it_calls_itself(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room, ben = await bridge.room(Settings()), bridge.accounts.extensions["102"]
        session = room.session.id
        for number in (ben.id, ben.number, f"outside:{ben.id}"):
            await bridge.call(room, number)
        for party in list(room.members):
            await bridge.control.kick(session, party, ban=True)
        await bridge.call(room, ben.number, caller=ben)
        for number in (ben.id, ben.number):
            with pytest.raises(CallRefused, match="403"):
                await bridge.call(room, number)
        assert set(bridge.control.bans(session)) == {ben.id, ben.number, f"outside:{ben.id}"}
        await bridge.control.kick(session, next(iter(room.members)), ban=True)
        with pytest.raises(CallRefused, match="403"):
            await bridge.call(room, ben.number, caller=ben)
        await bridge.control.unban(session, ben.number)
        await bridge.call(room, ben.number, caller=ben)

    play(scene)
