"""An encrypted leg that moves to another worker after its peer has sent more packets than RTP can number."""

import asyncio
import base64
import secrets

import pytest

from softphone.calls.leg import CallLeg
from softphone.calls.moving import move
from softphone.media.contract.leg import LegStats
from softphone.media.contract.messages import Configure, CreateRoom, GetStats, JoinRoom
from softphone.media.contract.security import Srtp
from softphone.media.contract.settings import WorkerSettings
from softphone.media.workers.pool import Pool
from softphone.srtp import SRTP_PROFILES
from softphone.tasks import Tasks
from tests.media.peer import SILENCE, drained
from tests.media.srtp import SecretPeer, Secrets

pytestmark = pytest.mark.realtime

LEAP = 30_000


class Telephone(SecretPeer):
    """A phone that keeps its key in each offer, and counts on."""

    def __init__(self, profile: str) -> None:
        size = SRTP_PROFILES[profile]
        super().__init__(Srtp(profile, bytes(size), secrets.token_bytes(size)))
        self.profile, self.key, self.version = profile, secrets.token_bytes(size), 0
        self.out = Secrets(profile, self.key)

    def offer(self) -> str:
        self.version += 1
        key, port = base64.b64encode(self.key).decode(), self.address.port
        return (
            f"v=0\r\no=- 1 {self.version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {port} RTP/SAVP 0\r\na=crypto:1 {self.profile} inline:{key}\r\n"
        )

    def take(self, answer: str) -> None:
        lines = answer.splitlines()
        self.to = "127.0.0.1", int(next(line.split()[1] for line in lines if line.startswith("m=audio")))
        key = base64.b64decode(next(line.split("inline:")[1] for line in lines if line.startswith("a=crypto")))
        if Secrets(self.profile, key).media.key != self.inward.media.key:
            self.inward = Secrets(self.profile, key)


class Call:
    """A leg in the rooms of two workers, whose peer offers anew when it is asked to."""

    def __init__(self, profile: str) -> None:
        self.pool, self.tasks = Pool(WorkerSettings(capacity=8, gate=False), 2), Tasks()
        self.phone, self.leg = Telephone(profile), CallLeg(self.pool, self.tasks, codecs=("PCMU",))
        self.leg.ask_offer = lambda: self.tasks.start(self.offer(None)) is not None

    async def offer(self, room: int | None) -> None:
        self.phone.take(await self.leg.answer(self.phone.offer(), room))

    async def enter(self, room: int) -> None:
        await self.pool.ask(JoinRoom(self.leg.number or 0, room))
        await self.pool.ask(Configure(self.leg.number or 0, answered=True))

    async def talk(self, packets: int) -> LegStats:
        for _ in range(packets):
            self.phone.say(SILENCE)
            await asyncio.sleep(0.02)
        return await self.pool.ask(GetStats(self.leg.number or 0))

    async def close(self) -> None:
        await self.leg.close()
        self.phone.close()
        await self.pool.stop()


@pytest.mark.parametrize("profile", ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"])
async def test_a_peer_that_has_sent_more_packets_than_have_numbers_is_heard_where_its_leg_moves(profile: str) -> None:
    call = Call(profile)
    await call.pool.start()
    rooms = [(await call.pool.ask(CreateRoom())).value for _ in range(2)]
    await call.offer(rooms[0])
    await call.enter(rooms[0])
    for _ in range(6):  # the numbers begin anew twice
        assert (await call.talk(5)).refused == 0
        call.phone.seq += LEAP
    for room in reversed(rooms):
        before = call.leg.number
        await move(call.leg, call.pool, room)
        await call.enter(room)
        drained(call.phone.rtp)
        found = await call.talk(10)
        assert call.leg.number != before and (found.refused, found.packets_received) == (0, 10)
        assert len(call.phone.heard()) > 3
    await call.close()
