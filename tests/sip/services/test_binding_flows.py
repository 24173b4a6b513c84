"""Bindings and the flows that they are reached by; telephones behind a NAT."""

import asyncio

import pytest

from softphone.errors import SipNetworkError, SipTimeout
from softphone.sip.message.message import Request, Response, response
from softphone.sip.services.pinholes import Pinholes
from softphone.sip.services.registrar import Registrar
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import Hop
from softphone.sip.where.locate import Target
from tests.sip.services.test_registrar import NAT, PHONE, STREAM, handle, register, uris


class Open:
    """Connections that are open, by number."""

    def __init__(self) -> None:
        self.flows: dict[int | None, Flow] = {}

    def __call__(self, target: Hop) -> Flow | None:
        if target.transport == "udp":
            return None
        return self.flows.setdefault(target.connection, Flow(target, lambda: None))

    def close(self, number: int) -> None:
        self.flows[number].closed()


def stream(number: int, host: str = "192.0.2.1") -> Hop:
    return Hop("tcp", host, 30_000 + number, number)


def test_a_registration_holds_its_connection_until_it_is_over() -> None:
    registrar = Registrar(max_expires=100, flows=(opened := Open()))
    handle(registrar, register("<sip:a@10.0.0.5;transport=tcp>", expires=50), stream(1))
    assert opened.flows[1].is_held
    handle(registrar, register("<sip:a@10.0.0.5;transport=tcp>", cseq=2), stream(2), now=10.0)
    assert [opened.flows[number].is_held for number in (1, 2)] == [False, True]
    handle(registrar, register("<sip:a@10.0.0.5;transport=tcp>", cseq=3, expires=0), stream(2), now=20.0)
    assert not opened.flows[2].is_held
    handle(registrar, register("<sip:a@10.0.0.5;transport=tcp>", cseq=4, expires=60), stream(3), now=30.0)
    assert registrar.count(91.0) == 0 and not opened.flows[3].is_held


def test_two_registrations_by_one_connection_both_hold_it() -> None:
    registrar = Registrar(flows=(opened := Open()))
    handle(registrar, register("<sip:a@10.0.0.5;transport=tcp>"), stream(1))
    handle(registrar, register("<sip:b@10.0.0.6;transport=tcp>", call_id="b"), stream(1))
    handle(registrar, register("<sip:a@10.0.0.5;transport=tcp>", cseq=2, expires=0), stream(1), now=1.0)
    assert opened.flows[1].is_held and uris(registrar) == ["sip:b@10.0.0.6;transport=tcp"]


def test_a_telephone_behind_a_nat_is_forgotten_with_its_connection() -> None:
    registrar = Registrar(flows=(opened := Open()))
    handle(registrar, register("<sip:a@10.0.0.5;transport=tcp>"), stream(1))
    handle(registrar, register("<sip:b@192.0.2.7>", call_id="b"), Hop("udp", "192.0.2.7", 5060))
    opened.close(1)
    assert uris(registrar) == ["sip:b@192.0.2.7"]


def test_one_that_may_be_called_where_it_says_is_tried_there_last() -> None:
    registrar = Registrar(flows=(opened := Open()))
    handle(registrar, register("<sip:a@192.0.2.1:5070;transport=tcp>;q=1.0"), stream(1))
    handle(registrar, register("<sip:b@192.0.2.7>;q=0.1", call_id="b"), Hop("udp", "192.0.2.7", 5060))
    opened.close(1)
    last = registrar.contacts("101", 1.0)[1]
    assert (last.hop, last.failures) == (Hop("tcp", "192.0.2.1", 5070), 1)
    registrar.failed(last)
    assert uris(registrar) == ["sip:b@192.0.2.7"]


def test_a_websocket_is_forgotten_with_its_connection() -> None:
    registrar = Registrar(flows=(opened := Open()))
    handle(registrar, register("<sip:a@x.invalid;transport=ws>"), STREAM)
    opened.close(4)
    assert registrar.count(1.0) == 0


def test_changes_are_told() -> None:
    registrar = Registrar(max_expires=100, flows=(opened := Open()))
    told: list[str] = []
    registrar.on_change = told.append
    handle(registrar, register("<sip:a@10.0.0.5;transport=tcp>"), stream(1))
    assert told == ["101"]
    registrar.contacts("101", 1.0)
    handle(registrar, register(cseq=9), PHONE, now=2.0)  # asks, changes nothing
    opened.close(1)
    assert told[1:] and set(told) == {"101"}


class Asked:
    """Sends OPTIONS that end as the test says."""

    def __init__(self) -> None:
        self.requests: list[tuple[Request, Target | None]] = []
        self.outcome: int | Exception = 200

    async def request(self, request: Request, target: Target | None = None) -> Response:
        self.requests.append((request, target))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        request.set("Via", "SIP/2.0/UDP h:5060;branch=z9hG4bKx")
        return response(request, self.outcome)


async def turns(pinholes: Pinholes, seconds: range) -> None:
    for now in seconds:
        pinholes.turn(float(now))
        for _ in range(5):
            await asyncio.sleep(0)


async def test_only_telephones_behind_a_nat_are_asked_each_once_in_its_time() -> None:
    registrar = Registrar(max_contacts=30)
    handle(registrar, register("<sip:direct@192.0.2.1>", call_id="d"), PHONE)
    handle(registrar, register("<sip:stream@10.0.0.9;transport=tcp>", call_id="s"), STREAM)
    for number in range(20):
        handle(registrar, register(f"<sip:p{number}@10.0.0.5>", call_id=str(number)), NAT)
    pinholes = Pinholes(asked := Asked(), registrar, "office.example", 30)
    await turns(pinholes, range(30))
    assert sorted(str(request.uri) for request, _ in asked.requests) == sorted(f"sip:p{n}@10.0.0.5" for n in range(20))
    assert {target for _, target in asked.requests} == {NAT} and asked.requests[0][0].method == "OPTIONS"


@pytest.mark.parametrize("outcome", [200, 404, 405, 501])
async def test_any_answer_says_that_somebody_is_there(outcome: int) -> None:
    registrar = Registrar()
    handle(registrar, register("<sip:a@10.0.0.5>"), NAT)
    registrar.failed(registrar.contacts("101", 1.0)[0])
    pinholes = Pinholes(asked := Asked(), registrar, "h", 30)
    asked.outcome = outcome
    await turns(pinholes, range(90))
    assert registrar.contacts("101", 1.0)[0].failures == 0


@pytest.mark.parametrize("outcome", [SipTimeout("no answer"), SipNetworkError("no way")])
async def test_who_does_not_answer_twice_is_forgotten(outcome: Exception) -> None:
    registrar = Registrar()
    handle(registrar, register("<sip:a@10.0.0.5>"), NAT)
    pinholes = Pinholes(asked := Asked(), registrar, "h", 30)
    asked.outcome = outcome
    await turns(pinholes, range(30))
    assert registrar.contacts("101", 1.0)[0].failures == 1
    await turns(pinholes, range(30, 90))
    assert registrar.count(1.0) == 0 and len(asked.requests) == 2
