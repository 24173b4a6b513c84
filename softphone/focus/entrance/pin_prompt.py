"""The prompt for a code: the caller is answered, in no room, and hears nothing but prompts.

`mixer.rules.entrance` decides what is asked and how often; this speaks, checks, and in the end brings the caller into
the room that its code opens, or says goodbye.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from mixer.rules import entrance as rules
from mixer.rules.effects import Prompt
from mixer.rules.events import Time
from mixer.rules.roles import PartyKind, Role
from softphone.errors import SoftphoneError
from softphone.focus.entrance.codes import CodeBook, Passage
from softphone.focus.entrance.strangers import Waiting
from softphone.focus.errors import FocusError
from softphone.focus.party.context import Context
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.member import CallOwner, Member
from softphone.focus.party.prompt_player import PromptPlayer
from softphone.focus.room.admission import Admission
from softphone.focus.room.conference import HERE, ConferenceRoom
from softphone.focus.session import Direction, Party, PartyAddress
from softphone.sip.ua.call import InviteSession
from softphone.store.values import Extension
from softphone.tasks import Alarm

__all__ = ["PinPrompt"]

log = structlog.get_logger()

CALLER = "caller"
NAME = "name"
SORRY = ("im-sorry", "vm-goodbye")


class PinPrompt(CallOwner):
    """One caller at the entrance; keeps its member until it is in a room, or gone.

    Parameters
    ----------
    context
        The focus's side.
    codes
        Judges what is typed.
    open_room
        Gives the running conference of an extension.
    settings
        What is asked.
    called
        The conference extension that was called; None: the bridge number.
    waiting
        Where a stranger has a place until it has said its code; None: for somebody whom we know.
    done
        Called when the caller is no longer here.
    """

    def __init__(
        self,
        context: Context,
        codes: CodeBook,
        open_room: Callable[[Extension], Awaitable[ConferenceRoom]],
        settings: rules.EntranceSettings,
        called: Extension | None,
        waiting: Waiting | None = None,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._context = context
        self._codes = codes
        self._open_room = open_room
        self._called = called
        self._waiting = waiting
        self._done = done
        self._entrance = rules.Entrance(settings)
        self._announcer = PromptPlayer(context, self._find, said=self._said)
        self._name_said = asyncio.Event()
        self._name_s = settings.name_s
        self._alarm = Alarm(context.clock, lambda: self._handle(Time()))
        self._member: Member | None = None
        self._admission = Admission("")
        # Keys that come before the ACK, which a busy server takes late: whoever dials a code along with the number.
        self._early: list[str] = []
        # Without a code who comes is a participant.
        self._passage = Passage(called, Role.PARTICIPANT) if called is not None and not settings.ask_code else None

    async def receive(
        self, call: InviteSession, admission: Admission, room: int | None, *, encrypted: bool = False
    ) -> None:
        """Answer a call and begin to ask.

        Parameters
        ----------
        admission
            Who calls.
        room
            On the worker, where the caller will probably go; None: not known.
        encrypted
            Whether there only who speaks encrypted comes in.

        Raises
        ------
        SdpError, MediaError, CallEnded
            It came to nothing.
        """
        self._admission = admission
        address = PartyAddress(admission.number, admission.name, admission.caller.id if admission.caller else None)
        member = self._member = self._context.member(Party("", address, HERE, Direction.INBOUND), room=room, call=call)
        member.pass_to(self)
        if encrypted:
            member.media.session.encryption = "required"
        try:
            await member.answer()
        except SoftphoneError:
            member.keeper.over(member, "failed")
            raise
        if self._waiting is not None and self._member is not None:
            self._waiting.enter(self, admission.host)
        log.info(
            "caller_received", call_id=call.dialog.call_id, called=self._called.number if self._called else "bridge"
        )
        self._handle(rules.Begin())
        for digit in self._early:
            self.key(member, digit)

    def keeps(self, member: Member) -> bool:
        """Say whether it is this caller."""
        return member is self._member

    def lost(self, member: Member) -> None:
        """Have nothing more to do with the caller: it is in a room, or about to be gone."""
        self._member = None
        if self._waiting is not None:
            self._waiting.leave(self, self._admission.host)
        self._done()
        self._announcer.close()
        self._handle(rules.Gone())

    def key(self, member: Member, digit: str) -> None:
        """Take a pressed key; what is being said gives way."""
        if self._entrance.step is rules.EntranceStep.START:
            self._early += [digit] if len(self._early) < rules.MAX_CODE else []
            return
        self._announcer.key(CALLER)
        self._handle(rules.Digit(digit))

    def over(self, member: Member, reason: str) -> None:
        """Forget a caller that hung up."""
        Hangup(self._context, member).say()

    def silent(self, member: Member) -> None:
        """Hang up on a caller that is not there any more."""
        Hangup(self._context, member).say()

    def give_way(self) -> None:
        """Hang up on a caller that has not said its code: others need the leg."""
        log.info("caller_gave_way", host=self._admission.host)
        self._dismiss(())

    def _find(self, _party: str) -> Member | None:
        return self._member

    def _handle(self, event: rules.Event) -> None:
        for effect in self._entrance.handle(event, self._context.clock()):
            self._carry_out(effect)
        self._alarm.set(self._entrance.deadline)

    def _carry_out(self, effect: rules.Effect) -> None:
        match effect:
            case rules.Ask(prompts):
                self._announcer.say(CALLER, prompts, barge_in=True)
            case rules.Check(code):
                verdict, self._passage = self._codes.judge(self._called, code, self._admission)
                ask_name = self._passage is not None and self._codes.asks_name(self._passage.extension)
                self._handle(rules.Checked(verdict, ask_name))
            case rules.RecordName(prompts, max_s):
                self._name_s = max_s
                self._announcer.say(CALLER, prompts, barge_in=True, tag=NAME)
            case rules.EndNameRecording():
                self._name_said.set()
            case rules.Passed(name):
                self._context.tasks.start(self._bring_in(name))
            case rules.TurnedAway(reason, say):
                log.info("caller_turned_away", reason=reason)
                self._dismiss(say)

    def _said(self, tag: str, _to: str | None, _whole: bool) -> None:
        """Record the name after it was asked for, or after a key cut that short."""
        if tag == NAME and self._member is not None:
            self._context.tasks.start(self._record_name(self._member))

    async def _record_name(self, member: Member) -> None:
        name = ""
        if member.leg is not None:
            name = await self._context.names.record(member.leg, self._name_s, self._name_said)
        if self._entrance.step is rules.EntranceStep.NAME:
            self._handle(rules.NameRecorded(name))
        else:
            # The caller has hung up, or was let in without it.
            self._context.names.forget(name)

    def _dismiss(self, say: tuple[Prompt, ...]) -> None:
        if self._member is not None:
            Hangup(self._context, self._member).say(say)

    async def _bring_in(self, name: str) -> None:
        """Bring the caller into the room that its code opens; its name is kept only there."""
        if not await self._brought_in(name):
            self._context.names.forget(name)

    async def _brought_in(self, name: str) -> bool:
        passage = self._passage
        if passage is None:
            return False
        try:
            room = await self._open_room(passage.extension)
        except FocusError as error:
            log.warning("room_not_open", extension=passage.extension.number, error=str(error))
            self._dismiss(SORRY)
            return False
        member = self._member
        if member is None:
            return False
        kind = PartyKind.INSIDE if self._admission.caller is not None else PartyKind.OUTSIDE
        refused = room.admit(
            member,
            Admission(self._admission.number, self._admission.name, self._admission.caller, passage.role, kind, name),
        )
        if refused is not None:
            self._dismiss(refused.say)
        return refused is None
