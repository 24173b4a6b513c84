"""Reliable provisional responses to one INVITE (RFC 3262 section 3): retransmitted until their PRACK."""

import asyncio
from collections.abc import Callable

from softphone.errors import CallEnded
from softphone.sip.message.message import Request, Response
from softphone.sip.ua.node import Node
from softphone.sip.ua.provisional import RELIABLE, RAck, first_rseq, is_required, is_supported
from softphone.sip.ua.retransmission import AckPatience, Retransmissions

__all__ = ["ReliableResponses"]


class ReliableResponses:
    """Those of one INVITE, one after the other.

    Parameters
    ----------
    key, invite
        Its transaction, and the INVITE.

    Attributes
    ----------
    required
        Whether the caller wants none but reliable ones.
    supported
        Whether it knows them.
    given_up
        Called when one has waited for its PRACK in vain.
    """

    def __init__(self, node: Node, key: str, invite: Request) -> None:
        self.required = is_required(invite)
        self.supported = is_supported(invite)
        self._key = key
        self._number = invite.cseq.number
        self._rseq = first_rseq()
        self._turn = asyncio.Lock()
        self.given_up: Callable[[], object] = lambda: None
        self._sent = Retransmissions(node, lambda: self.given_up())

    async def send(self, provisional: Response, patience: AckPatience) -> None:
        """Send one, when the one before has its PRACK; returns when it has its own.

        Raises
        ------
        CallEnded
            The INVITE got its final response meanwhile.
        """
        async with self._turn:
            self._rseq += 1
            provisional.add("Require", RELIABLE)
            provisional.add("RSeq", str(self._rseq))
            done = self._sent.send(self._rseq, self._key, provisional, patience=patience)
            acknowledged = await self._sent.wait(done, patience, self.given_up)
        if not acknowledged:
            raise CallEnded("the call ended before a provisional response was acknowledged")

    def acknowledged(self, prack: Request) -> bool:
        """Take a PRACK; False: what it names waits for none (any more)."""
        named = RAck.of(prack)
        if named is None or (named.cseq, named.method) != (self._number, "INVITE"):
            return False
        return self._sent.acknowledged(named.rseq) is not None

    def close(self) -> None:
        """Send none any more: there is a final response."""
        self._sent.clear()
