"""Who is in the conference, as an agent is told: its subscription to a bridge in memory, and the documents it reads."""

import asyncio
from pathlib import Path

import pytest

from softphone import Agent, Call, CallRefused, ConferenceState
from softphone.agent import roster
from softphone.agent.conference_state import ConferenceDocument, ConferenceReader
from softphone.sip.services import subscriber
from softphone.testing import ConferenceBridge, run


async def until(call: Call, wanted: dict[str, bool]) -> ConferenceState:
    """Watch until the users are these, each muted or not."""
    async for state in call.roster():
        if {user.uri.partition("@")[0].removeprefix("sip:"): user.muted for user in state.users} == wanted:
            return state
    raise AssertionError("the roster ended before")


def test_a_bot_sees_who_comes_is_muted_and_goes(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:
            session = await bridge.conference()
            async with bridge.agent("101") as ada, bridge.agent("102") as ben:
                call = await ada.invite(bridge.uri(session))
                await until(call, {"101": False})
                other = await ben.invite(bridge.uri(session))
                state = await until(call, {"101": False, "102": False})
                assert [user.roles for user in state.users if "101" in user.uri] == [("Host",)]
                await other.send_keys("*1")
                await until(call, {"101": False, "102": True})
                await call.send_keys("*92")
                async for state in call.roster():
                    if state.locked:
                        break
                await other.hangup()
                await until(call, {"101": False})

    run(scene())


def test_it_ends_with_the_call_and_goes_on_beyond_the_time_that_was_granted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (roster, subscriber):
        monkeypatch.setattr(module, "EXPIRES_S", 60)  # the least that the bridge grants

    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:
            session = await bridge.conference()
            async with bridge.agent("101") as ada, bridge.agent("102") as ben:
                call = await ada.invite(bridge.uri(session))
                told: list[int] = []

                async def read() -> None:
                    async for state in call.roster():
                        told.append(len(state.users))

                reading = asyncio.create_task(read())
                await asyncio.sleep(90)
                other = await ben.invite(bridge.uri(session))
                await asyncio.sleep(5)
                assert told[-1] == 2
                await other.hangup()
                await call.hangup()
                await reading
                assert bridge.wire.methods().count("SUBSCRIBE") >= 3

    run(scene())


def test_a_notify_that_is_faster_than_the_answer_to_its_subscribe_counts(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge, Agent() as guest:
            call = await guest.invite(bridge.uri(await bridge.conference()))
            lost: list[str] = []

            def is_lost(line: str, _before: int) -> bool:
                if line.startswith("SIP/2.0 200") and not lost:
                    lost.append(line)
                    return True
                return False

            bridge.wire.lost = is_lost
            began = asyncio.get_running_loop().time()
            async for state in call.roster():
                assert len(state.users) == 1
                break
            assert lost and bridge.wire.methods().count("SUBSCRIBE") >= 2
            assert asyncio.get_running_loop().time() - began < 2.0

    run(scene())


def test_who_has_no_conference_refuses(tmp_path: Path) -> None:
    async def scene() -> None:
        async with ConferenceBridge(tmp_path) as bridge:

            async def answer(call: Call) -> None:
                await call.accept()

            async with bridge.agent("102", on_call=answer) as ben, bridge.agent("101") as ada:
                call = await ada.invite(ben.contact)
                with pytest.raises(CallRefused) as refused:
                    async for _ in call.roster():
                        pass
                assert refused.value.status == 405

    run(scene())


HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<conference-info xmlns="urn:ietf:params:xml:ns:conference-info"'
ALICE = """<user entity="sip:alice@example.com" state="full"><display-text> Alice
  Smith </display-text><roles><entry>participant</entry></roles>
  <endpoint entity="sip:alice@pc1.example.com"><status>connected</status>
    <media id="1"><type>video</type><status>inactive</status></media>
    <media id="2"><type>audio</type><status>sendrecv</status></media></endpoint>
  <endpoint entity="sip:alice@pc2.example.com"><status>on-hold</status></endpoint></user>"""


def document(version: int, state: str, users: str, more: str = "") -> bytes:
    users = f'<users state="{state}">{users}</users>'
    head = f'{HEAD} entity="sip:conf@example.com" state="{state}" version="{version}">'
    return f"{head}{more}{users}</conference-info>".encode()


def test_what_changed_is_laid_over_what_was_told_before() -> None:
    reader = ConferenceReader()
    title = "<conference-description><display-text>Weekly</display-text></conference-description>"
    locked = "<conference-state><locked>true</locked></conference-state>"
    first = reader.read(document(1, "full", ALICE, title + locked))
    assert (first.uri, first.title, first.locked) == ("sip:conf@example.com", "Weekly", True)
    assert [(each.name, each.status, each.media, each.muted) for each in first.users] == [
        ("Alice Smith", "connected", "sendrecv", False),
        ("Alice Smith", "on-hold", "", False),
    ]
    changed = """<user entity="sip:alice@example.com" state="partial">
        <endpoint entity="sip:alice@pc1.example.com" state="partial"><status>muted-via-focus</status></endpoint>
        <endpoint entity="sip:alice@pc2.example.com" state="deleted"/></user>
        <user entity="sip:bob@example.com"><endpoint entity="b"><status>pending</status></endpoint></user>"""
    second = reader.read(document(2, "partial", changed))
    assert second.title == "Weekly" and second.locked is True
    assert [(each.name, each.status, each.media, each.muted) for each in second.users] == [
        ("Alice Smith", "muted-via-focus", "sendrecv", True),
        ("", "pending", "", False),
    ]
    assert reader.read(document(2, "partial", "")) == second  # one that came before
    third = reader.read(document(3, "partial", '<user entity="sip:bob@example.com" state="deleted"/>'))
    assert [each.uri for each in third.users] == ["sip:alice@example.com"]


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\xff\xfe",
        b"<a/>",
        b"<conference-info",
        f"{HEAD}/>".encode(),
        f'{HEAD} version="-1"/>'.encode(),
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + document(1, "full", ""),
        document(1, "full", "").decode().encode("utf-16"),
        document(1, "full", " " * 4_000_000),
        b"<a>" * 100_000,
        document(2, "partial", ""),
    ],
    ids=range(11),
)
def test_what_cannot_be_read_changes_nothing(said: bytes) -> None:
    reader = ConferenceReader()
    with pytest.raises(ConferenceDocument):
        reader.read(said)
    assert len(reader.read(document(1, "full", ALICE)).users) == 2
    with pytest.raises(ConferenceDocument):
        reader.read(document(3, "partial", ALICE))  # the second one is missing
    assert len(reader.state.users) == 2
