"""Calls of two are handed over, joined, parked and picked up by command, and by agents; all of them can be heard."""

import asyncio
from pathlib import Path

import pytest

from softphone import Agent, Call, CallState
from softphone.errors import CallRefused
from softphone.focus.errors import NoSuchParty, NoSuchSession, WrongState
from softphone.testing import ConferenceBridge
from tests.focus.test_bringing_in import SILENT, accept, hear, longest_gap, play
from tests.support.tones import sine


class Phones:
    """Agents as telephones of extensions: each takes what comes."""

    def __init__(self, bridge: ConferenceBridge) -> None:
        self.bridge = bridge
        self.taken: dict[str, list[Call]] = {}

    def phone(self, number: str) -> Agent:
        self.taken[number] = []

        async def take(call: Call) -> None:
            self.taken[number].append(call)
            await call.accept()

        return self.bridge.agent(number, on_call=take)

    def last(self, number: str) -> Call:
        return self.taken[number][-1]


async def begun(bridge: ConferenceBridge, caller: Agent, number: str) -> tuple[str, str, Call]:
    """A call that is answered: its session, the caller's party, and the caller's end."""
    known = set(bridge.focus.calls)
    call = await caller.invite(number)
    await asyncio.sleep(0.2)
    (session,) = set(bridge.focus.calls) - known
    return session, next(iter(bridge.focus.session(session).parties)), call


async def talk(first: Call, second: Call) -> None:
    """Assert that two hear one another."""
    saying = [asyncio.create_task(each.write(sine(440, 1.0))) for each in (first, second)]
    heard = await asyncio.gather(hear(first, 40), hear(second, 40))
    assert all(max(each) > SILENT for each in heard)
    for each in saying:
        await each


