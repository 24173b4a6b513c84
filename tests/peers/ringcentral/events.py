"""A user's program: RingCentral's SDK for Python.

It says what it has done as lines of JSON; the test does what telephones do.
"""

import asyncio
import json
import sys
from typing import Any

from ringcentral import SDK
from ringcentral.http.api_exception import ApiException
from ringcentral.websocket.events import WebSocketEvents

SESSIONS = "/account/~/telephony/sessions"


def say(event: str, **data: Any) -> None:
    print(json.dumps({"event": event, **data}), flush=True)  # noqa: T201


def refused(platform: Any, path: str, body: dict[str, str]) -> dict[str, Any]:
    """The status and the message of a POST that is refused."""
    try:
        platform.post(path, body=body)
    except ApiException as error:
        return {
            "status": error.api_response().response().status_code,
            "message": error.api_response().response().json()["message"],
        }
    return {}


async def follow(sdk: Any, token: str) -> None:
    """Subscribe, tell the first notification, and go."""
    client = sdk.create_web_socket_client()
    told: asyncio.Queue[Any] = asyncio.Queue()
    subscribed: asyncio.Queue[Any] = asyncio.Queue()
    client.on(WebSocketEvents.subscriptionCreated, subscribed.put_nowait)
    client.on(WebSocketEvents.receiveSubscriptionNotification, told.put_nowait)
    connecting = asyncio.create_task(client.create_new_connection())
    await client.create_subscription([f"/restapi/v1.0{SESSIONS.replace('~/', '~/extension/~/')}"])
    subscription = await subscribed.get()
    say("subscribed", info=subscription.get_subscription_info()[1], token=token)
    found = [(await told.get())[:2] for _ in range(3)]
    await client.remove_subscription(subscription)
    say("told", types=[head["type"] for head, _ in found], notifications=[each for _, each in found])
    await client.close_connection()
    connecting.cancel()
    await asyncio.gather(connecting, return_exceptions=True)


def main(server: str, source: str, party: str) -> None:
    sdk = SDK("dev-client", "dev-secret", server)
    platform = sdk.platform()
    platform.login("101", "", "dev-101")
    session = platform.post("/account/~/telephony/conference").json_dict()["session"]
    early = refused(platform, f"{SESSIONS}/{session['id']}/parties/bring-in", {"sessionId": source, "partyId": party})
    say("conference", id=session["id"], early=early)
    asyncio.run(follow(sdk, session["voiceCallToken"]))
    platform.refresh()
    gone = platform.delete(f"{SESSIONS}/{session['id']}").response()
    platform.logout()
    say("done", status=gone.status_code, body=gone.text, logged_in=platform.logged_in())


main(*sys.argv[1:])
