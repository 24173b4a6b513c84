"""Who comes by HTTP: where its codes, tokens and passes lead, by the same rules as by telephone; on paper."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mixer.rules.roles import Place
from mixer.rules.settings import EndWithHost, Settings
from softphone.config import ConferenceConfig, WebConfig
from softphone.errors import MediaFull, NoCommonCodec, SdpError, WorkerGone
from softphone.focus.errors import Overloaded, WrongState
from softphone.focus.feed import EventType
from softphone.focus.room.admission import NotAdmitted
from softphone.focus.session import ConferenceRole, PartyStatus
from softphone.media.contract.leg import LegInfo, RtpTimeout
from softphone.media.contract.messages import OpenLeg
from softphone.testing.bridge import offer
from softphone.testing.clock import run
from tests.support.browsers import CHROME, FINGERPRINT
from tests.support.membership import astray
from tests.support.web import ELSEWHERE, GUEST, HOST, WebBridge

Scene = Callable[[WebBridge], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Play a scene; nobody is astray at its end, and nothing is left when all is over."""

    async def all_of_it(scene: Scene, options: dict[str, Any]) -> None:
        bridge = WebBridge(tmp_path, **options)
        await scene(bridge)
        await asyncio.sleep(10.0)
        assert astray(bridge.focus) == []
        for room in list(bridge.focus.rooms.values()):
            room.close("requested")
        await asyncio.sleep(60.0)
        assert (dict(bridge.focus.context.legs), bridge.media.legs, bridge.media.rooms) == ({}, {}, set())
        assert len(bridge.door.parties) == bridge.door.parties.of_host(ELSEWHERE) == 0

    return lambda scene, **options: run(all_of_it(scene, options))


async def refused(coming: Awaitable[object]) -> str:
    with pytest.raises(NotAdmitted) as why:
        await coming
    return why.value.why


# Where it leads.


