"""A WebRTC peer nobody here wrote talks with a room: real sockets, real DTLS, real SRTP."""

import asyncio
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from softphone.calls.leg import CallLeg
from softphone.calls.moving import move
from softphone.errors import MediaError
from softphone.media.contract.leg import Event, RtpTimeout
from softphone.media.contract.messages import Configure, CreateRoom, JoinRoom
from softphone.media.contract.settings import WorkerSettings
from softphone.media.workers.local import LocalMedia, load
from softphone.media.workers.pool import Pool
from softphone.media.workers.webrtc import WebrtcMedia
from softphone.tasks import Tasks
from tests.support.webrtc_peer import WebPeer, on_loopback

pytestmark = pytest.mark.realtime

OURS_HZ, THEIRS_HZ = 700.0, 1100.0


class Room:
    """A room of one application that speaks a tone, and what it hears."""

    def __init__(self) -> None:
        self.local = LocalMedia(host6="::1")
        self.media = WebrtcMedia(self.local)
        self.media.on_event = self._told
        self.events: list[Event] = []
        self.heard: list[NDArray[np.int16]] = []
        self.tasks = Tasks()
        self._at = 0

    def _told(self, event: Event) -> None:
        self.events.append(event)

    async def open(self) -> "Room":
        await load()
        self.number = (await self.media.ask(CreateRoom())).value
        self.app = self.local.open_app(self.number)
        self.app.on_frame = self._frame
        return self

    def _frame(self, frame: NDArray[np.int16]) -> None:
        self.heard.append(frame.copy())
        at = (self._at + np.arange(160)) / 8000
        self.app.write((8000 * np.sin(2 * np.pi * OURS_HZ * at)).astype(np.int16))
        self._at += 160

    def leg(self) -> CallLeg:
        return CallLeg(self.media, self.tasks, codecs=("OPUS", "PCMU", "PCMA"))

    async def let_in(self, leg: CallLeg) -> None:
        assert leg.number is not None
        await self.media.ask(JoinRoom(leg.number, self.number))
        await self.media.ask(Configure(leg.number, answered=True))

    def hears(self, hz: float) -> bool:
        return share(self.heard[-25:], hz) > 0.8


def share(frames: list[NDArray[np.int16]], hz: float) -> float:
    """Give the share of a tone in the power of frames at 8 kHz."""
    pcm = np.concatenate(frames or [np.zeros(160, np.int16)]).astype(np.float64)
    at = np.arange(len(pcm)) / 8000
    return float(2 * abs(np.mean(pcm * np.exp(-2j * np.pi * hz * at))) ** 2 / max(1.0, np.mean(pcm**2)))


async def until(true: Callable[[], bool]) -> None:
    """Wait for something to be seen; the test's own limit says how long at most."""
    while not true():
        await asyncio.sleep(0.02)


@pytest.fixture
async def room(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Room]:
    on_loopback(monkeypatch)
    opened = await Room().open()
    yield opened
    opened.local.close()


@pytest.fixture
async def peer() -> AsyncIterator[WebPeer]:
    made = WebPeer(THEIRS_HZ)
    yield made
    await made.close()


async def both_hear(room: Room, peer: WebPeer) -> None:
    room.heard.clear()
    peer.heard.clear()
    await until(lambda: len(room.heard) > 40 and room.hears(THEIRS_HZ))
    await until(lambda: len(peer.heard) > 40 and peer.level(OURS_HZ) > 0.8)


async def joined(room: Room, peer: WebPeer) -> CallLeg:
    leg = room.leg()
    await peer.take(await leg.answer(await peer.offer(), room.number))
    await room.let_in(leg)
    return leg


async def test_both_hear_each_other_in_opus_and_hold_keeps_their_keys(room: Room, peer: WebPeer) -> None:
    leg = await joined(room, peer)
    await both_hear(room, peer)
    assert leg.spec.codec == "OPUS"
    before = room.media.told(leg.number or 0).srtp
    peer.pc.getTransceivers()[0].direction = "sendonly"
    await peer.take(await leg.answer(await peer.offer()))
    assert leg.held
    peer.pc.getTransceivers()[0].direction = "sendrecv"
    await peer.take(await leg.answer(await peer.offer()))
    await both_hear(room, peer)
    assert room.media.told(leg.number or 0).srtp == before
    assert not any(isinstance(each, RtpTimeout) for each in room.events)
    await leg.close()


