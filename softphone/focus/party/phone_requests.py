"""Commands of a telephone within its call by JSON in an INFO, and the INFO with their outcome.

The telephone's INFO is answered by 200 as any other; the result follows in an INFO of ours, in the same call::

    {"request": {"reqid": 1, "command": "startcallrecord"}}
    {"response": {"reqid": 1, "command": "startcallrecord", "result": {"code": 0, "description": "OK"}}}
"""

import contextlib
from collections.abc import Awaitable, Callable

import msgspec

from softphone.errors import SipError, SoftphoneError
from softphone.focus.errors import WrongState
from softphone.focus.session import Party, TelephonySession
from softphone.sip.ua.call import InviteSession

__all__ = ["JSON", "PhoneRequests", "is_request"]

JSON = "application/json;charset=utf-8"

REFUSED = 1


class _Asked(msgspec.Struct):
    command: str
    reqid: int | str | None = None


class _Body(msgspec.Struct):
    request: _Asked


def is_request(content_type: str) -> bool:
    """Say whether a body of this type is one."""
    return content_type.partition(";")[0].strip().lower() == "application/json"


Serve = Callable[[TelephonySession, Party, str], Awaitable[object]]
"""Carries out a command of a party; raises SoftphoneError."""


async def _nobody(_session: TelephonySession, _party: Party, command: str) -> object:
    raise WrongState(f"{command} is not served")


class PhoneRequests:
    """Reads what telephones want, and tells them what became of it.

    Attributes
    ----------
    serve
        Carries a command out.
    """

    def __init__(self) -> None:
        self.serve: Serve = _nobody

    async def answer(self, call: InviteSession, session: TelephonySession | None, party: Party, body: bytes) -> None:
        """Do what one INFO within a call asks for; what is no request of this form is passed over.

        Parameters
        ----------
        session, party
            Where the party of that call is; None: in no session yet.
        """
        try:
            asked = msgspec.json.decode(body, type=_Body).request
        except (msgspec.DecodeError, msgspec.ValidationError):
            return
        code, said = 0, "OK"
        try:
            if session is None:
                raise WrongState("The call is not answered")
            await self.serve(session, party, asked.command)
        except SoftphoneError as error:
            code, said = REFUSED, str(error)
        result = {"code": code, "description": said}
        told = {"response": {"reqid": asked.reqid, "command": asked.command, "result": result}}
        with contextlib.suppress(SipError):
            await call.info(JSON, msgspec.json.encode(told))
