"""Telephones that send RTP from another port than their SDP says: heard, and sent to, by bridge and agent alike."""

import asyncio
import re
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from mixer import g711
from softphone import Agent, Call
from tests.support.processes import LOOPBACK, ServerProcess
from tests.support.raw import RawPhone
from tests.support.rest import Rest
from tests.support.tones import amplitude_of, sine

pytestmark = [pytest.mark.timeout(120), pytest.mark.realtime]


class Handset(RawPhone):
    """A raw telephone with one RTP socket that says a tone; `named`: whether its SDP tells the port of that."""

    def __init__(self, address: tuple[str, int], user: str, hz: float, *, named: bool) -> None:
        super().__init__(address, user, f"other-port-{hz}")
        self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind((LOOPBACK, 0))
        self.rtp.setblocking(False)
        self.named = self.rtp.getsockname()[1] if named else 9
        self.codes = g711.encode(sine(hz, 1.0), g711.ENCODE_ULAW).tobytes()
        self.said, self.ssrc = 0, int(hz)
        self.heard = b""
        self.to_media = (LOOPBACK, 0)

    def call(self) -> None:
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        answer = self.invite("\r\n".join([*lines, f"m=audio {self.named} RTP/AVP 0", ""]))
        found = re.search(r"^m=audio (\d+) ", answer, re.MULTILINE)
        assert found, answer
        self.to_media = (LOOPBACK, int(found[1]))

    def frame(self) -> None:
        """Say the next 20 ms, and take what has come."""
        at = self.said * 160 % 8000
        header = struct.pack(">BBHII", 0x80, 0, self.said & 0xFFFF, self.said * 160, self.ssrc)
        self.rtp.sendto(header + self.codes[at : at + 160], self.to_media)
        self.said += 1
        while True:
            try:
                self.heard = (self.heard + self.rtp.recv(2048)[12:])[-1600:]
            except BlockingIOError:
                return

    def hears(self, hz: float) -> bool:
        pcm = g711.decode(np.frombuffer(self.heard, np.uint8), g711.DECODE_ULAW)
        return len(pcm) == 1600 and amplitude_of(pcm, hz) > 0.05

    def close(self) -> None:
        self.rtp.close()
        self.socket.close()


@contextmanager
def handset(address: tuple[str, int], user: str, hz: float, *, named: bool = False) -> Iterator[Handset]:
    phone = Handset(address, user, hz, named=named)
    try:
        yield phone
    finally:
        phone.close()


def test_the_bridge_hears_it_and_what_ended_before_is_not_it(server: ServerProcess, rest: Rest) -> None:
    token = str(rest.token())
    with (
        handset(server.sip_address, token, 620.0, named=True) as ended,
        handset(server.sip_address, token, 440.0, named=True) as listener,
        handset(server.sip_address, token, 850.0) as odd,
    ):
        for phone in (ended, listener):
            phone.call()
        phones = [ended, listener]
        talk_until(phones, lambda: listener.hears(620.0))
        ended.send("BYE")
        ended.receive("200", f"{ended.number} BYE")
        odd.call()
        talk_until([ended, listener], lambda: not listener.hears(620.0), frames=50)
        talk_until([ended, listener, odd], lambda: listener.hears(850.0) and odd.hears(440.0))
        assert not listener.hears(620.0)


def talk_until(phones: list[Handset], condition: Callable[[], bool], frames: int = 1) -> None:
    """Let telephones talk for some frames and until something is true; the test's time limit is the limit."""
    while frames > 0 or not condition():
        for phone in phones:
            phone.frame()
        frames -= 1
        time.sleep(0.02)


async def test_an_agent_hears_it() -> None:
    answered: asyncio.Queue[Call] = asyncio.Queue()

    async def answer(call: Call) -> None:
        await call.accept()
        answered.put_nowait(call)

    async with Agent("sip:callee@127.0.0.1", on_call=answer) as agent:
        found = re.search(r"@([\d.]+):(\d+)", agent.contact)
        assert found
        with handset((found[1], int(found[2])), "callee", 850.0) as odd:
            await asyncio.to_thread(odd.call)
            call = await answered.get()
            saying = asyncio.create_task(call.play(sine(440, 60.0)))
            talking = asyncio.create_task(asyncio.to_thread(talk_until, [odd], lambda: odd.hears(440.0), 100))
            heard = [frame async for frame in _until(call, 850.0)]
            await talking
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)
            assert heard


async def _until(call: Call, hz: float) -> AsyncIterator[object]:
    """Give frames until a tone has been heard in one."""
    async for frame in call.frames():
        yield frame
        if amplitude_of(frame, hz) > 0.05:
            return
