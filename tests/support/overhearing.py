"""A telephone that keeps each packet an agent of ours sends: what was said frame by frame, however long it took."""

import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from softphone import Agent, Call
from softphone.sip.driver import StackSettings
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from tests.support.processes import LOOPBACK
from tests.support.tones import Pcm, from_mulaw

FRAME = 160


@asynccontextmanager
async def overheard() -> AsyncIterator[tuple[Call, Callable[[], Pcm]]]:
    """A call of ours, and what it has said since this was last asked, int16, shape (frames, 160).

    The packets wait in the socket, which holds five seconds of them.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as media:
        media.bind((LOOPBACK, 0))
        media.setblocking(False)
        port = media.getsockname()[1]
        lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0", f"m=audio {port} RTP/AVP 0"]

        async def answer(call: InviteSession) -> None:
            await call.answer("\r\n".join([*lines, "a=rtcp-mux", ""]))

        phone = Stack(StackSettings(), on_invite=answer)
        await phone.start()
        try:
            async with Agent() as agent:
                call = await agent.invite(f"sip:phone@{phone.host}:{phone.port}")
                yield call, lambda: _frames(media)
        finally:
            await phone.stop()


def _frames(media: socket.socket) -> Pcm:
    packets = []
    while True:
        try:
            packet = media.recv(2048)
        except BlockingIOError:
            break
        if packet[1] & 0x7F == 0:
            packets.append(packet)
    numbers = [struct.unpack_from("!H", packet, 2)[0] for packet in packets]
    assert all(after == before + 1 & 0xFFFF for before, after in zip(numbers, numbers[1:], strict=False)), "lost here"
    return from_mulaw(b"".join(packet[12:] for packet in packets)).reshape(-1, FRAME)
