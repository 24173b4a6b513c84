"""What is sent to an address that nobody has shown to be his own, counted in bytes on a wire in memory.

And whom a flood of forged requests keeps out.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from softphone.errors import CallRefused
from softphone.sip.transport.hop import Hop
from softphone.testing.bridge import offer
from tests.focus.flooded import BRIDGE, FACTOR, VICTIM, Flooded, conference, flood, open_room
from tests.focus.switchboard import Telephone, answers, play, rings


@pytest.mark.parametrize("user", [BRIDGE, "token"])
def test_a_forged_invite_brings_few_answers_and_no_goodbye(tmp_path: Path, user: str) -> None:
    async def work(flooded: Flooded) -> None:
        session = await conference(flooded)
        flooded.forge("INVITE", str(session.token) if user == "token" else user, offer())
        await asyncio.sleep(200)
        assert not session.parties and len(flooded.board.focus.context.legs) == 0

    with capture_logs() as logged:
        flooded = flood(tmp_path, work)
    (over,) = [each for each in logged if each["event"] == "call_cancelled"]
    assert "before it was acknowledged" in over["reason"]
    lines = flooded.first_lines()
    assert [int(line.split()[1]) for line in lines] == [200, 200]
    assert flooded.reflected <= FACTOR * flooded.forged


@pytest.mark.parametrize("user", [BRIDGE, "token"])
def test_each_repetition_of_a_forged_invite_brings_no_more_than_three_times_its_bytes(
    tmp_path: Path, user: str
) -> None:
    async def work(flooded: Flooded) -> None:
        session = await conference(flooded)
        flooded.forge("INVITE", str(session.token) if user == "token" else user, offer())
        for _ in range(100):
            await asyncio.sleep(0.1)
            flooded.send(*flooded.last)
        await asyncio.sleep(200)
        assert not session.parties and len(flooded.board.focus.context.legs) == 0

    flooded = flood(tmp_path, work)
    assert {line.split()[1] for line in flooded.first_lines()} == {"200"}
    assert 100 < len(flooded.first_lines()) <= 104, "one for each, and those of its time"
    assert flooded.reflected <= FACTOR * flooded.forged


def test_a_telephone_that_sees_no_answer_before_a_100_has_one_within_what_it_has_paid(tmp_path: Path) -> None:
    async def work(flooded: Flooded) -> None:
        user = str((await conference(flooded)).token)
        flooded.forge("INVITE", user, offer(), agent="pyVoIP 1.6.8", headers=f"Subject: {'x' * 200}\r\n")
        await asyncio.sleep(100)

    flooded = flood(tmp_path, work)
    assert [int(line.split()[1]) for line in flooded.first_lines()] == [100, 200, 200]
    assert flooded.reflected <= FACTOR * flooded.forged


def test_a_stranger_has_its_call_on_a_line_that_loses_all_answers_for_a_while(tmp_path: Path) -> None:
    """Its INVITE comes again, since it has heard nothing, and each pays for another answer."""

    async def work(flooded: Flooded) -> None:
        session = await conference(flooded)
        stranger = await flooded.board.telephone("guest", register=False)
        call = await stranger.call(str(session.token), from_uri="sip:guest@example.com")
        await asyncio.sleep(1)
        assert call.is_confirmed and len(session.parties) == 1
        await call.bye()

    play(
        tmp_path,
        lambda board: work(Flooded(board)),
        lost=lambda line, before: line.startswith(("SIP/2.0 100", "SIP/2.0 200")) and before < 5,
    )


def test_silence_goes_to_who_has_acknowledged(tmp_path: Path) -> None:
    """A forged INVITE brings no sound at all, a call in the same place does: in a room or in none."""

    async def work(flooded: Flooded) -> None:
        session, paper = await conference(flooded), flooded.board.paper.media
        flooded.forge("INVITE", BRIDGE, offer())
        flooded.forge("INVITE", str(session.token), offer())
        await asyncio.sleep(2)
        assert len(paper.legs) == 2
        assert not any(settings.get("answered") for settings in paper.settings.values())
        await asyncio.sleep(200)
        assert not any(settings.get("answered") for settings in paper.settings.values())
        telephone, session = await flooded.board.telephone("101"), await conference(flooded)
        for user in (str(session.token), BRIDGE):
            await telephone.call(user)
            await asyncio.sleep(1)
            assert paper.settings[max(paper.legs)]["answered"], user

    flood(tmp_path, work)


def test_of_many_forged_invites_each_is_answered_less(tmp_path: Path) -> None:
    async def work(flooded: Flooded) -> None:
        for _ in range(50):
            for _ in range(20):
                flooded.forge("INVITE", BRIDGE, offer())
            await asyncio.sleep(0.1)
        await asyncio.sleep(200)

    flooded = flood(tmp_path, work)
    assert flooded.reflected <= FACTOR * flooded.forged
    assert not any(line.startswith("BYE") for line in flooded.first_lines())
    assert len(flooded.board.focus.context.legs) == 0


@pytest.mark.parametrize(("number", "gap_s"), [(1000, 0.005), (300, 0.1), (60, 1.0)])
def test_little_more_goes_to_an_address_than_seems_to_come_from_it(tmp_path: Path, number: int, gap_s: float) -> None:
    async def work(flooded: Flooded) -> None:
        for _ in range(number):
            flooded.least()
            await asyncio.sleep(gap_s)
        await asyncio.sleep(200)

    flooded = flood(tmp_path, work)
    assert flooded.reflected < FACTOR * flooded.forged + 15_000


def test_a_datagram_for_each_address_brings_no_more_in_all(tmp_path: Path) -> None:
    async def work(flooded: Flooded) -> None:
        for number in range(1000):
            flooded.least(Hop("udp", f"203.0.{number // 250}.{number % 250}", 9))
            await asyncio.sleep(0.1)
        await asyncio.sleep(200)

    flooded = flood(tmp_path, work)
    sent = sum(len(data) for host in flooded.received for data in flooded.received[host])
    assert sent < FACTOR * flooded.forged + 210_000


def test_who_acknowledges_is_answered_again_and_again(tmp_path: Path) -> None:
    async def work(flooded: Flooded) -> None:
        session = await conference(flooded, max_members=100)
        for number in range(40):
            await (await flooded.board.telephone("guest", register=False)).call(str(session.token))
            assert len(session.parties) == number + 1

    flood(tmp_path, work)


async def full(flooded: Flooded) -> str:
    session = await conference(flooded, max_members=1)
    await (await flooded.board.telephone("101")).call(str(session.token))
    return str(session.token)


async def ended(flooded: Flooded) -> str:
    session = await conference(flooded)
    flooded.board.focus.room(session.id).close("requested")
    return str(session.token)


@pytest.mark.parametrize(
    ("status", "target", "change"),
    [
        (415, open_room, {"body": "x", "headers": "Content-Type: text/plain\r\n"}),
        (415, open_room, {"body": offer(), "headers": "Content-Encoding: gzip\r\n"}),
        (420, open_room, {"body": offer(), "headers": "Require: precondition\r\n"}),
        (488, open_room, {"body": offer("3 18")}),
        (400, open_room, {"body": "nonsense\r\n"}),
        (481, open_room, {"body": offer(), "tag": ";tag=guessed"}),
        (486, full, {"body": offer()}),
        (410, ended, {"body": offer()}),
        (404, "conf_00", {"body": offer()}),
        (407, "101", {"body": offer()}),
        (407, "nobody", {"body": offer()}),
    ],
)
def test_a_refusal_is_sent_once(
    tmp_path: Path, status: int, target: "str | Callable[[Flooded], Coroutine[Any, Any, str]]", change: dict[str, Any]
) -> None:
    async def work(flooded: Flooded) -> None:
        user = target if isinstance(target, str) else await target(flooded)
        flooded.forge("INVITE", user, **change)
        await asyncio.sleep(100)

    flooded = flood(tmp_path, work)
    assert [int(line.split()[1]) for line in flooded.first_lines()] == [status]
    assert flooded.reflected < 2 * flooded.forged


@pytest.mark.parametrize("method", ["OPTIONS", "REGISTER", "MESSAGE", "REFER", "BYE", "CANCEL", "PUBLISH", "UPDATE"])
def test_other_requests_of_nobody_are_answered_once_and_not_kept(tmp_path: Path, method: str) -> None:
    async def work(flooded: Flooded) -> None:
        for _ in range(20):
            flooded.forge(method, "101", tag=";tag=guessed" if method == "BYE" else "")
        await asyncio.sleep(1)
        kept = flooded.board.stack.counters["transactions"]
        assert kept == 0
        await asyncio.sleep(100)

    flooded = flood(tmp_path, work)
    assert len(flooded.first_lines()) == 20
    assert flooded.reflected < 2 * flooded.forged


def test_a_flood_refuses_no_telephone_that_is_registered(tmp_path: Path) -> None:
    """A thousand forged calls that nobody acknowledges, and known telephones register and call each other."""

    async def work(flooded: Flooded) -> None:
        board = flooded.board
        caller = await board.telephone("101", rings)
        await board.telephone("102", answers)
        for number in range(1200):
            flooded.forge("INVITE", BRIDGE, offer(), source=Hop("udp", f"203.0.113.{number % 4}", 9))
        await asyncio.sleep(0.5)
        late = await board.telephone("103", answers)
        call = await caller.call("102")
        again = await late.call("102")
        for each in (call, again):
            await each.bye()

    flood(tmp_path, work)


def test_calls_that_ring_are_no_overload(tmp_path: Path) -> None:
    async def work(flooded: Flooded) -> None:
        board = flooded.board
        object.__setattr__(board.stack.settings, "max_pending", 3)
        await board.telephone("102", rings)
        callers = [await board.telephone("101") for _ in range(6)]
        calls = []
        for each in callers:
            calls.append(asyncio.create_task(each.call("102")))
            await asyncio.sleep(1)
        await board.telephone("103")
        assert [each.statuses for each in callers] == [[180]] * 6
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    flood(tmp_path, work)


def test_who_waits_for_a_code_gives_way_to_the_next_and_known_parties_have_a_reserve(tmp_path: Path) -> None:
    """Calls that are acknowledged and never say a code, one after the other from one host: an honest one comes in."""

    async def work(flooded: Flooded) -> None:
        board = flooded.board
        stranger = Telephone(board, "guest", rings)
        await stranger.stack.start()
        calls = []
        for _ in range(40):
            calls.append(call := await stranger.call(BRIDGE, from_uri="sip:guest@example.com"))
            call.on_ended = stranger.ended.append
            await asyncio.sleep(0.1)
        assert board.focus.parties <= 16 and len(stranger.ended) >= 24
        await (await board.telephone("101")).call(str((await conference(flooded)).token))
        await stranger.stack.stop()

    flood(tmp_path, work, sip={"max_calls": 256})


def test_nothing_tells_what_exists(tmp_path: Path) -> None:
    """Requests to what is there and to what is not, and From likewise: the same answers, but for nonces."""

    def shape(data: bytes) -> str:
        lines = data.decode().split("\r\n")
        return "\n".join(
            line.partition('nonce="')[0]
            for line in lines
            if not line.lower().startswith(("via", "from", "to:", "call-id", "cseq"))
        )

    async def work(flooded: Flooded) -> None:
        for method in ("INVITE", "SUBSCRIBE", "REFER", "OPTIONS", "MESSAGE"):
            shapes = set()
            for user in ("101", "102", "201", "999", "nobody", "16505550100*101", "16505550100*999"):
                flooded.received.clear()
                headers = "Event: conference\r\nRefer-To: <sip:x@example.com>\r\n"
                flooded.forge(method, user, offer() if method == "INVITE" else "", headers=headers)
                await asyncio.sleep(1)
                shapes.add(tuple(shape(data) for data in flooded.received[VICTIM.host]))
            assert len(shapes) == 1, method
        for user in ("101", "105", "999", "000"):
            telephone = Telephone(flooded.board, user, rings)
            telephone.credentials = None  # type: ignore[assignment]
            await telephone.stack.start()
            for destination in (BRIDGE, "101", "999"):
                with pytest.raises(Exception, match="407"):
                    await telephone.call(destination, from_uri=f"sip:{user}@softphone.local")
            await telephone.stack.stop()

    flood(tmp_path, work)


@pytest.mark.parametrize("host", ["example.com", "trunk.invalid", "203.0.113.9"])
def test_a_number_of_another_domain_is_a_stranger_like_any_other(tmp_path: Path, host: str) -> None:
    async def work(flooded: Flooded) -> None:
        telephone = Telephone(flooded.board, "101", rings)
        telephone.credentials = None  # type: ignore[assignment]
        await telephone.stack.start()
        session = await conference(flooded)
        call = await telephone.call(str(session.token), from_uri=f"sip:101@{host}")
        (party,) = session.parties.values()
        assert party.extension_id is None
        await call.bye()
        await telephone.stack.stop()

    flood(tmp_path, work)


def test_the_ban_of_a_stranger_is_of_no_extension_whatever_he_calls_himself(tmp_path: Path) -> None:
    async def work(flooded: Flooded) -> None:
        board, control = flooded.board, flooded.board.paper.control
        session = await conference(flooded)
        ben = board.paper.accounts.extensions["102"]
        stranger, known = await board.telephone("guest", register=False), await board.telephone("102")
        stranger.credentials = None  # type: ignore[assignment]
        for name in (ben.id, ben.number, f"extension {ben.id}"):
            address = f"sip:{name.replace(' ', '%20')}@example.com"
            await stranger.call(str(session.token), from_uri=address)
            (party,) = session.parties
            await control.kick(session.id, party, ban=True)
            await asyncio.sleep(10)
            with pytest.raises(CallRefused, match="403"):
                await stranger.call(str(session.token), from_uri=address)
            await (await known.call(str(session.token))).bye()
            await asyncio.sleep(1)
        assert control.bans(session.id) == sorted([ben.id, ben.number, f"extension {ben.id}"])
        for name in control.bans(session.id):
            await control.unban(session.id, name)
        assert control.bans(session.id) == []

    flood(tmp_path, work)


def test_another_package_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    """Nearly every telephone asks for message-summary when it starts, and for the lamps of others (RFC 6665)."""

    async def work(flooded: Flooded) -> None:
        for event in ("message-summary", "dialog", "presence;x=y"):
            for user in ("101", "201", "999", BRIDGE):
                flooded.forge("SUBSCRIBE", user, headers=f"Event: {event}\r\n")
        await asyncio.sleep(1)

    assert [line.split()[1] for line in flood(tmp_path, work).first_lines()] == ["489"] * 12
