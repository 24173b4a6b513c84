"""The media plane over loopback, by real SIP and RTP: our server, a reflector as the yardstick, others where asked.

    SIZES=10,100 PEER=janus python -m tests.bench media

Everybody is measured in turn, several rounds in one run, on one core, held still while the others are; a figure is
the median of the rounds, a ratio that of two medians. What the load voids is measured again, and said if it stays so.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import msgspec
from msgspec import Struct

from tests.bench.callers import Refused
from tests.bench.calls import per_tick
from tests.bench.cpu import freeze, thaw
from tests.bench.janus import Janus
from tests.bench.load import Begun, Books, LoadSettings, Order, free_port
from tests.bench.peers import Foreign, Ours, Peer, Reflector
from tests.bench.traffic import Scene

LOAD_CORE = 1
CAPACITY = 2048
ROOM, FEW = 10, 3
TRIES = 3
WHOLE, IDLE = 0.98, 0.7


class Plan(Struct, frozen=True, kw_only=True):
    """What is measured.

    Attributes
    ----------
    sizes
        Parties in one room.
    rooms, rough
        Parties in rooms of ten; parties in one room on a line with loss and jitter, whose talkers pause.
    peer
        "janus", or `sip:room@host:port#PID,...` of any SIP bridge that runs; empty: none.
    rounds, seconds
        How often and how long each.
    """

    sizes: tuple[int, ...] = (10, 100, 1000, 2000)
    rooms: tuple[int, ...] = (1000,)
    rough: tuple[int, ...] = (100, 1000)
    peer: str = ""
    rounds: int = 2
    seconds: float = 2.0

    @classmethod
    def asked(cls) -> Self:
        """As the environment says: SIZES, ROOMS, ROUGH, PEER, ROUNDS, SECONDS."""
        given: dict[str, Any] = {
            name: tuple(int(size) for size in os.environ[name.upper()].split(",") if size)
            for name in ("sizes", "rooms", "rough")
            if name.upper() in os.environ
        }
        kinds = (("peer", str), ("rounds", int), ("seconds", float))
        given |= {name: kind(os.environ[name.upper()]) for name, kind in kinds if name.upper() in os.environ}
        return cls(**given)


class Loader:
    """The load's process."""

    def __init__(self) -> None:
        self.port = free_port()
        settings = msgspec.json.encode(LoadSettings(port=self.port, core=LOAD_CORE)).decode()
        command = [sys.executable, "-m", "tests.bench.load", settings]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(self, order: Order) -> float:
        """Begin; the time when the measured part does."""
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order).decode() + "\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._line(), type=Begun).at

    def books(self) -> Books:
        """What came of it."""
        return msgspec.json.decode(self._line(), type=Books)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Reading(Struct, frozen=True, kw_only=True):
    """One peer in one scene: shares of a core of what moves sound and of the rest, and how it went."""

    cpu: float
    control: float
    late: int
    received: float
    heard_dbov: float
    void: str


