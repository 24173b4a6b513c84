"""Incoming calls of an agent: refused, replacing another call, or given to the application while ringing."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from softphone.agent.call import Call
from softphone.agent.control import CallControl
from softphone.agent.held_calls import HeldCalls
from softphone.agent.media import CallMedia
from softphone.agent.terms import MediaTerms
from softphone.agent.unproven import Unproven
from softphone.errors import CallEnded, CallRefused, SdpError, SoftphoneError
from softphone.sip.message.fields import warning
from softphone.sip.ua.call import InviteSession
from softphone.sip.ua.early import EarlyDialog
from softphone.tasks import Tasks

__all__ = ["IncomingCalls", "OnCall"]

log = logging.getLogger(__name__)

OnCall = Callable[[Call], Coroutine[Any, Any, object]]


class IncomingCalls:
    """What an agent makes of INVITEs.

    Parameters
    ----------
    terms
        What their media may be.
    unproven
        Bounds what their callers are sent.
    held
        Has those that were taken.
    media
        Makes the media of one.
    write_ahead_s
        As of `Agent`.

    Attributes
    ----------
    handlers
        The applications that handle them.
    """

    def __init__(
        self,
        terms: MediaTerms,
        unproven: Unproven,
        held: HeldCalls,
        media: Callable[[], CallMedia],
        write_ahead_s: float,
    ) -> None:
        self.handlers = Tasks(quiet=CallEnded)
        self._terms, self._unproven, self._held, self._media = terms, unproven, held, media
        self._write_ahead_s = write_ahead_s

    async def take(self, signalling: InviteSession, on_call: OnCall | None) -> None:
        """Make a ringing call of an INVITE and hand it to the application; one may take the place of another."""
        try:
            rings = self._unproven.take(signalling)
        except CallRefused as refusal:
            signalling.reject(refusal.status)
            return
        if signalling.pending is not None and (replaced := signalling.pending.replaces) is not None:
            await self._replaced(signalling, replaced)
        elif on_call is None:
            signalling.reject(480)
        elif (made := await self._made(signalling)) is not None:
            if rings:
                await signalling.ring()
            self.handlers.start(_handle(*made, on_call))

    async def _made(self, signalling: InviteSession) -> tuple[CallControl, Call] | None:
        """Make a call of an INVITE, or refuse it."""
        try:
            self._held.take()
        except SoftphoneError as error:
            log.warning("an incoming call is refused: %s", error)
            signalling.reject(503)
            return None
        media = self._media()
        try:
            await self._terms.check(signalling)
            voice = await media.open(str(signalling.remote.uri), self._write_ahead_s)
        except SoftphoneError as error:
            self._held.give_back()
            log.warning("an incoming call is refused: %s", error)
            unspoken = isinstance(error, SdpError)
            signalling.reject(488 if unspoken else 503, None, [warning(error)] if unspoken else ())
            return None
        except BaseException:
            self._held.give_back()
            raise
        return self._held.adopt(signalling, media, voice)

    async def _replaced(self, signalling: InviteSession, replaced: object) -> None:
        """Let a call go on with another peer (RFC 3891), whom the one before has told the names of their dialog."""
        control = self._held.of(replaced)
        try:
            if isinstance(replaced, EarlyDialog):
                await self._terms.check(signalling)
                replaced.give_way(signalling)
            elif control is not None:
                await control.leg.replace(signalling)
            else:
                signalling.reject(481)
        except CallRefused as refusal:
            signalling.reject(refusal.status)
        except SdpError as error:
            signalling.reject(488, None, [warning(error)])
        except SoftphoneError as error:
            log.warning("a call is not replaced: %s", error)
            signalling.reject(500)


async def _handle(control: CallControl, call: Call, on_call: OnCall) -> None:
    """Let the application handle an incoming call; one that it fails with does not stay."""
    try:
        await on_call(call)
    except CallEnded:
        pass
    except Exception:
        log.exception("on_call failed for the call of %s", call.remote_uri)
        await control.fail()