def test_codes_lead_into_the_room_of_their_user_as_by_telephone(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        host = await bridge.comes(HOST, name="Ada")
        guest = await bridge.comes(GUEST, name="Gus")
        both = await bridge.comes(GUEST, secret=HOST)
        by_number = await bridge.comes("+16505550100", secret=GUEST)
        (room,) = bridge.focus.conferences.values()
        assert room.session.extension_id == bridge.ada.id
        assert [each.party.role for each in (host, guest, both, by_number)] == [
            ConferenceRole.HOST,
            ConferenceRole.PARTICIPANT,
            ConferenceRole.HOST,
            ConferenceRole.PARTICIPANT,
        ]
        assert [party.caller.name for party in room.session.parties.values()] == ["Ada", "Gus", "Guest", "Guest (2)"]
        assert {party.status for party in room.session.parties.values()} == {PartyStatus.ANSWERED}
        assert "m=audio" in host.answer
        assert {bridge.media.legs[each.party.member.leg or 0] for each in (host, guest)} == {room.room}

    play(scene)


def test_a_token_leads_into_its_conference_whose_owner_hosts_it_when_logged_in(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        session = await bridge.control.create(bridge.ada)
        guest = await bridge.comes(str(session.token), name="Gus")
        host = await bridge.comes(str(session.token), caller=bridge.ada, name="somebody else")
        other = await bridge.comes(str(session.token), caller=bridge.ben)
        assert (guest.party.role, host.party.role) == (ConferenceRole.PARTICIPANT, ConferenceRole.HOST)
        assert [each.party.party.extension_id for each in (guest, host, other)] == [None, bridge.ada.id, bridge.ben.id]
        assert host.party.party.caller.name == "Ada Admin"
        assert await refused(bridge.comes(str(session.token), secret=HOST)) == "wrong_code"
        await bridge.control.end(session.id)
        assert await refused(bridge.comes(str(session.token))) == "ended"
        assert await refused(bridge.comes("conf_" + "00" * 20)) == "unknown"

    play(scene)


def test_a_conference_extension_is_joined_with_its_code_and_without_one_by_its_own_people(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        assert (await bridge.comes("201", secret="1234")).party.role is ConferenceRole.PARTICIPANT
        assert (await bridge.comes("201", secret="9876")).party.role is ConferenceRole.HOST
        assert await refused(bridge.comes("201", secret="1111")) == "wrong_code"
        assert await refused(bridge.comes("201")) == "code_needed"
        assert await refused(bridge.comes("202")) == "account_needed"
        assert (await bridge.comes("202", caller=bridge.ben)).party.party.extension_id == bridge.ben.id

    play(scene)


@pytest.mark.parametrize("to", ["000000000", "102", "nobody", "½²³", "9" * 33, "+49", "0" * 24, "\ud800"])
def test_what_is_no_code_opens_nothing(play: Play, to: str) -> None:
    async def scene(bridge: WebBridge) -> None:
        assert await refused(bridge.comes(to)) in ("wrong_code", "unknown")
        assert await refused(bridge.comes("201", secret=to)) in ("wrong_code", "unknown")
        assert await refused(bridge.comes(GUEST, secret=to)) in ("wrong_code", "unknown")
        assert bridge.focus.conferences == {}, "nothing was opened for it"

    play(scene)


def test_wrong_codes_are_counted_under_the_address_that_they_come_from(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        for number in range(3):
            assert await refused(bridge.comes(f"00000000{number}")) == "wrong_code"
        with pytest.raises(NotAdmitted) as closed:
            await bridge.comes(GUEST)
        assert closed.value.why == "too_many_codes" and 0 < closed.value.wait_s <= 600.0
        assert await refused(bridge.comes("201", secret="0000")) == "wrong_code", (
            "of a room they are counted by themselves"
        )
        await bridge.comes(GUEST, host="203.0.113.9")
        await bridge.comes(GUEST, caller=bridge.ben)
        await asyncio.sleep(600.0)
        await bridge.comes(GUEST)

    play(scene, conference=ConferenceConfig(wrong_codes=2))


def test_a_hosts_code_of_another_room_is_a_wrong_code(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        assert await refused(bridge.comes(GUEST, secret="9876")) == "wrong_code"
        assert await refused(bridge.comes("201", secret=HOST)) == "wrong_code"

    play(scene)


# Who is not let in.


def test_who_is_refused_leaves_nothing(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        room = await bridge.room(Settings(max_members=1))
        told: list[EventType] = []
        bridge.focus.feed.listeners.append(lambda event: told.append(event.type))
        for bad in (offer("96"), "no description", "", "v=0\r\n", offer().replace("m=audio 9", "m=audio 0")):
            with pytest.raises(SdpError):
                await bridge.comes(GUEST, offer=bad)
        with pytest.raises(NoCommonCodec):
            await bridge.comes(GUEST, offer=offer("96"))
        await bridge.control.lock(room.session.id, True)
        assert told == [EventType.CONFERENCE_CHANGED]
        assert len(bridge.focus.conferences) == 1

    play(scene)


def test_the_room_says_who_comes_in(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        await bridge.comes(GUEST)
        (room,) = bridge.focus.conferences.values()
        await bridge.control.lock(room.session.id, True)
        assert await refused(bridge.comes(GUEST)) == "locked"
        await bridge.control.lock(room.session.id, False)
        await bridge.comes(GUEST)
        assert await refused(bridge.comes(GUEST)) == "full", "a place is kept for the host"
        await bridge.control.rooms.allow(room.session.id, ["102"])
        assert await refused(bridge.comes(GUEST)) == "not_listed"

    play(scene, conference=ConferenceConfig(bridge_max_members=3))


def test_a_guest_waits_for_the_host_and_in_the_lobby(play: Play) -> None:
    async def waits(bridge: WebBridge) -> None:
        guest = await bridge.comes(GUEST)
        before = guest.party.party.place
        assert bridge.media.legs[guest.party.member.leg or 0] is None, "in no room yet"
        await bridge.comes(HOST)
        await asyncio.sleep(1.0)
        assert (before, guest.party.party.place) == (Place.WAITING, Place.JOINED)
        assert bridge.media.legs[guest.party.member.leg or 0] is not None

    async def in_the_lobby(bridge: WebBridge) -> None:
        await bridge.comes(HOST)
        guest = await bridge.comes(GUEST)
        assert guest.party.party.place is Place.LOBBY
        await bridge.control.reject(guest.party.session, guest.party.id)
        await asyncio.sleep(10.0)
        assert guest.party.member.over

    play(waits)
    play(in_the_lobby, conference=ConferenceConfig(lobby=True))


def test_there_is_a_limit_for_all_and_for_each_address(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        first = await bridge.comes(GUEST)
        await bridge.comes(GUEST)
        assert await refused(bridge.comes(GUEST)) == "too_many_there"
        await bridge.comes(GUEST, host="203.0.113.9")
        with pytest.raises(Overloaded):
            await bridge.comes(GUEST, host="203.0.113.10")
        first.party.leave()
        await bridge.comes(GUEST)

    async def at_once(bridge: WebBridge) -> None:
        came = await asyncio.gather(*(bridge.comes(GUEST) for _ in range(4)), return_exceptions=True)
        assert sum(not isinstance(each, BaseException) for each in came) == 2
        assert [each.why for each in came if isinstance(each, NotAdmitted)] == ["too_many_there"] * 2

    play(scene, web=WebConfig(max_parties=3, max_parties_address=2))
    play(at_once, web=WebConfig(max_parties=9, max_parties_address=2))


def test_guests_can_be_kept_out_and_so_can_all(play: Play) -> None:
    async def no_guests(bridge: WebBridge) -> None:
        assert await refused(bridge.comes(GUEST)) == "account_needed"
        await bridge.comes(GUEST, caller=bridge.ben)

    async def nobody(bridge: WebBridge) -> None:
        assert await refused(bridge.comes(GUEST, caller=bridge.ben)) == "unknown"

    async def no_strangers(bridge: WebBridge) -> None:
        session = await bridge.control.create(bridge.ada)
        assert await refused(bridge.comes(str(session.token))) == "account_needed"

    play(no_guests, web=WebConfig(guests=False))
    play(nobody, web=WebConfig(enabled=False))
    play(no_strangers, require_credentials_for_conferences=True)


# A party like any other.


def test_what_a_party_may_and_hears_is_the_same_without_a_sip_call(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        here, there = await bridge.room(Settings()), await bridge.room(Settings())
        joined = await bridge.comes(GUEST)
        member = joined.party.member
        room = bridge.focus.conference(joined.party.session)
        leg = member.leg or 0
        await bridge.control.mute(room.session.id, member.party.id, True)
        await asyncio.sleep(1.0)
        assert bridge.media.settings[leg]["muted"] and bridge.media.settings[leg]["answered"]
        for to in (here, there):
            await bridge.control.move(joined.party.session, member.party.id, to.session.id)
            await asyncio.sleep(1.0)
            assert bridge.media.legs[leg] == to.room and member.party.muted
            assert joined.party.session == to.session.id
        assert bridge.door.parties.find(joined.party.id, joined.key) is joined.party
        await bridge.control.kick(there.session.id, member.party.id)
        await asyncio.sleep(10.0)
        assert member.over and bridge.media.legs == {}
        assert bridge.door.parties.farewell(joined.key) == "kicked" and bridge.door.parties.farewell("no") is None

    play(scene)


@pytest.mark.parametrize("how", ["leaves", "silent", "kicked", "removed", "room ends"])
def test_however_it_ends_the_party_is_gone_and_said_to_be_once(play: Play, how: str) -> None:
    async def scene(bridge: WebBridge) -> None:
        told: list[tuple[str | None, Any]] = []
        joined, other = await bridge.comes(GUEST), await bridge.comes(GUEST)
        over: list[bool] = []
        joined.party.on_over.append(lambda: over.append(True))
        bridge.focus.feed.listeners.append(
            lambda event: (
                told.append((event.party, event.data["reason"])) if event.type is EventType.PARTY_LEFT else None
            )
        )
        session, party, leg = joined.party.session, joined.party.id, joined.party.member.leg or 0
        match how:
            case "leaves":
                joined.party.leave()
                joined.party.leave()
            case "silent":
                bridge.focus.on_media_event(RtpTimeout(leg))
            case "kicked":
                await bridge.control.kick(session, party)
            case "removed":
                await bridge.control.remove(session, party)
            case "room ends":
                await bridge.control.end(session)
        await asyncio.sleep(10.0)
        assert [each for each, _ in told].count(party) == 1 and over == [True]
        assert bridge.door.parties.find(party, joined.key) is None and bridge.door.parties.of_key(joined.key) is None
        why = {
            "leaves": "bye",
            "silent": "no media",
            "kicked": "kicked",
            "removed": "removed",
            "room ends": "requested",
        }
        assert bridge.door.parties.farewell(joined.key) == dict(told)[party] == why[how]
        assert other.party.member.over is (how == "room ends")
        assert leg not in bridge.media.legs

    play(scene)


def test_the_end_of_a_host_by_http_ends_the_conference_when_the_rules_say_so(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        host, guest = await bridge.comes(HOST), await bridge.comes(GUEST)
        host.party.leave()
        await asyncio.sleep(10.0)
        assert guest.party.member.over and bridge.focus.conferences == {}

    play(scene, conference=ConferenceConfig(end_with_host=EndWithHost.ANY.value))


@pytest.mark.parametrize(
    "error", [MediaFull("full"), WorkerGone("gone"), ValueError("a fault"), asyncio.CancelledError()]
)
def test_media_that_cannot_be_had_lets_nobody_in(play: Play, error: BaseException) -> None:
    async def scene(bridge: WebBridge) -> None:
        here = await bridge.comes(GUEST)

        async def fails(_request: object) -> LegInfo:
            raise error

        serve = bridge.media.serve
        before, serve[OpenLeg] = serve[OpenLeg], fails
        with pytest.raises(type(error)):
            await bridge.comes(GUEST)
        serve[OpenLeg] = before
        room = bridge.focus.conference(here.party.session)
        assert list(room.members.values()) == [here.party.member] and list(room.session.parties) == [here.party.id]

    play(scene)


def test_a_further_offer_is_answered_or_changes_nothing(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        joined = await bridge.comes(GUEST)
        seen = [joined.party.party.status]
        assert "a=recvonly" in await joined.party.renew(offer(direction="sendonly"))
        seen.append(joined.party.party.status)
        for bad in ("no description", offer("96")):
            with pytest.raises(SdpError):
                await joined.party.renew(bad)
        seen.append(joined.party.party.status)
        assert "a=sendrecv" in await joined.party.renew(offer())
        seen.append(joined.party.party.status)
        assert seen == [PartyStatus.ANSWERED, PartyStatus.HOLD, PartyStatus.HOLD, PartyStatus.ANSWERED]

    play(scene)


@pytest.mark.parametrize(("host", "trust"), [("127.0.0.1", "free"), (ELSEWHERE, "early")])
def test_little_is_sent_to_an_address_that_the_request_did_not_come_from(play: Play, host: str, trust: str) -> None:
    async def scene(bridge: WebBridge) -> None:
        joined = await bridge.comes(GUEST, host=host)
        assert bridge.media.trust[joined.party.member.leg or 0] == trust
        known = await bridge.comes(GUEST, host=host, caller=bridge.ben)
        assert bridge.media.trust[known.party.member.leg or 0] == "free"

    play(scene)


def test_a_key_opens_its_own_party_alone(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        one, two = await bridge.comes(GUEST), await bridge.comes(GUEST)
        parties = bridge.door.parties
        assert (
            parties.find(one.party.id, two.key)
            is parties.find("p-1", one.key)
            is parties.find(one.party.id, "")
            is None
        )
        assert parties.of_key(two.key) is two.party and parties.of_key("ü") is None
        assert len(one.key) >= 32 and one.key not in repr(one) + repr(one.party)
        with pytest.raises(WrongState):
            await bridge.control.kick(one.party.session, one.party.id, ban=True)

    play(scene)


def test_a_browsers_offer_is_answered_where_webrtc_is_spoken(play: Play) -> None:
    async def scene(bridge: WebBridge) -> None:
        with pytest.raises(NoCommonCodec):
            await bridge.comes(GUEST, offer=CHROME)
        bridge.media.fingerprint = FINGERPRINT
        joined = await bridge.comes(GUEST, offer=CHROME)
        assert (
            "UDP/TLS/RTP/SAVPF" in joined.answer and "a=ice-lite" in joined.answer and "a=fingerprint" in joined.answer
        )

    play(scene)
