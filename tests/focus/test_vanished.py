"""Clients that are gone without a word: out of the roster in time, and nothing of them is kept.

A thousand cycles; `VANISH_CYCLES=10000` before pytest makes it longer.
"""

import asyncio
import os
import re
import socket
import struct
from pathlib import Path

import pytest

from softphone.focus.session import TelephonySession
from softphone.media.contract.leg import RtpTimeout
from softphone.server import Server
from tests.focus.phone import bridge, conference
from tests.focus.table import until
from tests.focus.test_kept import Crowd, at_a_conference, held
from tests.support.processes import open_sockets
from tests.support.raw import header, offer

RTP_TIMEOUT_S = 1.0
CYCLES = int(os.environ.get("VANISH_CYCLES", "1000"))
# A connection that is reset is read to its end, closed and forgotten in turns of the loop.
AT_ONCE = 10


def test_who_loses_its_power_leaves_nothing(tmp_path: Path) -> None:
    """They answer nothing any more, not even the BYE."""
    there: list[int] = []

    async def work(crowd: Crowd) -> None:
        board = crowd.board
        (room,) = board.focus.conferences.values()
        for number in range(1, CYCLES + 1):
            phone = await board.telephone("guest", register=False)
            await phone.call(crowd.token)
            await board.leave(board.telephones.pop())
            board.focus.on_media_event(RtpTimeout(max(board.focus.context.legs)))
            assert len(room.members) == 1
            if number % 50 == 0:
                board.ether.messages.clear()
                board.ether.sent.clear()
            if number in (CYCLES // 2, CYCLES * 3 // 4, CYCLES):
                await asyncio.sleep(70.0)
                assert len(board.stack.calls) == 1
                there.append(held(board))

    at_a_conference(tmp_path, work)
    assert max(there) - min(there) < 50, there


class Connected:
    """A caller by TCP, of text templates."""

    def __init__(self, server: Server, session: TelephonySession, number: int) -> None:
        self.port = server.stack.port
        self.uri = f"sip:{session.token}@127.0.0.1:{self.port}"
        self.number = number
        self.to = f"<{self.uri}>"

    async def join(self, direction: str = "sendrecv") -> None:
        """INVITE, 200, ACK."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        self._send("INVITE", offer(direction))
        answer = ""
        while not answer.startswith("SIP/2.0 200"):
            answer = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            assert not re.match(r"SIP/2.0 [3-6]", answer), answer
            await self.reader.readexactly(int(header(answer, "Content-Length")))
        self.to = header(answer, "To")
        self._send("ACK")
        await self.writer.drain()

    def _send(self, method: str, body: str = "") -> None:
        here = f"127.0.0.1:{self.writer.get_extra_info('sockname')[1]}"
        kind = "Content-Type: application/sdp\r\n" if body else ""
        self.writer.write(
            f"{method} {self.uri} SIP/2.0\r\nVia: SIP/2.0/TCP {here};branch=z9hG4bK-{self.number}{method}\r\n"
            f"From: <sip:x{self.number}@127.0.0.1>;tag=x{self.number}\r\nTo: {self.to}\r\n"
            f"Call-ID: gone-{self.number}\r\nCSeq: 1 {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:x@{here};transport=tcp>\r\n{kind}"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )

    def vanish(self, how: str) -> None:
        """Reset the connection, close it, or only this end of it."""
        match how:
            case "reset":
                sock = self.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.writer.transport.abort()
            case "close":
                self.writer.close()
            case "half close":
                self.writer.write_eof()


def sockets(server: Server) -> int:
    """Open sockets of the server and its worker."""
    return sum(open_sockets(pid) for pid in (os.getpid(), *server.worker_pids))


@pytest.mark.parametrize("direction", ["sendrecv", "inactive"])
async def test_a_hundred_whose_connections_end_are_gone_in_time(tmp_path: Path, direction: str) -> None:
    """Whoever sends no media is found out by a question, which its connection does not take any more."""
    timeouts = {"sip": {"probe_s": RTP_TIMEOUT_S}, "media": {"rtp_timeout_s": RTP_TIMEOUT_S}}
    async with bridge(tmp_path, **timeouts) as server:
        session = await conference(server)
        left: list[int] = []
        for first in range(0, 5 * AT_ONCE, AT_ONCE):
            callers = [Connected(server, session, first + each) for each in range(AT_ONCE)]
            await asyncio.gather(*(each.join(direction) for each in callers))
            assert len(session.parties) == AT_ONCE
            for number, each in enumerate(callers):
                each.vanish(("reset", "close", "half close")[number % 3])
            await until(lambda: not session.parties)
            await until(lambda: not server.stack.calls)
            for each in callers:
                each.writer.close()
            left.append(sockets(server))
        assert left[-1] <= left[1], left
        await server.control.end(session.id)
