"""Commands of telephones by JSON within their calls, as commands of the control interface."""

from collections.abc import Awaitable
from typing import Protocol

from softphone.focus.commanding import acting, actor_of
from softphone.focus.errors import NotAllowed, WrongState
from softphone.focus.room.supervision import Mode
from softphone.focus.session import ConferenceRole, Party, SessionOrigin, TelephonySession

__all__ = ["PhoneCommands"]


class _Calls(Protocol):
    def park(self, session: str, party: str) -> Awaitable[TelephonySession]: ...

    def advise(self, session: str, supervisor: str, mode: Mode) -> Awaitable[Party]: ...


class _Control(Protocol):
    @property
    def calls(self) -> _Calls: ...

    def start_recording(self, session: str) -> Awaitable[object]: ...

    def stop_recording(self, session: str) -> Awaitable[object]: ...


class PhoneCommands:
    """Carries them out.

    Parameters
    ----------
    control
        The control face.
    """

    def __init__(self, control: _Control) -> None:
        self._control = control

    async def carry_out(self, session: TelephonySession, party: Party, command: str) -> None:
        """Do what a party's telephone wants.

        Raises
        ------
        NotAllowed, WrongState, FocusError
            It is not for this party, cannot be done now, or is none of the commands that are served.
        """
        with acting(actor_of(party, "info")):
            match command:
                case "startcallrecord":
                    _check_recorder(party, session)
                    await self._control.start_recording(session.id)
                case "stopcallrecord":
                    _check_recorder(party, session)
                    await self._control.stop_recording(session.id)
                case "callpark":
                    if session.origin is not SessionOrigin.CALL:
                        raise WrongState("Only a call of two is parked")
                    await self._control.calls.park(session.id, party.id)
                case "monitor" | "whisper" | "barge" | "takeover":
                    await self._control.calls.advise(session.id, party.id, command)
                case _:
                    raise WrongState("The command is not served")


def _check_recorder(party: Party, session: TelephonySession) -> None:
    """Let users record their calls, and hosts their conferences; raises NotAllowed."""
    host = session.origin is SessionOrigin.CALL or party.role is ConferenceRole.HOST
    if party.extension_id is None or not host:
        raise NotAllowed("The recording is not for this party to decide")
