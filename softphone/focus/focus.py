"""The focus (RFC 4353): the sessions of this node, what is done to them, and what the media workers report of them."""

import asyncio
import time
from collections.abc import Callable
from typing import Literal

import structlog

from mixer.rules.settings import Settings
from softphone.config import Config
from softphone.errors import MediaError
from softphone.focus.ended import EndedMemory
from softphone.focus.errors import NoSuchSession, NotAllowed, Overloaded
from softphone.focus.feed import Feed
from softphone.focus.guard import LoadGuard
from softphone.focus.party.context import Context, spoken
from softphone.focus.party.dialer import Dialer
from softphone.focus.party.member import Member
from softphone.focus.room import settings as room_settings
from softphone.focus.room.conference import ConferenceRoom
from softphone.focus.room.recording import follow_library
from softphone.focus.room.referrals import refer
from softphone.focus.room.ruled import RuledRoom
from softphone.focus.room.settings import load_menu
from softphone.focus.room.transfers import WayIn, nowhere
from softphone.focus.room.two_party import CallRoom
from softphone.focus.session import CallEnd, RoomKind, SessionOrigin, TelephonySession
from softphone.focus.token import VoiceCallToken, new_session_id
from softphone.focus.voice.names import Names
from softphone.focus.voice.playbacks import Playbacks
from softphone.focus.voice.prompts import SoundLibrary
from softphone.media.contract.leg import (
    Event,
    KeyPressed,
    LegVoice,
    PlaybackEnded,
    RecordingEnded,
    RtpTimeout,
    SrtpRefused,
    Unclaimed,
    WorkerLost,
)
from softphone.media.contract.messages import CreateRoom
from softphone.media.contract.streams import AudioStreamEnded, AudioStreamStarted
from softphone.media.workers.client import Media
from softphone.recordings.library import Library as Recordings
from softphone.sip.ua.allowance import Allowances
from softphone.store.accounts import Accounts
from softphone.store.history import History
from softphone.store.values import Extension, PropertiesChanged

__all__ = ["Focus"]

log = structlog.get_logger()


