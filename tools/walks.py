"""How far one thing that happens travels through the files: `python -m tools.walks`, from the root of the repository.

Five walks, traced in the real code: a tick of media with three talkers, an INVITE to its 200, a microphone turned off
over HTTP, the keys ``*91``, and a recording begun and ended. Signalling runs over a wire in memory, the media worker of
the last four is on paper (`softphone.testing`), the clock jumps. For each walk:

* files: product files that ran, by folder;
* hops: calls from one product file into another. What a coroutine does when it goes on is no call;
* climbs: hops into a file that stands higher than its caller. The height of a file is the longest chain of imports
  below it (files that import each other have one height; imports for types only do not count);
* deepest: the most product functions on the stack at a time.

What runs in other threads, in C and in generated methods is not seen; modules that are read on the way do not count.
"""

import argparse
import ast
import asyncio
import contextvars
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import httpx
import numpy as np
import structlog

from mixer.recording import WavFile
from softphone.api.app import create_app
from softphone.api.auth.grants import Grants
from softphone.focus.session import TelephonySession
from softphone.media.contract.leg import KeyPressed, RecordingInfo
from softphone.media.contract.messages import Number, Record, StopRecording
from softphone.media.engine.engine import Engine
from softphone.testing.bridge import offer
from softphone.testing.clock import run
from tests.focus.switchboard import Switchboard
from tests.media.peer import Driver, Peer

ROOT = Path(__file__).parents[1]
PACKAGES = ("mixer", "softphone")
# The wire in memory, the worker of paper and the clock that jumps are no part of a walk.
STAND_INS = ROOT / "softphone" / "testing"
# Set for what belongs to a walk: tasks and callbacks inherit it from what began them; timers of older calls have not.
ON_THE_WAY = contextvars.ContextVar("ON_THE_WAY", default=False)

INVITE = """INVITE sip:{user}@127.0.0.1:{port} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-walk-{count}
Max-Forwards: 70
From: <sip:guest@127.0.0.1>;tag=walk{count}
To: <sip:{user}@127.0.0.1>
Call-ID: walk-{count}@127.0.0.1
CSeq: 1 INVITE
Contact: <sip:guest@127.0.0.1:9>
Content-Type: application/sdp
Content-Length: {length}

"""
ACK = """ACK {contact} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-walk-ack-{count}
Max-Forwards: 70
From: <sip:guest@127.0.0.1>;tag=walk{count}
To: {to}
Call-ID: walk-{count}@127.0.0.1
CSeq: 1 ACK
Content-Length: 0

"""


def imports(path: Path) -> Iterator[str]:
    """Read which modules a file imports when it runs; what it imports of a package may be a module, too."""
    typing_only: set[ast.AST] = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            typing_only.update(each for statement in node.body for each in ast.walk(statement))
    for node in ast.walk(tree):
        if node in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


class Heights:
    """How high each product file stands above those that it imports."""

    def __init__(self) -> None:
        paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
        modules = {self._dotted(path): path for path in paths}
        self._below = {path: {modules[name] for name in imports(path) if name in modules} - {path} for path in paths}
        self._reached = {path: self._reach(path) for path in paths}
        self._known: dict[Path, int] = {}

    @staticmethod
    def _dotted(path: Path) -> str:
        return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")

    def _reach(self, path: Path) -> set[Path]:
        found: set[Path] = set()
        open_ = [path]
        while open_:
            new = self._below[open_.pop()] - found
            found |= new
            open_ += new
        return found

    def of(self, path: Path) -> int:
        """Count the longest chain of imports below a file."""
        if path not in self._known:
            group = {path} | {each for each in self._reached[path] if path in self._reached[each]}
            lower = {each for member in group for each in self._below[member]} - group
            height = max((self.of(each) + 1 for each in lower), default=0)
            self._known |= dict.fromkeys(group, height)
        return self._known[path]


@dataclass
class Walk:
    """What was seen of one walk."""

    name: str
    files: set[Path] = field(default_factory=set)
    hops: int = 0
    climbs: "Counter[tuple[Path, Path]]" = field(default_factory=Counter)
    deepest: int = 0

    def told(self) -> str:
        """Write a line for the walk, and one for each way up."""
        folders = Counter("/".join(path.parts[: 1 if path.parts[0] == "mixer" else 2]) for path in self.files)
        where = ", ".join(f"{folder} {count}" for folder, count in folders.most_common())
        up = sum(self.climbs.values())
        line = f"{self.name:34} {len(self.files):5} {self.hops:5} {up:6} {self.deepest:8}   {where}"
        return "\n".join([line, *(f"    up: {a} -> {b} ({n})" for (a, b), n in sorted(self.climbs.items()))])


