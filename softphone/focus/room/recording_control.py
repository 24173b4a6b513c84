"""The recorder of a session as its rules want it: begun, paused, ended; and the notice of it, said when it is true."""

import asyncio
from collections.abc import Callable

import structlog

from mixer.rules.effects import Say
from mixer.rules.events import SetRecording
from mixer.rules.roles import RecordingState
from mixer.rules.session import Session
from softphone.focus.errors import WrongState
from softphone.focus.room.recording import Recorder, RecordingStatus
from softphone.media.contract.leg import RecordingEnded
from softphone.tasks import Tasks

__all__ = ["RecordingControl"]

log = structlog.get_logger()


class RecordingControl:
    """Does to a recorder what effects say, in their order.

    Parameters
    ----------
    recorder, rules, tasks
        What is told, what decides, and where work goes on.
    handle
        Tells the rules.
    say
        Says a notice.
    """

    def __init__(
        self,
        recorder: Recorder,
        rules: Session,
        tasks: Tasks,
        handle: Callable[[SetRecording], object],
        say: Callable[[Say], None],
    ) -> None:
        self._recorder = recorder
        self._rules = rules
        self._tasks = tasks
        self._handle = handle
        self._say = say
        self._notices: list[Say] = []
        self._change: asyncio.Task[RecordingStatus | WrongState | None] | None = None

    def change(self, state: RecordingState) -> None:
        """Do what the rules want, soon; they are told when it cannot be done."""
        self._change = self._tasks.start(self._do(state))

    async def changed(self) -> RecordingStatus | None:
        """Wait until what was last wanted is done.

        Returns
        -------
        RecordingStatus
            Of the recording that was changed; None: there was none.

        Raises
        ------
        WrongState
            It could not be done.
        """
        if self._change is None:
            return None
        outcome = await asyncio.shield(self._change)
        if isinstance(outcome, WrongState):
            raise outcome
        return outcome

    async def ended(self, event: RecordingEnded) -> None:
        """Tell the rules of a recording that ended unasked, and the room, which was told that it runs."""
        if await self._recorder.ended(event):
            self._handle(SetRecording(RecordingState.OFF))
            settings = self._rules.settings
            if settings.prompts and settings.record_notice:
                self._say(Say(None, ("conf-recording-stopped",)))

    def notice(self, notice: Say) -> None:
        """Say that a recording runs: now, or when it does."""
        if self._runs:
            self._say(notice)
        else:
            self._notices.append(notice)

    @property
    def _runs(self) -> bool:
        return self._recorder.running and not self._recorder.paused

    async def _do(self, state: RecordingState) -> RecordingStatus | WrongState | None:
        outcome: RecordingStatus | WrongState | None
        try:
            outcome = await self._recorder.change(state)
        except WrongState as error:
            outcome = error
            log.warning("not_recording", session=self._recorder.session_id, error=str(error))
            if not self._recorder.running:
                self._handle(SetRecording(RecordingState.OFF))
        self._say_notices()
        return outcome

    def _say_notices(self) -> None:
        """Say what waits, if it is true, and forget what never will be; what is said to all need not be said to one."""
        waiting = self._notices
        if self._runs:
            self._notices = []
            to_all = [each for each in waiting if each.to is None]
            for notice in to_all[:1] or waiting:
                self._say(notice)
        elif self._rules.recording is not RecordingState.RUNNING:
            self._notices = []
