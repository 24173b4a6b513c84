"""The roster of the conference of a call: a subscription to the conference package at its focus (RFC 4575)."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator

from softphone.agent.conference_state import ConferenceDocument, ConferenceReader, ConferenceState
from softphone.agent.line import OutboundLine
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, new_tag, request
from softphone.sip.services.conference_event import CONTENT_TYPE, PACKAGE
from softphone.sip.services.subscriber import EXPIRES_S, Subscriber
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.outgoing import loose
from softphone.sip.where.locate import Target

__all__ = ["watch"]

log = logging.getLogger(__name__)


class _Latest:
    """What was told last and not read yet: who reads slowly reads what is so now, not all that was."""

    def __init__(self) -> None:
        self._reader = ConferenceReader()
        self._state: ConferenceState | None = None
        self._happened = asyncio.Event()
        self._over = False
        self.subscription: Subscriber | None = None

    def told(self, document: bytes) -> None:
        try:
            self._state = self._reader.read(document)
        except ConferenceDocument as error:
            log.info("what was told of a conference is asked for anew: %s", error)
            if self.subscription is not None:
                self.subscription.refresh()
            return
        self._happened.set()

    def end(self) -> None:
        self._over = True
        self._happened.set()

    async def next(self) -> ConferenceState | None:
        """Wait for the next state; None: there is none any more."""
        await self._happened.wait()
        state, self._state = self._state, None
        if not self._over:
            self._happened.clear()
        return state


async def watch(call: InviteSession, line: OutboundLine, over: "asyncio.Future[str]") -> AsyncIterator[ConferenceState]:
    """Give the state of the conference at the other end of a call, and give it again with each change.

    Parameters
    ----------
    call
        Connected.
    line
        How others are reached, and what proves who we are.
    over
        Done when the call is.

    Raises
    ------
    CallRefused
        The peer tells of no conference: it is none, or not ours to watch.
    SipTimeout, SipNetworkError
        It did not answer.
    """
    credentials = line.credentials_for(call.dialog.remote_target) or line.credentials_for(call.remote.uri)
    subscription = Subscriber(call.line.node, _subscribe(call, line), _target(call, line), credentials)
    latest = _Latest()
    latest.subscription = subscription
    subscription.on_document, subscription.on_ended = latest.told, lambda _reason: latest.end()
    over.add_done_callback(lambda _over: latest.end())
    await subscription.start()
    try:
        while (state := await latest.next()) is not None:
            yield state
    finally:
        call.line.node.spawn(subscription.end())  # whoever has read enough waits for nobody


def _subscribe(call: InviteSession, line: OutboundLine) -> Request:
    focus = call.dialog.remote_target
    return request(
        "SUBSCRIBE",
        focus,
        from_=Address(line.identity).with_tag(new_tag()),
        to=Address(focus),
        call_id=secrets.token_hex(12),
        cseq=1,
        contact=call.dialog.contact,
        routes=[Address(loose(line.proxy))] if line.proxy else [],
        headers=[("Event", PACKAGE), ("Accept", CONTENT_TYPE), ("Expires", str(EXPIRES_S))],
    )


def _target(call: InviteSession, line: OutboundLine) -> Target:
    """Say where it goes: through our proxy, the way that the call goes, or, past others' proxies, to the focus."""
    if line.proxy is not None:
        return line.proxy
    return call.dialog.remote_target if call.dialog.route_set else call.way.target(call.dialog)
