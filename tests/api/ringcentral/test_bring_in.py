"""The other side of a call is brought into a conference over REST, with real calls."""

import asyncio
from typing import Any

import httpx
import pytest

from softphone.server import Server
from tests.api.conftest import logged_in
from tests.api.ringcentral.test_telephony import SESSIONS, code, make
from tests.focus.phone import Phone
from tests.focus.table import until
from tests.focus.test_two_party import answer, calls_of, reachable

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOT_ALLOWED = (403, "TAS-106")


async def bring_in(client: httpx.AsyncClient, conference: str, **body: Any) -> httpx.Response:
    return await client.post(f"{SESSIONS}/{conference}/parties/bring-in", json=body)


@pytest.mark.parametrize("key", ["sessionId", "telephonySessionId"])
async def test_the_other_side_is_brought_in(shared: Server, ada: httpx.AsyncClient, key: str) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob:
        await reachable(bob, answer)
        session = await make(ada)
        call = await ann.call("102")
        (source,) = calls_of(shared)
        body = {key: source.id, "partyId": f"p-{source.id[2:]}-1"}
        refused = await bring_in(ada, session["id"], **body)
        assert code(refused) == NOT_ALLOWED and refused.json()["message"] == "Operation is not allowed"
        hosting = await ann.call(session["voiceCallToken"])
        brought = await bring_in(ada, session["id"], **body)
        party = brought.json()
        assert brought.status_code == 200 and party["id"] == f"p-{session['id'][2:]}-2"
        assert (party["conferenceRole"], party["from"]["phoneNumber"]) == ("Participant", "102")
        assert "owner" not in party and party["status"] == {"code": "Answered"}
        assert await ann.hung_up() == "bye" and call is not hosting
        shown = (await ada.get(f"{SESSIONS}/{session['id']}")).json()
        assert [each["id"][-2:] for each in shown["parties"]] == ["-1", "-2"]
        # Twice is once too often: the call that it was in is over.
        assert code(await bring_in(ada, session["id"], **body)) == (404, "CMN-102")
        for on, verb in ((True, "hold"), (False, "unhold")):
            held = (await ada.post(f"{SESSIONS}/{session['id']}/parties/{party['id']}/{verb}")).json()
            assert (held["standAlone"], held["status"]["code"]) == (on, "Hold" if on else "Answered")
        removed = await ada.delete(f"{SESSIONS}/{session['id']}/parties/{party['id']}")
        assert removed.status_code == 204 and await bob.hung_up() == "bye"
        await ada.delete(f"{SESSIONS}/{session['id']}")
        await until(lambda: shared.focus.parties == 0)


async def test_what_is_not_there_and_whose_it_is_not(shared: Server, ada: httpx.AsyncClient) -> None:
    async with (
        Phone(shared, "101") as ann,
        Phone(shared, "102") as bob,
        Phone(shared, "103") as third,
        logged_in(shared, "103") as cid,
    ):
        await reachable(bob, answer)
        session, theirs = await make(ada), await make(cid)
        await third.call(theirs["voiceCallToken"])
        call = await ann.call("102")
        await ann.call(session["voiceCallToken"])
        (source,) = calls_of(shared)
        good = {"sessionId": source.id, "partyId": f"p-{source.id[2:]}-1"}
        wrong: list[tuple[dict[str, Any], tuple[int, str], str]] = [
            ({}, (400, "CMN-101"), "sessionId"),
            ({"sessionId": source.id}, (400, "CMN-101"), "partyId"),
            (good | {"partyId": 7}, (400, "CMN-101"), "partyId"),
            (good | {"sessionId": "s-0"}, (404, "CMN-102"), "sessionId"),
            (good | {"sessionId": session["id"]}, (404, "CMN-102"), "sessionId"),
            (good | {"partyId": "p-0"}, (404, "CMN-102"), "partyId"),
        ]
        for body, expected, parameter in wrong:
            refused = await bring_in(ada, session["id"], **body)
            assert (code(refused), refused.json()["parameterName"]) == (expected, parameter)
        unknown = await bring_in(ada, "s-0", **good)
        assert (code(unknown), unknown.json()["parameterName"]) == ((404, "CMN-102"), "telephonySessionId")
        # A call of others is none, also for who has a conference; and so is their conference.
        assert code(await bring_in(cid, theirs["id"], **good)) == (404, "CMN-102")
        assert code(await bring_in(cid, session["id"], **good)) == (404, "CMN-102")
        assert calls_of(shared) == [source]
        await call.bye()
        await ada.delete(f"{SESSIONS}/{session['id']}")
        await cid.delete(f"{SESSIONS}/{theirs['id']}")
        await until(lambda: shared.focus.parties == 0)


async def test_two_racing_requests_bring_one_in(shared: Server, ada: httpx.AsyncClient) -> None:
    async with Phone(shared, "101") as ann, Phone(shared, "102") as bob:
        await reachable(bob, answer)
        session = await make(ada, json={"max_members": 1})
        await ann.call(session["voiceCallToken"])
        await ann.call("102")
        await ann.call("102")
        sources = calls_of(shared)
        answers = await asyncio.gather(
            *(bring_in(ada, session["id"], sessionId=each.id, partyId=f"p-{each.id[2:]}-1") for each in sources)
        )
        assert sorted(each.status_code for each in answers) == [200, 403]
        assert len(calls_of(shared)) == 1 and len((await ada.get(f"{SESSIONS}/{session['id']}")).json()["parties"]) == 2
        for each in calls_of(shared):
            await ada.delete(f"{SESSIONS}/{each.id}")
        await ada.delete(f"{SESSIONS}/{session['id']}")
        await until(lambda: shared.focus.parties == 0)


async def test_until_the_host_is_there_nobody_is_looked_for(shared: Server, ada: httpx.AsyncClient) -> None:
    session = await make(ada)
    for named in ({"sessionId": "s-0", "partyId": "p-0-1"}, {"telephonySessionId": session["id"], "partyId": "x"}):
        refused = await bring_in(ada, session["id"], **named)
        assert code(refused) == NOT_ALLOWED and refused.json()["message"] == "Operation is not allowed"
    assert code(await bring_in(ada, session["id"])) == (400, "CMN-101")
    await ada.delete(f"{SESSIONS}/{session['id']}")
