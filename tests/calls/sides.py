"""Two sides of a call in memory: SIP stacks on a wire, their legs, and workers of paper that can be made to refuse."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from softphone import sdp
from softphone.calls.leg import CallLeg
from softphone.errors import MediaFull, OwnAddress
from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress
from softphone.media.contract.messages import CloseLeg, GetKeys, OpenLeg, UpdateLeg
from softphone.media.contract.security import Srtp
from softphone.sip.ua.call import InviteSession
from softphone.tasks import Tasks
from softphone.testing.bridge import PaperMedia
from softphone.testing.clock import run
from softphone.testing.wire import Ether

OPPOSITE = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}


class Worker(PaperMedia):
    """What its legs do; `full`: it refuses; `slow_s`: it takes its time, and then has done it."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.specs: dict[int, LegSpec] = {}
        self.full = False
        self.slow_s = 0.0
        self._port = port
        self.serve[GetKeys] = self._keys

    async def _keys(self, request: GetKeys) -> Srtp | None:
        return self.specs[request.leg].srtp

    async def _open_leg(self, request: OpenLeg) -> LegInfo:
        return await asyncio.shield(asyncio.ensure_future(self._open(request)))

    async def _open(self, request: OpenLeg) -> LegInfo:
        """Open it, whoever waits for the answer."""
        leg = (await super()._open_leg(request)).leg
        return await self._update_leg(UpdateLeg(leg, request.spec))

    async def _update_leg(self, request: UpdateLeg) -> LegInfo:
        leg = request.leg
        await self._there(leg)
        if self.full:
            raise MediaFull("no port is left")
        self.specs[leg] = request.spec
        await asyncio.sleep(self.slow_s)
        return LegInfo(leg, "127.0.0.1", self._port + 2 * leg, self._port + 2 * leg + 1)

    async def _close_leg(self, request: CloseLeg) -> None:
        self.specs.pop(request.leg, None)
        await super()._close_leg(request)


class Side:
    """One side: its worker, and its leg, which may refuse what is offered."""

    def __init__(self, ether: Ether, port: int) -> None:
        self.worker = Worker(port)
        self.media: Any = self.worker
        self.tasks = Tasks()
        self.leg = CallLeg(self.media, self.tasks)
        self.leg.on_check = self._check
        self.refuses = False
        self.stack = ether.stack(on_invite=self._invited)

    def _check(self, spec: LegSpec) -> None:
        if self.refuses:
            raise OwnAddress("that is our own address")

    async def _invited(self, call: InviteSession) -> None:
        self.leg.attach(call)
        await self.leg.pick_up(await self.leg.answer(call.remote_sdp))

    @property
    def state(self) -> object:
        """All that a failed offer may not change."""
        call = self.leg.call
        assert call is not None
        said = call.local_sdp, call.remote_sdp, call.state
        leg = self.leg
        return leg.session.agreement, leg.spec, leg.direction, leg.info, dict(self.worker.specs), said


class Sides:
    """A call of `a` to `b`."""

    def __init__(self) -> None:
        self.ether = Ether()
        self.a, self.b = Side(self.ether, 10_000), Side(self.ether, 20_000)

    async def begin(self) -> None:
        offer = await self.a.leg.answer(None)
        call = await self.a.stack.invite(f"sip:b@127.0.0.1:{self.b.stack.port}", offer, from_uri="sip:a@127.0.0.1")
        self.a.leg.attach(call)
        await self.a.leg.accept(call.remote_sdp or "")
        await asyncio.sleep(1)

    def agree(self) -> None:
        """Each sends what the other takes, there where the other takes it, and the worker of each does so."""
        for one, other in ((self.a, self.b), (self.b, self.a)):
            assert other.leg.info is not None
            assert one.leg.spec.direction == OPPOSITE[other.leg.spec.direction]
            assert one.leg.spec.remote == MediaAddress(other.leg.info.host, other.leg.info.port)
            assert one.leg.spec.codec == other.leg.spec.codec
            assert list(one.worker.specs.values()) == [one.leg.spec]
            assert one.leg.held is not one.leg.spec.sends

    def versions(self) -> None:
        """What has a version is said once: another text has a later one (RFC 3264 section 8)."""
        latest: dict[int, sdp.SessionDescription] = {}
        for message in dict.fromkeys(self.ether.messages):
            body = message.partition(b"\r\n\r\n")[2]
            if body.startswith(b"v=0"):
                said = sdp.parse(body)
                before = latest.setdefault(said.origin.session_id, said)
                assert said == before or said.origin.version > before.origin.version, (str(before), str(said))
                latest[said.origin.session_id] = said


def scene(work: Callable[[Sides], Coroutine[Any, Any, None]], *, called: bool = True) -> Sides:
    """Play a scene; `called`: the call stands when it begins."""
    all_sides: list[Sides] = []

    async def play() -> None:
        sides = Sides()
        all_sides.append(sides)
        await sides.a.stack.start()
        await sides.b.stack.start()
        if called:
            await sides.begin()
        await work(sides)
        await sides.a.stack.stop()
        await sides.b.stack.stop()

    run(play())
    return all_sides[0]
