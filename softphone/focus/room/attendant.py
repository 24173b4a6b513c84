"""The server as callee: it speaks to the caller, and may record a message (voicemail).

Whoever is called wants it so, while its telephones ring or when it has answered. The call then stands as one whose
other end is the server; a message is a recording of its own, which is for whom the call was.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from mixer.rules.effects import Prompt
from softphone.errors import MediaError, SoftphoneError
from softphone.focus.errors import WrongState
from softphone.focus.party.member import Member
from softphone.focus.party.outcome import NotReached, refused
from softphone.focus.room.dictation import Dictation
from softphone.focus.room.ruled import RuledRoom

__all__ = ["Attended", "TakenHere", "take_call"]

log = structlog.get_logger()


class TakenHere(NotReached):
    """Whoever is called lets the server take the call."""

    final = True

    def __init__(self) -> None:
        super().__init__(refused(480, "no answer").outcome)

    def begin(self, room: RuledRoom, member: Member) -> Callable[[str], None]:
        """Serve the caller, whose call is answered; gives who takes its keys."""
        raise NotImplementedError


class Attended(TakenHere):
    """The server says something to the caller, and may take a message.

    Parameters
    ----------
    say
        What the caller hears.
    dictation
        How a message is taken then; None: none is.
    mailbox
        Id of the extension that the message is for.
    outcome
        Why the call is over then.
    """

    def __init__(
        self,
        say: Sequence[Prompt],
        dictation: Dictation | None = None,
        mailbox: str = "",
        outcome: str = "no answer",  # of whoever was called
    ) -> None:
        super().__init__()
        self.say, self.dictation, self.mailbox, self.reason = tuple(say), dictation, mailbox, outcome

    def begin(self, room: RuledRoom, member: Member) -> Callable[[str], None]:
        """Say it, soon, and hang up after it."""
        keys: asyncio.Queue[str] = asyncio.Queue()
        room.context.tasks.start(_attend(room, member, self, keys))
        return keys.put_nowait


async def take_call(room: RuledRoom, turn: asyncio.Lock, member: Member) -> None:
    """Answer the caller in the place of whoever is called.

    Parameters
    ----------
    turn
        Held by who tells the caller something.

    Raises
    ------
    SdpError, MediaError, CallEnded
    """
    try:
        async with turn:
            await member.answer(room.identity(member))
    except (SoftphoneError, asyncio.CancelledError):
        room.close("failed")
        raise


async def _attend(room: RuledRoom, member: Member, wanted: Attended, keys: "asyncio.Queue[str]") -> None:
    """Say what is to be said, take the message, and hang up."""
    reason = "failed"
    try:
        spoken = await asyncio.to_thread(room.context.library.resolve, wanted.say)
        await room.context.playbacks.say(await member.ready(), spoken, asyncio.Event())
        if wanted.dictation is not None and not room.ended:
            await _take_message(room, wanted.dictation, wanted.mailbox, keys)
        reason = wanted.reason
    except (MediaError, WrongState) as error:
        log.info("not_attended", session=room.session.id, reason=str(error))
    finally:
        if not room.ended:
            room.close(reason)


async def _take_message(room: RuledRoom, dictation: Dictation, mailbox: str, keys: "asyncio.Queue[str]") -> None:
    """Record what is said for an extension; of one that says nothing nothing is kept."""
    room.recorder.mailbox = mailbox
    message = await dictation.take(room, keys)
    if not message.spoken:
        await room.context.recordings.delete(message.recording)
