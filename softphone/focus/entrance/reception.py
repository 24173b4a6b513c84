"""Calls to a conference extension: into the room at once, or after a code or a spoken name."""

from dataclasses import replace

from mixer.rules.entrance import EntranceSettings
from mixer.rules.roles import Role
from softphone.config import ConferenceConfig
from softphone.focus.entrance.codes import CodeBook
from softphone.focus.entrance.pin_prompt import PinPrompt
from softphone.focus.entrance.routing import ToOwnRoom, ToRoom
from softphone.focus.entrance.strangers import Waiting
from softphone.focus.entrance.subscriptions import RosterSubscriptions
from softphone.focus.focus import Focus
from softphone.focus.room.admission import Admission
from softphone.focus.room.arriving import enter
from softphone.focus.room.conference import ConferenceRoom
from softphone.sip.ua.call import InviteSession
from softphone.store.values import Extension

__all__ = ["Reception"]


class Reception:
    """Lets calls into rooms.

    Parameters
    ----------
    focus
        Where the rooms are.
    codes
        Judges what is typed.
    settings
        Of what callers are asked.
    waiting
        Where strangers have places until they have said a code.
    watchers
        Those who are told of rosters.
    """

    def __init__(
        self,
        focus: Focus,
        codes: CodeBook,
        settings: ConferenceConfig,
        waiting: Waiting,
        watchers: RosterSubscriptions,
    ) -> None:
        self._focus = focus
        self._codes = codes
        self._settings = settings
        self._waiting = waiting
        self._watchers = watchers

    async def enter(self, call: InviteSession, admission: Admission, destination: ToRoom | ToOwnRoom) -> None:
        """Bring a call into the room of a conference extension or of a user, asking for what is needed there."""
        if isinstance(destination, ToRoom):
            await self._enter(call, admission, destination.extension)
        else:
            await self._visit(call, admission, destination.extension)

    async def _enter(self, call: InviteSession, admission: Admission, extension: Extension) -> None:
        """Ask for the code of a conference extension, or for a name, if it is so set."""
        running = self._focus.find(extension)
        asked = EntranceSettings(
            ask_code=self._codes.asks(extension), ask_name=self._codes.asks_name(extension), prompt="conf-getpin"
        )
        if not (asked.ask_code or asked.ask_name):
            room = running or await self._focus.open(extension)
            await enter(room, call, admission)
            return
        if running is not None:
            running.check_open()
        await self.receive(call, admission, asked, extension, running)

    async def _visit(self, call: InviteSession, admission: Admission, owner: Extension) -> None:
        """Let a user into its own room as the host; ask others for one of its codes."""
        if admission.caller is not None and admission.caller.id == owner.id:
            room = await self._focus.open(owner)
            await enter(room, call, replace(admission, role=Role.MODERATOR))
            return
        await self.receive(call, admission, EntranceSettings(prompt="conf-getpin"), owner, self._focus.find(owner))

    async def receive(
        self,
        call: InviteSession,
        admission: Admission,
        asked: EntranceSettings,
        called: Extension | None = None,
        room: ConferenceRoom | None = None,
    ) -> None:
        """Answer a call and ask for a code, or a name."""
        settings = self._settings
        asked = replace(
            asked,
            tries=settings.code_tries,
            first_key_s=settings.code_patience_s,
            pause_s=settings.code_timeout_s,
        )
        waiting = self._waiting if admission.caller is None else None
        done = self._watchers.enters(admission.caller) if admission.caller is not None else lambda: None
        prompt = PinPrompt(self._focus.context, self._codes, self._focus.open, asked, called, waiting, done)
        encrypted = settings.encrypted if room is None else room.rules.settings.encrypted
        await prompt.receive(call, admission, room.room if room is not None else None, encrypted=encrypted)
