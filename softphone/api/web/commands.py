"""Commands of the client of a party, through the one command interface, with the rights of its party.

A party has its own microphone, name and stay; a host has the conference.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec

from softphone.api.context import ApiContext
from softphone.api.http.errors import ApiError
from softphone.api.inviting import Occasion, can_mail, mail_invitations, place_of_session
from softphone.api.web.titles import title_of
from softphone.errors import CallRefused, SoftphoneError
from softphone.focus.commanding import acting, actor_of, told
from softphone.focus.entrance.web_parties import WebParty
from softphone.focus.errors import FocusError, NoSuchParty, NoSuchSession, NotAllowed, WrongState
from softphone.focus.party.outcome import NotReached
from softphone.focus.session import ConferenceRole
from softphone.invite import InviteError, MailError

__all__ = ["COMMANDS", "BadCommand", "NoMailServer", "WebCommand", "carry_out", "read", "why"]

LONGEST_TEXT = 200

# That one party sends: a host's code is no way to send mail to the world.
MOST_MAILS = 50


class BadCommand(Exception):
    """What was sent is no command; the message says why, in words for people."""

    def __init__(self, message: str, number: int = 0) -> None:
        super().__init__(message)
        self.number = number


class NoMailServer(WrongState):
    """The server sends no mail; its client may."""


class WebCommand(msgspec.Struct, frozen=True):
    """A command as it is sent."""

    n: int
    do: str
    party: str = ""
    to: str = ""
    name: str = ""
    ban: bool = False


class Numbered(msgspec.Struct, frozen=True):
    """As much of a command as is needed to refuse it."""

    n: int = 0


def read(text: str) -> WebCommand:
    """Read a command.

    Raises
    ------
    BadCommand
        It is none, or none that there is.
    """
    try:
        found = msgspec.json.decode(text, type=WebCommand)
    except msgspec.DecodeError as error:
        raise BadCommand("This is no command", _number(text)) from error
    if found.do not in COMMANDS:
        raise BadCommand("There is no such command", found.n)
    if max(len(found.party), len(found.to), len(found.name)) > LONGEST_TEXT:
        raise BadCommand("This is too long", found.n)
    return found


def _number(text: str) -> int:
    try:
        return msgspec.json.decode(text, type=Numbered).n
    except msgspec.DecodeError:
        return 0


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """A command, and who gives it."""

    context: ApiContext
    own: WebParty
    command: WebCommand

    @property
    def session(self) -> str:
        """The conference that it is about."""
        return self.own.session

    @property
    def party(self) -> str:
        """The party that it is about: its own unless another is named."""
        named = self.command.party
        return self.own.party.id if named in ("", self.own.id) else named

    @property
    def is_own(self) -> bool:
        """Whether it is about the party that gives it."""
        return self.party == self.own.party.id

    @property
    def is_host(self) -> bool:
        """Whether a host gives it."""
        return self.own.role is ConferenceRole.HOST and self.own.inside


Carry = Callable[[OwnCommand], Awaitable[object]]


async def _mute(asked: OwnCommand) -> None:
    await asked.context.control.mute(asked.session, asked.party, asked.command.do == "mute", own=asked.is_own)


async def _leave(asked: OwnCommand) -> None:
    asked.own.leave()


async def _name(asked: OwnCommand) -> None:
    await asked.context.control.rooms.rename(asked.session, asked.own.party.id, asked.command.name)


async def _mute_all(asked: OwnCommand) -> None:
    await asked.context.control.mute_all(asked.session, asked.command.do == "mute_all")


async def _lock(asked: OwnCommand) -> None:
    await asked.context.control.lock(asked.session, asked.command.do == "lock")


async def _kick(asked: OwnCommand) -> None:
    await asked.context.control.kick(asked.session, asked.party, ban=asked.command.ban)


async def _admit(asked: OwnCommand) -> None:
    await asked.context.control.admit(asked.session, asked.party)


async def _reject(asked: OwnCommand) -> None:
    await asked.context.control.reject(asked.session, asked.party)


async def _record(asked: OwnCommand) -> None:
    await asked.context.control.start_recording(asked.session)


async def _pause(asked: OwnCommand) -> None:
    await asked.context.control.pause_recording(asked.session)


async def _stop_recording(asked: OwnCommand) -> None:
    await asked.context.control.stop_recording(asked.session)


async def _end(asked: OwnCommand) -> None:
    await asked.context.control.end(asked.session)


async def _invite(asked: OwnCommand) -> None:
    """Call a number in, or send an invitation to a mail address."""
    to = asked.command.to.strip()
    if not to:
        raise WrongState("Nobody was named who is to be invited")
    if "@" in to:
        await _mail(asked, to)
    else:
        await asked.context.control.dial(asked.session, "".join(to.split()), by=asked.own.party.id)


async def _mail(asked: OwnCommand, to: str) -> None:
    context, own = asked.context, asked.own
    if not can_mail(context):
        raise NoMailServer("No mail server is configured")
    if own.mails >= MOST_MAILS:
        raise WrongState(f"{MOST_MAILS} invitations were sent by you already")
    own.mails += 1
    session = context.focus.session(asked.session)
    by = own.party.extension_id or session.owner_id or session.extension_id or ""
    occasion = Occasion(title_of(session, context.accounts))
    with told("invite", session=session.id, party=own.party.id):
        try:
            (sent,) = await mail_invitations(place_of_session(session, context), occasion, [to], by, context)
        except ApiError as error:
            raise WrongState(error.message) from error
        if sent.error:
            raise WrongState(f"The mail server refused: {sent.error}")


# Of these a party has some for itself; all others are for hosts.
OWN: Mapping[str, Carry] = {"mute": _mute, "unmute": _mute, "leave": _leave, "name": _name}

HOSTS: Mapping[str, Carry] = {
    "mute_all": _mute_all,
    "unmute_all": _mute_all,
    "lock": _lock,
    "unlock": _lock,
    "kick": _kick,
    "admit": _admit,
    "reject": _reject,
    "record": _record,
    "pause_recording": _pause,
    "stop_recording": _stop_recording,
    "invite": _invite,
    "end": _end,
}

COMMANDS: Mapping[str, Carry] = {**OWN, **HOSTS}


async def carry_out(context: ApiContext, own: WebParty, command: WebCommand) -> None:
    """Do what the client of a party commands.

    Raises
    ------
    SoftphoneError
        It is not done; :func:`why` has the words.
    """
    asked = OwnCommand(context, own, command)
    if not asked.is_host and (command.do in HOSTS or not asked.is_own):
        raise NotAllowed("Only a host of the conference may do that")
    with acting(actor_of(own.party, "web")):
        await COMMANDS[command.do](asked)


def why(error: SoftphoneError) -> str:
    """Say in words for people why a command is not done."""
    match error:
        case NoSuchParty():
            return "This party is no longer there"
        case NoSuchSession():
            return "The conference is over"
        case NotReached():
            return f"Nobody was reached: {error.outcome.word}"
        case FocusError() if str(error):
            return str(error)
        case CallRefused():
            return "This cannot be called"
        case InviteError() | MailError():
            return str(error)
    return "That did not work"