class Tracer:
    """Sees the calls of product functions while it is on (`sys.setprofile`)."""

    def __init__(self, heights: Heights) -> None:
        self._heights = heights
        self._paths: dict[str, Path | None] = {}
        # Frames that began: one that is met again is a coroutine that goes on. Held, so that no id is used twice.
        self._begun: set[FrameType] = set()

    @contextmanager
    def walk(self, name: str) -> Iterator[Walk]:
        """See one walk."""
        walk = Walk(name)

        def seen(frame: FrameType, event: str, _arg: object) -> None:
            if event == "call" and ON_THE_WAY.get():
                self._called(walk, frame)

        token = ON_THE_WAY.set(True)
        sys.setprofile(seen)
        try:
            yield walk
        finally:
            sys.setprofile(None)
            ON_THE_WAY.reset(token)
            self._begun.clear()

    def _path(self, frame: FrameType) -> Path | None:
        name = frame.f_code.co_filename
        if name not in self._paths:
            path = Path(name)
            ours = any(path.is_relative_to(ROOT / each) for each in PACKAGES) and not path.is_relative_to(STAND_INS)
            self._paths[name] = path.relative_to(ROOT) if ours else None
        return self._paths[name]

    def _called(self, walk: Walk, frame: FrameType) -> None:
        path = self._path(frame)
        if path is None or frame.f_code.co_name == "<module>":
            return
        walk.files.add(path)
        callers = [each for each in _callers(frame) if self._path(each) is not None]
        walk.deepest = max(walk.deepest, len(callers) + 1)
        if frame in self._begun:
            return
        self._begun.add(frame)
        caller = self._path(callers[0]) if callers else None
        if caller is not None and caller != path:
            walk.hops += 1
            if self._heights.of(ROOT / path) > self._heights.of(ROOT / caller):
                walk.climbs[caller, path] += 1


def _callers(frame: FrameType) -> Iterator[FrameType]:
    above = frame.f_back
    while above is not None:
        yield above
        above = above.f_back


def packets(tracer: Tracer) -> Walk:
    """Walk through a tick in which three parties of a room talk."""
    engine = Engine(capacity=16)
    driver, peers = Driver(engine), [Peer() for _ in range(3)]
    try:
        room = driver.room()
        for peer in peers:
            driver.open(peer, room)
        loud = bytes([0x10, 0x90] * 80)
        for _ in range(20):
            for peer in peers:
                peer.say(loud)
            driver.tick()
        for peer in peers:
            peer.say(loud)
        with tracer.walk("packets: one tick, 3 talking") as walk:
            driver.tick()
    finally:
        engine.close(driver.now + 1)
        for peer in peers:
            peer.close()
    return walk