class Focus:
    """All sessions of a node.

    Parameters
    ----------
    config
        Settings.
    media
        The workers; their events come here.
    node
        Our address and SIP port, as peers see them: part of every token.
    accounts, dialer
        Who has which room, and its properties; the way to a number.
    history, library, names, recordings
        Where it is written down, what is said to people, what they say of themselves, and where recordings are kept.
    clock
        Monotonic seconds.

    Attributes
    ----------
    dialer
        The way to a number.
    on_stream
        Told what the workers tell of streams.
    way_in
        Finds the conference that a call is handed into.
    """

    on_stream: Callable[[AudioStreamStarted | AudioStreamEnded | WorkerLost], object] = staticmethod(
        lambda _event: None
    )
    way_in: WayIn = staticmethod(nowhere)

    def __init__(
        self,
        config: Config,
        media: Media,
        node: tuple[str, int],
        *,
        accounts: Accounts,
        dialer: Dialer,
        history: History,
        library: SoundLibrary,
        names: Names,
        recordings: Recordings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.node = node
        self.conferences: dict[str, ConferenceRoom] = {}
        self.calls: dict[str, CallRoom] = {}
        self.draining, self.guard = False, LoadGuard(config.server.max_cpu)
        self._config, self._accounts = config, accounts
        self.dialer = dialer
        self._menu = load_menu(config.conference.menu)
        self._ended = EndedMemory(config.conference.ended_kept_s, config.conference.ended_kept)
        self._opening = asyncio.Lock()
        self.context = Context(
            media=media,
            playbacks=Playbacks(media),
            library=library,
            names=names,
            history=history,
            clock=clock,
            allowances=Allowances(clock()),
            recordings=recordings,
            rtp_timeout_s=config.media.rtp_timeout_s,
            codecs=spoken(config.media.codecs),
            encryption=dialer.encryption,
            answer_delay_s=config.sip.answer_delay_s,
            closed=self._closed,
        )
        media.on_event, dialer.talks = self.on_media_event, self.talks
        follow_library(self.context)

    @property
    def feed(self) -> Feed:
        """What happens here, for whoever watches."""
        return self.context.feed

    @property
    def state(self) -> Literal["ok", "draining"]:
        """Whether new calls are taken."""
        return "draining" if self.draining else "ok"

    @property
    def takes_calls(self) -> bool:
        """Whether there may be one call more: the server neither stops nor has too much to do."""
        return not (self.draining or self.guard.busy)

    @property
    def rooms(self) -> dict[str, RuledRoom]:
        """All running sessions by id, conferences first."""
        return {**self.conferences, **self.calls}

    @property
    def parties(self) -> int:
        """How many parties have a leg."""
        return len(self.context.legs)

    async def create_conference(
        self, owner: Extension, *, max_members: int | None = None, name: str = ""
    ) -> TelephonySession:
        """Make a conference that waits for its first party.

        Parameters
        ----------
        owner
            Who makes it, and is its host.
        max_members, name
            Most parties, the configured number when None; and by what it is found again.

        Raises
        ------
        NotAllowed
            The extension may not start conferences.
        Overloaded
            There are too many, the server is being stopped, or no media worker takes one more room.
        """
        if not owner.conferencing:
            raise NotAllowed("In order to call this API endpoint, user needs to have [OrganizeConference] permission")
        session_id = new_session_id()
        token = VoiceCallToken(session_id, *self.node)
        session = TelephonySession(session_id, SessionOrigin.CONFERENCE, owner.id, token, name=name)
        await self._open(session, room_settings.of_token(self._config, self._menu, max_members))
        log.info("conference_created", session=session_id, owner=owner.number)
        return session

    async def open(self, extension: Extension) -> ConferenceRoom:
        """Give the running conference of a conference extension or of a user's bridge; begin one if there is none.

        Raises
        ------
        NotAllowed
            The user may not hold conferences.
        Overloaded
            As for :meth:`create_conference`.
        """
        if not extension.conferencing:
            raise NotAllowed(f"extension {extension.number} may not hold conferences")
        async with self._opening:
            room = self.find(extension)
            if room is not None:
                return room
            bridge = extension.kind == "user"
            session = TelephonySession(
                new_session_id(),
                SessionOrigin.CONFERENCE,
                extension.id if bridge else None,
                kind=RoomKind.BRIDGE if bridge else RoomKind.EXTENSION,
                extension=extension.number,
                extension_id=extension.id,
            )
            log.info("conference_opened", session=session.id, extension=extension.number)
            return await self._open(session, self.settings_of(extension))

    def find(self, extension: Extension) -> ConferenceRoom | None:
        """Give the running conference of a conference extension or of a user's bridge, if there is one."""
        for room in self.conferences.values():
            if room.session.extension_id == extension.id:
                return room
        return None

    def bridge_of(self, extension: Extension) -> ConferenceRoom | None:
        """Give the room behind the bridge number that an extension is in; else its own, if there is one running."""
        for room in self.conferences.values():
            if room.session.kind is RoomKind.BRIDGE and room.member_of(extension):
                return room
        return self.find(extension)

    def settings_of(self, extension: Extension) -> Settings:
        """Say by which rules the conference of an extension or of a user's bridge is held."""
        properties = self._accounts.properties(extension.id)
        if properties is None:
            return room_settings.of_bridge(self._config, self._menu, extension.join_before_host)
        return room_settings.of_extension(self._config, self._menu, properties)

    def talks(self, extension: Extension) -> bool:
        """Whether an extension has a call: it is calling, rings, or has answered."""
        if any(member.party.extension_id == extension.id for member in self.context.legs.values()):
            return True
        parties = (party for room in self.rooms.values() for party in room.session.calls_of(extension.id))
        return any(party.end is not CallEnd.CALLEE for party in parties)

    def on_change(self, change: PropertiesChanged) -> None:
        """Take what was changed in the store: a running room goes on by its new properties."""
        extension = self._accounts.by_id(change.extension_id)
        room = self.find(extension) if extension is not None else None
        if extension is not None and room is not None:
            room.configure(self.settings_of(extension))

    async def _open(self, session: TelephonySession, settings: Settings) -> ConferenceRoom:
        if not self.takes_calls or len(self.conferences) >= self._config.conference.max_conferences:
            raise Overloaded("no more conferences")
        number = await self._create_room()
        room = ConferenceRoom(session, number, self.context, settings, self.dialer, refer)
        self.conferences[session.id] = room
        return room

    async def create_call(self, owner_id: str | None) -> CallRoom:
        """Make the session of a two-party call, which the extension of this id answers for.

        Raises
        ------
        Overloaded
            The server is being stopped, or no media worker takes one more room.
        """
        if not self.takes_calls:
            raise Overloaded("the server stops, or has too much to do")
        session = TelephonySession(new_session_id(), SessionOrigin.CALL, owner_id)
        room = CallRoom(session, await self._create_room(), self.context, self.dialer, self.way_in)
        self.calls[session.id] = room
        return room

    async def _create_room(self) -> int:
        try:
            return (await self.context.media.ask(CreateRoom())).value
        except MediaError as error:
            raise Overloaded(str(error)) from error

    def room(self, session_id: str) -> RuledRoom:
        """Find a running session; raises NoSuchSession."""
        room = self.conferences.get(session_id) or self.calls.get(session_id)
        if room is None:
            raise NoSuchSession(session_id)
        return room

    def conference(self, session_id: str) -> ConferenceRoom:
        """Find a running conference; raises NoSuchSession."""
        if (room := self.conferences.get(session_id)) is None:
            raise NoSuchSession(session_id)
        return room

    def call(self, session_id: str) -> CallRoom:
        """Find a running call of two; raises NoSuchSession."""
        if (room := self.calls.get(session_id)) is None:
            raise NoSuchSession(session_id)
        return room

    def invited_by(self, token: VoiceCallToken) -> ConferenceRoom | None:
        """Find the running conference that a token was made for; other rooms have entrances of their own."""
        room = self.conferences.get(token.session_id)
        return room if room is not None and room.session.token == token else None

    def session(self, session_id: str) -> TelephonySession:
        """Find what others see of a running session; raises NoSuchSession."""
        return self.room(session_id).session

    def has_ended(self, session_id: str) -> bool:
        """Whether a ``conf_`` conference was here and is over; forgotten after a while."""
        return self._ended.holds(session_id, self.context.clock())

    def check_hidden(self) -> None:
        """Raise NotAllowed where administrators may not let somebody listen without the others knowing of it."""
        if not self._config.conference.hidden_listeners:
            raise NotAllowed("There are no hidden listeners here: see hidden_listeners in the configuration")

    @property
    def streams(self) -> tuple[bool, bool]:
        """Whether programs may have streams of sound here, and whether these are encrypted."""
        return self._config.streams.enabled, self._config.streams.tls

    def reconfigure(self, config: Config) -> None:
        """Open conferences by these settings from now on. Raises ConfigError: the menu cannot be read."""
        self._menu = load_menu(config.conference.menu)
        self._config = config

    async def drain(self) -> None:
        """Take no more calls, end all sessions, and wait for their goodbyes as long as configured."""
        self.draining = True
        for room in list(self.rooms.values()):
            room.close("server stops")
        await self.context.tasks.settle(self._config.server.drain_s)

    def on_media_event(self, event: Event) -> None:
        """Take what a worker reports."""
        match event:
            case PlaybackEnded(playback, reason):
                self.context.playbacks.ended(playback)(reason)
            case RecordingEnded():
                self._on_recording_ended(event)
            case WorkerLost():
                self._on_worker_lost(event)
            case AudioStreamStarted() | AudioStreamEnded():
                self.on_stream(event)
            case Unclaimed(host):
                log.warning("media_unclaimed", host=host)
            case _ if (member := self.context.legs.get(getattr(event, "leg", -1))) is not None:
                _heard(member, event)

    def _on_recording_ended(self, event: RecordingEnded) -> None:
        if self.context.names.ended(event.recording):
            return
        for room in self.rooms.values():
            if room.recorder.owns(event.recording):
                self.context.tasks.start(room.recording.ended(event))
                break

    def _on_worker_lost(self, event: WorkerLost) -> None:
        lost = set(event.rooms)
        gone = [room for room in self.rooms.values() if room.room in lost]
        log.error("media_worker_lost", pid=event.pid, sessions=len(gone))
        self.on_stream(event)
        for room in gone:
            room.close("media worker lost")
        for leg in event.legs:
            member = self.context.legs.closed(leg)
            if member is not None:
                member.hang_up()

    def _closed(self, session: TelephonySession) -> None:
        self.conferences.pop(session.id, None)
        self.calls.pop(session.id, None)
        if session.token is not None:
            self._ended.add(session.id, self.context.clock())


def _heard(member: Member, event: Event) -> None:
    """Tell the keeper of a member what has happened to its leg."""
    match event:
        case KeyPressed(key=key, way=way) if member.pressed(key, way):
            member.keeper.key(member, key)
        case SrtpRefused(reason=reason):
            log.warning("media_refused", party=member.party.id, reason=reason)
        case RtpTimeout():
            member.keeper.silent(member)
        case _ if isinstance(event, LegVoice):
            member.keeper.noticed(member, event)
