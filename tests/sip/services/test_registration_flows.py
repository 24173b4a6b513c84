"""A registration knows what it hangs by: the connection it went by, a NAT's mapping, the time it was granted."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from softphone.sip.message.fields import Address
from softphone.sip.message.message import Request, Response, response
from softphone.sip.message.uri import Uri
from softphone.sip.services.binding import Instance
from softphone.sip.services.registration import Registration, RegistrationState, granted_s
from softphone.sip.transport.hop import Hop
from tests.sip.services.test_registration import Office, scene
from tests.sip.wire import invite

FAILED, REGISTERED = RegistrationState.FAILED, RegistrationState.REGISTERED
AOR = Uri.parse("sip:101@office.example")


def now() -> float:
    return asyncio.get_running_loop().time()


class Watched:
    """A registration by TCP, and when it said what."""

    def __init__(self, office: Office, registration: Registration) -> None:
        self.office = office
        self.told: list[tuple[RegistrationState, float]] = []
        registration.on_change = lambda state: self.told.append((state, now()))

    def close(self) -> None:
        self.office.ether.close_flow((self.office.phone.port, self.office.server.port))

    def states(self) -> list[RegistrationState]:
        return [state for state, _ in self.told]


def answered(office: Office, change: Callable[[Request, Response], Response]) -> None:
    """Let the registrar's 200 be another one."""
    serve = office.answer

    async def changed(request: Request, source: Hop) -> Response | None:
        answer = await serve(request, source)
        assert answer is not None
        return change(request, answer) if answer.status == 200 else answer

    office.answer = changed


def granting(text: str) -> Callable[[Request, Response], Response]:
    def change(request: Request, answer: Response) -> Response:
        return response(request, 200, headers=[("Contact", text.format(request.contacts[0].uri))])

    return change


def test_a_connection_that_closes_takes_registered_back_until_there_is_another() -> None:
    async def work(office: Office) -> None:
        watched = Watched(office, await office.register(by="tcp", expires=3600))
        await asyncio.sleep(200)
        closed_at = now()
        watched.close()
        assert watched.told == [(FAILED, closed_at)]
        await asyncio.sleep(3)
        assert watched.states() == [FAILED, REGISTERED] and len(office.contacts()) == 1

    scene(work)


def test_who_closes_each_connection_is_asked_ever_more_rarely_and_forgiven_later() -> None:
    async def work(office: Office) -> None:
        watched = Watched(office, await office.register(by="tcp", expires=3600))
        answered(office, lambda request, answer: (asyncio.get_running_loop().call_later(0.5, watched.close), answer)[1])
        watched.close()
        await asyncio.sleep(600)
        times = [when for state, when in watched.told if state is REGISTERED]
        gaps = [later - earlier for earlier, later in zip(times, times[1:], strict=False)]
        assert len(times) < 25 and gaps[0] < 4 and all(30 <= gap <= 61 for gap in gaps[7:])
        office.answer = office.serve
        await asyncio.sleep(300)
        watched.close()
        lost_at = now()
        await asyncio.sleep(3)
        assert watched.told[-1][0] is REGISTERED and watched.told[-1][1] - lost_at < 2

    scene(work)


def test_a_connection_is_pinged_and_no_more_when_the_registration_is_taken_back() -> None:
    async def work(office: Office) -> None:
        registration = await office.register(by="tcp", expires=3600)
        await asyncio.sleep(1200)
        assert office.ether.pings and set(office.ether.pings) == {(office.phone.port, office.server.port)}
        assert 10 <= len(office.ether.pings) <= 12
        await registration.unregister()
        pinged = len(office.ether.pings)
        await asyncio.sleep(1200)
        assert len(office.ether.pings) == pinged
        assert not any(flow.is_held for flow in office.ether.flows.values())

    scene(work)


@pytest.mark.parametrize(("seen", "pings"), [("127.0.0.1", 0), ("198.51.100.7", 20)])
def test_over_udp_only_the_mapping_of_a_nat_is_kept_open(seen: str, pings: int) -> None:
    async def work(office: Office) -> None:
        def from_there(request: Request, answer: Response) -> Response:
            answer.set("Via", f"{answer.get('Via')};received={seen}".replace("received=127.0.0.1;", ""))
            return answer

        answered(office, from_there)
        await office.register(expires=3600)
        await asyncio.sleep(600)
        assert pings <= len(office.ether.pings) <= pings * 1.3

    scene(work)