@pytest.mark.parametrize(("setup", "role"), [("passive", "client"), ("active", "server")])
async def test_both_hear_each_other_whoever_begins_dtls(room: Room, setup: str, role: str) -> None:
    peer, leg = WebPeer(THEIRS_HZ, codecs=("PCMU",)), room.leg()
    offer = (await peer.offer()).replace("a=setup:actpass", f"a=setup:{setup}")
    await peer.take(await leg.answer(offer, room.number))
    await room.let_in(leg)
    await both_hear(room, peer)
    assert leg.spec.codec == "PCMU" and leg.spec.ice is not None and leg.spec.ice.dtls == role
    await leg.close()
    await peer.close()


async def test_a_peer_is_reached_by_the_family_that_it_asks_from(
    room: Room, peer: WebPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_loopback(monkeypatch, "::1")
    leg = await joined(room, peer)
    await both_hear(room, peer)
    address = room.media.told(leg.number or 0).remote
    assert address is not None and address.host == "::1"
    await leg.close()


async def test_our_offer_is_answered(room: Room, peer: WebPeer) -> None:
    leg = room.leg()
    leg.session.webrtc = True
    await leg.accept(await peer.answer(await leg.answer(None, room.number)))
    await room.let_in(leg)
    await both_hear(room, peer)
    await peer.close()  # which says goodbye
    await until(lambda: RtpTimeout(leg.number or 0) in room.events)
    await leg.close()


async def test_a_peer_with_another_certificate_is_not_heard(room: Room, peer: WebPeer) -> None:
    leg, offer = room.leg(), await peer.offer()
    value = next(line for line in offer.splitlines() if line.startswith("a=fingerprint:sha-256"))
    other = value[:-2] + ("00" if value[-2:] != "00" else "01")
    kept = "".join(f"{line}\r\n" for line in offer.splitlines() if not line.startswith("a=fingerprint:sha-"))
    await peer.take(await leg.answer(kept.replace("a=setup", f"{other}\r\na=setup"), room.number))
    await room.let_in(leg)
    await until(lambda: RtpTimeout(leg.number or 0) in room.events)
    assert room.media.ended["refused"] == 1 and peer.heard == []
    await leg.close()


async def test_two_hear_each_other_through_workers_of_their_own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    on_loopback(monkeypatch)
    pool, tasks = Pool(WorkerSettings(capacity=8, gate=False), 2), Tasks()
    await pool.start()
    media, events = WebrtcMedia(pool), list[Event]()
    media.on_event = events.append
    peers = [WebPeer(OURS_HZ), WebPeer(THEIRS_HZ, codecs=("PCMA",))]
    legs = [CallLeg(media, tasks, codecs=("OPUS", "PCMA")) for _ in peers]
    await media.ask(CreateRoom())
    room = (await media.ask(CreateRoom())).value  # on the second worker
    for peer, leg in zip(peers, legs, strict=True):
        await peer.take(await leg.answer(await peer.offer(), room))
        await media.ask(JoinRoom(leg.number or 0, room))
        await media.ask(Configure(leg.number or 0, answered=True))
    await until(lambda: peers[0].level(THEIRS_HZ) > 0.8 and peers[1].level(OURS_HZ) > 0.8)
    await peers[0].close()
    await until(lambda: RtpTimeout(legs[0].number or 0) in events)
    for leg in legs:
        await leg.close()
    await peers[1].close()
    await pool.stop()


async def test_a_peer_that_came_by_http_moves_to_another_worker_by_an_offer_that_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_loopback(monkeypatch)
    pool, tasks = Pool(WorkerSettings(capacity=8, gate=False), 2), Tasks()
    await pool.start()
    media, peers = WebrtcMedia(pool), [WebPeer(OURS_HZ), WebPeer(THEIRS_HZ), WebPeer(THEIRS_HZ)]
    rooms = [(await media.ask(CreateRoom())).value for _ in range(2)]
    legs = [CallLeg(media, tasks) for _ in range(2)]
    for peer, leg, room in zip(peers, legs, rooms, strict=False):  # on a worker each
        await peer.take(await leg.answer(await peer.offer(), room))
        await media.ask(JoinRoom(leg.number or 0, room))
        await media.ask(Configure(leg.number or 0, answered=True))
    moves, before = legs[1], legs[1].info
    with pytest.raises(MediaError, match="cannot be asked"):
        await move(moves, media, rooms[0])
    assert moves.info == before

    async def offer_anew() -> None:
        await peers[2].take(await moves.answer(await peers[2].offer()))

    moves.ask_offer = lambda: tasks.start(offer_anew()) is not None
    await move(moves, media, rooms[0])
    await media.ask(JoinRoom(moves.number or 0, rooms[0]))
    await media.ask(Configure(moves.number or 0, answered=True))
    await until(lambda: peers[0].level(THEIRS_HZ) > 0.8 and peers[2].level(OURS_HZ) > 0.8)
    for leg in legs:
        await leg.close()
    for peer in peers:
        await peer.close()
    await pool.stop()
