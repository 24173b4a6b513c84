"""Messages (MESSAGE) of a ringing telephone about its call, and the P-rc header that tells it how to write them.

The INVITE carries ``<Msg><Hdr SID="..." Req="..." From="..." To="..." Cmd="6"/><Bdy .../></Msg>``. The telephone
answers with messages of the same form: SID and Req as they were, From and To exchanged, another Cmd. Whoever knows the
SID, which nobody guesses, has been told it by us.
"""

import asyncio
import secrets
from collections.abc import Coroutine
from enum import StrEnum
from typing import Any
from xml.sax.saxutils import quoteattr

from softphone.errors import CallRefused
from softphone.focus.home import Home
from softphone.focus.party.dialplan import DialTarget
from softphone.markup import BadMarkup, Bounds, parse
from softphone.sip.message.fields import Address
from softphone.sip.message.message import Headers, Request, Response, response
from softphone.sip.message.uri import number_of, spelled
from softphone.sip.ua.call import InviteSession

__all__ = ["AgentMessages", "Wish"]

SID_BITS = 62
AGENT = "x-rc/agent"
BOUNDS = Bounds(65_536, elements=100, depth=8)


class AgentCommand(StrEnum):
    """What a message says, by number."""

    INCOMING_CALL = "6"
    CLIENT_FORWARD = "10"
    CLIENT_VOICEMAIL = "11"
    "To who takes calls that nobody answers."
    CLIENT_REJECT = "12"
    "For all telephones of the user."


class Wish:
    """What becomes of one INVITE to a telephone, by its answer or by a message.

    Parameters
    ----------
    messages
        Where it is expected, until it is answered.
    sid
        By what it is found.
    headers
        Of the INVITE.
    """

    def __init__(self, messages: "AgentMessages", sid: str, headers: Headers) -> None:
        self.headers = headers
        self._messages = messages
        self._sid = sid
        self._refused: asyncio.Future[CallRefused] = asyncio.get_running_loop().create_future()

    def refuse(self, error: CallRefused) -> None:
        """Cancel the INVITE: the telephone has said no by a message."""
        if not self._refused.done():
            self._refused.set_result(error)

    async def answer(self, inviting: Coroutine[Any, Any, InviteSession]) -> InviteSession:
        """Wait for the call; raises as `inviting`, and CallRefused, with a CANCEL, for a message that refuses it."""
        task = asyncio.ensure_future(inviting)
        try:
            await asyncio.wait((task, self._refused), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise self._refused.result()
        except asyncio.CancelledError:
            if task.done() and not task.cancelled() and task.exception() is None:
                call = task.result()
                call.line.node.spawn(call.bye())
            raise
        finally:
            self._messages.forget(self._sid)
            task.cancel()


class AgentMessages:
    """The calls that telephones may say something about.

    Parameters
    ----------
    most
        How many calls there may be at a time; the oldest is forgotten.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._wishes: dict[str, tuple[Wish, Home]] = {}

    def __len__(self) -> int:
        return len(self._wishes)

    def expect(self, caller: Address, target: DialTarget, home: Home) -> Wish:
        """Give the headers of an INVITE to a telephone, and wait for what it says.

        Parameters
        ----------
        caller
            As From shows it.
        home
            Gives our own names.
        """
        sid, number = str(secrets.randbits(SID_BITS)), target.binding.user if target.binding is not None else ""
        domain = home.address(number).host
        shown = {"Phn": number_of(caller.uri), "Nm": caller.display or "", "ToPhn": number, "ToNm": ""}
        head = {
            "SID": sid,
            "Req": f"{{{secrets.token_hex(16)}}}",
            "From": f"#1@{domain}",
            "To": f"17#{number}@{domain}",
            "Cmd": AgentCommand.INCOMING_CALL,
        }
        body = {"SrvLvl": "1", "SrvLvlExt": "2", **shown}
        # A colon with a blank behind it ends the value for who reads it.
        value = f"<Msg><Hdr {_attributes(head)}/><Bdy {_attributes(body)}/></Msg>".replace(": ", ":")
        wish = Wish(self, sid, [("P-rc", value)])
        self._wishes[sid] = wish, home
        if len(self._wishes) > self._most:
            del self._wishes[next(iter(self._wishes))]
        return wish

    def forget(self, sid: str) -> None:
        """Expect nothing more of a call."""
        self._wishes.pop(sid, None)

    def receive(self, request: Request) -> Response:
        """Answer a MESSAGE, and do what it says of a call that rings; what says nothing of one is passed over."""
        if request.content_type != AGENT:
            return response(request, 415, headers=[("Accept", AGENT)])
        head, body = _read(request.body)
        wish, home = self._wishes.get(head.get("SID", ""), (None, None))
        if wish is not None and home is not None:
            refusal = _refusal(head.get("Cmd", ""), body, home)
            if refusal is not None:
                wish.refuse(refusal)
        return response(request, 200)


def _refusal(command: str, body: dict[str, str], home: Home) -> CallRefused | None:
    """Give as what a command counts; None: the telephone goes on ringing."""
    match command:
        case AgentCommand.CLIENT_REJECT:
            return CallRefused(603)
        case AgentCommand.CLIENT_VOICEMAIL:
            return CallRefused(480)
        case AgentCommand.CLIENT_FORWARD if body.get("Phn"):
            return CallRefused(302, contacts=[str(home.address(spelled(body["Phn"])))])
    return None


def _attributes(values: dict[str, str]) -> str:
    cleaned = {name: "".join(each for each in value if each.isprintable()) for name, value in values.items()}
    return " ".join(f"{name}={quoteattr(value)}" for name, value in cleaned.items())


def _read(body: bytes) -> tuple[dict[str, str], dict[str, str]]:
    """Read the attributes of Hdr and Bdy; empty: it is no message."""
    try:
        found = parse(body, BOUNDS)
    except BadMarkup:
        return {}, {}
    parts = [found.find("Hdr"), found.find("Bdy")]
    head, told = ({} if each is None else dict(each.attrib) for each in parts)
    return head, told
