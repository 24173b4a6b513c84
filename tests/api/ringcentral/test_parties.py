"""What programs do with one party of a call, over real calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from softphone.errors import CallRefused
from softphone.focus.session import Party, PartyStatus
from softphone.server import Server
from softphone.sip.ua.call import InviteSession
from softphone.store.values import Extension
from softphone.testing.bridge import offer
from tests.api.conftest import PATIENCE_S, logged_in
from tests.api.ringcentral.test_telephony import CONFERENCE, SESSIONS, code, make
from tests.focus.phone import Phone
from tests.focus.table import until
from tests.focus.test_two_party import answer, busy, calls_of, reachable

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL_OUT = CONFERENCE.replace("conference", "call-out")


@asynccontextmanager
async def talking(server: Server) -> AsyncIterator[tuple[Phone, Phone, str, str]]:
    """101 talks with 102: their telephones, the path of the session, and the party id of 101."""
    async with Phone(server, "101") as ann, Phone(server, "102") as bob:
        await reachable(bob, answer)
        await ann.call("102")
        (session,) = calls_of(server)
        yield ann, bob, f"{SESSIONS}/{session.id}", f"p-{session.id[2:]}-1"
        for each in calls_of(server):
            await server.control.end(each.id)
        await until(lambda: server.focus.parties == 0)


async def test_a_call_of_two_is_a_session(shared: Server, ada: httpx.AsyncClient) -> None:
    async with talking(shared) as (_, _, path, own):
        shown = (await ada.get(path)).json()
        assert shown["origin"] == {"type": "Call"} and "voiceCallToken" not in shown
        first, second = shown["parties"]
        assert (first["id"], first["direction"], first["owner"]["extensionId"]) == (own, "Outbound", "100101")
        assert (second["direction"], second["status"]) == ("Inbound", {"code": "Answered"}) and "owner" not in second
        assert "conferenceRole" not in first and (await ada.get(f"{path}/parties/{own}")).json() == first
        assert (await ada.patch(f"{path}/parties/{own}", json={"muted": True})).json()["muted"] is True
        held = [(await ada.post(f"{path}/parties/{own}/{verb}")).json() for verb in ("hold", "unhold")]
        assert [(each["standAlone"], each["status"]["code"]) for each in held] == [(True, "Hold"), (False, "Answered")]


async def test_a_call_is_recorded(shared: Server, ada: httpx.AsyncClient) -> None:
    async with talking(shared) as (_, _, path, own):
        party = f"{path}/parties/{own}"
        begun = await ada.post(f"{party}/recordings")
        recording = begun.json()
        assert begun.status_code == 201 and recording == {"id": recording["id"], "active": True}
        assert (await ada.get(party)).json()["recordings"] == [recording]
        for active in (False, True):
            changed = await ada.patch(f"{party}/recordings/{recording['id']}", json={"active": active})
            assert (changed.status_code, changed.json()) == (200, recording | {"active": active})
            assert (await ada.get(path)).json()["parties"][0]["recordings"] == [recording | {"active": active}]
        missing = await ada.patch(f"{party}/recordings/none", json={"active": True})
        assert (code(missing), missing.json()["parameterName"]) == ((404, "CMN-102"), "recordingId")
        assert code(await ada.patch(f"{party}/recordings/{recording['id']}", json={})) == (400, "CMN-101")


async def test_a_conference_is_not_recorded_by_a_party_unless_allowed(shared: Server, ada: httpx.AsyncClient) -> None:
    session = await make(ada)
    async with Phone(shared, "101") as host:
        await host.call(session["voiceCallToken"])
        party = f"{SESSIONS}/{session['id']}/parties/p-{session['id'][2:]}-1"
        assert (await ada.post(f"{party}/recordings")).status_code == 409
        await ada.delete(f"{SESSIONS}/{session['id']}")
        await until(lambda: shared.focus.parties == 0)


@pytest.mark.parametrize("form", ["phoneNumber", "extensionNumber"])
async def test_a_call_is_transferred(shared: Server, ada: httpx.AsyncClient, form: str) -> None:
    async with Phone(shared, "103") as cid, talking(shared) as (ann, _, path, own):
        await reachable(cid, answer)
        done = await ada.post(f"{path}/parties/{own}/transfer", json={form: "103"})
        # Its row is that of whoever took its place.
        assert (done.status_code, done.json()["id"], done.json()["from"]["phoneNumber"]) == (200, own, "103")
        assert "owner" not in done.json()
        assert await ann.hung_up() == "bye"


async def test_what_is_not_transferred(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "103") as cid, talking(shared) as (_, _, path, own):
        await reachable(cid, busy)
        party = f"{path}/parties/{own}"
        assert code(await ada.post(f"{party}/transfer", json={"extensionNumber": "103"})) == (409, "TAS-106")
        assert code(await ada.post(f"{party}/transfer")) == (400, "CMN-101")
        assert code(await ada.post(f"{party}/transfer", json={"voicemail": "x"})) == (404, "CMN-102")
        assert code(await ada.post(f"{party}/supervise")) == (403, "TAS-106"), "it is in the call"
        assert code(await ada.post(f"{party}/dance")) == (404, "CMN-120")
        assert code(await ada.post(f"{path}/parties/p-0-1/hold")) == (404, "CMN-102")
        # It goes on.
        assert len((await ada.get(path)).json()["parties"]) == 2


async def test_a_call_goes_on_at_another_telephone_of_the_same_user(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "101") as mobile, talking(shared) as (ann, bob, path, own):
        nobody = await ada.post(f"{path}/parties/{own}/flip", json={"callFlipId": "3"})
        assert code(nobody) == (409, "TAS-106") and len((await ada.get(path)).json()["parties"]) == 2
        rung = await reachable(mobile, answer)
        flipped = await ada.post(f"{path}/parties/{own}/flip", json={"callFlipId": "3"})
        assert (flipped.status_code, flipped.content) == (204, b"")
        assert await ann.hung_up() == "bye" and rung.get_nowait().invite.from_.uri.user == "102"
        first, second = (await ada.get(path)).json()["parties"]
        assert {first["from"]["phoneNumber"], second["to"]["phoneNumber"]} == {"101", "102"} and bob.ended.empty()


async def test_two_calls_are_bridged(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "103") as cid, talking(shared) as (ann, _, path, own):
        await reachable(cid, answer)
        await ann.call("103")
        other = next(each.id for each in calls_of(shared) if each.id not in path)
        for wish, expected in (({}, (400, "CMN-101")), ({"telephonySessionId": "s-0"}, (404, "CMN-102"))):
            assert code(await ada.post(f"{path}/parties/{own}/bridge", json=wish)) == expected
        done = await ada.post(f"{path}/parties/{own}/bridge", json={"telephonySessionId": other, "partyId": "p"})
        assert done.status_code == 200 and [await ann.hung_up() for _ in range(2)] == ["bye", "bye"]
        assert len(calls_of(shared)) == 1


async def by_itself(call: InviteSession) -> None:
    """A telephone that answers when it is told to, and rings else."""
    await (call.answer(offer()) if call.invite.get("Alert-Info") == "Auto Answer" else call.ring())


@asynccontextmanager
async def rung(server: Server) -> AsyncIterator[tuple[Phone, Phone, "asyncio.Task[InviteSession]", str]]:
    """101 calls 102, whose telephone rings: both, the call, and the path of the party of 102."""
    async with Phone(server, "101") as ann, Phone(server, "102") as bob:
        rings = await reachable(bob, by_itself)
        call = asyncio.create_task(ann.call("102"))
        await asyncio.wait_for(rings.get(), PATIENCE_S)
        (session,) = calls_of(server)
        await until(lambda: all(each.status is PartyStatus.PROCEEDING for each in list(session.parties.values())[1:]))
        yield ann, bob, call, f"{SESSIONS}/{session.id}/parties/p-{session.id[2:]}-2"
        for each in calls_of(server):
            await server.control.end(each.id)
        await until(lambda: server.focus.parties == 0)


@pytest.mark.parametrize("device", [None, "1100102"])
async def test_a_call_is_answered_at_a_telephone(shared: Server, device: str | None) -> None:
    async with logged_in(shared, "102") as ben, rung(shared) as (ann, bob, call, party):
        for other, expected in (("1100101", (404, "CMN-102")), ("x", (404, "CMN-102")), ("2100102", (409, "TAS-106"))):
            assert code(await ben.post(f"{party}/answer", json={"deviceId": other})) == expected
        answered = await ben.post(f"{party}/answer", json={"deviceId": device} if device else None)
        assert (answered.status_code, answered.json()["status"]) == (200, {"code": "Answered"})
        # The first INVITE was cancelled, and the second, which asked to, answered.
        assert await bob.hung_up() == "cancelled"
        assert await asyncio.wait_for(call, PATIENCE_S) and len(bob.stack.calls) == 1
        for verb in ("answer", "reject", "ignore", "forward"):
            late = await ben.post(f"{party}/{verb}", json={"extensionNumber": "103"})
            assert code(late) == (409, "TAS-106")


@pytest.mark.parametrize(("verb", "status"), [("reject", 603), ("ignore", 480)])
async def test_a_call_is_turned_away(shared: Server, verb: str, status: int) -> None:
    async with logged_in(shared, "102") as ben, rung(shared) as (_, bob, call, party):
        done = await ben.post(f"{party}/{verb}")
        assert (done.status_code, done.content) == (204, b"")
        with pytest.raises(CallRefused) as refused:
            await asyncio.wait_for(call, PATIENCE_S)
        assert refused.value.status == status and await bob.hung_up() == "cancelled"


async def test_a_call_is_sent_on(shared: Server) -> None:
    async with Phone(shared, "103") as cid, logged_in(shared, "102") as ben, rung(shared) as (_, bob, call, party):
        calls = await reachable(cid, answer)
        assert code(await ben.post(f"{party}/forward")) == (400, "CMN-101")
        assert code(await ben.post(f"{party}/forward", json={"parkOrbit": "a b"})) == (400, "CMN-101")
        assert code(await ben.post(f"{party}/forward", json={"parkOrbit": "103"})) == (409, "TAS-106")
        assert code(await ben.post(f"{party}/forward", json={"voicemail": "201"})) == (404, "CMN-102")
        sent = await ben.post(f"{party}/forward", json={"extensionNumber": "103"})
        assert (sent.status_code, sent.json()["id"]) == (200, party.rpartition("/")[2])
        assert await asyncio.wait_for(call, PATIENCE_S) and await bob.hung_up() == "cancelled"
        diversion = calls.get_nowait().invite.get("Diversion") or ""
        assert diversion.startswith("<sip:102@") and "reason=deflection" in diversion


async def test_nobody_answers_or_turns_away_the_calls_of_others(shared: Server, ada: httpx.AsyncClient) -> None:
    async with logged_in(shared, "103") as cai, rung(shared) as (_, _, call, party):
        for verb in ("answer", "reject", "ignore", "forward", "reply"):
            wish = {"extensionNumber": "103", "replyWithText": "x"}
            # Not who calls, and administers all, and least of all somebody else.
            assert code(await ada.post(f"{party}/{verb}", json=wish)) == (403, "InsufficientPermissions")
            assert code(await cai.post(f"{party}/{verb}", json=wish)) == (404, "CMN-102")
        call.cancel()


PRESENCE = "/restapi/v1.0/account/~/extension/~/presence"


async def test_a_call_is_parked_and_picked_up(shared: Server, ada: httpx.AsyncClient) -> None:
    async with logged_in(shared, "103") as cai, Phone(shared, "103") as cid, talking(shared) as (ann, bob, path, own):
        await reachable(cid, answer)
        assert code(await cai.post(f"{path}/parties/{own}/pickup")) == (404, "CMN-102")
        waiting = (await ada.post(f"{path}/parties/{own}/park")).json()
        assert waiting["id"] != own and await ann.hung_up() == "bye"
        assert waiting["status"] == {"code": "Parked", "parkData": waiting["id"]} and waiting["park"] == {
            "id": waiting["id"]
        }
        async with logged_in(shared, "102") as ben:
            parked = (await ben.get(f"{PRESENCE}?detailedTelephonyState=true")).json()
            assert (parked["telephonyStatus"], parked["activeCalls"][0]["telephonyStatus"]) == (
                "ParkedCall",
                "ParkedCall",
            )
            assert (await ben.get(path)).json()["parties"][0]["status"]["code"] == "Parked"
        picked = await cai.post(f"{path}/parties/{waiting['id']}/pickup", json={})
        assert (picked.status_code, picked.json()["owner"]["extensionId"]) == (200, "100103")
        parties = (await cai.get(path)).json()["parties"]
        assert [each["status"] for each in parties] == [{"code": "Answered"}] * 2 and bob.ended.empty()


ORBIT = {"parkOrbit": "801"}


async def test_a_call_is_parked_under_a_number_and_whoever_calls_that_has_it(
    shared: Server, ada: httpx.AsyncClient
) -> None:
    async with Phone(shared, "103") as cid, Phone(shared) as guest, talking(shared) as (ann, bob, path, own):
        parked = (await ada.post(f"{path}/parties/{own}/transfer", json=ORBIT)).json()
        assert await ann.hung_up() == "bye"
        assert parked["status"] == {"code": "Parked", "parkData": "801"} and parked["park"] == {"id": "801"}
        with pytest.raises(CallRefused):
            await guest.call("801")
        taken = await cid.call("801")
        shown = (await ada.get(path)).json()["parties"]
        assert [each["status"] for each in shown] == [{"code": "Answered"}] * 2 and all("park" not in e for e in shown)
        identity = taken.response.get("p-rc-api-ids") if taken.response else None
        assert identity == f"party-id={shown[1]['id']};session-id={path.rpartition('/')[2]}"
        assert shown[1]["from"]["phoneNumber"] == "103" and bob.ended.empty()
        await taken.bye()
        assert await bob.hung_up() == "bye"
        await until(lambda: shared.focus.parties == 0)
        # Nobody is there any more.
        with pytest.raises(CallRefused):
            await cid.call("801")


async def test_a_call_that_rings_is_parked_and_whoever_calls_the_number_has_it(shared: Server) -> None:
    async with (
        Phone(shared, "103") as cid,
        logged_in(shared, "102") as ben,
        rung(shared) as (ann, bob, calling, party),
    ):
        parked = await ben.post(f"{party}/forward", json=ORBIT)
        assert parked.status_code == 200 and await bob.hung_up() == "cancelled"
        await asyncio.wait_for(calling, PATIENCE_S)
        (session,) = calls_of(shared)
        await until(lambda: [each.orbit for each in session.parties.values()] == ["801"])
        (waits,) = session.parties.values()
        assert waits.address.number == "101" and waits.facts is not None and waits.facts.left_alone
        taken = await cid.call("801")
        await until(lambda: [each.parked for each in session.parties.values()] == [False, False])
        assert ann.ended.empty()
        await taken.bye()
        assert await ann.hung_up() == "bye"
        await until(lambda: shared.focus.parties == 0)


@pytest.mark.parametrize(
    ("orbit", "expected"),
    [
        ("a b", (400, "CMN-101")),
        ("x" * 20, (400, "CMN-101")),
        ("103", (409, "TAS-106")),
        ("201", (409, "TAS-106")),
        ("16505550100", (409, "TAS-106")),
    ],
)
async def test_where_nobody_is_parked(
    shared: Server, ada: httpx.AsyncClient, orbit: str, expected: tuple[int, str]
) -> None:
    async with talking(shared) as (ann, bob, path, own):
        refused = await ada.post(f"{path}/parties/{own}/transfer", json={"parkOrbit": orbit})
        assert code(refused) == expected and ann.ended.empty() and bob.ended.empty()


async def test_of_two_who_call_one_orbit_at_once_one_has_the_call(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "103") as cid, Phone(shared, "104") as dan, talking(shared) as (_, bob, path, own):
        await ada.post(f"{path}/parties/{own}/transfer", json=ORBIT)
        await asyncio.gather(cid.call("801"), dan.call("801"))
        await until(lambda: shared.focus.parties == 2)
        await until(lambda: cid.ended.qsize() + dan.ended.qsize() == 1)
        talks, late = (cid, dan) if cid.ended.empty() else (dan, cid)
        assert await late.hung_up() == "bye"
        shown = (await ada.get(path)).json()["parties"]
        assert [each["status"] for each in shown] == [{"code": "Answered"}] * 2
        assert shown[1]["from"]["phoneNumber"] == talks.number and talks.ended.empty() and bob.ended.empty()


async def test_who_picks_up_and_hangs_up_at_once_is_told_so(
    shared: Server, ada: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = shared.control.calls
    pick_up = calls.pick_up

    async def and_go(session: str, number: str, *, by: Extension) -> Party:
        answered = await pick_up(session, number, by=by)
        await shared.control.end(session)
        return answered

    monkeypatch.setattr(calls, "pick_up", and_go)
    async with logged_in(shared, "103") as cai, Phone(shared, "103") as cid, talking(shared) as (_, _, path, own):
        await reachable(cid, answer)
        waiting = (await ada.post(f"{path}/parties/{own}/park")).json()
        picked = await cai.post(f"{path}/parties/{waiting['id']}/pickup")
        assert (picked.status_code, picked.json()["owner"]["extensionId"]) == (200, "100103")
        assert picked.json()["status"]["code"] in ("Disconnected", "Gone") and await cid.hung_up() == "bye"


async def test_whose_call_it_is_not(shared: Server) -> None:
    async with talking(shared) as (_, _, path, own), logged_in(shared, "102") as ben, logged_in(shared, "103") as cai:
        for verb in ("hold", "transfer", "park", "recordings"):
            assert code(await cai.post(f"{path}/parties/{own}/{verb}")) == (404, "CMN-102")
            assert code(await ben.post(f"{path}/parties/{own}/{verb}")) == (403, "CMN-408")
            away = f"{path.replace('~', '2')}/parties/{own}/{verb}"
            assert code(await ben.post(away)) == (404, "CMN-102")


async def ringing(client: httpx.AsyncClient, to: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(CALL_OUT, json={"from": {"deviceId": "2100101"}, "to": to})
    assert answer.status_code == 200, answer.text
    session: dict[str, Any] = answer.json()["session"]
    return session


async def test_a_call_is_placed(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob:
        rings: asyncio.Queue[InviteSession] = await reachable(ann, answer)
        await reachable(bob, answer)
        session = await ringing(ada, {"extensionNumber": "102"})
        (own,) = session["parties"]
        assert session["origin"] == {"type": "Call"} and own["status"] == {"code": "Setup"}
        assert (own["id"], own["direction"], own["to"]["phoneNumber"]) == (
            f"p-{session['id'][2:]}-1",
            "Outbound",
            "102",
        )
        first = await asyncio.wait_for(rings.get(), PATIENCE_S)
        # Its own telephone is shown whom it is about to call.
        assert first.invite.from_.uri.user == "102"
        await until(lambda: [len(each.parties) for each in calls_of(shared)] == [2])
        await until(lambda: shared.focus.call(session["id"]).answered)
        shown = (await ada.get(f"{SESSIONS}/{session['id']}")).json()["parties"]
        assert [each["status"]["code"] for each in shown] == ["Answered", "Answered"]
        assert (await ada.delete(f"{SESSIONS}/{session['id']}")).status_code == 204
        assert (await ann.hung_up(), await bob.hung_up()) == ("bye", "bye")


async def test_a_placed_call_ends_when_somebody_does_not_answer(shared: Server, ada: httpx.AsyncClient) -> None:
    async with logged_in(shared, "104") as dot:
        # No telephone of hers is there.
        assert code(await dot.post(CALL_OUT, json={"to": {"phoneNumber": "102"}})) == (409, "TAS-106")
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob:
        await reachable(ann, busy)
        session = await ringing(ada, {"phoneNumber": "102"})
        await until(lambda: not calls_of(shared))
        assert (await ada.get(f"{SESSIONS}/{session['id']}")).status_code == 404
        assert await ann.hung_up() == "rejected"
        await reachable(ann, answer)
        await reachable(bob, busy)
        await ringing(ada, {"phoneNumber": "102"})
        assert await ann.hung_up() == "bye"
        await until(lambda: not calls_of(shared))
    wrong: list[dict[str, Any]] = [{}, {"to": {}}, {"to": "102"}]
    for body in wrong:
        assert code(await ada.post(CALL_OUT, json=body)) == (400, "CMN-101")
