"""Where webhooks may go."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from softphone.resolver import Resolver
from softphone.webhooks import Target, Webhooks
from softphone.webhooks.reach import Forbidden, Reach
from tests.support.listening import listening
from tests.support.nameserver import NameServer, name_server

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[fd00::1]",
    "[fe80::1]",
    "[ff02::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[2002:a00:1::1]",
    "localhost",
]


@pytest.mark.parametrize("host", PRIVATE)
def test_an_address_that_is_not_public_is_refused(host: str) -> None:
    with pytest.raises(Forbidden, match=r"webhooks\.allowed_networks"):
        Reach().check(Target(f"http://{host}:8080/"))
    Reach().check(Target(f"http://{host}:8080/", anywhere=True))


@pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1111]", "[64:ff9b::808:808]", "hooks.example", "10.example"])
def test_a_public_one_and_a_name_are_taken(host: str) -> None:
    Reach().check(Target(f"https://{host}/"))


@pytest.mark.parametrize(("host", "allowed"), [("10.1.2.3", True), ("10.2.0.1", False), ("[fd00::1]", True)])
def test_networks_may_be_allowed(host: str, allowed: bool) -> None:
    reach = Reach(["10.1.0.0/16", "fd00::/8"])
    if allowed:
        reach.check(Target(f"http://{host}/"))
    else:
        with pytest.raises(Forbidden, match=host):
            reach.check(Target(f"http://{host}/"))


def named(webhooks: Webhooks, server: NameServer) -> None:
    """Let the sender ask a name server of the test."""
    webhooks.reach._resolver = Resolver(
        ["127.0.0.1"], server.port, hosts=Path("/nonexistent"), families=(4, 6), timeout_s=30.0
    )


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::1"]])
async def test_a_name_is_judged_by_its_addresses_when_it_is_sent(addresses: list[str]) -> None:
    async with name_server(hooks=addresses) as server:
        with capture_logs() as logs:
            async with Webhooks() as webhooks:
                named(webhooks, server)
                webhooks.send(Target("http://hooks.example/"), "x", b"{}")
    ((event, reason),) = [(log["event"], log["reason"]) for log in logs]
    assert event == "webhook_failed" and "is not a public address" in reason


async def test_the_name_is_kept_in_the_request_and_the_first_address_that_answers_gets_it() -> None:
    """127.0.0.2 refuses the connection."""
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.put_nowait(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with (
        name_server(hooks=["127.0.0.2", "127.0.0.1"]) as server,
        listening(serve) as port,
        Webhooks(networks=["127.0.0.0/8"]) as webhooks,
    ):
        named(webhooks, server)
        webhooks.send(Target(f"http://hooks.example:{port}/a?b=%20"), "x", b"{}")
        head = (await asyncio.wait_for(got.get(), 30)).decode().lower()
    assert head.startswith("post /a?b=%20 http/1.1\r\n")
    assert f"host: hooks.example:{port}\r\n" in head