class Scene:
    """A conference of 101 with two callers, one of them the host, and what may be done to it."""

    def __init__(self, board: Switchboard) -> None:
        self._board, self._calls = board, 0
        self.session: TelephonySession
        board.paper.media.serve |= {Record: self._record, StopRecording: self._stop_recording}

    async def _record(self, request: Record) -> Number:
        # Not the work of the control side: in a thread, which is not seen.
        await asyncio.to_thread(self._write, request.path)
        return Number(1)

    @staticmethod
    def _write(path: str) -> None:
        with WavFile(path, 8000) as file:
            file.write(np.zeros(8000, np.int16))

    async def _stop_recording(self, _request: StopRecording) -> RecordingInfo:
        return RecordingInfo("", 1.0)

    async def begin(self) -> None:
        """Let two parties in, and let the announcements end."""
        owner = self._board.paper.accounts.extensions["101"]
        self.session = await self._board.focus.create_conference(owner)
        phone = await self._board.telephone("101")
        await phone.call(str(self.session.token))
        await self.confirm(await self.invite())

    async def invite(self) -> str:
        """Call with the token, as somebody who is not known, until the 200 is sent; gives the ACK."""
        self._calls += 1
        ether, port, body = self._board.ether, self._board.stack.port, offer()
        head = INVITE.format(user=self.session.token, port=port, count=self._calls, length=len(body))
        before = len(ether.messages)
        ether.inject(head + body.replace("\r\n", "\n"), port)
        while not (sent := [each for each in ether.messages[before:] if each.startswith(b"SIP/2.0 200")]):
            await asyncio.sleep(0.001)
        fields = dict(line.split(": ", 1) for line in sent[0].decode().partition("\r\n\r\n")[0].split("\r\n")[1:])
        contact = fields["Contact"].partition("<")[2].partition(">")[0]
        return ACK.format(contact=contact, to=fields["To"], count=self._calls)

    async def confirm(self, ack: str) -> None:
        """Send an ACK, and let the announcements end."""
        self._board.ether.inject(ack, self._board.stack.port)
        await asyncio.sleep(5)

    async def press(self, keys: str) -> None:
        """Let the host press keys, as the worker tells it."""
        host = next(each for each in self.session.parties.values() if each.extension_id)
        leg = self._board.focus.room(self.session.id).member(host.id).leg
        assert leg is not None
        for key in keys:
            self._board.paper.media.on_event(KeyPressed(leg, key))
            await asyncio.sleep(0.3)

    def client(self) -> httpx.AsyncClient:
        """Make a client of the HTTP application, logged in as 101."""
        paper, config = self._board.paper, self._board.config
        grants = Grants(config.token)
        context: Any = SimpleNamespace(
            focus=paper.focus, accounts=paper.accounts, control=paper.control, grants=grants, config=config
        )
        owner = paper.accounts.extensions["101"]
        token = grants.issue("dev-client", owner.id, time.monotonic()).access
        untold: Any = None
        transport = httpx.ASGITransport(create_app(context, untold))
        return httpx.AsyncClient(transport=transport, base_url="http://x", headers={"Authorization": f"Bearer {token}"})


async def _muted(scene: Scene, tracer: Tracer) -> list[Walk]:
    session = scene.session
    party = next(each for each in session.parties.values() if not each.extension_id)
    ways = {
        "mute: our API": f"/api/v1/conferences/{session.id}/parties/{party.id}",
        "mute: RingCentral's API": f"/restapi/v1.0/account/~/telephony/sessions/{session.id}/parties/{party.id}",
    }
    walks = []
    async with scene.client() as client:
        for name, path in ways.items():
            # The first request builds the application.
            await client.patch(path, json={"muted": False})
            with tracer.walk(name) as walk:
                answer = await client.patch(path, json={"muted": True})
                await asyncio.sleep(1)
            assert answer.status_code == 200 and answer.json()["muted"], answer.text
            walks.append(walk)
            await client.patch(path, json={"muted": False})
            await asyncio.sleep(1)
    return walks


async def _told(scene: Scene, tracer: Tracer, control: Any) -> list[Walk]:
    walks = []
    with tracer.walk("INVITE to its 200") as walk:
        ack = await scene.invite()
    walks.append(walk)
    await scene.confirm(ack)
    walks += await _muted(scene, tracer)
    with tracer.walk("keys *91") as walk:
        await scene.press("*91")
    assert scene.session.muted_all
    walks.append(walk)
    await asyncio.sleep(5)
    with tracer.walk("recording: start and stop") as walk:
        await control.start_recording(scene.session.id)
        await asyncio.sleep(2)
        await control.stop_recording(scene.session.id)
        await asyncio.sleep(2)
    walks.append(walk)
    await control.end(scene.session.id)
    await asyncio.sleep(60)
    return walks


async def _signalled(tracer: Tracer, folder: Path) -> list[Walk]:
    async with Switchboard(folder) as board:
        scene = Scene(board)
        await scene.begin()
        return await _told(scene, tracer, board.paper.control)


def main() -> None:
    """Walk, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", action="store_true", help="name the files of each walk")
    named = parser.parse_args().files
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    tracer = Tracer(Heights())
    with tempfile.TemporaryDirectory() as folder:
        walks = [packets(tracer), *run(_signalled(tracer, Path(folder)))]
    lines = [f"{'walk':34} {'files':>5} {'hops':>5} {'climbs':>6} {'deepest':>8}   files by folder"]
    for walk in walks:
        lines.append(walk.told())
        lines += [f"    {path}" for path in sorted(walk.files)] if named else []
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
