"""Transfer of the peer by REFER (RFC 3515), and its progress."""

import asyncio
from typing import Any

from softphone.agent.control import CallControl, CallState
from softphone.errors import CallRefused, SipTimeout
from softphone.sip.dialog.replaces import Replaces
from softphone.sip.message.message import Request, Response, response
from softphone.sip.message.uri import REPLACES
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.client_request import refused

__all__ = ["hand_over"]


def in_place_of(other: InviteSession) -> str:
    """Name the peer of another call of ours, and that call for whoever takes our place in it (RFC 5589 section 7)."""
    return str(other.dialog.remote_target.carrying(REPLACES, str(Replaces.naming(other.dialog))))


class _Outcome:
    """What the peer's NOTIFYs say (RFC 3515 section 2.4.5); the call's end is one too."""

    def __init__(self) -> None:
        self.known: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def notified(self, request: Request) -> Response:
        """Take a NOTIFY of the subscription that our REFER began, and answer it."""
        if (request.get("Event") or "").partition(";")[0].strip().lower() != "refer":
            return response(request, 489)
        line = request.body.decode("utf-8", "replace").partition("\n")[0].split(maxsplit=2)
        status = int(line[1]) if len(line) > 1 and line[1].isascii() and line[1].isdigit() else 0
        over = (request.get("Subscription-State") or "").strip().lower().startswith("terminated")
        if (over or status >= 200) and not self.known.done():
            self.known.set_result((status, line[2].strip() if len(line) > 2 else ""))
        return response(request, 200)


async def hand_over(control: CallControl, to: CallControl | str, referred_by: str, timeout_s: float) -> None:
    """Let the peer of a call talk with whom a URI names, or with the peer of another call; see `Call.transfer`."""
    if to is control:
        raise ValueError("a call cannot be transferred to itself")
    control.require(CallState.CONNECTED)
    if isinstance(to, str):
        await transfer(control.sip, to, referred_by, control.over, timeout_s)
        await control.hangup()
        return
    to.require(CallState.CONNECTED)
    await transfer(control.sip, in_place_of(to.sip), referred_by, control.over, timeout_s)
    await control.hangup()
    await to.hangup()


async def transfer(
    call: InviteSession, target: str, referred_by: str, over: "asyncio.Future[str]", timeout_s: float
) -> bool:
    """Send the REFER and wait for the outcome; returns whether the peer told one.

    Raises
    ------
    CallRefused
        The peer does not do that, or whom it called refused it; our call goes on.
    SipTimeout
        It did not say within `timeout_s` what became of it; our call goes on.
    """
    outcome = _Outcome()
    call.serves["NOTIFY"] = outcome.notified
    try:
        answer = await call.request("REFER", headers=[("Refer-To", f"<{target}>"), ("Referred-By", f"<{referred_by}>")])
        if answer.status >= 300:
            raise refused(answer)
        if (answer.get("Refer-Sub") or "").strip().lower() == "false":
            return False
        either: list[asyncio.Future[Any]] = [outcome.known, over]
        await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not outcome.known.done():
            if over.done():
                return False
            raise SipTimeout(f"the peer did not say within {timeout_s:g} s whether it has reached {target}")
        status, reason = outcome.known.result()
        if not 200 <= status < 300:
            if status < 300:
                raise CallRefused(408, "the peer did not say what became of it")
            raise CallRefused(status, reason)
        return True
    finally:
        call.serves.pop("NOTIFY", None)
