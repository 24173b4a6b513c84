"""The engine: requests in, replies and events out. It owns the plane, the rooms and the recordings of one worker.

Synchronous, without a clock of its own: whoever drives it (the worker process, or an application's event loop) gives
the time and calls `tick` each 20 ms while `active`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mixer.bridge import DEFAULT_GATE, Bridge
from mixer.errors import BridgeFull, MixerError
from softphone.address import family_of
from softphone.errors import MediaError, MediaFull, NoSuchLeg
from softphone.media.contract.leg import LegInfo, LegStats, LegTalking, WorkerMetrics
from softphone.media.contract.messages import (
    CloseLeg,
    Configure,
    CreateRoom,
    Done,
    Failed,
    GetKeys,
    GetMetrics,
    GetStats,
    JoinRoom,
    LeaveRoom,
    LevelVoices,
    MediaRequest,
    Number,
    OpenLeg,
    OpenStream,
    PauseRecording,
    Ping,
    Play,
    PlayTo,
    Record,
    RecordLeg,
    RemoveRoom,
    Reply,
    SendDatagram,
    SendKeys,
    StopPlayback,
    StopRecording,
    Track,
    UpdateLeg,
    Whisper,
)
from softphone.media.engine.audio_streams import AudioStreams, Door
from softphone.media.engine.noticed import Noticed
from softphone.media.engine.outcomes import EngineEvent
from softphone.media.engine.plane import Plane
from softphone.media.engine.player import Player
from softphone.media.engine.tape import Tape
from softphone.media.engine.warm import warm
from softphone.media.net.port import OpenPort
from softphone.media.net.portpool import PortPool

__all__ = ["Engine"]

R = TypeVar("R")


class Engine:
    """One media engine.

    Parameters
    ----------
    capacity
        Most legs, applications included.
    host, host6
        Address to bind to, and one of IPv6 beside it; empty: none.
    shared_port
        RTP port of legs with an unambiguous peer; RTCP of those that do not multiplex is on the one above. 0: any.
    own_ports
        First and last port for legs that need their own; None: any.
    advertised, advertised6
        Addresses to give to peers; None or empty: `host`, `host6`.
    gate, noise_dbov
        As of `mixer.bridge.Bridge`; without a gate, everybody is heard who is not digitally silent.
    unix_offset_s
        What to add to `now` for Unix time.
    open_port
        Opens a UDP port.
    streams
        Where the clients of streams connect; None: there are none.
    first_number
        Of what is made: legs, rooms, recordings and playbacks are numbered in one row.

    Raises
    ------
    OSError
        When the shared port or the one above it is taken.
    """

    def __init__(
        self,
        *,
        capacity: int = 64,
        host: str = "127.0.0.1",
        shared_port: int = 0,
        own_ports: tuple[int, int] | None = None,
        advertised: str | None = None,
        host6: str = "",
        advertised6: str = "",
        gate: bool = True,
        noise_dbov: float = -127.0,
        unix_offset_s: float = 0.0,
        open_port: OpenPort | None = None,
        first_number: int = 1,
        streams: Door | None = None,
    ) -> None:
        self.bridge = Bridge(capacity, gate=DEFAULT_GATE if gate else None, noise_dbov=noise_dbov)
        warm(self.bridge.rate_hz)
        self._pool = PortPool((host, host6) if host6 else (host,), shared_port, own_ports, open_port)
        self.plane = Plane(self.bridge, self._pool, unix_offset_s)
        self._advertised = {family_of(host) or 4: advertised or host} | ({6: advertised6 or host6} if host6 else {})
        self.port = self._pool.shared.rtp.port
        self._rows, self._leg_of_row = dict[int, int](), dict[int, int]()
        self._noticed = Noticed(self.bridge, self._leg_of_row, gate=gate)
        self._rooms: dict[int, int] = {}
        self._player = Player(self.bridge, self._row, self._room)
        self._tape = Tape(self.bridge, self._row, self._room)
        self._streams = AudioStreams(self.bridge, self.open_app, self._row, advertised or host, streams)
        self._apps: dict[int, Callable[[NDArray[np.int16]], None]] = {}
        self._last_number, self._asked = first_number - 1, 0
        self._events: list[EngineEvent] = []
        self._handlers = self._routes()

    def _routes(self) -> dict[type, Callable[..., Reply]]:
        """Say who carries out which request."""
        return {
            OpenLeg: self._open_leg,
            OpenStream: self._streams.open,
            UpdateLeg: self._update_leg,
            CloseLeg: self._close_leg,
            CreateRoom: self._create_room,
            RemoveRoom: self._remove_room,
            LevelVoices: self._level_voices,
            JoinRoom: self._move,
            LeaveRoom: self._move,
            Configure: self._configure,
            SendKeys: self._send_keys,
            Record: self._made(self._tape.record),
            RecordLeg: self._made(self._tape.record_leg),
            Track: self._tape.track,
            PauseRecording: self._tape.pause,
            StopRecording: self._tape.stop,
            Play: self._play,
            PlayTo: self._player.play_to,
            StopPlayback: self._player.stop,
            Whisper: self._whisper,
            SendDatagram: lambda request, now: self.plane.send_datagram(self._row(request.leg), request),
            GetKeys: lambda request, now: self.plane.keys(self._row(request.leg)),
            GetStats: lambda request, now: self.plane.stats(self._row(request.leg)),
            GetMetrics: lambda request, now: self.metrics(),
            Ping: lambda request, now: Done(),
        }

    @property
    def legs(self) -> int:
        """How many there are, applications included."""
        return len(self._rows)

    @property
    def active(self) -> bool:
        """Whether ticks are needed: there is a leg, something is played, or a recording goes on or is to be closed."""
        return bool(self._rows) or self._tape.busy or self._player.busy

    def handle(self, request: MediaRequest[Any], now: float, number: int = 0) -> Reply:
        """Carry out a request; what goes wrong on purpose, or by the system's refusal, is a reply too.

        `number` is given back by the events that say that it is done (see `softphone.media.engine.desk`).
        """
        self._asked = number
        try:
            return self._handlers[type(request)](request, now)
        except BridgeFull as error:
            return Failed(MediaFull.__name__, str(error))
        except (MediaError, MixerError) as error:
            return Failed(type(error).__name__, str(error))
        except OSError as error:  # descriptors, memory, disk: the other legs live on
            return Failed(MediaError.__name__, str(error))

    def drain(self) -> None:
        """Take what has come out of the sockets (see `Plane.drain`)."""
        self.plane.drain()

    def tick(self, now: float, clock: float) -> None:
        """Do one tick, due at `now` (seconds), when the clock shows `clock`."""
        self._player.tick()
        self._streams.feed(now)
        tick = self.plane.tick(now, clock)
        self._tape.take(tick)
        self._events += self._noticed.events(tick)
        for leg, on_frame in list(self._apps.items()) if self._apps else ():
            if leg in self._rows:
                on_frame(tick.frame_for(self._rows[leg]))

    def look(self, clock: float) -> None:
        """Look at all that came until now, `clock`, before the next tick does: for who cannot wait for that."""
        self.plane.look(clock, clock)

    def skip(self, ticks: int) -> None:
        """Leave out ticks after a stall; of none, as after nearly every tick, there is nothing to tell."""
        if ticks:
            self.plane.skip(ticks)
            self._tape.skip(ticks)

    def events(self) -> list[EngineEvent]:
        """Give what has happened since the last call."""
        own = *self._tape.events(), *self._player.events(), *self._streams.events()
        found = [*self._events, *self.plane.events, *own]
        self._events.clear()
        self.plane.events.clear()
        return found

    def open_app(self, room: int, on_frame: Callable[[NDArray[np.int16]], None], rate_hz: int | None = None) -> int:
        """Put the application itself into a room as a leg without a peer.

        Parameters
        ----------
        room
            Where.
        on_frame
            Called each tick with what it hears, int16, shape (samples,): to be copied, the next tick writes it anew.
        rate_hz
            Of what it says and hears; None: 8000.

        Returns
        -------
        int
            The leg, for `push`, `queued`, and the requests Join, Leave, Configure and CloseLeg.

        Raises
        ------
        NoSuchLeg
            When there is no such room.
        MediaFull
            When no row is left.
        """
        try:
            row = self.bridge.add_party(self._room(room), rate_hz=rate_hz, local=True)
        except BridgeFull as error:
            raise MediaFull(str(error)) from error
        self._know(leg := self._number(), row)
        self._apps[leg] = on_frame
        return leg

    def push(self, leg: int, pcm: NDArray[np.int16]) -> int:
        """Let an application say `pcm` (int16, any length); give the samples that wait to be said.

        Raises
        ------
        NoSuchLeg
            When the leg is gone.
        mixer.errors.MixerError
            When its queue is full; nothing was taken.
        """
        return self.bridge.push(self._row(leg), pcm)

    def flush(self, leg: int) -> int:
        """Drop what an application has yet to say; gives the samples dropped, raises NoSuchLeg."""
        return self.bridge.flush(self._row(leg))

    def queued(self, leg: int) -> int:
        """Give the samples of an application that wait to be said."""
        return self.bridge.queued(self._row(leg))

    def close(self, now: float) -> None:
        """End recordings, say goodbye on all legs, close the ports."""
        for each in (self._tape, self._player, self._streams):
            each.close()
        for leg in list(self._rows):
            self._close_leg(CloseLeg(leg), now)
        self._pool.close()

    def _number(self) -> int:
        self._last_number += 1
        return self._last_number

    def _row(self, leg: int) -> int:
        if (row := self._rows.get(leg)) is None:
            raise NoSuchLeg(f"there is no leg {leg}")
        return row

    def _room(self, room: int) -> int:
        if (found := self._rooms.get(room)) is None:
            raise NoSuchLeg(f"there is no room {room}")
        return found

    def _know(self, leg: int, row: int) -> None:
        self._rows[leg] = row
        self._leg_of_row[row] = leg

    def _info(self, leg: int) -> LegInfo:
        ports = self.plane.ports(self._row(leg))
        others = tuple(host for family, host in self._advertised.items() if ports.shared and family != ports.family)
        return LegInfo(leg, self._advertised[ports.family], ports.rtp.port, ports.rtcp.port, others)

    def _open_leg(self, request: OpenLeg, now: float) -> LegInfo:
        if request.room is not None:
            self._room(request.room)
        leg = self._number()
        self._know(leg, self.plane.open(leg, request.spec, now))
        return self._info(leg)

    def _update_leg(self, request: UpdateLeg, now: float) -> LegInfo:
        self.plane.update(self._row(request.leg), request.spec, now)
        return self._info(request.leg)

    def _close_leg(self, request: CloseLeg, now: float) -> LegStats:
        row = self._row(request.leg)
        if self.bridge.talking[row]:
            self._events.append(LegTalking(request.leg, False))
        del self._rows[request.leg], self._leg_of_row[row]
        if self._apps.pop(request.leg, None) is None:
            stats = self.plane.close(row, now)
        else:
            self.bridge.roster.remove(row)
            stats = LegStats()
        self._player.leg_closed(request.leg)
        self._streams.leg_closed(request.leg)
        self._tape.leg_closed(row)
        return stats

    def _create_room(self, request: CreateRoom, now: float) -> Number:
        self._rooms[room := self._number()] = self.bridge.roster.add_room()
        return Number(room)

    def _remove_room(self, request: RemoveRoom, now: float) -> Done:
        bridge_room = self._room(request.room)
        self._tape.room_removed(request.room)
        self._player.room_removed(request.room)
        self._streams.room_removed(request.room)
        del self._rooms[request.room]
        self.bridge.roster.remove_room(bridge_room)
        return Done()

    def _move(self, request: JoinRoom | LeaveRoom, now: float) -> Done:
        room = self._room(request.room) if isinstance(request, JoinRoom) else -1
        self.bridge.roster.move(self._row(request.leg), room)
        return Done()

    def _configure(self, request: Configure, now: float) -> Done:
        row, roster = self._row(request.leg), self.bridge.roster
        changes: tuple[tuple[Callable[[int, Any], None], object], ...] = (
            (roster.set_muted, request.muted),
            (roster.set_deaf, request.deaf),
            (self.plane.set_answered, None if request.leg in self._apps else request.answered),
            (roster.set_gain_in, request.gain_in),
            (roster.set_gain_out, request.gain_out),
            (roster.set_levelled, request.levelled),
        )
        for change, value in changes:
            if value is not None:
                change(row, value)
        return Done()

    def _level_voices(self, request: LevelVoices, now: float) -> Done:
        self.bridge.roster.level_voices(self._room(request.room), request.on)
        return Done()

    def _whisper(self, request: Whisper, now: float) -> Done:
        to = None if request.to is None else [self._row(leg) for leg in request.to]
        self.bridge.roster.set_whisper(self._row(request.leg), to)
        return Done()

    def _send_keys(self, request: SendKeys, now: float) -> Done:
        self.plane.send_keys(self._row(request.leg), request.keys, request.tone_s, request.gap_s, self._asked)
        return Done()

    def _made(self, make: Callable[[int, R, int], object]) -> Callable[[R, float], Number]:
        """Carry out a request by making what it is for, by a number."""

        def make_one(request: R, now: float) -> Number:
            make(number := self._number(), request, self._asked)
            return Number(number)

        return make_one

    def _play(self, request: Play, now: float) -> Number:
        playback = self._number()
        self._player.play(playback, request)
        return Number(playback)

    def metrics(self) -> WorkerMetrics:
        """Give what the engine knows of how it is doing."""
        plane = self.plane
        return WorkerMetrics(
            pid=0,
            legs=len(self._rows),
            rooms=len(self._rooms),
            strangers=plane.strangers,
            unclaimed=plane.unclaimed,
            invalid=plane.invalid,
            unsent=plane.unsent,
            unrecorded_s=self._tape.dropped_s,
        )
