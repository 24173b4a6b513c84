"""Compiles, or loads, all kernels of a tick before the first tick: none of them may be late because of that."""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from mixer import kernel
from mixer.bridge import Bridge
from mixer.echo import EchoFinder
from softphone.codec import TABLE, Codec
from softphone.errors import MediaError
from softphone.media.contract.leg import LegSpec, MediaAddress
from softphone.media.contract.security import Srtp
from softphone.media.engine.legs import Leg, Legs
from softphone.media.engine.noticed import Noticed
from softphone.media.engine.parcels import Parcels
from softphone.media.engine.receive import Receiver
from softphone.media.engine.send import Sender
from softphone.media.net.batch import OpenPorts, rehearse
from softphone.media.net.directory import Directory
from softphone.media.net.port import UdpPort
from softphone.media.net.portpool import PortPair
from softphone.media.net.senders import filled, places
from softphone.media.net.slots import ADDRESS_SIZE, Letters, Slots, sockaddr
from softphone.media.rtp import vault
from softphone.media.rtp.keys import KeyReceiver, KeySender

__all__ = ["backwards", "warm"]

HERE = MediaAddress("127.0.0.1", 9)
NO_ROWS = np.zeros(0, np.intp)
NO_PORT = cast(UdpPort, SimpleNamespace(index=0))

log = logging.getLogger(__name__)

_lock = threading.Lock()


def warm(rate_hz: int = 8000, notice: Callable[[int, int], object] | None = None) -> None:
    """Have all kernels of a plane in machine code: once in a process, and but for the first time on a machine at once.

    Parameters
    ----------
    rate_hz
        Of the plane to come.
    notice
        Called while they are compiled, with how many are and how many there are. None: a line in the log says that
        they are, which takes about a minute.
    """
    with _lock, _compiling(notice or _say):
        _run(rate_hz)


def _say(done: int, _all: int) -> None:
    if done == 0:
        log.warning(
            "the loops of the mixer are compiled, which takes about a minute; `softphone compile` does it before"
        )


def _warn() -> None:
    """Say once what makes each tick, or each start, slow."""
    if not kernel.COMPILED:
        log.warning("numba is not installed, or told not to compile: the mixer serves a handful of parties at most")
    elif not kernel.cache_folder(kernel.MIXER):
        log.warning("no folder for compiled loops can be written: each start compiles; MIXER_CACHE_DIR names a folder")


@cache
def _run(rate_hz: int) -> None:
    """Run each kernel, over a plane that sends nothing."""
    _warn()
    for work in _Rehearsal(rate_hz).works():
        work()


