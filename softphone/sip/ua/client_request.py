"""One request and its final response, challenges answered on the way (RFC 3261 sections 8.1 and 22)."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

from softphone.errors import BadMessage, CallRefused, SipError, SipNetworkError, SipTimeout
from softphone.sip.message import digest
from softphone.sip.message.fields import Address
from softphone.sip.message.grammar import split_outside
from softphone.sip.message.message import Request, Response
from softphone.sip.transaction.events import Failure
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.node import Node
from softphone.sip.where.locate import Target

__all__ = [
    "CHALLENGES",
    "PROOFS",
    "ClientRequest",
    "FlowRequester",
    "Requester",
    "ask",
    "authorised",
    "failure",
    "refused",
]

PROOFS = ("Authorization", "Proxy-Authorization")

CHALLENGES = 4
"""How often one request is sent anew: a proxy and the peer, each once with a stale nonce."""


FAILURES = {
    Failure.TIMEOUT: "no answer",
    Failure.TRANSPORT: "cannot be sent",
    Failure.STOPPED: "no answer any more, this side is stopped",
}


def failure(reason: Failure | SipError, request: Request) -> SipError:
    """Make the error for a request that got no final response."""
    if isinstance(reason, SipError):
        return SipNetworkError(f"{request.method} {request.uri}: {reason}")
    kind = SipTimeout if reason is Failure.TIMEOUT else SipNetworkError
    return kind(f"{request.method} {request.uri}: {FAILURES[reason]}")


def refused(answer: Response) -> CallRefused:
    """Make the error for a final response of 300 or above, with what it says of where to go and who asks."""
    ranked = sorted(_contacts(answer), key=lambda contact: -_rank(contact))
    return CallRefused(
        answer.status, answer.reason, contacts=[str(contact.uri) for contact in ranked], realms=_realms(answer)
    )


def _contacts(answer: Response) -> list[Address]:
    """Read each Contact by itself: one that is none spoils no other."""
    found: list[Address] = []
    for value in (each for line in answer.get_all("Contact") for each in split_outside(line, ",")):
        with contextlib.suppress(BadMessage):
            found.append(Address.parse(value.strip()))
    return found


def _rank(contact: Address) -> float:
    """Read the q of a Contact (RFC 3261 section 20.10); one that cannot be read ranks as one that is not there."""
    try:
        return float(contact.params.get("q") or 1.0)
    except ValueError:
        return 1.0


def _realms(answer: Response) -> list[str]:
    lines = [line for name in ("WWW-Authenticate", "Proxy-Authenticate") for line in answer.get_all(name)]
    return list(dict.fromkeys(_realm("", line)[1] for line in lines))


class Requester(Protocol):
    """What sends requests; a `softphone.sip.stack.Stack` is one."""

    async def request(self, request: Request, target: Target | None = None) -> Response:
        """Send it and wait for the final response; raises SipTimeout, SipNetworkError."""


class FlowRequester(Requester, Protocol):
    """The same, and what knows by which flows."""

    def flow(self, target: Hop) -> Flow | None:
        """Find the open flow of a hop."""


class ClientRequest:
    """A request that is not an INVITE, under way."""

    def __init__(self, node: Node, request: Request, target: Target) -> None:
        self._request = request
        self._outcome: asyncio.Future[Response | SipError] = asyncio.get_running_loop().create_future()
        self._attempt = node.send(request, target, self)

    @property
    def hop(self) -> Hop | None:
        """Where it went."""
        return self._attempt.hop

    def on_response(self, response: Response) -> None:
        """Take the first final response."""
        if response.status >= 200 and not self._outcome.done():
            self._outcome.set_result(response)

    def on_failure(self, reason: Failure | SipError) -> None:
        """Take notice that there will be none."""
        if not self._outcome.done():
            self._outcome.set_result(failure(reason, self._request))

    async def response(self) -> Response:
        """Wait for the final response. Who is cancelled asks no more, but for BYE, which is said all the same.

        Raises
        ------
        SipTimeout, SipNetworkError
            There was none.
        """
        try:
            outcome = await self._outcome
        except asyncio.CancelledError:
            if self._request.method != "BYE":
                self.forget()
            raise
        if isinstance(outcome, SipError):
            raise outcome
        return outcome

    def forget(self) -> None:
        """Ask no more."""
        self._attempt.forget()


def authorised(
    request: Request, response: Response, credentials: digest.Credentials | None, number: Callable[[], int]
) -> Request | None:
    """Return the request anew, with an answer to the challenges of a 401 or 407; None if there is none to give.

    `number` gives the next CSeq number. Call-ID, From and To stay (RFC 3261 section 22.2).
    """
    if credentials is None or response.status not in (401, 407):
        return None
    answers = digest.answers(response, request.method, str(request.uri), credentials)
    if not answers:
        return None
    proved = {_realm(name, value) for name in PROOFS for value in request.get_all(name)}
    if {_realm(*answer) for answer in answers} <= proved and not _is_stale(response):
        return None
    retry = request.copy()
    for name in {name for name, _ in answers}:
        asked = {_realm(*answer) for answer in answers}
        kept = [value for value in request.get_all(name) if _realm(name, value) not in asked]
        retry.set(name, *kept, *(value for each, value in answers if each == name))
    retry.set("CSeq", f"{number()} {request.method}")
    return retry


def _realm(name: str, value: str) -> tuple[str, str]:
    """Say what a proof is for: which header it is in, and the realm."""
    return name, next((params.get("realm", "") for _, params in digest.parse_auth(value)), "")


def _is_stale(response: Response) -> bool:
    """Whether the secret was right and only the nonce is used up."""
    lines = (line for name in ("WWW-Authenticate", "Proxy-Authenticate") for line in response.get_all(name))
    return any(challenge.stale for line in lines for challenge in digest.Challenge.parse_list(line))


async def ask(
    node: Node,
    request: Request,
    target: Target,
    credentials: digest.Credentials | None = None,
    number: Callable[[], int] | None = None,
    went: Callable[[Hop], object] | None = None,
) -> Response:
    """Send a request, answer what challenges come, and wait for the final response; `went` is told from where it came.

    Raises
    ------
    SipTimeout, SipNetworkError
        There was none.
    """
    for _ in range(CHALLENGES):
        sent = ClientRequest(node, request, target)
        response = await sent.response()
        target = sent.hop or target
        retry = authorised(request, response, credentials, number or _successor(request))
        if retry is None:
            break
        request = retry
    if went is not None and sent.hop is not None:
        went(sent.hop)
    return response


def _successor(request: Request) -> Callable[[], int]:
    return lambda: request.cseq.number + 1
