"""Whoever calls itself whatever: the roster stays a document, and its users stay apart; with calls on paper."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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
from softphone.focus.entrance.conference_info import ConferenceInfo, User, UserEndpoint, sip_uri
from softphone.focus.entrance.roster import ConferenceRoster
from softphone.focus.entrance.subscriptions import RosterSubscriptions
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.room.referrals import refer
from softphone.focus.session import PartyStatus
from softphone.media.contract.leg import LegTalking
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


@dataclass
class UserShown:
    entity: str
    name: str
    endpoints: list[str]


@pytest.fixture
def play(tmp_path: Path) -> Callable[[Scene], None]:
    async def all_of_it(scene: Scene) -> None:
        bridge = PaperBridge(tmp_path)
        await scene(bridge)
        for room in list(bridge.focus.rooms.values()):
            room.close("requested")
        await asyncio.sleep(60.0)

    return lambda scene: run(all_of_it(scene))


def users(room: ConferenceRoom) -> list[UserShown]:
    """Read who is there from the document, in the order that they came."""
    text = ConferenceRoster(room, "sip:conf_1@host", DOMAIN).info.document(None, 1)
    assert text is not None
    expat.ParserCreate().Parse(text, True)
    return [
        UserShown(
            user.get("entity", ""),
            user.findtext(f"{NS}display-text", ""),
            [each.findtext(f"{NS}status", "") for each in user.findall(f"{NS}endpoint")],
        )
        for user in etree.fromstring(text).findall(f"{NS}users/{NS}user")
    ]


@settings(max_examples=300, deadline=None)
@given(ANY, ANY, ANY, ANY, ANY, ANY)
def test_a_roster_of_any_text_is_well_formed(
    entity: str, user: str, name: str, role: str, endpoint: str, status: str
) -> None:
    info = ConferenceInfo(entity, name)
    info.put(User(user, name, (role,), (UserEndpoint(endpoint, status, status, status),)))
    known = info.version
    for told in (None, known):
        text = info.document(told, 1)
        info.drop(user)
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
    told = ConferenceInfo("sip:c@h", "C")
    told.put(User("sip:a@h", "O'Neil <x>", ("Host",), ()))
    root = etree.fromstring(told.document(None, 1) or b"")
    assert root.findtext(f"{NS}users/{NS}user/{NS}display-text") == "O'Neil <x>"


class Watchers:
    """A stack that takes what is told to watchers, and reads it as they would."""

    def __init__(self) -> None:
        self.told = 0
        self.bytes = 0
        self.shown: dict[str, set[str]] = {}
        self.versions: dict[str, int] = {}
        self.deaf: set[str] = set()
        self.whole = 0

    def contact(self, user: str, *_how: Any, **_more: Any) -> Address:
        return Address(Uri("sip", "host", user=user))

    def flow(self, target: Hop) -> None:
        return None

    async def request(self, asked: Request, target: Hop | None = None) -> Response:
        if asked.call_id in self.deaf:
            await asyncio.sleep(30.0)
        self.told += 1
        self.bytes += len(asked.body)
        if not asked.body:
            return response(asked, 200)
        root = etree.fromstring(asked.body)
        whole, version = root.get("state") == "full", int(root.get("version", ""))
        shown = self.shown.setdefault(asked.call_id, set())
        assert whole or version == self.versions[asked.call_id] + 1, "a gap: it would ask anew"
        self.versions[asked.call_id] = version
        self.whole += whole
        if whole:
            shown.clear()
        for user in root.findall(f"{NS}users/{NS}user"):
            (shown.discard if user.get("state") == "deleted" else shown.add)(user.get("entity", ""))
        return response(asked, 200)

    def subscribe(self, watcher: int, to: str = "<sip:room@host>", cseq: int = 1, expires: int = 600) -> Request:
        return request(
            "SUBSCRIBE",
            "sip:room@host",
            from_=f"<sip:w@host>;tag=t{watcher}",
            to=to,
            call_id=f"c{watcher}",
            cseq=cseq,
            contact=self.contact("w"),
            headers=[("Via", "SIP/2.0/UDP host;branch=z9hG4bK1"), ("Event", "conference"), ("Expires", str(expires))],
        )


HERE = Hop("tcp", "127.0.0.1", 9)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Which documents were put together: of what was known, 0 for nothing."""
    found, write = list[int](), ConferenceInfo._write

    def noted(info: ConferenceInfo, known: int) -> tuple[bytes, bytes]:
        found.append(known)
        return write(info, known)

    monkeypatch.setattr(ConferenceInfo, "_write", noted)
    return found


