"""Digest algorithms that the door offers; the answers are computed by httpx, which knows RFC 7616 by itself."""

import asyncio
from pathlib import Path

import httpx
import pytest

from softphone.server import Server
from softphone.sip.message.message import Response
from softphone.sip.message.parser import parse
from tests.focus.phone import bridge
from tests.sip.wire import invite_bytes

URI = "sip:softphone.local"


class Wire(asyncio.DatagramProtocol):
    """A UDP socket: one request out, its final response in."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.came.put_nowait(data)


async def register(server: Server, number: int, proof: str = "") -> Response:
    loop = asyncio.get_running_loop()
    socket, wire = await loop.create_datagram_endpoint(
        Wire, remote_addr=("127.0.0.1", server.stack.port), local_addr=("127.0.0.1", 0)
    )
    host, port = socket.get_extra_info("sockname")
    socket.sendto(
        invite_bytes(
            method="REGISTER",
            uri=URI,
            Via=f"SIP/2.0/UDP {host}:{port};branch=z9hG4bK-{number}",
            From="<sip:102@softphone.local>;tag=a",
            To="<sip:102@softphone.local>",
            CSeq=f"{number} REGISTER",
            Contact=f"<sip:102@{host}:{port}>",
            Authorization=proof,
        )
    )
    try:
        answer = parse(await asyncio.wait_for(wire.came.get(), 30))
    finally:
        socket.close()
    assert isinstance(answer, Response)
    return answer


def proof(challenge: str, password: str) -> str:
    # httpx takes the path of a URL as digest-uri: with a scheme before it, that is our SIP URI.
    asked = httpx.Request("REGISTER", f"x:{URI}")
    flow = httpx.DigestAuth("102", password).sync_auth_flow(asked)
    next(flow)
    refusal = httpx.Response(401, headers={"WWW-Authenticate": challenge}, request=asked)
    return flow.send(refusal).headers["Authorization"]


@pytest.mark.parametrize("offered", [("MD5",), ("SHA-256",), ("SHA-256", "MD5")])
async def test_what_is_offered_is_understood(tmp_path: Path, offered: tuple[str, ...]) -> None:
    async with bridge(tmp_path, sip={"digest_algorithms": offered, "port": 0}) as server:
        challenges = (await register(server, 1)).get_all("WWW-Authenticate")
        assert [line.partition(",")[0] for line in challenges] == [f"Digest algorithm={name}" for name in offered]
        for number, challenge in enumerate(challenges):
            assert (await register(server, 10 + number, proof(challenge, "dev-102"))).status == 200
            assert (await register(server, 20 + number, proof(challenge, "wrong"))).status == 403


async def test_a_stronger_proof_is_taken_and_a_weaker_is_not(tmp_path: Path) -> None:
    for offered, given, status in (("MD5", "SHA-256", 200), ("SHA-256", "MD5", 403)):
        async with bridge(tmp_path, sip={"digest_algorithms": (offered,), "port": 0}) as server:
            (challenge,) = (await register(server, 1)).get_all("WWW-Authenticate")
            answer = proof(challenge.replace(f"algorithm={offered}", f"algorithm={given}"), "dev-102")
            assert (await register(server, 2, answer)).status == status
