"""A registration kept up against a real registrar over a wire in memory, on a clock that jumps."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from softphone.errors import CallRefused, SipTimeout
from softphone.sip.dispatcher import OnRequest
from softphone.sip.message.digest import Credentials, hash_a1
from softphone.sip.message.message import Request, Response, response
from softphone.sip.services.auth import Authenticator
from softphone.sip.services.registrar import Registrar
from softphone.sip.services.registration import Registration, RegistrationState, refresh_after_s, retry_after_s
from softphone.sip.stack import Stack
from softphone.sip.transport.hop import Hop
from softphone.testing.clock import run
from softphone.testing.wire import Ether


class Office:
    """A registrar that asks for a password, and a telephone."""

    def __init__(self, registrar: Registrar) -> None:
        self.registrar = registrar
        self.guard = Authenticator("office", lambda user, algorithm: hash_a1(algorithm, user, "office", "secret"))
        self.ether = Ether(lambda line, before: self.is_down)
        self.is_down = False
        self.server = self.ether.stack(on_request={"REGISTER": self._asked})
        self.answer: OnRequest = self.serve
        self.phone = self.ether.stack()

    async def _asked(self, request: Request, source: Hop) -> Response | None:
        return await self.answer(request, source)

    async def serve(self, request: Request, source: Hop) -> Response | None:
        now = asyncio.get_running_loop().time()
        if self.guard.verify(request, source, now).username is None:
            challenges = self.guard.challenge(source, now)
            return response(request, 401, headers=[("WWW-Authenticate", value) for value in challenges])
        return self.registrar.handle(request, source, now)

    async def register(self, password: str = "secret", expires: int = 300, by: str = "udp") -> Registration:
        where = f"sip:127.0.0.1:{self.server.port};transport={by}"
        return await self.phone.register(where, "sip:101@office", None, Credentials("101", password), expires)

    def contacts(self) -> list[str]:
        return [each.uri for each in self.registrar.contacts("101", asyncio.get_running_loop().time())]


def scene(work: Callable[[Office], Awaitable[None]], **options: Any) -> Office:
    async def play() -> Office:
        office = Office(Registrar(**options))
        stacks: list[Stack] = [office.server, office.phone]
        for stack in stacks:
            await stack.start()
        await work(office)
        for stack in stacks:
            await stack.stop()
        return office

    return run(play())


def test_registered_for_hours_then_taken_back() -> None:
    async def work(office: Office) -> None:
        registration = await office.register()
        here = [f"sip:101@127.0.0.1:{office.phone.port}"]
        for _ in range(20):
            await asyncio.sleep(250)
            assert office.contacts() == here
        await registration.unregister()
        assert office.contacts() == [] and registration.state is RegistrationState.UNREGISTERED
        sent = len(office.ether.sent)
        await asyncio.sleep(1_000)
        assert len(office.ether.sent) == sent

    assert 15 < scene(work).ether.methods().count("REGISTER") < 80


def test_too_short_is_mended() -> None:
    async def work(office: Office) -> None:
        registration = await office.register(expires=10)
        assert registration.granted == 120

    scene(work, min_expires=120)


@pytest.mark.parametrize("least", ["soon", "", "9" * 40])
def test_a_refusal_that_says_no_time_ends_no_registration(least: str) -> None:
    async def work(office: Office) -> None:
        registration = await office.register()
        states: list[RegistrationState] = []
        registration.on_change = states.append
        serve = office.answer

        async def refuse(request: Request, source: Hop) -> Response | None:
            return response(request, 423, headers=[("Min-Expires", least)])

        office.answer = refuse
        await asyncio.sleep(400)
        office.answer = serve
        await asyncio.sleep(100)
        assert states == [RegistrationState.FAILED, RegistrationState.REGISTERED] and len(office.contacts()) == 1

    scene(work)


def test_what_a_listener_raises_ends_no_registration() -> None:
    async def work(office: Office) -> None:
        registration = await office.register()

        def broken(state: RegistrationState) -> None:
            raise RuntimeError(state)

        registration.on_change = broken
        office.is_down = True
        await asyncio.sleep(900)
        office.is_down = False
        await asyncio.sleep(100)
        assert len(office.contacts()) == 1

    scene(work)


def test_taking_it_back_waits_for_the_refresh_that_is_under_way() -> None:
    async def work(office: Office) -> None:
        registration = await office.register()
        before = len(office.ether.sent)
        office.is_down = True
        while len(office.ether.sent) == before:
            await asyncio.sleep(0.1)
        office.is_down = False  # what was lost is sent again in half a second
        await registration.unregister()
        await asyncio.sleep(100)
        assert office.contacts() == [] and registration.state is RegistrationState.UNREGISTERED

    scene(work)


def test_the_network_goes_and_comes_back() -> None:
    async def work(office: Office) -> None:
        registration = await office.register()
        states: list[RegistrationState] = []
        registration.on_change = states.append
        office.is_down = True
        await asyncio.sleep(900)
        assert office.contacts() == [] and registration.state is RegistrationState.FAILED
        office.is_down = False
        await asyncio.sleep(100)
        assert len(office.contacts()) == 1
        assert states == [RegistrationState.FAILED, RegistrationState.REGISTERED]

    scene(work)


def test_the_first_attempt_says_what_is_wrong() -> None:
    async def work(office: Office) -> None:
        with pytest.raises(CallRefused, match="401"):
            await office.register("wrong")
        office.is_down = True
        with pytest.raises(SipTimeout):
            await office.register()

    scene(work)


@pytest.mark.parametrize("granted", [1, 4, 30, 60, 300, 3600])
def test_the_refresh_comes_before_the_end(granted: int) -> None:
    assert 1 <= refresh_after_s(granted) <= granted
    assert refresh_after_s(granted) < granted or granted == 1


def test_waiting_grows_up_to_a_minute() -> None:
    assert [retry_after_s(failures) for failures in (1, 2, 3, 7, 5_000)] == [1, 2, 4, 60, 60]
