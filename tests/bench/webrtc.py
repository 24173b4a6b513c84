"""Benchmark (h): listeners of WebRTC, and what their checks and handshakes cost the control process.

    python -m tests.bench.webrtc

Three talk in one room, the others listen in Opus, each with keys of its own; beside them the same without encryption.
Their own streams rest. The processor time of ticks is measured, not their pace: a tick may take 20 ms.
"""

import asyncio
import os
import socket
import time
from typing import Any

import numpy as np

from mixer.frame import TICK_S
from softphone.media.contract.leg import Datagram, LegInfo, LegSpec, MediaAddress
from softphone.media.contract.messages import Configure, CreateRoom, JoinRoom, Number, OpenLeg
from softphone.media.contract.security import Ice, Srtp
from softphone.media.engine.engine import Engine
from tests.media.rtp.checks import check
from tests.media.workers.test_webrtc import PASSWORD, PORT, Bridge

SIZES = tuple(int(size) for size in os.environ.get("SIZES", "100,500,1000").split(",") if size)
TICKS, TALKERS, PEERS = 100, 3, 100
PROFILES = ("", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80")


def run() -> list[dict[str, Any]]:
    """One line for each size and way of encryption, and two for the control process."""
    listeners = [_listeners(size, profile) for size in SIZES for profile in PROFILES]
    return [*listeners, *asyncio.run(_control())]


def _spec(number: int, port: int, profile: str) -> LegSpec:
    keys = (number.to_bytes(4) * 8)[: 28 if "GCM" in profile else 30]
    return LegSpec(
        codec="OPUS",
        payload_type=111,
        remote=MediaAddress(f"127.1.{number >> 8}.{number & 255}", port),
        rtcp_mux=True,
        ice=Ice(f"leg{number}", PASSWORD),
        srtp=Srtp(profile, keys, keys) if profile else None,
        timeout_s=0.0,
    )


def _listeners(size: int, profile: str) -> dict[str, Any]:
    """Let three talk to some listeners, and measure what ticks take."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("0.0.0.0", 0))
        engine = Engine(capacity=size + TALKERS + 1)
        room = engine.handle(CreateRoom(), 0.0)
        assert isinstance(room, Number)
        for number in range(size):
            info = engine.handle(OpenLeg(_spec(number, sink.getsockname()[1], profile)), 0.0)
            assert isinstance(info, LegInfo)
            engine.handle(JoinRoom(info.leg, room.value), 0.0)
            engine.handle(Configure(info.leg, answered=True), 0.0)
        talkers = [engine.open_app(room.value, lambda frame: None) for _ in range(TALKERS)]
        at, took = np.arange(160) / 8000, []
        for tick in range(TICKS):
            for number, leg in enumerate(talkers):
                pcm = 6000 * np.sin(2 * np.pi * (300 + 170 * number) * (at + tick * TICK_S))
                engine.push(leg, pcm.astype(np.int16))
            began = time.thread_time()
            engine.tick(tick * TICK_S, tick * TICK_S)
            took.append(1000 * (time.thread_time() - began))
            engine.events()
        engine.close(TICKS * TICK_S)
    usual, slow = np.percentile(took[TICKS // 4 :], (50, 99))
    return {
        "what": f"a tick with {size} listeners",
        "encryption": profile or "none",
        "ms": round(float(usual), 2),
        "p99 ms": round(float(slow), 2),
        "% of a core": round(float(usual) / (10 * TICK_S), 1),
    }


async def _control() -> list[dict[str, Any]]:
    """Let peers come, and ask for consent again and again; a worker of paper takes what is told."""
    bridge = Bridge()
    peers = [await bridge.open(f"leg{number}") for number in range(PEERS)]
    taken, take = 0.0, bridge.worker.on_event

    def measured(event: Any) -> None:
        nonlocal taken
        began = time.thread_time()
        take(event)
        taken += time.thread_time() - began

    bridge.worker.on_event = measured
    for number, peer in enumerate(peers):
        peer.at = MediaAddress("192.0.2.1", 1000 + number)
        peer.check()
        peer.shake_hands()
    joins, taken = taken, 0.0
    for _ in range(10):
        for peer in peers:
            measured(Datagram(PORT, peer.at, check(f"{peer.name}:theirs", PASSWORD.encode())))
    return [
        {"what": "who comes: checks, handshake, keys", "ms": round(1000 * joins / PEERS, 2)},
        {"what": "a check of consent", "ms": round(1000 * taken / (10 * PEERS), 3)},
    ]


if __name__ == "__main__":
    for row in run():
        print(row)  # noqa: T201
