"""Names: from a name server on loopback, from the hosts file, and from none that answers."""

import asyncio
from pathlib import Path

import pytest

from softphone.errors import UnresolvedName
from softphone.resolver import Resolver
from tests.support.nameserver import NameServer, name_server

NO_HOSTS = Path("/nonexistent/hosts")
# How long an answer may take on a machine that others keep busy; nobody waits so long for one that comes.
PATIENCE_S = 30.0


def asking(server: NameServer, *, hosts: Path = NO_HOSTS, limit: int = 64, timeout_s: float = PATIENCE_S) -> Resolver:
    return Resolver(["127.0.0.1"], server.port, hosts=hosts, limit=limit, timeout_s=timeout_s)


async def test_a_name_has_its_addresses_and_is_asked_for_once() -> None:
    async with name_server(pbx=["192.0.2.7", "192.0.2.8"]) as server:
        resolver = asking(server)
        for name in ("pbx.example", "PBX.Example", "pbx.example."):
            assert sorted(await resolver.addresses(name)) == ["192.0.2.7", "192.0.2.8"]
        assert server.asked == ["pbx.example A"]


@pytest.mark.parametrize("ttl", [0, 60, 86_400])
async def test_what_is_remembered_is_asked_again_in_its_time(ttl: int) -> None:
    now = [0.0]
    async with name_server(pbx=["192.0.2.7"]) as server:
        server.ttl = ttl
        resolver = Resolver(["127.0.0.1"], server.port, hosts=NO_HOSTS, timeout_s=PATIENCE_S, clock=lambda: now[0])
        for now[0], asked in ((0.0, 1), (4.9, 1), (301.0, 2)):
            await resolver.addresses("pbx.example")
            assert len(server.asked) == asked


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "127.0.0.1"])
async def test_an_address_is_no_name(address: str) -> None:
    assert await Resolver([], hosts=NO_HOSTS).addresses(address) == (address,)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "phone.localhost"])
async def test_localhost_is_here(name: str) -> None:
    assert await Resolver([], hosts=NO_HOSTS).addresses(name) == ("127.0.0.1",)


async def test_the_hosts_file_comes_first_and_is_followed(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("# ours\n192.0.2.5 pbx pbx.example # the old one\n2001:db8::5 six\nnonsense line\n")
    async with name_server(pbx=["192.0.2.7"]) as server:
        resolver = asking(server, hosts=hosts)
        assert await resolver.addresses("PBX.example") == ("192.0.2.5",)
        with pytest.raises(UnresolvedName, match="'six': it has IPv6 addresses only"):
            await resolver.addresses("six")
        hosts.unlink()
        assert await resolver.addresses("pbx.example") == ("192.0.2.7",)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("six.example", "it has IPv6 addresses only"),
        ("pbx.invalid", "there is no such name"),
        ("none.example", "there is no such name"),
        ("bare.example", "it has no address"),
        ("x" * 64 + ".example", "cannot resolve"),
        ("a..example", "cannot resolve"),
        ("caf\udcc3.example", "cannot resolve"),
    ],
)
async def test_what_has_no_address_says_why(name: str, reason: str) -> None:
    async with name_server(six=["2001:db8::1"], bare=[]) as server:
        server.zone["bare.example", "TXT"] = ['"text"']
        resolver = asking(server)
        for _ in range(2):
            with pytest.raises(UnresolvedName, match=reason):
                await resolver.addresses(name)
        assert len(server.asked) == len(set(server.asked))


async def test_names_that_nobody_answers_keep_no_others_waiting() -> None:
    async with name_server(pbx=["192.0.2.7"]) as server:
        resolver = asking(server)
        stuck = [asyncio.create_task(resolver.addresses(f"n{number}.tarpit.example")) for number in range(50)]
        while len(server.asked) < 50:
            await asyncio.sleep(0)
        assert await resolver.addresses("pbx.example") == ("192.0.2.7",)
        assert await asyncio.get_running_loop().run_in_executor(None, lambda: "free") == "free"
        assert not any(task.done() for task in stuck)
        await resolver.close()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_a_look_up_has_its_time_and_its_number() -> None:
    async with name_server(pbx=["192.0.2.7"]) as server:
        resolver = asking(server, timeout_s=0.05)
        with pytest.raises(UnresolvedName, match="no name server answered in time"):
            await resolver.addresses("x.tarpit.example")
        resolver = asking(server, limit=1)
        stuck = asyncio.create_task(resolver.addresses("y.tarpit.example"))
        await asyncio.sleep(0)
        with pytest.raises(UnresolvedName, match="too many names"):
            await resolver.addresses("pbx.example")
        await resolver.close()
        await asyncio.gather(stuck, return_exceptions=True)
        assert await resolver.addresses("pbx.example") == ("192.0.2.7",)


async def test_who_stops_waiting_does_not_stop_others() -> None:
    async with name_server(pbx=["192.0.2.7"]) as server:
        resolver = asking(server)
        first, second = (asyncio.create_task(resolver.addresses("pbx.example")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == ("192.0.2.7",) and len(server.asked) == 1
        assert first.cancelled() or first.done()


async def test_without_name_servers_it_is_said() -> None:
    with pytest.raises(UnresolvedName, match=r"pbx\.example"):
        await Resolver([], hosts=NO_HOSTS, timeout_s=1.0).addresses("pbx.example")