def test_a_roster_is_written_once_for_all_and_not_for_talk(play: Callable[[Scene], None], written: list[int]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room, stack = await bridge.room(Settings()), Watchers()
        watching: Any = stack
        async with RosterSubscriptions(bridge.focus, watching, bridge.accounts) as watchers:
            for number in range(20):
                assert watchers.subscribe(stack.subscribe(number), HERE, room).status == 200
            await asyncio.sleep(5)
            assert (stack.told, len(written)) == (20, 1)
            await bridge.call(room, "guest")
            await asyncio.sleep(5)
            assert (stack.told, len(written)) == (40, 2)
            for on in (True, False, True):
                room.noticed(next(iter(room.members.values())), LegTalking(1, on))
                await asyncio.sleep(5)
            assert (stack.told, len(written)) == (40, 2)

    play(scene)


def test_hundreds_who_come_are_told_to_many_in_few_documents(play: Callable[[Scene], None], written: list[int]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room, stack = await bridge.room(Settings(max_members=2000)), Watchers()
        watching: Any = stack
        async with RosterSubscriptions(bridge.focus, watching, bridge.accounts) as watchers:
            for number in range(50):
                watchers.subscribe(stack.subscribe(number), HERE, room)
                await asyncio.sleep(0.026)  # each has a pace of its own
            loop = asyncio.get_running_loop()
            began = loop.time()
            for number in range(0, 300, 5):
                await asyncio.gather(*(bridge.call(room, f"9{each}") for each in range(number, number + 5)))
            seconds = loop.time() - began
            await asyncio.sleep(5)
            assert len(written) < seconds + 5, "one in a second for all, however many came"
            assert stack.whole == 50, "all once, what has changed from then on"
            assert all(shown == set(entities(room)) for shown in stack.shown.values())
            assert stack.bytes < 50 * (300 * 400 + stack.told * 10), "each user once to each"

    play(scene)


def entities(room: ConferenceRoom) -> list[str]:
    return [user.entity for user in users(room)]


def test_who_asks_anew_or_was_deaf_has_the_whole_and_no_gap(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room, stack = await bridge.room(Settings()), Watchers()
        watching: Any = stack
        async with RosterSubscriptions(bridge.focus, watching, bridge.accounts) as watchers:
            stack.deaf.add("c1")
            for number in range(3):
                answer = watchers.subscribe(stack.subscribe(number), HERE, room)
            calls = [await bridge.call(room, f"9{number}") for number in range(4)]
            await asyncio.sleep(3)
            calls[0].end()
            # Told at once of what is so now, though the others have been told just now and wait.
            asked = watchers.subscribe(stack.subscribe(2, str(answer.to), 2), HERE, room)
            assert asked.status == 200
            await asyncio.sleep(2)
            assert stack.shown["c0"] == stack.shown["c2"] == set(entities(room))
            await asyncio.sleep(70)
            assert stack.whole == 4 and stack.shown["c1"] == set(entities(room))

    play(scene)


def test_a_telephone_that_holds_its_call_is_told(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room, stack = await bridge.room(Settings()), Watchers()
        watching: Any = stack
        await bridge.call(room, "101")
        await bridge.call(room, "102")
        async with RosterSubscriptions(bridge.focus, watching, bridge.accounts) as watchers:
            watchers.subscribe(stack.subscribe(0), HERE, room)
            await asyncio.sleep(5)
            member = next(iter(room.members.values()))
            member.party.status = PartyStatus.HOLD
            room.held(member, True)
            await asyncio.sleep(5)
            assert stack.told == 2
            assert [user.endpoints for user in users(room)] == [["on-hold"], ["connected"]]

    play(scene)


def test_who_subscribed_at_the_entrance_is_told_of_changes(play: Callable[[Scene], None], written: list[int]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        room, stack = await bridge.room(Settings()), Watchers()
        watching: Any = stack
        cai = bridge.accounts.extensions["103"]
        async with RosterSubscriptions(bridge.focus, watching, bridge.accounts) as watchers:
            entered = watchers.enters(cai)
            watchers.subscribe(stack.subscribe(0), HERE, None, cai)
            await asyncio.sleep(5)
            await bridge.call(room, "103", caller=cai)
            entered()
            await asyncio.sleep(5)
            for number in ("104", "105"):
                await bridge.call(room, number)
                await asyncio.sleep(5)
            assert [known > 0 for known in written] == [False, True, True], "the whole once, then what has changed"
            assert stack.shown["c0"] == set(entities(room)) and stack.whole == 1

    play(scene)


def test_nothing_is_kept_of_a_conference_that_nobody_watches(play: Callable[[Scene], None]) -> None:
    async def scene(bridge: PaperBridge) -> None:
        stack = Watchers()
        watching: Any = stack
        async with RosterSubscriptions(bridge.focus, watching, bridge.accounts) as watchers:
            for end in (True, False):
                room = await bridge.room(Settings())
                await bridge.call(room, "101")
                watchers.subscribe(stack.subscribe(int(end), expires=600 if end else 0), HERE, room)
                await asyncio.sleep(5)
                if end:
                    room.close("requested")
                else:
                    await bridge.call(room, "102")
                await asyncio.sleep(5)
            assert not (watchers._rosters or watchers._tellings or watchers._notifier._of or watchers._notifier._from)
            assert set(watchers._told_at) == {"entrance"} and not room.session.watchers

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
