"""Call forwarding: the phones of a number, or the target of its forwarding, and so on.

Each step is written into the INVITE (Diversion, RFC 5806), answered for by the extension that has forwarded, and one of
a few: a call that has been forwarded too often, or comes to an extension for the second time, is a loop.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from softphone.focus.party.dialer import Dialer
from softphone.focus.party.identity import Caller
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import RANG_OUT, NotReached, refused
from softphone.focus.party.ringing import Ringing, SentOn
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Response
from softphone.store.call_handling import CallHandling
from softphone.store.values import Extension

__all__ = ["ALWAYS", "Forwarding", "forwarded_to"]

log = structlog.get_logger()

ALWAYS = "forwarded"
# Of a call that its callee has sent on while it rang.
DEFLECTED = "deflected"

# By why a call was not taken: the reason of RFC 5806.
REASONS = {
    ALWAYS: "unconditional",
    DEFLECTED: "deflection",
    "do not disturb": "do-not-disturb",
    "busy": "user-busy",
    "no answer": "no-answer",
    "not registered": "unavailable",
    "unreachable": "unavailable",
}


def forwarded_to(handling: CallHandling, word: str) -> str:
    """Say where a call goes on that was not taken, `word` says why; empty: nowhere."""
    match word:
        case "forwarded":
            return handling.forward_always
        case "busy" | "do not disturb":
            return handling.forward_busy
        case "no answer" | "not registered" | "unreachable":
            return handling.forward_no_answer
    return ""


@dataclass(slots=True)
class Forwarding:
    """One call, on its way to whoever takes it.

    Parameters
    ----------
    ringing, dialer
        Rings telephones; knows which, and what becomes of calls to an extension.
    on_progress
        Told what telephones say, as of `Ringing.first`.
    on_forward
        Told of each number that the call goes on to.
    """

    ringing: Ringing
    dialer: Dialer
    on_progress: Callable[[Member, Response], None] | None = None
    on_forward: Callable[[str], None] = lambda _number: None
    _passed: set[str] = field(default_factory=set)

    async def reach(self, number: str, make: Callable[[], Member], caller: Caller) -> Member:
        """Ring until somebody answers, wherever that is.

        Raises
        ------
        NotReached
            Nobody did; 482: it went in circles.
        """
        while True:
            extension = self.dialer.find(number)
            try:
                if extension is None:
                    return await self._ring(number, make, caller, None)
                handling = self.dialer.handling(extension)
                if handling.forward_always:
                    raise refused(480, ALWAYS)
                within_s = handling.no_answer_s if handling.forward_no_answer else None
                return await self._ring(number, make, caller, within_s)
            except NotReached as error:
                if extension is None or error.final:
                    raise
                word = DEFLECTED if isinstance(error, SentOn) else error.outcome.word
                to = error.number if isinstance(error, SentOn) else forwarded_to(handling, word)
                if not to:
                    raise
                caller = self._forwarded(extension, to, word, caller)
                number = to

    async def _ring(self, number: str, make: Callable[[], Member], caller: Caller, within_s: float | None) -> Member:
        targets = self.dialer.targets(number, caller)
        try:
            async with asyncio.timeout(within_s):
                return await self.ringing.first(targets, make, caller, self.on_progress)
        except TimeoutError:
            raise NotReached(RANG_OUT) from None

    def _forwarded(self, extension: Extension, to: str, word: str, caller: Caller) -> Caller:
        """Say for whom the call goes on: the extension answers for it; raises NotReached where it goes in circles."""
        self._passed.add(extension.id)
        onward = self.dialer.find(to)
        again = onward is not None and onward.id in self._passed
        if again or caller.forwarded >= self.dialer.max_redirects:
            log.warning("forwarding_loop", extension=extension.number, to=to, forwarded=caller.forwarded)
            raise refused(482, "loop")
        log.info("call_forwarded", extension=extension.number, to=to, reason=word)
        self.on_forward(to)
        by = str(Address(self.dialer.home.address(extension.number)))
        header = ("Diversion", f"{by};reason={REASONS[word]};counter=1")
        headers = (header, *caller.headers)
        return replace(caller, account=extension.id, headers=headers, forwarded=caller.forwarded + 1)