@pytest.mark.parametrize("seconds", [1, 2, 5])
def test_grants_too_short_to_keep_up_are_asked_ever_more_rarely(seconds: int) -> None:
    async def work(office: Office) -> None:
        registration = await office.register()
        watched = Watched(office, registration)
        answered(office, granting(f"<{{}}>;expires={seconds}"))
        await asyncio.sleep(1_000)
        assert office.ether.methods().count("REGISTER") < 80
        assert watched.states()[:2] == [FAILED, REGISTERED]  # what has run out is not called registered

    scene(work)


def test_what_is_not_refreshed_in_time_is_no_longer_registered() -> None:
    async def work(office: Office) -> None:
        registration = await office.register(expires=300)
        watched = Watched(office, registration)
        office.ether.lost = lambda line, before: True
        await asyncio.sleep(300)
        assert watched.states() == [FAILED]

    scene(work)


def test_what_a_listener_raises_costs_no_other_holder_of_the_connection() -> None:
    async def work(office: Office) -> None:
        registration = await office.register(by="tcp")

        def broken(state: RegistrationState) -> None:
            raise RuntimeError(state)

        registration.on_change = broken
        (flow,) = [each for each in office.ether.flows.values() if each.is_held]
        told: list[bool] = []
        flow.hold(lambda: told.append(True))
        flow.closed()
        assert told == [True]
        await asyncio.sleep(3)
        assert registration.state is REGISTERED

    scene(work)


CONTACT = Address.parse("<sip:101@192.0.2.1:5060>")


@pytest.mark.parametrize(
    ("contacts", "expires", "granted"),
    [
        ("<sip:101@192.0.2.1:5060>;expires=60", None, 60),
        ("<sip:101@192.0.2.1:5060>", "90", 90),
        ("<sip:101@203.0.113.5:4444>;expires=40, <sip:102@h>;expires=50", "600", 40),
        ("<sip:101@203.0.113.5:4444>;expires=4000", "600", 600),
        ("<sip:101@203.0.113.5:4444>", None, 300),
        ("<sip:101@192.0.2.1:5060>;expires=" + "9" * 40, "70", 70),
        ("", "80", 80),
        ("", None, 300),
    ],
)
def test_an_answer_that_does_not_show_our_contact_grants_the_least(
    contacts: str, expires: str | None, granted: int
) -> None:
    headers = [("Contact", contacts)] * bool(contacts) + ([("Expires", expires)] if expires else [])
    answer = response(invite(method="REGISTER", CSeq="1 REGISTER"), 200, headers=headers)
    assert granted_s(answer, CONTACT, 300) == granted


def test_two_telephones_of_a_user_have_two_names_and_a_third_takes_one_that_is_free(tmp_path: Path) -> None:
    first, second, other = (Instance(aor, tmp_path) for aor in (AOR, AOR, Uri.parse("sip:102@office.example")))
    names = [first.id, second.id, other.id]
    assert len(set(names)) == 3
    first.release()
    second.release()
    again, later = Instance(AOR, tmp_path), Instance(Uri.parse("sip:101@OFFICE.example"), tmp_path)
    assert [again.id, later.id] == names[:2]
    for each in (again, later, other):
        each.release()


HOLDER = """
import sys, pathlib
from softphone.sip.services.binding import Instance
from softphone.sip.message.uri import Uri
instance = Instance(Uri.parse("sip:101@office.example"), pathlib.Path(sys.argv[1]))
print(instance.id, flush=True)
sys.stdin.read()
"""


def test_a_process_that_is_killed_has_its_name_again_wherever_it_is_started(tmp_path: Path) -> None:
    def started(folder: Path) -> "subprocess.Popen[str]":
        folder.mkdir()
        command = [sys.executable, "-c", HOLDER, str(tmp_path / "names")]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder)

    def name_of(process: "subprocess.Popen[str]") -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def killed(process: "subprocess.Popen[str]") -> None:
        with process:
            process.kill()

    first = started(tmp_path / "here")
    name = name_of(first)
    beside = started(tmp_path / "there")
    assert name_of(beside) not in ("", name)
    killed(first)
    again = started(tmp_path / "elsewhere")
    assert name_of(again) == name
    killed(beside)
    killed(again)


def test_no_folder_to_lock_in_is_no_reason_not_to_register(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    one, other = Instance(AOR, tmp_path / "file"), Instance(AOR, tmp_path / "file")
    assert one.id != other.id


def test_the_contact_says_which_telephone_it_is() -> None:
    async def work(office: Office) -> None:
        first, second = await office.register(), await office.register()
        names = [each.contact.params["+sip.instance"] for each in (first, second)]
        assert len(set(names)) == 2 and first.contact.params["reg-id"] == "1"
        await first.unregister()
        await asyncio.sleep(100)
        third = await office.register()
        assert third.contact.params["+sip.instance"] == names[0]

    scene(work)
