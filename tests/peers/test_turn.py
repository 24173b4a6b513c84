"""A path through a relay that nobody here wrote: coturn (RFC 8656)."""

import asyncio
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from softphone.agent.terms import IceServers
from tests.agent.test_ice_path import RTP, path, said, side
from tests.support.processes import LOOPBACK, Program, port_block
from tests.support.sounding import until

TURNSERVER = shutil.which("turnserver")
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.realtime,
    pytest.mark.skipif(TURNSERVER is None, reason="coturn is not installed (see tests/peers/install)"),
]


def listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(params=["udp", "tcp"])
def relay(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[IceServers]:
    port = port_block(32)
    told = tmp_path / "turn.log"
    command = [TURNSERVER or "", "-n", "--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers", "--lt-cred-mech"]
    command += ["--realm=test.example", "--user=bot:secret", f"--listening-ip={LOOPBACK}", f"--relay-ip={LOOPBACK}"]
    command += [f"--listening-port={port}", f"--min-port={port + 1}", f"--max-port={port + 31}"]
    command += [
        f"--log-file={told}",
        "--simple-log",
        f"--pidfile={tmp_path / 'turn.pid'}",
        f"--userdb={tmp_path / 'db'}",
    ]
    with Program(command, tmp_path):
        until(lambda: listens(port))
        yield IceServers(
            turn=(LOOPBACK, port), username="bot", password="secret", turn_transport=request.param, relay_only=True
        )


async def test_packets_go_through_a_relay_where_nothing_else_is_permitted(relay: IceServers) -> None:
    async with path(controlling=True, servers=relay) as (one, here), path(controlling=False) as (two, there):
        assert one.candidates and all(" typ relay" in each for each in one.candidates)
        await asyncio.gather(one.connect(side(two, dtls="client")), two.connect(side(one)))
        for leg, other in ((here, there), (there, here)):
            assert leg.port is not None
            leg.port.sendto(RTP)
            assert await said(other) == RTP
