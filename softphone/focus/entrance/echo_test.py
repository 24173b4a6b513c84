"""The echo test: a number that answers, says so, and returns what the caller says, from the media worker itself."""

import structlog

from softphone.errors import MediaError, SoftphoneError
from softphone.focus.party.context import Context
from softphone.focus.party.hangup import Hangup
from softphone.focus.party.member import CallOwner, Member
from softphone.focus.party.prompt_player import PromptPlayer
from softphone.focus.room.admission import Admission
from softphone.focus.room.conference import HERE
from softphone.focus.session import Direction, Party, PartyAddress
from softphone.media.contract.messages import Whisper
from softphone.sip.ua.call import InviteSession
from softphone.tasks import Alarm

__all__ = ["EchoTest"]

log = structlog.get_logger()

# Who has forgotten to hang up is hung up on.
LONGEST_S = 300.0
CALLER = "caller"


class EchoTest(CallOwner):
    """One caller that tests its telephone; keeps its member until it is gone.

    Parameters
    ----------
    context
        The focus's side.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._announcer = PromptPlayer(context, self._find, said=lambda _tag, _to, _whole: self._return())
        self._alarm = Alarm(context.clock, self._end)
        self._member: Member | None = None

    async def receive(self, call: InviteSession, admission: Admission) -> None:
        """Answer a call.

        Raises
        ------
        SdpError, MediaError, CallEnded
            It came to nothing.
        """
        address = PartyAddress(admission.number, admission.name, admission.caller.id if admission.caller else None)
        member = self._member = self._context.member(Party("", address, HERE, Direction.INBOUND), call=call)
        member.pass_to(self)
        try:
            await member.answer()
        except SoftphoneError:
            member.keeper.over(member, "failed")
            raise
        log.info("echo_test", call_id=call.dialog.call_id, number=admission.number)
        self._alarm.set(self._context.clock() + LONGEST_S)
        self._announcer.say(CALLER, ["demo-echotest"], barge_in=True, tag="said")

    def _find(self, _party: str) -> Member | None:
        return self._member

    def _return(self) -> None:
        if self._member is not None:
            self._context.tasks.start(self._whisper(self._member))

    async def _whisper(self, member: Member) -> None:
        """Let the caller hear itself: it whispers to itself alone, in no room."""
        try:
            leg = await member.ready()
            await self._context.media.ask(Whisper(leg, [leg]))
        except MediaError as error:
            log.debug("no_echo", error=str(error))

    def _end(self) -> None:
        if self._member is not None:
            Hangup(self._context, self._member).say(("vm-goodbye",))

    def keeps(self, member: Member) -> bool:
        """Say whether it is this caller."""
        return member is self._member

    def lost(self, member: Member) -> None:
        """Have nothing more to do with the caller."""
        self._member = None
        self._announcer.close()
        self._alarm.set(None)

    def key(self, member: Member, digit: str) -> None:
        """Cut the announcement short; keys mean nothing else."""
        self._announcer.key(CALLER)

    def over(self, member: Member, reason: str) -> None:
        """Forget a caller that hung up."""
        Hangup(self._context, member).say()

    def silent(self, member: Member) -> None:
        """Hang up on a caller that is not there any more."""
        Hangup(self._context, member).say()
