"""All that can be commanded of conferences: the face behind the control API, SIP REFER and the command line.

Every command is a line of the log (`softphone.focus.commanding`), and an event for the rules of its conference, which
decide what follows; nothing is done past them. What is given back are the session's or the party's own values, which go
on changing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from mixer.rules import events, roles, room_events
from mixer.rules.effects import Prompt
from mixer.rules.roles import Role
from softphone.errors import MediaError
from softphone.focus.call_commands import CallCommands
from softphone.focus.commanding import Commands
from softphone.focus.errors import NoSuchBan, NoSuchExtension, NoSuchInvitation, NoSuchPlayback, WrongState
from softphone.focus.feed import EventType
from softphone.focus.focus import Focus
from softphone.focus.party.invitations import DialOutStatus, InvitationState
from softphone.focus.phone_commands import PhoneCommands
from softphone.focus.room.moving import move
from softphone.focus.room.recording import NOT_RECORDING, RecordingStatus
from softphone.focus.room.settings import LifeRules
from softphone.focus.room_commands import RoomCommands, number_of
from softphone.focus.session import Party, TelephonySession, identity_of
from softphone.focus.streams import StreamCommands
from softphone.media.contract.messages import SendKeys
from softphone.sip.message.uri import spelled
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

__all__ = ["Control"]


class Control(Commands):
    """Commands to conferences and calls.

    Every method that names a session or party raises NoSuchSession or NoSuchParty when it is not there, and WrongState
    when the rules do not let it be done to the party now.

    Parameters
    ----------
    focus
        Where the sessions are.
    accounts
        Whose they are.

    Attributes
    ----------
    calls
        Commands to calls of two alone.
    rooms
        Commands to conferences that are about many, or about what only they have.
    streams
        Programs that hear sessions by WebSocket.
    """

    def __init__(self, focus: Focus, accounts: Accounts) -> None:
        self.calls = CallCommands(focus, accounts)
        self.rooms = RoomCommands(focus, accounts)
        self.streams = StreamCommands(focus)
        self._focus, self._accounts = focus, accounts
        self._playbacks: dict[int, str] = {}
        focus.context.requests.serve = PhoneCommands(self).carry_out

    # Conferences.

    async def create(self, owner: Extension, *, max_members: int | None = None) -> TelephonySession:
        """Make a ``conf_`` conference; raises NotAllowed, Overloaded."""
        return await self._focus.create_conference(owner, max_members=max_members)

    async def open(self, number: str) -> TelephonySession:
        """Give the conference of a conference extension or of a user's bridge, begun now if it is not running.

        Raises
        ------
        NoSuchExtension
        NotAllowed, Overloaded
        """
        extension = self._accounts.find(number)
        if extension is None:
            raise NoSuchExtension(number)
        return (await self._focus.open(extension)).session

    def conferences(self) -> list[TelephonySession]:
        """List all that run, the oldest first."""
        return [room.session for room in self._focus.conferences.values()]

    def conference(self, session: str) -> TelephonySession:
        """Give one."""
        return self._focus.conference(session).session

    async def end(self, session: str) -> None:
        """End a session, conference or call: goodbye to all."""
        self._focus.room(session).handle(events.End())

    async def lock(self, session: str, on: bool) -> TelephonySession:
        """Let nobody more in, or again everybody."""
        return self._tell(session, room_events.Lock(on))

    async def mute_all(self, session: str, on: bool) -> TelephonySession:
        """Turn the microphones of all but the moderators off or on, also of those who come later."""
        return self._tell(session, room_events.MuteAll(on))

    async def change_rules(self, session: str, changes: Mapping[str, Any]) -> TelephonySession:
        """Give a conference rules of its own, in force at once; see `softphone.focus.room.settings.LifeRules`."""
        room = self._focus.conference(session)
        room.change_rules(changes)
        return room.session

    def life_rules(self, session: str) -> LifeRules:
        """Tell the rules of its life that a conference is held by."""
        return LifeRules.of(self._focus.conference(session).rules.settings)

    async def notices(self, session: str, on: bool) -> TelephonySession:
        """Tell the room who comes and leaves, or not."""
        return self._tell(session, room_events.SetNotices(on))

    # Parties.

    async def mute(self, session: str, party: str, on: bool, *, own: bool = False) -> Party:
        """Turn a microphone off or on.

        Parameters
        ----------
        own
            The party itself wants it, who decides about no other.

        Raises
        ------
        NotAllowed
            The rules do not let the party unmute itself.
        """
        return self._tell_of(session, party, events.SetMuted(party, on, own))

    async def deafen(self, session: str, party: str, on: bool) -> Party:
        """Let a party hear nothing of the room, or again all."""
        return self._tell_of(session, party, events.SetDeaf(party, on))

    async def hold(self, session: str, party: str, on: bool) -> Party:
        """Put a party on hold, with music, or take it back."""
        return self._tell_of(session, party, events.SetHeld(party, on))

    async def volume(
        self, session: str, party: str, *, in_db: float | None = None, out_db: float | None = None
    ) -> Party:
        """Change how loud a party is to the others (in) and they are to it (out); None: as it is; 0 dB: as it came."""
        return self._tell_of(session, party, events.SetVolume(party, in_db, out_db))

    async def level(self, session: str, party: str, on: bool) -> Party:
        """Bring the voice of a party to one level, slowly, or leave it as it comes."""
        return self._tell_of(session, party, events.SetVolume(party, levelled=on))

    async def role(self, session: str, party: str, role: Role) -> Party:
        """Make a party a moderator, a participant, or a listener."""
        return self._tell_of(session, party, events.SetRole(party, role))

    async def kick(self, session: str, party: str, *, ban: bool = False) -> None:
        """Send a party away; with `ban` it does not get in again while the conference lasts.

        Raises
        ------
        WrongState
            It is to be banned and hides its number; it stays.
        """
        # Who hides its number would not be known again.
        room = self._focus.conference(session) if ban else None
        if room is not None and not room.rules.parties[room.member(party).party.id].identity:
            raise WrongState("It hides its number and cannot be banned; send it away without a ban, or lock")
        self._tell_of(session, party, events.Kick(party, ban))

    async def remove(self, session: str, party: str) -> None:
        """Let a party go without a word, as if it had left."""
        room = self._focus.room(session)
        room.dismiss(room.member(party), "removed")

    def bans(self, session: str) -> list[str]:
        """List the numbers that do not get in again."""
        return sorted(
            {number_of(identity, self._accounts) for identity in self._focus.conference(session).rules.banned}
        )

    async def unban(self, session: str, number: str) -> None:
        """Let a number in again, of an extension or from outside; raises NoSuchBan when it is not banned."""
        room, number = self._focus.conference(session), spelled(number)
        extension = self._accounts.find(number)
        meant = {identity_of(number, None), *([extension.id] if extension is not None else [])} & room.rules.banned
        if not meant:
            raise NoSuchBan(number)
        for identity in meant:
            room.handle(room_events.Unban(identity))

    async def admit(self, session: str, party: str) -> Party:
        """Let a party in from the lobby."""
        return self._tell_of(session, party, events.Admit(party))

    async def reject(self, session: str, party: str) -> None:
        """Send a party away from the lobby."""
        self._tell_of(session, party, events.Reject(party))

    async def whisper(self, session: str, party: str, to: Sequence[str] | None) -> Party:
        """Let a party be heard by some parties alone, or again by the room (None)."""
        room = self._focus.room(session)
        listeners = None if to is None else tuple(room.member(each).party.id for each in to)
        return self._tell_of(session, party, events.SetWhisper(party, listeners))

    async def move(self, session: str, party: str, to: str) -> Party:
        """Take a party into a conference, without a new call; what it may do, and how it is heard, stays.

        A call of two that it leaves is over for the other end: that gets BYE.

        Raises
        ------
        WrongState
            The conference does not let it in; it stays where it is.
        """
        here, there = self._focus.room(session), self._focus.conference(to)
        member = here.member(party)
        if here is there:
            return member.party
        return move(member, there, self._accounts.by_id(member.party.extension_id or ""))

    async def send_keys(self, session: str, party: str, keys: str) -> None:
        """Press keys on a party's telephone (RFC 4733).

        Raises
        ------
        WrongState
            Its telephone takes none.
        """
        member = self._focus.room(session).member(party)
        try:
            await self._focus.context.media.ask(SendKeys(await member.ready(), keys))
        except MediaError as error:
            raise WrongState(str(error)) from error

    # Sounds.

    async def play(
        self,
        session: str,
        sounds: Sequence[Prompt],
        *,
        party: str | None = None,
        group: int | None = None,
        loop: bool = False,
        recorded: bool = False,
    ) -> int:
        """Play sounds to a party or to all.

        Parameters
        ----------
        sounds
            One after the other: a name of the library, a number to be spoken, or an uploaded sound.
        party, group
            To this party, or to all in this breakout group (0: in the main room); None: all.
        loop
            Over and over, until :meth:`stop_playback`.
        recorded
            Whether the recording has it.

        Returns
        -------
        int
            The playback; its end is a ``playback.ended`` event.

        Raises
        ------
        WrongState
            There is nothing to play, or it cannot be played now.
        """
        room, context = self._focus.room(session), self._focus.context
        paths = list((await asyncio.to_thread(context.library.resolve, tuple(sounds))).paths)
        if not paths:
            raise WrongState("there is no such sound")
        number = [0]

        def ended(reason: str) -> None:
            self._playbacks.pop(number[0], None)
            context.feed.publish(EventType.PLAYBACK_ENDED, session, party, playback=number[0], reason=reason)

        try:
            if party is None:
                playing = context.playbacks.to_rooms(
                    room.premises.rooms(group), paths, ended, loop=loop, recorded=recorded
                )
            else:
                leg = await room.member(party).ready()
                playing = context.playbacks.to_leg(leg, paths, ended, loop=loop, recorded=recorded)
            number[0] = await playing
        except MediaError as error:
            raise WrongState(str(error)) from error
        self._playbacks[number[0]] = session
        return number[0]

    async def stop_playback(self, session: str, playback: int) -> None:
        """Stop what :meth:`play` began; raises NoSuchPlayback when it is over."""
        if self._playbacks.get(playback) != self._focus.room(session).session.id:
            raise NoSuchPlayback(str(playback))
        try:
            await self._focus.context.playbacks.stop(playback)
        except MediaError as error:
            raise NoSuchPlayback(str(playback)) from error

    # Calling out.

    async def dial(
        self,
        session: str,
        number: str,
        *,
        by: str = "",
        role: Role = Role.PARTICIPANT,
        confirm: bool = True,
        hidden: bool = False,
    ) -> DialOutStatus:
        """Call somebody into a conference; events tell what becomes of it.

        Parameters
        ----------
        number
            An extension, or a number outside.
        by
            The party that invites and hears what becomes of it; empty: none.
        role
            Of whoever answers.
        confirm
            Whether it is asked to press 1 first.
        hidden
            Whether it is to listen without anybody but administrators knowing of it.

        Raises
        ------
        NotAllowed
            There are no hidden listeners here.
        WrongState
            The rules do not let anybody be invited now.
        """
        if hidden:
            self._focus.check_hidden()
        return self._focus.conference(session).dial(room_events.Dial(number, by, role, confirm, hidden))

    def invitations(self, session: str) -> list[DialOutStatus]:
        """List who is being called into a conference, and the last who were, whatever became of it."""
        return list(self._focus.conference(session).invitations.all.values())

    async def cancel_dial(self, session: str, invitation: int) -> DialOutStatus:
        """Let a number ring no more; raises NoSuchInvitation when none of that id is ringing."""
        room = self._focus.conference(session)
        found = room.invitations.all.get(invitation)
        if found is None or found.state is not InvitationState.RINGING:
            raise NoSuchInvitation(str(invitation))
        room.handle(events.CancelInvite(invitation))
        return found

    # Recordings.

    def recording(self, session: str) -> RecordingStatus | None:
        """Show the recording that is being made; None: there is none."""
        return self._focus.room(session).recorder.state

    async def start_recording(self, session: str) -> RecordingStatus:
        """Begin to record; raises WrongState when it cannot be. One that is paused goes on."""
        return await self._record(session, roles.RecordingState.RUNNING)

    async def pause_recording(self, session: str) -> RecordingStatus:
        """Leave silence in the recording; raises WrongState when there is none."""
        return await self._record(session, roles.RecordingState.PAUSED)

    async def resume_recording(self, session: str) -> RecordingStatus:
        """Go on after a pause; raises WrongState when there is no recording."""
        if not self._focus.room(session).recorder.running:
            raise WrongState(NOT_RECORDING)
        return await self._record(session, roles.RecordingState.RUNNING)

    async def stop_recording(self, session: str) -> RecordingStatus:
        """End the recording; its WAV file is complete then. Raises WrongState when there is none."""
        return await self._record(session, roles.RecordingState.OFF)

    async def _record(self, session: str, state: roles.RecordingState) -> RecordingStatus:
        """Let the rules decide about the recording, and wait until that is done."""
        room = self._focus.room(session)
        if room.recorder.dictated:
            raise WrongState("A message is being taken")
        room.command(room_events.SetRecording(state))
        return await room.recording.changed()

    def _tell(self, session: str, event: events.Event) -> TelephonySession:
        room = self._focus.room(session)
        room.command(event)
        return room.session

    def _tell_of(self, session: str, party: str, event: events.Event) -> Party:
        room = self._focus.room(session)
        value = room.member(party).party
        room.command(event)
        return value