class _Rehearsal:
    """A plane that sends nothing: a party that speaks, one of another rate, and what is played to one of them."""

    def __init__(self, rate_hz: int) -> None:
        self._bridge = bridge = Bridge(3, rate_hz)
        room = bridge.roster.add_room()
        self._row, self._source = row, source = bridge.add_party(room, inband_keys=True), bridge.add_source(room)
        bridge.add_party(room, rate_hz=16_000)  # so that sound is carried from lane to lane
        bridge.roster.tape({room: 0b11})
        bridge.roster.set_whisper(source, [row])
        self._legs, self._slots = legs, slots = Legs(3), Slots(4)
        ports = PortPair(NO_PORT, NO_PORT, shared=True)
        legs.add(row, 1, Leg(LegSpec(remote=HERE), ports, KeySender(8000), KeyReceiver(8000)), 0.0)
        self._parcels = Parcels(legs, bridge)
        self._receiver = Receiver(slots, legs, bridge, self._parcels, *[lambda *_: None] * 3)
        self._sender = Sender(legs, bridge.lanes, OpenPorts(), lambda: None)

    def works(self) -> list[Callable[[], object]]:
        """Give what a plane does, in the order in which it does it; each can be done for itself."""
        return [self._receive, self._push, self._listen, self._mix, self._send, self._hide, self._others, self._code]

    def _receive(self) -> None:
        self._receiver.sources.admit(self._row, 0.0)
        self._legs.apply(self._row, 0.0)
        slots = self._slots
        slots.data[0, :12], slots.length[0], slots.address[0] = 0x80, 172, sockaddr(HERE.host, HERE.port)
        filled(slots, 1, NO_PORT.index)
        places(slots.words, slots.local, np.zeros(1, np.int64))
        self._receiver.process(0.0)
        self._receiver.take(OpenPorts(), 0.0)
        self._receiver.sources.dismiss(self._row, 0.0)

    def _push(self) -> None:
        sound = np.full(self._bridge.usual.samples, 1000, np.int16)
        self._bridge.push(self._source, sound)
        self._bridge.flush(self._source)
        self._bridge.push(self._source, sound)

    def _listen(self) -> None:
        self._begin()
        self._bridge.stages.listen()

    def _mix(self) -> None:
        self._begin()
        self._bridge.stages.mix()

    def _begin(self) -> None:
        self._bridge.stages.begin(self._bridge.roster.rows_end, self._bridge.roster.rooms_end)

    def _send(self) -> None:
        self._sender.audio(self._bridge.outcome)
        self._sender.make(self._bridge.outcome)
        self._sender.make_rest(np.array([self._row]))
        self._sender.seal(1)
        self._sender.skip(1)

    def _hide(self) -> None:
        """Receive and send what is encrypted."""
        row, legs = self._row, self._legs
        spec = LegSpec(remote=HERE, srtp=Srtp("AES_CM_128_HMAC_SHA1_80", bytes(30), bytes(30)))
        with contextlib.suppress(MediaError):  # no libsrtp: the others go on
            vault.check(spec.srtp)
            legs.records[row].spec = spec
            self._receive()
            self._send()
            self._sender.letters(Letters(np.zeros((1, 64), np.uint8), np.zeros((1, ADDRESS_SIZE), np.uint8)), NO_ROWS)
            legs.vault.seal(row, bytes(28), report=True)
            legs.vault.open(row, bytes(28), report=True)
            legs.records[row].spec = LegSpec(remote=HERE)
            legs.apply(row, 0.0)

    def _others(self) -> None:
        """Do what is not done in each tick."""
        rehearse()
        self._bridge.tick(0.0)
        plain = Bridge(2)  # no keys, no whispers, no recording
        plain.tick(0.0)
        plain.add_party(room := plain.roster.add_room())
        plain.tick(0.0)
        plain.add_party(room, rate_hz=16_000)
        plain.tick(0.0)
        Directory().lookup(np.zeros(1, np.uint64))
        self._bridge.counters(self._row)
        Noticed(self._bridge, {}, gate=True).events(self._bridge.outcome)
        EchoFinder(2).rehearse()

    def _code(self) -> None:
        """Decode and encode in codecs that remember."""
        for spoken in {each.encoding.upper(): each for each in reversed(TABLE) if each.stateful}.values():
            with contextlib.suppress(MediaError):  # no libopus: the others go on
                self._speak(spoken)

    def _speak(self, spoken: Codec) -> None:
        row, legs, parcels, spec = self._row, self._legs, self._parcels, LegSpec(codec=spoken.name, remote=HERE)
        parcels.prepare(spec)
        self._sender.prepare(spec)
        legs.records[row].spec = spec
        legs.apply(row, 0.0)
        self._bridge.set_rate(row, spoken.rate_hz)
        parcels.forget(row)
        self._sender.tune(row)
        first, legs.waiting[row] = parcels.waiting[row, 0], 1
        first.position, first.samples, first.size = self._bridge.parties[row].cursor, spoken.rate_hz // 50, 160
        first.codec, first.waits = legs.codec[row], True
        parcels.decode(np.array([row]))
        self._sender.make(self._bridge.outcome)


def backwards() -> None:
    """Compile from the other end, while another process does from the beginning and finds what is done already.

    No work needs what another makes; some of that where the two meet is done twice.
    """
    for work in reversed(_Rehearsal(8000).works()):
        work()


@contextmanager
def _compiling(notice: Callable[[int, int], object]) -> Iterator[None]:
    """Call `notice` for each kernel that is compiled, and not loaded, in the block."""
    if not kernel.COMPILED:
        yield
        return
    from numba.core import event

    done, of_all = 0, len(kernel.made())

    class Compilations(event.Listener):  # type: ignore[misc]
        def on_start(self, _event: Any) -> None:
            nonlocal done
            notice(min(done, of_all), of_all)
            done += 1

        def on_end(self, _event: Any) -> None:
            pass

    with event.install_listener("numba:compile", Compilations()):
        yield
