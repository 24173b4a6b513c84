"""The event gateway over a real server: what is told over it, what can be asked over it, and how it ends."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from softphone.api.ringcentral.gateway import STOPS
from softphone.api.ringcentral.gateway_session import BUFFER, MOST_REQUESTS, MOST_SESSIONS, QUEUE
from softphone.server import Server
from tests.api.conftest import PATIENCE_S, logged_in
from tests.api.ringcentral.gateways import OWN_SESSIONS, SESSIONS_OF_ALL, SUBSCRIPTION, A, gateway, ticket
from tests.api.ringcentral.test_telephony import SESSIONS, make
from tests.focus.phone import Phone
from tests.focus.table import until
from tests.focus.test_two_party import answer, calls_of, reachable

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_first_message_and_a_heartbeat(ada: httpx.AsyncClient) -> None:
    async with gateway(ada) as client:
        head, body = client.details
        assert (head["type"], head["status"], body["recoveryTimeout"]) == ("ConnectionDetails", 200, 180)
        assert "recoveryState" not in body
        await client.socket.send('[{"type":"Heartbeat","messageId":"h1"}]')
        assert await client.next() == [{"type": "Heartbeat", "messageId": "h1"}]


@pytest.mark.parametrize("token", ["", "?access_token=wrong", "?access_token=" + "x" * 150])
async def test_a_wrong_token_is_told_and_closed(shared: Server, token: str) -> None:
    url = shared.http_url.replace("http", "ws") + "/restapi/v1.0/ws" + token
    async with connect(url) as socket:
        head, body = json.loads(await socket.recv())
        assert (head["type"], head["status"], body["errorCode"]) == ("Error", 401, "OAU-129")
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 4401


async def test_a_conference_as_its_host_is_told_of_it(shared: Server, ada: httpx.AsyncClient) -> None:
    async with gateway(ada) as client, Phone(shared, "101") as host, Phone(shared, "102") as guest:
        made = await client.subscribe(OWN_SESSIONS)
        own = f"{A}/{shared.accounts.account_id}/extension/100101/telephony/sessions"
        assert made["eventFilters"] == [own]
        session = await make(ada)
        await host.call(session["voiceCallToken"])
        call = await guest.call(session["voiceCallToken"])
        first = await client.told()
        party = first["body"]["parties"][0]
        assert (first["event"], first["subscriptionId"], first["ownerId"]) == (own, made["id"], "100101")
        assert first["body"]["telephonySessionId"] == session["id"] and first["body"]["sequence"] == 1
        assert first["body"]["origin"] == {"type": "Conference"} and first["body"]["sessionId"].isdigit()
        assert (party["extensionId"], party["accountId"]) == ("100101", shared.accounts.account_id)
        assert "owner" not in party and "talking" not in party and party["status"] == {"code": "Setup", "rcc": False}
        assert await client.parties_told(session["id"], 5) == [
            ("1", "Proceeding"),
            ("1", "Answered"),
            ("2", "Setup"),
            ("2", "Proceeding"),
            ("2", "Answered"),
        ]
        path = f"{SESSIONS}/{session['id']}/parties/p-{session['id'][2:]}-2"
        await ada.patch(path, json={"muted": True})
        body = (await client.told())["body"]
        assert body["parties"][0]["muted"] and "extensionId" not in body["parties"][0]
        await ada.post(f"{path}/hold")
        told = (await client.told())["body"]["parties"][0]
        assert (told["status"]["code"], told["standAlone"]) == ("Hold", True)
        await call.bye()
        assert await client.parties_told(session["id"], 1) == [("2", "Disconnected")]
        await ada.delete(f"{SESSIONS}/{session['id']}")
        last = (await client.told())["body"]
        assert last["parties"][0]["status"]["code"] == "Disconnected" and last["sequence"] == 10


async def test_bringing_in_is_told_with_where_the_party_went(shared: Server, ada: httpx.AsyncClient) -> None:
    async with gateway(ada) as client, Phone(shared, "101") as ann, Phone(shared, "102") as bob:
        await reachable(bob, answer)
        session = await make(ada)
        await ann.call(session["voiceCallToken"])
        await ann.call("102")
        (source,) = calls_of(shared)
        await client.subscribe(OWN_SESSIONS)
        body = {"sessionId": source.id, "partyId": f"p-{source.id[2:]}-1"}
        brought = (await ada.post(f"{SESSIONS}/{session['id']}/parties/bring-in", json=body)).json()
        told = [(await client.told())["body"] for _ in range(4)]
        codes = {(each["telephonySessionId"], each["parties"][0]["id"]): each["parties"][0]["status"] for each in told}
        assert codes[source.id, f"p-{source.id[2:]}-2"] == {
            "code": "Gone",
            "rcc": False,
            "peerId": {
                "sessionId": str(int(session["id"][2:12], 16)),
                "telephonySessionId": session["id"],
                "partyId": brought["id"],
            },
        }
        assert codes[source.id, f"p-{source.id[2:]}-1"]["code"] == "Disconnected"
        assert codes[session["id"], brought["id"]]["code"] == "Answered"
        await ada.delete(f"{SESSIONS}/{session['id']}")
        await until(lambda: shared.focus.parties == 0)


async def test_a_call_that_nobody_took_was_missed(shared: Server, ada: httpx.AsyncClient) -> None:
    async with logged_in(shared, "104") as dan, gateway(dan) as client, Phone(shared, "101") as ann:
        await client.subscribe(f"{OWN_SESSIONS}?direction=Inbound&statusCode=Disconnected")
        with pytest.raises(Exception, match="480"):
            await ann.call("104")
        party = (await client.told())["body"]["parties"][0]
        assert (party["missedCall"], party["extensionId"], party["status"]["code"]) == (True, "100104", "Disconnected")


async def test_others_are_told_nothing_of_it(shared: Server, ada: httpx.AsyncClient) -> None:
    async with logged_in(shared, "103") as cid, gateway(cid) as client, Phone(shared, "101") as host:
        await client.subscribe(OWN_SESSIONS)
        session = await make(ada)
        await host.call(session["voiceCallToken"])
        await ada.delete(f"{SESSIONS}/{session['id']}")
        own = await make(cid)
        async with Phone(shared, "103") as phone:
            await phone.call(own["voiceCallToken"])
            assert (await client.told())["body"]["telephonySessionId"] == own["id"]
        await cid.delete(f"{SESSIONS}/{own['id']}")


async def test_of_the_whole_account_each_extension_is_named(shared: Server, ada: httpx.AsyncClient) -> None:
    async with gateway(ada) as client, logged_in(shared, "103") as cid, Phone(shared, "103") as phone:
        await client.subscribe(SESSIONS_OF_ALL)
        session = await make(cid)
        await phone.call(session["voiceCallToken"])
        told = await client.told()
        assert told["event"] == f"{A}/{shared.accounts.account_id}/telephony/sessions"
        assert told["body"]["parties"][0]["extensionId"] == "100103"
        await cid.delete(f"{SESSIONS}/{session['id']}")


async def test_presence_is_told_as_often_as_it_changes(shared: Server, ada: httpx.AsyncClient) -> None:
    presence = f"{A}/~/extension/~/presence?detailedTelephonyState=true&sipData=true"
    async with gateway(ada) as client, Phone(shared, "101") as phone:
        made = await client.subscribe(presence)
        session = await make(ada)
        call = await phone.call(session["voiceCallToken"])
        bodies: list[dict[str, Any]] = []
        while not bodies or bodies[-1]["telephonyStatus"] != "CallConnected":
            told = await client.told()
            assert told["event"] == f"{A}/{shared.accounts.account_id}/extension/100101/presence"
            assert told["subscriptionId"] == made["id"]
            bodies.append(told["body"])
        body, got = bodies[-1], (await ada.get(presence)).json()
        assert {name: body[name] for name in got if name in body} == {
            name: got[name] for name in got if name not in ("uri", "extension")
        }
        (shown,) = body["activeCalls"]
        assert (shown["telephonySessionId"], shown["sessionId"], shown["to"]) == (session["id"], "0", "conference")
        assert shown["sipData"]["toTag"] and (body["extensionId"], body["totalActiveCalls"]) == ("100101", 1)
        # What is shown of it does not change by this.
        await ada.patch(f"{SESSIONS}/{session['id']}/parties/p-{session['id'][2:]}-1", json={"muted": True})
        await call.bye()
        after = (await client.told())["body"]
        assert (after["telephonyStatus"], after["activeCalls"], after["totalActiveCalls"]) == ("NoCall", [], 0)
        assert [each["sequence"] for each in [*bodies, after]] == sorted(
            {each["sequence"] for each in [*bodies, after]}
        )
        await ada.delete(f"{SESSIONS}/{session['id']}")


async def test_presence_of_all_is_told_without_calls_unless_that_is_asked_for(
    shared: Server, ada: httpx.AsyncClient
) -> None:
    async with gateway(ada) as client, Phone(shared, "101") as ann, Phone(shared, "102") as bob:
        await client.subscribe(f"{A}/~/presence")
        await reachable(bob, answer)
        call = await ann.call("102")
        busy: dict[str, str] = {}
        while set(busy) != {"100101", "100102"} or set(busy.values()) != {"CallConnected"}:
            told = await client.told()
            assert told["event"] == f"{A}/{shared.accounts.account_id}/presence"
            assert "activeCalls" not in told["body"]
            busy[told["body"]["extensionId"]] = told["body"]["telephonyStatus"]
        await call.bye()


async def test_any_request_is_answered_as_over_http(shared: Server, ada: httpx.AsyncClient) -> None:
    async with gateway(ada) as client:
        head, body = await client.ask("POST", f"{A}/~/telephony/conference")
        assert (head["type"], head["status"]) == ("ClientRequest", 200)
        assert body["session"]["origin"] == {"type": "Conference"}
        assert head["headers"]["RCRequestId"] == head["messageId"]
        assert head["headers"]["Content-Type"].startswith("application/json")
        session = f"{SESSIONS}/{body['session']['id']}"
        head, body = await client.ask("GET", session, headers={"authorization": "bearer no", "host": "evil.test"})
        assert (head["status"], body) == (200, (await ada.get(session)).json())
        (gone,) = await client.ask("DELETE", session)
        assert gone["status"] == 204
        head, body = await client.ask("GET", session)
        assert (head["status"], body["errorCode"]) == (404, "CMN-102")


@pytest.mark.parametrize(
    "path",
    [
        "/restapi/oauth/token",
        "/api/v1/events",
        "/healthz",
        "/restapi/v1.0/nothing",
        "/restapi/v1.0/ws",
    ],
)
async def test_what_is_not_asked_over_it(ada: httpx.AsyncClient, path: str) -> None:
    async with gateway(ada) as client:
        head, body = await client.ask("GET", path)
        assert (head["status"], body["errorCode"]) == (404, "CMN-120")


async def test_a_message_that_is_none_ends_nothing(ada: httpx.AsyncClient) -> None:
    async with gateway(ada) as client:
        await client.socket.send("{")
        head, body = await client.next()
        assert (head["type"], head["status"], body["errorCode"]) == ("Error", 400, "CMN-104")
        await client.socket.send(b"\x00\x01")
        assert (await client.next())[0]["type"] == "Error"
        assert (await client.ask("GET", SUBSCRIPTION))[0]["status"] == 200


async def test_many_requests_at_once_are_answered_or_refused(ada: httpx.AsyncClient) -> None:
    async with gateway(ada) as client:
        for n in range(3 * MOST_REQUESTS):
            head = {"type": "ClientRequest", "messageId": str(n), "method": "GET", "path": SUBSCRIPTION}
            await client.socket.send(json.dumps([head]))
        statuses = [(await client.next())[0]["status"] for _ in range(3 * MOST_REQUESTS)]
        assert set(statuses) <= {200, 429} and statuses.count(200) >= MOST_REQUESTS


async def test_subscriptions_over_it(shared: Server, ada: httpx.AsyncClient) -> None:
    async with gateway(ada) as client:
        wish = {"eventFilters": [OWN_SESSIONS], "deliveryMode": {"transportType": "WebSocket"}}
        head, made = await client.ask("POST", SUBSCRIPTION + "/", wish)
        assert head["headers"]["WSG-SubscriptionId"] == made["id"]
        assert made["deliveryMode"] == {"transportType": "WebSocket", "encryption": False}
        head, changed = await client.ask("PUT", f"{SUBSCRIPTION}/{made['id']}", {"eventFilters": [SESSIONS_OF_ALL]})
        assert head["status"] == 200 and changed["id"] == made["id"]
        assert changed["eventFilters"] == [f"{A}/{shared.accounts.account_id}/telephony/sessions"]
        (gone,) = await client.ask("DELETE", f"{SUBSCRIPTION}/{made['id']}")
        assert gone["status"] == 204 and "headers" in gone
        head, _ = await client.ask("GET", f"{SUBSCRIPTION}/{made['id']}")
        assert head["status"] == 404
        left = await client.subscribe(OWN_SESSIONS)
    # It goes on for a while without its connection.
    assert left["id"] in [each["id"] for each in (await ada.get(SUBSCRIPTION)).json()["records"]]


async def test_who_comes_back_in_time_goes_on(shared: Server, ada: httpx.AsyncClient) -> None:
    token = await ticket(ada)
    async with gateway(ada, token=token) as client:
        made = await client.subscribe(OWN_SESSIONS)
        wsc = client.details[0]["wsc"]["token"]
    session = await make(ada)
    async with Phone(shared, "101") as phone:
        await phone.call(session["voiceCallToken"])
        async with gateway(ada, wsc, token) as client:
            assert client.details[1]["recoveryState"] == "Successful"
            assert client.details[0]["wsc"]["token"] == wsc
            told = await client.told()
            assert told["subscriptionId"] == made["id"] and told["body"]["telephonySessionId"] == session["id"]
            assert await client.parties_told(session["id"], 2) == [("1", "Proceeding"), ("1", "Answered")]
            # The old connection may not yet be known to be gone.
            async with gateway(ada, wsc, token) as other:
                assert other.details[1]["recoveryState"] == "Successful"
                with pytest.raises(ConnectionClosed):
                    await client.next()
                await ada.delete(f"{SESSIONS}/{session['id']}")
                assert ("1", "Disconnected") in await other.parties_told(session["id"], 4)


async def test_who_goes_on_with_what_is_not_his_begins_anew(shared: Server, ada: httpx.AsyncClient) -> None:
    async with gateway(ada) as hers:
        made = await hers.subscribe(OWN_SESSIONS)
        wsc = hers.details[0]["wsc"]["token"]
        async with logged_in(shared, "102") as ben:
            for each in (wsc, "unknown"):
                async with gateway(ben, each) as his:
                    assert his.details[1]["recoveryState"] == "Failed"
                    assert his.details[0]["wsc"]["token"] != wsc
                    assert (await his.ask("GET", f"{SUBSCRIPTION}/{made['id']}"))[0]["status"] == 404
        assert (await hers.ask("GET", SUBSCRIPTION))[0]["status"] == 200


async def test_of_more_than_is_kept_the_client_is_told(shared: Server, ada: httpx.AsyncClient) -> None:
    async with gateway(ada) as client:
        made = await client.subscribe(OWN_SESSIONS)
        wsc = client.details[0]["wsc"]["token"]
    notifications = shared.notifications
    await until(lambda: not notifications.gateways._connections)
    for n in range(BUFFER + 1):
        notifications.gateways.tell(wsc, {"uuid": str(n)})
    async with gateway(ada, wsc) as client:
        assert client.details[1]["recoveryState"] == "Failed"
        assert (await client.ask("GET", f"{SUBSCRIPTION}/{made['id']}"))[0]["status"] == 404


async def test_logging_out_ends_it(shared: Server) -> None:
    async with logged_in(shared, "102") as ben, gateway(ben) as client:
        token = ben.headers["authorization"].split()[1]
        await ben.post("/restapi/oauth/revoke", data={"token": token}, auth=("dev-client", "dev-secret"))
        await client.socket.send('[{"type":"Heartbeat","messageId":"h1"}]')
        head, _body = await client.next()
        assert (head["type"], head["status"]) == ("Error", 401)
        with pytest.raises(ConnectionClosed):
            await client.next()


async def test_a_client_that_does_not_read_is_let_go(shared: Server, ada: httpx.AsyncClient) -> None:
    gateways = shared.notifications.gateways
    async with gateway(ada) as client:
        wsc = client.details[0]["wsc"]["token"]
        for n in range(QUEUE + 1):  # in one go: nothing of it can be sent meanwhile
            gateways.tell(wsc, {"uuid": str(n)})
        with pytest.raises(ConnectionClosed):
            while True:
                await client.next()
        assert client.socket.close_code == 1008
    async with gateway(ada, wsc) as client:
        assert client.details[1]["recoveryState"] == "Failed"


async def test_a_log_in_has_no_more_than_so_many_sessions(shared: Server) -> None:
    async with logged_in(shared, "104") as dan:
        token = await ticket(dan)
        async with gateway(dan, token=token) as first:
            for _ in range(MOST_SESSIONS):
                async with gateway(dan, token=token):
                    pass
            assert (await first.ask("GET", SUBSCRIPTION))[0]["status"] == 200
            theirs = next(
                each
                for each in shared.notifications.gateways._logins.values()
                if first.details[0]["wsc"]["token"] in each
            )
            assert len(theirs) == MOST_SESSIONS


async def test_a_stop_of_the_server_is_told(shared: Server, ada: httpx.AsyncClient) -> None:
    async with gateway(ada) as client:
        connection = shared.notifications.gateways._connections[client.details[0]["wsc"]["token"]]
        shared.notifications.gateways.tell(client.details[0]["wsc"]["token"], {"uuid": "last"})
        connection.close(STOPS)
        assert (await client.told()) == {"uuid": "last"}
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(client.socket.recv(), PATIENCE_S)
        assert client.socket.close_code == 1001
