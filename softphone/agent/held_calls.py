"""The active calls of an agent, with their maximum number."""

from softphone.agent.call import Call
from softphone.agent.control import CallControl, Errands, Signalling
from softphone.agent.line import OutboundLine
from softphone.agent.media import CallMedia
from softphone.agent.voice import Voice
from softphone.errors import MediaFull
from softphone.tasks import Tasks

__all__ = ["HeldCalls"]


class HeldCalls:
    """All of one agent.

    Parameters
    ----------
    line
        Where its calls go.
    most
        How many there may be at once, those that are being placed among them.

    Attributes
    ----------
    errands
        What runs beside them.
    by_control
        Those that the application knows.
    """

    def __init__(self, line: OutboundLine, most: int) -> None:
        self.errands = Errands(Tasks(), Tasks())
        self.by_control: dict[CallControl, Call] = {}
        self._line, self._most, self._taken = line, most, 0

    def take(self) -> None:
        """Keep a place for one more; raises MediaFull."""
        if self._taken >= self._most:
            raise MediaFull(f"there are {self._taken} calls already, and the agent's max_calls is {self._most}")
        self._taken += 1

    def give_back(self) -> None:
        """Give back a place that was taken."""
        self._taken -= 1

    def adopt(self, signalling: Signalling, media: CallMedia, voice: Voice) -> tuple[CallControl, Call]:
        """Have a call in a place that was taken, until it is over."""
        control = CallControl(signalling, media, voice, self.errands)
        call = self.by_control[control] = Call(control, self._line)
        control.over.add_done_callback(lambda _: self._forget(control))
        return control, call

    def of(self, session: object) -> CallControl | None:
        """Find the call whose SIP call this is."""
        return next((control for control in self.by_control if control.leg.call is session), None)

    def _forget(self, control: CallControl) -> None:
        del self.by_control[control]
        self.give_back()
