"""Streams: programs that hear a session, or one party of it, by WebSocket, and may speak.

Who only listens is no party; the session shows it, and its watchers are told. Who speaks is a party like any other, so
that all rules hold for it, from the lobby to the mute: its client has come otherwise than by SIP, and its leg is that
of a stream. The sound itself is between the media worker and the client; nothing here is done per packet.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import structlog

from mixer.rules.events import SetWhisper
from mixer.rules.roles import PartyKind
from softphone.errors import MediaError, MediaFull
from softphone.focus.commanding import Commands
from softphone.focus.errors import NoSuchStream, NotOffered, Overloaded, WrongState
from softphone.focus.feed import EventType
from softphone.focus.focus import Focus
from softphone.focus.party.member import Member
from softphone.focus.party.signalling import HttpCall
from softphone.focus.room.admission import Admission, NotAdmitted
from softphone.focus.room.arriving import join
from softphone.focus.room.ruled import RuledRoom
from softphone.media.contract.leg import LegInfo, WorkerLost
from softphone.media.contract.messages import CloseLeg, OpenStream
from softphone.media.contract.streams import L16, AudioStreamEnded, AudioStreamStarted

__all__ = ["OpenedStream", "Stream", "StreamWish", "StreamCommands"]

log = structlog.get_logger()

# Bytes of a key.
KEY = 24
# How long a client has to come, as long as a conference waits for its first party.
CLAIM_S = 38.0
# What stands for the number of a party that is a stream.
NUMBER = "stream"


@dataclass(frozen=True, slots=True)
class StreamWish:
    """What somebody wants to hear, and whether it wants to be heard."""

    rate_hz: int
    says: bool = False
    party: str | None = None
    "The one that it hears, and is heard by; None: all."
    name: str = ""
    encoding: str = L16


@dataclass(slots=True, eq=False)
class Stream:
    """A stream, from when it was asked for until it is over."""

    id: int
    session: str
    wish: StreamWish
    host: str
    port: int
    speaker: str | None = None
    "The party that it is, when it came; None: it only listens."
    started: bool = False
    "Whether its client has come."
    client: HttpCall | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OpenedStream:
    """A stream that was just opened."""

    stream: Stream
    key: str = field(repr=False)
    "By which its client proves itself, once; kept nowhere here."


class StreamCommands(Commands):
    """The streams of a node, as part of `softphone.focus.control.Control`.

    Parameters
    ----------
    focus
        Where the sessions are.
    """

    def __init__(self, focus: Focus) -> None:
        self._focus = focus
        self._streams: dict[int, Stream] = {}
        focus.on_stream = self.take

    def of(self, session: str) -> list[Stream]:
        """List those of a session, the oldest first."""
        return [each for each in self._streams.values() if each.session == session]

    async def open_stream(self, session: str, wish: StreamWish) -> OpenedStream:
        """Open a stream; its client has a while to come.

        Raises
        ------
        NoSuchSession, NoSuchParty
        NotOffered
            There are no streams here.
        WrongState
            It cannot be let in, or not now.
        Overloaded
            There is no place for one more.
        """
        offered, encrypted = self._focus.streams
        if not offered:
            raise NotOffered("There are no streams here: see [streams] in the configuration")
        room = self._focus.room(session)
        if room.rules.settings.encrypted and not encrypted:
            raise WrongState(
                "The conference is encrypted, and streams are not: see tls of [streams] in the configuration"
            )
        try:
            source = None if wish.party is None else await room.member(wish.party).ready()
            return await (self._speaker if wish.says else self._listener)(room, wish, source)
        except NotAdmitted as error:
            raise WrongState(f"It is not let in: {error.why}") from error
        except MediaFull as error:
            raise Overloaded(str(error)) from error
        except MediaError as error:
            raise WrongState(str(error)) from error

    async def _listener(self, room: RuledRoom, wish: StreamWish, source: int | None) -> OpenedStream:
        key = secrets.token_urlsafe(KEY)
        info = await self._focus.context.media.ask(self._request(room, wish, source)(key, room.room))
        return OpenedStream(self._known(room, wish, info), key)

    async def _speaker(self, room: RuledRoom, wish: StreamWish, source: int | None) -> OpenedStream:
        key, client = secrets.token_urlsafe(KEY), HttpCall("", known=True)
        conference = self._focus.conference(room.session.id)
        admission = Admission(NUMBER, wish.name or "Stream", None, kind=PartyKind.OUTSIDE, invited=True)
        member = conference.newcomer(admission)
        ask = self._request(room, wish, source)
        member.media.request = lambda _spec, there: ask(key, room.room if there is None else there)
        await join(conference, client, None, admission, member)
        info = member.media.info
        if info is None:
            raise WrongState("It has left again")
        stream = self._known(room, wish, info)
        stream.client, stream.speaker = client, member.party.id
        if wish.party is not None:
            self._whisper(conference.command, member, wish.party)
        return OpenedStream(stream, key)

    def _whisper(self, command: Callable[[SetWhisper], object], member: Member, to: str) -> None:
        """Let one party alone hear it; who cannot be kept from the others is sent away."""
        try:
            command(SetWhisper(member.party.id, (to,)))
        except WrongState:
            member.hang_up()
            raise

    def _request(self, room: RuledRoom, wish: StreamWish, source: int | None) -> Callable[[str, int], OpenStream]:
        start = {
            "conference": room.session.id,
            "party": wish.party,
            "mediaFormat": {"encoding": f"audio/{wish.encoding}", "sampleRate": wish.rate_hz, "channels": 1},
            "says": wish.says,
        }
        about = json.dumps({"event": "start", "start": start})
        wanted = wish.rate_hz, wish.says, about, CLAIM_S, wish.encoding
        return lambda key, there: OpenStream(key, there, source, *wanted)

    def _known(self, room: RuledRoom, wish: StreamWish, info: LegInfo) -> Stream:
        stream = self._streams[info.leg] = Stream(info.leg, room.session.id, wish, info.host, info.port)
        return stream

    async def close_stream(self, session: str, stream: int) -> None:
        """End a stream; raises NoSuchStream."""
        found = self._streams.get(stream)
        if found is None or found.session != session:
            raise NoSuchStream(str(stream))
        self._end(found)

    def _end(self, stream: Stream) -> None:
        if stream.client is not None:
            stream.client.end("bye")
        else:
            self._focus.context.media.tell(CloseLeg(stream.id))

    def take(self, event: AudioStreamStarted | AudioStreamEnded | WorkerLost) -> None:
        """Take what a worker tells of streams."""
        if isinstance(event, WorkerLost):
            for leg in event.legs:
                self.take(AudioStreamEnded(leg, "media worker lost"))
        elif isinstance(event, AudioStreamEnded):
            stream = self._streams.pop(event.leg, None)
            if stream is not None:
                told: dict[str, Any] = {
                    "reason": event.reason,
                    "dropped_s": event.dropped_s,
                    "unsaid_s": event.unsaid_s,
                }
                self._tell(EventType.STREAM_ENDED, stream, **told)
                if event.reason != "closed":
                    self._end(stream)
        elif (stream := self._streams.get(event.leg)) is not None:
            stream.started = True
            self._tell(EventType.STREAM_STARTED, stream, says=stream.wish.says)

    def _tell(self, type: EventType, stream: Stream, **what: Any) -> None:
        party = stream.speaker or stream.wish.party
        self._focus.feed.publish(type, stream.session, party, stream=stream.id, **what)
        log.info(type.value.replace(".", "_"), session=stream.session, party=party, stream=stream.id, **what)
