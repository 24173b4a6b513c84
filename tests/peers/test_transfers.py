"""Transfers among phones that nobody here wrote and our agent, each as who hands over, who is handed on, and to whom.

Every role is played by each of baresip, SIPp and our agent, blind (RFC 5589 section 6) and attended (section 7), as
extensions of our server. Afterwards the two that are left hear each other, and when they have hung up nothing is left.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
import pytest_asyncio

from softphone import Agent, Call
from softphone.server import Server
from softphone.sip.dialog.replaces import Replaces
from softphone.sip.driver import StackSettings
from softphone.sip.message.digest import Credentials
from softphone.sip.message.uri import Uri
from softphone.sip.stack import Stack
from softphone.sip.ua.call import InviteSession
from tests.focus.phone import bridge
from tests.focus.table import until
from tests.peers.baresip import Baresip, baresip
from tests.peers.sipp import Sipp
from tests.support.handsets import SAMPLES, Handsets
from tests.support.processes import LOOPBACK, open_sockets, port_block
from tests.support.tones import RATE_HZ, Pcm, amplitude_of, from_mulaw, sine

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.realtime,
    pytest.mark.peer("sipp", "baresip"),
    pytest.mark.asyncio(loop_scope="module"),
]

KINDS = ("baresip", "sipp", "agent")
NUMBERS = {"baresip": "101", "agent": "102", "sipp": "103"}
TONES = {"baresip": 440.0, "agent": 1030.0, "sipp": 730.0}
AUDIBLE = 0.05
PIECE = RATE_HZ // 2


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exchange(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator["Exchange"]:
    async with bridge(tmp_path_factory.mktemp("data")) as server:
        yield Exchange(server)


def replaces(call: InviteSession) -> Replaces:
    """Name a call of the server's, as the server has it."""
    dialog = call.dialog
    return Replaces(dialog.call_id, dialog.local.tag or "", dialog.remote.tag or "")


class Exchange:
    """A server, and where SIPp is registered there."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.home = f"{server.stack.host}:{server.stack.port}"
        self.sipp_port = port_block(6)
        self.sockets = 0
        "Open sockets of this process after the first transfer."

    async def nothing_left(self) -> None:
        """Wait until no call is shown, no dialog kept, and no leg open."""
        server = self.server
        await until(lambda: not (server.focus.rooms or server.focus.parties or server.stack.calls))
        assert not server.control.conferences() and not list(server.focus.context.legs.values())

    @asynccontextmanager
    async def registered(self) -> AsyncIterator[None]:
        """SIPp's place is known as long as this lasts."""
        stack, number = Stack(StackSettings()), NUMBERS["sipp"]
        await stack.start()
        try:
            contact = f"sip:{number}@{LOOPBACK}:{self.sipp_port}"
            await stack.register(
                f"sip:{self.home}", f"sip:{number}@{self.home}", contact, Credentials(number, f"dev-{number}")
            )
            yield
        finally:
            await stack.stop()


