"""A server of both address families: who comes by one hears who comes by the other."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from softphone import Agent, Call
from softphone.errors import CallRefused
from softphone.load.plan import LoadPlan
from softphone.load.run import LISTEN_ON_S, run_load
from tests.agent.test_agent import listen, talking, until_heard
from tests.peers.baresip import Baresip
from tests.peers.sipp import Sipp
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import sounding_server
from tests.support.tones import amplitude_of, sine

pytestmark = [pytest.mark.timeout(180), pytest.mark.realtime]


HZ = 400.0


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with sounding_server(tmp_path_factory.mktemp("both"), server={"host6": "::1"}) as server:
        yield server


@pytest.fixture(scope="module")
def rest(both: ServerProcess) -> Iterator[Rest]:
    with Rest(six(both)) as client:
        yield client


def six(server: ServerProcess) -> str:
    """Where HTTP is spoken by IPv6."""
    return server.http_url.replace("127.0.0.1", "[::1]")


async def all_hear_each_other(calls: list[Call]) -> None:
    """Let each say a tone of its own, until each has heard all others; none hears itself."""
    tunes = [HZ + 300 * k for k in range(len(calls))]
    async with AsyncExitStack() as voices:
        for hz, call in zip(tunes, calls, strict=True):
            await voices.enter_async_context(talking(call, sine(hz, 60.0, amplitude=0.1)))
        await asyncio.gather(*(_hears(call, {*tunes} - {hz}, hz) for hz, call in zip(tunes, calls, strict=True)))


async def _hears(call: Call, others: set[float], own: float) -> None:
    missing = True
    while missing:
        sound = await listen(call, 10)
        missing = any(amplitude_of(sound, hz) < 0.05 for hz in others)
        assert amplitude_of(sound, own) < 0.02


async def test_parties_of_both_families_hear_each_other(both: ServerProcess, rest: Rest) -> None:
    session = rest.conference()
    token, port = session["voiceCallToken"], both.sip_address[1]
    ways = [f"127.0.0.1:{port}", f"[::1]:{port}", f"[::1]:{port};transport=tcp", f"[0:0::1]:{port}"]
    agents = [
        Agent("sip:four@127.0.0.1", write_ahead_s=5.0),
        Agent("sip:six@[::1]", write_ahead_s=5.0),
        Agent("sip:six@[::1]", write_ahead_s=5.0),
        Agent("sip:safe@[::1]", write_ahead_s=5.0, encryption="required"),
    ]
    for agent in agents:
        await agent.__aenter__()
    calls = [await agent.invite(f"sip:{token}@{way}") for agent, way in zip(agents, ways, strict=True)]
    hosts = [call._control.leg.spec.remote for call in calls]
    assert [each and each.host for each in hosts] == ["127.0.0.1", "::1", "::1", "::1"]
    contacts = [str(call._control.sip.dialog.remote_target) for call in calls]
    assert ["[::1]" in each for each in contacts] == [False, True, True, True]
    await all_hear_each_other(calls)
    for agent in agents:
        await agent.__aexit__(None, None, None)
    rest.end(session["id"])


async def test_who_is_called_is_offered_an_address_of_its_own_family(both: ServerProcess, rest: Rest) -> None:
    port, offers = both.sip_address[1], list[str]()

    async def on_call(call: Call) -> None:
        offers.append(call._control.sip.remote_sdp or "")
        await call.reject()

    for host in ("127.0.0.1", "[::1]"):
        registrar = f"sip:{host}:{port}"
        async with (
            Agent(f"sip:102@{host}", password="dev-102", registrar=registrar, on_call=on_call),
            Agent(f"sip:101@{host}", password="dev-101", registrar=registrar) as caller,
        ):
            with pytest.raises(CallRefused):
                await caller.invite("102")
    families = [re.findall(r"c=IN (IP[46])", each) for each in offers]
    assert families == [["IP4"], ["IP6"]]


async def test_encrypted_signalling_and_browsers_ways_go_by_ipv6(both: ServerProcess, rest: Rest) -> None:
    """TLS, secure WebSockets and WHIP: the server shows a certificate for its address of IPv6, and is checked by it."""
    sips = both.ready["sips"].replace("127.0.0.1", "[::1]")
    https = both.ready["https"].replace("127.0.0.1", "[::1]")
    session = rest.conference()
    kinds = {"101": (sips, "tls"), "102": (https.replace("https", "wss"), "wss")}
    async with AsyncExitStack() as stack:
        agents = [
            await stack.enter_async_context(
                Agent(
                    f"sip:{user}@[::1]",
                    password=f"dev-{user}",
                    registrar=registrar,
                    ca_file=both.data / "certificate.pem",
                    write_ahead_s=5.0,
                )
            )
            for user, (registrar, _) in kinds.items()
        ]
        calls = [await agent.invite(session["voiceCallToken"]) for agent in agents]
        calls.append(await agents[0].join(f"{https}/whip/{session['voiceCallToken']}"))
        sources = [call._control.sip.source for call in calls[:2]]
        assert [(each.host, each.transport) for each in sources] == [("::1", kind) for _, kind in kinds.values()]
        await all_hear_each_other(calls)
    rest.end(session["id"])


def test_http_is_spoken_by_both_and_names_where_sip_is(both: ServerProcess, rest: Rest) -> None:
    for url in (both.http_url, six(both)):
        assert httpx.get(f"{url}/healthz").json()["status"] == "ok"


def test_a_server_can_speak_ipv6_alone(tmp_path: Path) -> None:
    async def scene(uri: str) -> None:
        async with Agent("sip:a@[::1]", write_ahead_s=5.0) as one, Agent("sip:b@[::1]", write_ahead_s=5.0) as two:
            await all_hear_each_other([await agent.invite(uri) for agent in (one, two)])

    with ServerProcess(tmp_path, "--host", "::1", "--workers", "1") as server, Rest(server.http_url) as client:
        assert server.sip_uri.startswith("sip:[::1]:")
        asyncio.run(scene(server.call_uri(client.token())))


@pytest.mark.peer("sipp")
@pytest.mark.parametrize("options", [(), ("-t", "t1")])
def test_sipp_calls_by_ipv6(both: ServerProcess, rest: Rest, tmp_path: Path, options: tuple[str, ...]) -> None:
    remote = "::1", both.sip_address[1]
    with Sipp(tmp_path, "join", "-d", "100", *options, remote=remote, rows=[[rest.token()]], host="::1") as sipp:
        sipp.finish()


@pytest.mark.peer("baresip")
async def test_baresip_by_ipv6_and_an_agent_by_ipv4_hear_each_other(
    both: ServerProcess, rest: Rest, tmp_path: Path
) -> None:
    token, port = rest.token(), both.sip_address[1]
    with Baresip(tmp_path, 700, account="<sip:baresip@[::1]>;regint=0", host="::1") as phone:
        async with Agent() as agent:
            call = await agent.invite(f"sip:{token}@127.0.0.1:{port}")
            await asyncio.to_thread(phone.dial, f"sip:{token}@[::1]:{port}")
            async with talking(call, sine(440, 60.0)):
                await until_heard(call, 700)
                while amplitude_of(phone.hears()[-4000:], 440) < 0.05:
                    await asyncio.sleep(0.05)


async def test_bots_of_a_load_come_by_ipv6(both: ServerProcess, rest: Rest) -> None:
    uri = f"sip:{rest.conference()['voiceCallToken']}@[::1]:{both.sip_address[1]}"
    report = await run_load(LoadPlan(uri=(uri,), parties=3, talkers=2, settle_s=1.0, seconds=1.0, rate=20))
    assert (report.joined, report.failures) == (3, {})
    assert report.expected > 100
    assert [str(fault) for fault in report.faults if fault.kind != "creep"] == []
    assert report.hearing is not None
    assert not report.hearing.unknown or report.seconds > LISTEN_ON_S