class Bench:
    """Peers that take turns."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan, self._folder = plan, folder
        self._load = Loader()
        self._peers: list[Peer] = []

    @contextmanager
    def peers(self, *peers: Peer) -> Iterator[None]:
        """Have these, held still; they end with the block."""
        self._peers = list(peers)
        try:
            yield
        finally:
            for peer in peers:
                peer.stop()

    def ours(self, name: str, most: int, room: int | None = None) -> Ours:
        """A server of ours, large enough: an eighth of the legs is not for strangers, as the parties are."""
        return Ours(self._folder / name, self._load.port, max(CAPACITY, most * 8 // 7 + 16), room)

    def other(self) -> list[Peer]:
        """The foreign peer that was asked for."""
        if self._plan.peer == "janus":
            return [Janus(self._folder / "janus", self._load.port)]
        return [Foreign(self._plan.peer, self._load.port)] if self._plan.peer else []

    def compare(self, scenes: dict[str, Scene]) -> dict[str, dict[str, list[Reading]]]:
        """All peers in all scenes in turn; a reflector does all scenes alike: it does the first one only."""
        parties = next(iter(scenes.values())).parties
        found: dict[str, dict[str, list[Reading]]] = {peer.name: {} for peer in self._peers}
        for peer in self._peers:
            thaw(peer.pids)
            peer.grow(parties)
            freeze(peer.pids)
        for _ in range(self._plan.rounds):
            for peer in self._peers:
                for name, scene in list(scenes.items())[: 1 if isinstance(peer, Reflector) else None]:
                    found[peer.name].setdefault(name, []).append(self._measured(peer, scene))
        return found

    def _measured(self, peer: Peer, scene: Scene) -> Reading:
        for _ in range(TRIES):
            reading = self._measure(peer, scene)
            if not reading.void:
                break
        return reading

    def _measure(self, peer: Peer, scene: Scene) -> Reading:
        thaw(peer.pids)
        time.sleep(0.2)
        order = Order(scene=scene, targets=peer.targets, warm_s=peer.warm_s, seconds=self._plan.seconds)
        begin = self._load.order(order)
        time.sleep(max(0.0, begin - time.monotonic()))
        at, before = time.monotonic(), (*peer.cpu_s(), peer.late())
        time.sleep(max(0.0, begin + self._plan.seconds - time.monotonic()))
        after, seconds = (*peer.cpu_s(), peer.late()), time.monotonic() - at
        books = self._load.books()
        freeze(peer.pids)
        sound, control, late = (new - old for new, old in zip(after, before, strict=True))
        return Reading(
            cpu=sound / seconds,
            control=control / seconds,
            late=int(late),
            received=books.received / books.expected,
            heard_dbov=books.heard_dbov,
            void=books.void or _held_up(sound / seconds, books.received / books.expected),
        )

    def told(self) -> dict[str, Any]:
        """What our server says of itself."""
        [ours] = [peer for peer in self._peers if isinstance(peer, Ours)]
        thaw(ours.pids)
        found = {"joins per s": round(ours.joins_per_s), "memory MB": round(ours.memory_bytes() / 2**20)}
        freeze(ours.pids)
        return found

    def stop(self) -> None:
        """End the load."""
        self._load.stop()


def run(plan: Plan | None = None) -> list[dict[str, Any]]:
    """All rows of the table."""
    plan = plan or Plan.asked()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(plan, Path(folder))
        try:
            return list(_rows(bench, plan))
        finally:
            bench.stop()


def _rows(bench: Bench, plan: Plan) -> Iterator[dict[str, Any]]:
    most = max((*plan.sizes, *plan.rough), default=0)
    if most:
        with bench.peers(Reflector(), bench.ours("one", most), *bench.other()):
            for parties in sorted({*plan.sizes, *plan.rough}):
                for rough in [each for each, asked in ((False, plan.sizes), (True, plan.rough)) if parties in asked]:
                    yield _row("rough" if rough else "clean", bench, Scene(parties=parties, rough=rough))
    if plan.rooms:
        with bench.peers(Reflector(), bench.ours("many", max(plan.rooms), ROOM)):
            for parties in plan.rooms:
                yield _row(f"rooms of {ROOM}", bench, Scene(parties=parties, room=ROOM))


def _row(kind: str, bench: Bench, scene: Scene) -> dict[str, Any]:
    """One size: all talking and three of each room."""
    scenes = {"all": scene, str(FEW): msgspec.structs.replace(scene, talkers=FEW)}
    try:
        found = bench.compare(scenes)
    except Refused as error:
        return {"parties": scene.parties, "kind": kind, "void": str(error)}
    yardstick = statistics.median(reading.cpu for reading in found["reflector"]["all"])
    row: dict[str, Any] = {"parties": scene.parties, "kind": kind, "reflector cpu %": percent(yardstick)}
    for name in scenes:
        row |= {f"{name}: {key}": value for key, value in _figures(found, name, yardstick, scene).items()}
    row |= bench.told() | per_tick(scene.parties, scene.room)
    sys.stderr.write(
        f"{kind}, {scene.parties} parties: {row['all: ratio']} x the reflector, {FEW} talking {row['3: ratio']} x\n"
    )
    return row


def _figures(found: dict[str, dict[str, list[Reading]]], name: str, yardstick: float, scene: Scene) -> dict[str, Any]:
    ours = found["worker"][name]
    cpu, control = (statistics.median(getattr(reading, key) for reading in ours) for key in ("cpu", "control"))
    figures: dict[str, Any] = {
        "cpu %": percent(cpu),
        "ratio": round(cpu / yardstick, 2),
        "control cpu %": percent(control),
        "late ticks": sum(reading.late for reading in ours),
        **_went(ours, scene),
    }
    for peer in found.keys() - {"worker", "reflector"}:
        theirs = statistics.median(reading.cpu for reading in found[peer][name])
        figures |= {f"{peer} cpu %": percent(theirs), f"ours / {peer}": round((cpu + control) / theirs, 2)}
        figures |= {f"{peer} {key}": value for key, value in _went(found[peer][name], scene).items()}
    return figures


def _held_up(cpu: float, received: float) -> str:
    """Whether a peer that had the time for it did not send what it should: the machine did not let it."""
    return f"{percent(received)} % came at {percent(cpu)} % of a core" if received < WHOLE and cpu < IDLE else ""


def _went(readings: list[Reading], scene: Scene) -> dict[str, Any]:
    """How whole the sound was that came back."""
    void = [reading.void for reading in readings if reading.void]
    return {
        "received %": percent(min(reading.received for reading in readings)),
        "heard dBov": round(statistics.median(reading.heard_dbov for reading in readings), 1),
        **({"void": f"{len(void)} of {len(readings)}: {void[0]}"} if void else {}),
    }


def percent(share: float) -> float:
    """A share as a figure of a table."""
    return round(100 * share, 1)


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=1)