class Parties:
    """The three of a transfer: extensions of a server, or, without one, telephones that call each other straight."""

    def __init__(self, folder: Path, exchange: Exchange | None = None) -> None:
        self.exchange = exchange
        self._folder = folder
        self._sipp_port = exchange.sipp_port if exchange is not None else port_block(6)
        self._home = exchange.home if exchange is not None else ""
        self.agent = (
            Agent(f"sip:102@{self._home}", password="dev-102", registrar=f"sip:{self._home}", on_call=self._take)
            if exchange is not None
            else Agent("sip:agent@127.0.0.1", on_call=self._take)
        )
        self.baresip: Baresip
        self.sipp: Sipp | None = None
        self._handsets = Handsets(folder)
        self.handset = self._handsets.add(TONES["sipp"], 0.25)
        self.handset.follows = True

    async def _take(self, call: Call) -> None:
        call.on_refer = self.agent.invite
        await call.accept()

    @asynccontextmanager
    async def all(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.enter_context(self._handsets)
            account = "<sip:baresip@127.0.0.1>;regint=0;answermode=auto"
            if self.exchange is not None:
                await stack.enter_async_context(self.exchange.registered())
                account = f"<sip:101@{self._home}>;auth_user=101;auth_pass=dev-101;regint=60;answermode=auto"
            await stack.enter_async_context(self.agent)
            self.baresip = await stack.enter_async_context(baresip(self._folder / "baresip", TONES["baresip"], account))
            if self.exchange is not None:
                await asyncio.to_thread(self.baresip.wait_registered)
            yield

    def run_sipp(self, scenario: str, *options: str, calls: str = "") -> Sipp:
        """Start SIPp: it waits for a call, or calls somebody."""
        sound = self.handset.socket.getsockname()[1]
        words = ["-au", "103", "-ap", "dev-103", "-key", "me", "103", "-key", "sound", str(sound), "-cid_str", "%u-%p"]
        words += ["-default_behaviors", "all,-abortunexp"]  # what comes before its turn comes again
        _, host, port = self._place(calls) if calls else ("", "", "0")
        remote = (host, int(port)) if calls else None
        self.sipp = Sipp(self._folder, scenario, *words, *options, remote=remote, port=self._sipp_port)
        return self.sipp

    def uri(self, kind: str) -> str:
        """Where one is called."""
        if self.exchange is not None:
            return f"sip:{NUMBERS[kind]}@{self._home}"
        places = {
            "agent": lambda: self.agent.contact,
            "baresip": lambda: f"sip:baresip@{LOOPBACK}:{self.baresip.sip_port}",
            "sipp": lambda: f"sip:{NUMBERS['sipp']}@{LOOPBACK}:{self._sipp_port}",
        }
        return places[kind]()

    def _place(self, kind: str) -> tuple[str, str, str]:
        """User, host and port of where one is called."""
        uri = Uri.parse(self.uri(kind))
        return uri.user or "", uri.host, str(uri.port)

    # --- who hands over

    async def hand_over(self, by: str, one: str, two: str, *, attended: bool) -> None:
        await {"agent": self._agent, "baresip": self._baresip, "sipp": self._sipp}[by](one, two, attended=attended)

    async def _agent(self, one: str, two: str, *, attended: bool) -> None:
        first = await self.agent.invite(self.uri(one))
        other = await self.agent.invite(self.uri(two)) if attended else self.uri(two)
        await first.transfer(other)
        assert self.agent.calls == []

    async def _baresip(self, one: str, two: str, *, attended: bool) -> None:
        await asyncio.to_thread(self.baresip.dial, self.uri(one))
        target = f"<{self.uri(two)}>"
        if attended and self.exchange is not None:
            before = self.exchange.server.stack.calls
            await asyncio.to_thread(self.baresip.dial, self.uri(two))
            calls = self.exchange.server.stack.calls
            (mine,) = (each for each in calls if each not in before and each.direction == "in")
            target = f"<{self.uri(two)}?Replaces={quote(str(replaces(mine)), safe='')}>"
            self.baresip.command("line", "1")
        self.baresip.command("transfer", target)
        for _ in range(2 if attended else 1):
            await asyncio.to_thread(self.baresip.wait, "CALL_CLOSED")

    async def _sipp(self, one: str, two: str, *, attended: bool) -> None:
        words = ["-d", "200", "-key", "refer_to", f"<{self.uri(two)}>"]
        for name, kind in (("one", one), ("two", two)):
            user, host, port = self._place(kind)
            words += ["-key", name, user, "-key", f"{name}_host", host, "-key", f"{name}_port", port]
        sipp = self.run_sipp("transfer_attended" if attended else "transfer", *words, calls=one)
        await asyncio.to_thread(sipp.finish)

    # --- who is left

    async def hear_each_other(self, one: str, two: str) -> None:
        """Wait until each of the two hears the tone of the other."""
        hears = {"baresip": self._baresip_hears, "agent": self._agent_hears, "sipp": self._sipp_hears}
        async with self._speaking():
            await hears[one](TONES[two])
            await hears[two](TONES[one])

    async def _sipp_hears(self, hz: float) -> None:
        await until(lambda: amplitude_of(self._heard_by_sipp(), hz) > AUDIBLE)

    def _heard_by_sipp(self) -> Pcm:
        return from_mulaw(b"".join(list(self.handset.heard)[-PIECE // SAMPLES :]))

    async def _baresip_hears(self, hz: float) -> None:
        await until(lambda: amplitude_of(self.baresip.hears()[-PIECE:], hz) > AUDIBLE)

    async def _agent_hears(self, hz: float) -> None:
        async with asyncio.timeout(30):
            frames = self.call.frames()
            rate_hz = self.call.rate
            while amplitude_of(np.concatenate([await anext(frames) for _ in range(25)]), hz, rate_hz) < AUDIBLE:
                pass

    @asynccontextmanager
    async def _speaking(self) -> AsyncIterator[None]:
        """Our agent says its tone, where it is one of the two."""
        calls = self.agent.calls
        saying = [asyncio.create_task(each.write(sine(TONES["agent"], 40.0))) for each in calls]
        try:
            yield
        finally:
            for each in saying:
                each.cancel()
            await asyncio.gather(*saying, return_exceptions=True)

    @property
    def call(self) -> Call:
        (call,) = self.agent.calls
        return call

    async def hang_up(self, one: str, two: str) -> None:
        """One of the two hangs up, which ends it for both."""
        if "baresip" in (one, two):
            await asyncio.to_thread(self.baresip.hang_up)
            await until(lambda: not self.agent.calls)
        else:
            await self.call.hangup()
        if self.sipp is not None:
            await asyncio.to_thread(self.sipp.finish)


@pytest.mark.parametrize("attended", [False, True], ids=["blind", "attended"])
@pytest.mark.parametrize(("by", "one", "two"), list(itertools.permutations(KINDS)))
async def test_extensions(exchange: Exchange, tmp_path: Path, by: str, one: str, two: str, attended: bool) -> None:
    parties = Parties(tmp_path, exchange)
    async with parties.all():
        if by != "sipp":
            parties.run_sipp("sounding")
        await parties.hand_over(by, one, two, attended=attended)
        await parties.hear_each_other(one, two)
        await parties.hang_up(one, two)
        await exchange.nothing_left()
    exchange.sockets = exchange.sockets or open_sockets(os.getpid())
    await until(lambda: open_sockets(os.getpid()) <= exchange.sockets)


@pytest.mark.parametrize(("by", "one", "two"), list(itertools.permutations(KINDS)))
async def test_telephones_that_call_each_other_straight(tmp_path: Path, by: str, one: str, two: str) -> None:
    parties = Parties(tmp_path)
    async with parties.all():
        if by != "sipp":
            parties.run_sipp("handed_on" if one == "sipp" else "sounding")
        await parties.hand_over(by, one, two, attended=False)
        await parties.hear_each_other(one, two)
        await parties.hang_up(one, two)
        assert parties.agent.calls == []