def test_a_blind_transfer_by_command(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        phones, control = Phones(bridge), bridge.control.calls
        async with phones.phone("101") as ann, phones.phone("102"), phones.phone("103"):
            session, own, call = await begun(bridge, ann, "102")
            await control.transfer(session, own, "103")
            assert await call.wait_ended() == "bye"
            await talk(phones.last("102"), phones.last("103"))
            numbers = [each.address.number for each in bridge.focus.session(session).parties.values()]
            assert sorted(numbers) == ["102", "103"]
            # And the other end as well: either may leave.
            second = list(bridge.focus.session(session).parties)[1]
            with pytest.raises(WrongState, match="not registered"):
                await control.transfer(session, second, "104")
            with pytest.raises(WrongState, match="no trunk"):
                await control.transfer(session, second, "+16505550177")
            with pytest.raises(NoSuchParty):
                await control.transfer(session, "p-0", "103")
            assert phones.last("102").state is phones.last("103").state is CallState.CONNECTED

    play(tmp_path, scene)


def test_an_attended_transfer_by_command_has_no_gap(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        phones, control = Phones(bridge), bridge.control.calls
        async with phones.phone("101") as ann, phones.phone("102"), phones.phone("103"):
            first, own, one = await begun(bridge, ann, "102")
            second, _, two = await begun(bridge, ann, "103")
            with pytest.raises(WrongState):
                await control.connect(first, own, first)
            with pytest.raises(NoSuchSession):
                await control.connect(first, own, "s-0")
            # Each is talked to before and after: by 101, then by the other.
            tones = [
                asyncio.create_task(call.write(sine(440, 2.5)))
                for call in (one, two, phones.last("102"), phones.last("103"))
            ]
            hearing = [asyncio.create_task(hear(phones.last(number), 90)) for number in ("102", "103")]
            await asyncio.sleep(1.0)
            await control.connect(first, own, second)
            assert max(longest_gap(each) for each in await asyncio.gather(*hearing)) <= 1
            assert [await one.wait_ended(), await two.wait_ended()] == ["bye", "bye"]
            assert list(bridge.focus.calls) == [first]
            for each in tones:
                each.cancel()

    play(tmp_path, scene)


def test_an_agent_hands_calls_over(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        phones = Phones(bridge)
        async with phones.phone("101") as ann, phones.phone("102"), phones.phone("103"), phones.phone("104"):
            one, two = await ann.invite("102"), await ann.invite("103")
            await asyncio.sleep(0.2)
            await ann.transfer(one, two)
            assert ann.calls == [] and len(bridge.focus.calls) == 1
            await talk(phones.last("102"), phones.last("103"))
            # The called hands over, too, and to somebody new.
            await phones.last("103").transfer("104")
            await talk(phones.last("102"), phones.last("104"))
            with pytest.raises(CallRefused):
                await phones.last("104").transfer("105")
            await phones.last("104").hangup()
            assert await phones.last("102").wait_ended() == "bye"

    play(tmp_path, scene)


def test_a_call_is_handed_into_a_conference_by_command(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        phones = Phones(bridge)
        async with phones.phone("101") as ann, phones.phone("102"), bridge.agent("103") as cid:
            conference = await bridge.conference()
            inside = await cid.invite(bridge.uri(conference))
            session, own, call = await begun(bridge, ann, "102")
            with pytest.raises(WrongState, match="refused: Forbidden"):
                await bridge.control.calls.transfer(session, own, "201")
            await bridge.control.calls.transfer(session, own, str(conference.token))
            assert await call.wait_ended() == "bye"
            await talk(inside, phones.last("102"))
            assert [each.address.number for each in conference.parties.values()] == ["103", "102"]
            await asyncio.sleep(0.5)
            assert list(bridge.focus.rooms) == [conference.id]

    play(tmp_path, scene)


def test_a_parked_call_is_picked_up(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        phones, control = Phones(bridge), bridge.control.calls
        accounts = bridge._accounts.extensions
        async with phones.phone("101") as ann, phones.phone("102"), phones.phone("103"):
            session, own, call = await begun(bridge, ann, "102")
            await control.park(session, own)
            assert await call.wait_ended() == "bye"
            waits = phones.last("102")
            (left,) = bridge.focus.session(session).parties.values()
            assert left.facts is not None and left.facts.music is not None
            with pytest.raises(WrongState):
                await control.park(session, next(iter(bridge.focus.session(session).parties)))
            with pytest.raises(WrongState, match="not registered"):
                await control.pick_up(session, "104", by=accounts["101"])
            both = await asyncio.gather(
                control.pick_up(session, "103", by=accounts["103"]),
                control.pick_up(session, "101", by=accounts["101"]),
                return_exceptions=True,
            )
            assert sorted(isinstance(each, WrongState) for each in both) == [False, True]
            await asyncio.sleep(1.5)
            taker = "103" if not isinstance(both[0], WrongState) else "101"
            await talk(waits, phones.last(taker))
            addresses = {each.address.number for each in bridge.focus.session(session).parties.values()}
            assert addresses == {"102", taker}
            await waits.hangup()
            assert await phones.last(taker).wait_ended() == "bye"
            await asyncio.sleep(0.5)
            assert not bridge.focus.rooms

    play(tmp_path, scene)


def test_who_has_parked_a_call_is_rung_again(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        phones = Phones(bridge)
        rung: list[Call] = []

        async def ring(call: Call) -> None:
            rung.append(call)
            if len(rung) == 1:
                await call.reject(480)
            else:
                await call.accept()

        async with bridge.agent("101", on_call=ring) as ann, phones.phone("102"):
            session, own, _ = await begun(bridge, ann, "102")
            await bridge.control.calls.park(session, own)
            await asyncio.sleep(29.0)
            assert not rung
            await asyncio.sleep(2.0)
            assert len(rung) == 1 and bridge.focus.calls[session].parked is not None
            await asyncio.sleep(30.0)
            assert len(rung) == 2 and bridge.focus.calls[session].parked is None
            await talk(rung[1], phones.last("102"))
            await rung[1].hangup()
            assert await phones.last("102").wait_ended() == "bye"
            await asyncio.sleep(40.0)
            assert not bridge.focus.rooms and len(rung) == 2

    play(tmp_path, scene, sip={"park_recall_s": 30.0})


@pytest.mark.parametrize("who", ["waits", "picks up"])
def test_what_rings_for_a_parked_call_stops_with_it(tmp_path: Path, who: str) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        phones, control = Phones(bridge), bridge.control.calls
        accounts = bridge._accounts.extensions
        ringing: list[Call] = []

        async def ring(call: Call) -> None:
            ringing.append(call)
            await call.wait_ended()

        async with phones.phone("101") as ann, phones.phone("102"), bridge.agent("103", on_call=ring):
            session, own, _ = await begun(bridge, ann, "102")
            await control.park(session, own)
            picking = asyncio.create_task(control.pick_up(session, "103", by=accounts["103"]))
            await asyncio.sleep(1.0)
            if who == "waits":
                await phones.last("102").hangup()
            else:
                await control.pick_up(session, "101", by=accounts["101"])
            with pytest.raises(WrongState, match="parked"):
                await picking
            assert await ringing[0].wait_ended() == "cancelled"
            if who == "picks up":
                await phones.last("101").hangup()
            await asyncio.sleep(0.5)
            assert not bridge.focus.rooms

    play(tmp_path, scene)


def test_who_waits_may_go_and_the_call_is_over(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        async with bridge.agent("101", on_call=accept) as ann, bridge.agent("102", on_call=accept) as bob:
            session, own, _ = await begun(bridge, ann, "102")
            await bridge.control.calls.park(session, own)
            await bob.calls[0].hangup()
            await asyncio.sleep(0.5)
            assert session not in bridge.focus.rooms
            with pytest.raises(NoSuchSession):
                await bridge.control.calls.pick_up(session, "101", by=bridge._accounts.extensions["101"])

    play(tmp_path, scene)


def test_what_rings_is_neither_parked_nor_handed_over(tmp_path: Path) -> None:
    async def scene(bridge: ConferenceBridge) -> None:
        async def ring(call: Call) -> None:
            await call.wait_ended()

        control = bridge.control.calls
        async with bridge.agent("101") as ann, bridge.agent("102", on_call=ring):
            calling = asyncio.create_task(ann.invite("102"))
            await asyncio.sleep(1.0)
            (session, room), *_ = bridge.focus.calls.items()
            own = next(iter(room.session.parties))
            for command in (control.park(session, own), control.transfer(session, own, "103")):
                with pytest.raises(WrongState, match="not answered"):
                    await command
            conference = await bridge.conference()
            with pytest.raises(NoSuchSession):
                await control.park(conference.id, own)
            calling.cancel()

    play(tmp_path, scene)
