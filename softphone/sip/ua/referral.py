"""REFER (RFC 3515): incoming requests, within a call or outside, and reports on their progress."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Protocol

from softphone.errors import BadMessage, CallRefused, SipError
from softphone.phrases import phrase
from softphone.sip.dialog.dialog import Dialog
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.message.uri import Uri
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.client_request import FlowRequester
from softphone.sip.where.route import WayBack, is_direct

__all__ = ["OnRefer", "Progressed", "Reference", "accept", "referred"]

log = logging.getLogger(__name__)

Progressed = Callable[[int], None]
"""Told each provisional response of whoever is called."""

OnRefer = Callable[[Address, Progressed], Awaitable[object]]

SIPFRAG = "message/sipfrag;version=2.0"

# URIs of somebody: a "cid:" would name a list of them in the body (RFC 5368), which is not read.
CALLED = ("sip", "sips", "tel")

# So many provisional statuses a peer is told, whatever those say who are called.
MOST_TOLD = 5
# As long as somebody may be rung (RFC 3515 section 2.4.4: the subscription ends with the final NOTIFY).
EXPIRES_S = 180


class Teller(Protocol):
    """Within what the peer is told: a call, or the dialog that its REFER began."""

    async def notify(self, headers: Headers, content_type: str, body: str) -> Response:
        """Send a NOTIFY and wait for the final response; raises SipError."""


class Reference:
    """The dialog that a REFER outside of a call begins (RFC 3515 section 2.4.4): it ends with our last NOTIFY.

    Parameters
    ----------
    sender
        Sends the NOTIFYs.
    request, source
        The REFER and where it came from; its sender has proved who it is.
    contact
        Ours.
    answer
        To the REFER, as :func:`accept` gives it; the tag of its To is our end of the dialog.
    """

    def __init__(
        self, sender: FlowRequester, request: Request, source: Hop, contact: Address, answer: Response
    ) -> None:
        self._sender = sender
        self._dialog = Dialog.from_request(request, answer.to.tag or "", contact)
        self._way = WayBack(sender.flow, source, direct=is_direct(request, source), trusted=True)

    async def notify(self, headers: Headers, content_type: str, body: str) -> Response:
        """Send a NOTIFY in the dialog; raises SipTimeout, SipNetworkError."""
        asked = self._dialog.request("NOTIFY", headers=headers, content_type=content_type, body=body)
        return await self._sender.request(asked, self._way.target(self._dialog))


def accept(request: Request, contact: Address | None = None) -> Response:
    """Answer a REFER at once: 202, or 400 when it does not say whom to call (RFC 3515 section 2.4.2)."""
    if _target(request) is None:
        return response(request, 400, "Bad Refer-To")
    return response(request, 202, contact=contact, headers=[("Refer-Sub", "false")] if _silent(request) else [])


async def referred(call: Teller, request: Request, on_refer: OnRefer, *, user_only: bool = False) -> None:
    """Do what an accepted REFER asks for, and tell the peer: first that it is tried, then how it ended.

    Parameters
    ----------
    user_only
        Whether of the URI that it names only the user part tells something: somebody here is meant.
    """
    target = _target(request)
    if target is None:
        return
    if user_only and not target.uri.opaque:
        target = replace(target, uri=_here(target.uri, request.to.uri))
    await _Telling(call, request).of(on_refer, target)


class _Telling:
    """Tells the peer what becomes of its REFER, one NOTIFY after the other: few statuses, each once."""

    def __init__(self, call: Teller, request: Request) -> None:
        self._call = call
        self._request = request
        self._noted: set[int] = set()
        self._waiting: asyncio.Queue[int] = asyncio.Queue()

    async def of(self, on_refer: OnRefer, target: Address) -> None:
        """Do what it asks for, and tell that it is tried, how far it is, and how it ended."""
        self._note(100)
        doing = asyncio.create_task(self._do(on_refer, target))
        try:
            listens, status = True, 0
            while status < 200:
                status = await self._waiting.get()
                listens = listens and await self._tell(status)
        finally:
            doing.cancel()

    async def _do(self, on_refer: OnRefer, target: Address) -> None:
        self._waiting.put_nowait(await _status(on_refer, target, self._note))

    def _note(self, status: int) -> None:
        """Have a provisional status told."""
        if status < 200 and status not in self._noted and len(self._noted) < MOST_TOLD:
            self._noted.add(status)
            self._waiting.put_nowait(status)

    async def _tell(self, status: int) -> bool:
        state = f"active;expires={EXPIRES_S}" if status < 200 else "terminated;reason=noresource"
        return await _tell(self._call, self._request, status, state)


async def _status(on_refer: OnRefer, target: Address, progressed: Progressed) -> int:
    try:
        await on_refer(target, progressed)
    except CallRefused as refusal:
        return refusal.status
    except Exception:
        log.exception("a REFER could not be carried out")
        return 500
    return 200


async def _tell(call: Teller, request: Request, status: int, state: str) -> bool:
    """Send a NOTIFY; whether the peer listens: one that does not may have a call with us all the same (RFC 5057)."""
    if _silent(request):
        return False
    headers: Headers = [("Event", f"refer;id={request.cseq.number}"), ("Subscription-State", state)]
    try:
        body = f"SIP/2.0 {status} {phrase(status)}\r\n"
        return (await call.notify(headers, SIPFRAG, body)).status < 300
    except SipError as error:
        log.info("who sent the REFER does not listen: %s", error)
        return False


def _here(named: Uri, ours: Uri) -> Uri:
    """Put our host into a URI, and leave how it would be reached elsewhere away."""
    kept = {name: value for name, value in named.params.items() if name == "method"}
    return replace(named, host=ours.host, port=ours.port, params=kept, text="")


def _silent(request: Request) -> bool:
    """Whether the peer does not want to be told (RFC 4488)."""
    return (request.get("Refer-Sub") or "").strip().lower() == "false"


def _target(request: Request) -> Address | None:
    """Whom the peer wants to be called; None without exactly one Refer-To that can be read.

    Who asks for it is a header of the URI, and so of the INVITE (RFC 3892 section 2.2).
    """
    values = request.get_all("Refer-To")
    try:
        target = Address.parse(values[0]) if len(values) == 1 else None
    except BadMessage:
        return None
    if target is None or target.uri.scheme not in CALLED:
        return None
    by = request.get("Referred-By")
    return target if by is None or target.uri.opaque else replace(target, uri=target.uri.carrying("Referred-By", by))
