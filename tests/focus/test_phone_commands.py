"""What telephones of particular kinds say and command besides their calls, and their registrations."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from softphone.errors import CallRefused
from softphone.focus.control import Control
from softphone.media.contract.leg import RecordingInfo
from softphone.media.contract.messages import Number, Record, StopRecording
from softphone.testing.bridge import offer
from tests.focus.switchboard import Switchboard, Telephone, answers, play
from tests.focus.test_phone_edge import KINDS, joined, sound, token
from tests.support.maker_phone import ORDINARY, STREAM, WEB, MakerCall, MakerPhone, Read


def records(board: Switchboard) -> None:
    """Let rooms be recorded, on paper."""

    async def begin(_asked: Record) -> Number:
        return Number(1)

    async def end(_asked: StopRecording) -> RecordingInfo:
        return RecordingInfo("", 1.0)

    board.paper.media.serve |= {Record: begin, StopRecording: end}


async def told(call: MakerCall, command: str, reqid: int = 1) -> dict[str, object]:
    """Command something; gives the result that comes in an INFO."""
    before = len(call.phone.all("INFO"))
    body = json.dumps({"request": {"reqid": reqid, "command": command}})
    answer = await call.request("INFO", body=body, Content_Type="application/json;charset=utf-8")
    assert answer.status == 200
    async with asyncio.timeout(60):
        while len(call.phone.all("INFO")) == before:
            await asyncio.sleep(0.01)
    info = call.phone.all("INFO sip:")[-1]
    assert info.get("Content-Type") == "application/json;charset=utf-8" and info.get("Call-Id") == call.named["Call-Id"]
    said = json.loads(info.body)["response"]
    assert (said["reqid"], said["command"]) == (reqid, command)
    result: dict[str, object] = said["result"]
    return result


def test_a_call_is_recorded_as_its_telephone_says(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        records(board)
        await board.telephone("102", answers)
        phone = MakerPhone(board)
        call = await phone.call("102")
        await call.answered()
        await asyncio.sleep(1)
        assert await told(call, "startcallrecord") == {"code": 0, "description": "OK"}
        (room,) = board.focus.calls.values()
        assert room.recorder.running
        assert (await told(call, "stopcallrecord", 2))["code"] == 0
        assert not room.recorder.running
        assert (await told(call, "stopcallrecord", 3))["code"] != 0
        assert (await told(call, "callflip", 4))["code"] != 0
        assert (await told(call, "monitor", 5))["code"] != 0

    play(tmp_path, scene)


def test_a_call_is_parked_and_its_telephone_told_before_it_is_hung_up_on(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        await board.telephone("102", answers)
        call = await MakerPhone(board).call("102")
        await call.answered()
        await asyncio.sleep(1)
        assert (await told(call, "callpark"))["code"] == 0
        await asyncio.sleep(1)
        (room,) = board.focus.calls.values()
        assert room.parked is not None and len(room.members) == 1
        order = [read.method for _, read in call.phone.came if read.method in ("INFO", "BYE")]
        assert order == ["INFO", "BYE"]

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", '{"request":{}}', '{"request":{"command":5}}', "\xff", '{"response":{}}']
)
def test_json_that_asks_for_nothing_is_answered_and_passed_over(tmp_path: Path, body: str) -> None:
    async def scene(board: Switchboard) -> None:
        records(board)
        call = await joined(board)
        assert (await call.request("INFO", body=body, Content_Type="application/json")).status == 200
        await asyncio.sleep(1)
        assert not call.phone.all("INFO")
        assert (await told(call, "startcallrecord"))["code"] == 0

    play(tmp_path, scene)


@pytest.mark.parametrize("agent", KINDS)
def test_a_registration_shows_its_own_contact_alone_and_the_sixth_telephone_is_one_too_many(
    tmp_path: Path, agent: str
) -> None:
    async def scene(board: Switchboard) -> None:
        phones = [MakerPhone(board, agent=agent) for _ in range(6)]
        for index, phone in enumerate(phones[:5]):
            ok = await phone.register(instance=f"80200090{index}")
            assert ok.first == "SIP/2.0 200 OK"
            assert re.fullmatch(
                rf'<sip:\w+@{phone.here};transport=wss>;\+sip.instance="<urn:uuid:80200090{index}>";expires=60',
                ok.get("Contact"),
            ), ok.get("Contact")
        assert (await phones[5].register(instance="802000905")).first == "SIP/2.0 603 Too Many Contacts"
        assert (await phones[5].register(instance="802000904")).status == 200
        assert (await phones[0].register(expires=0, instance="802000900")).status == 200
        assert (await phones[0].register(instance="802000905")).status == 200
        sound(board)

    play(tmp_path, scene)


@pytest.mark.parametrize("agent", KINDS)
def test_who_has_unregistered_calls_nobody_until_it_is_back(tmp_path: Path, agent: str) -> None:
    async def scene(board: Switchboard) -> None:
        phone = MakerPhone(board, agent=agent)
        call = await phone.call("999")
        assert (await call.final()).status == 486  # one that has never said anything is asked who it is
        assert (await phone.register()).status == 200
        assert (await phone.register(expires=0)).status == 200
        other = MakerPhone(board, agent=agent)
        assert (await (await other.call("999")).final()).status == 486
        refused = await phone.invite("999")
        assert (refused.status, refused.body) == (403, "")
        assert (await phone.register()).status == 200
        assert (await phone.invite("999")).status == 407
        sound(board)

    play(tmp_path, scene)


def test_a_telephone_that_goes_on_registering_with_its_call_id_needs_no_second_place(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        phone = MakerPhone(board, agent=STREAM)
        for _ in range(20):
            assert (await phone.register(call_id="same")).status == 200
            await asyncio.sleep(30)
        assert len(board.registrar.contacts("101", asyncio.get_running_loop().time())) <= 1

    play(tmp_path, scene)


P_RC = re.compile(r'<Msg><Hdr SID="(\d+)" Req="(\S+)" From="(\S+)" To="(\S+)" Cmd="6"/><Bdy .*/></Msg>')


async def rung(board: Switchboard, agent: str = WEB) -> tuple[MakerPhone, Telephone, "asyncio.Task[object]", Read]:
    """A telephone of 102 that is being called by 101, which rings."""
    phone = MakerPhone(board, "102", agent)
    assert (await phone.register()).status == 200
    caller = await board.telephone("101")
    calling: asyncio.Task[object] = asyncio.create_task(caller.call("102"))
    invite = await phone.some("INVITE sip:")
    phone.reply(invite, 100)
    phone.reply(invite, 180)
    return phone, caller, calling, invite


def message(phone: MakerPhone, invite: Read, command: int, **body: str) -> int:
    found = re.fullmatch(
        r'<Msg><Hdr SID="(\d+)" Req="(\S+)" From="(\S+)" To="(\S+)" Cmd="6"/><Bdy .*/></Msg>', invite.get("P-rc")
    )
    assert found is not None, invite.text
    more = "".join(f' {name}="{value}"' for name, value in body.items())
    sid, req, there, here = found.groups()
    head = f'<Hdr SID="{sid}" Req="{req}" From="{here}" To="{there}" Cmd="{command}"/>'
    number = phone.next()
    phone.send(
        f"MESSAGE sip:{there} SIP/2.0",
        {
            "Via": phone.via(),
            "To": f"<sip:{there}>",
            "From": "<sip:102@softphone.local>;tag=fresh",
            "Call-Id": invite.get("Call-Id"),
            "Content-Type": "x-rc/agent",
            "CSeq": f"{number} MESSAGE",
        },
        f'<Msg>{head}<Bdy Cln="802000902"{more}/></Msg>',
    )
    return number


def test_who_supervises_says_by_its_telephone_who_is_to_hear_it(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        board.focus.reconfigure(board.config)
        callee, caller = await board.telephone("103", answers), await board.telephone("101")
        await caller.call("103")
        (session,) = board.focus.calls
        phone = MakerPhone(board, "102")
        assert (await phone.register()).status == 200
        control = Control(board.focus, board.paper.accounts)
        ben, party = board.paper.accounts.extensions["102"], f"p-{session[2:]}-2"
        asked = asyncio.create_task(control.calls.supervise(session, by=ben, heard_by=(party,)))
        invite = await phone.some("INVITE sip:")
        phone.reply(invite, 180)
        phone.reply(invite, 200, offer())
        await phone.some("ACK sip:")
        supervisor = await asked
        lines = [f"{name}: {invite.get(name)}" for name in ("Call-Id", "From", "To")]
        there = Read("\r\n".join(["SIP/2.0 200 OK", *lines, "", ""]).encode())
        there.headers["From"], there.headers["To"] = f"{invite.get('To')};tag=theirs", invite.get("From")
        call = MakerCall(phone, there, "", 0, "")
        for command, silent in (("monitor", True), ("barge", False), ("monitor", True), ("whisper", False)):
            assert (await told(call, command))["code"] == 0
            assert supervisor.muted is silent, command
        assert (await told(call, "callpark"))["code"] != 0
        assert (await told(call, "takeover"))["code"] == 0
        await asyncio.sleep(1)
        assert callee.ended == ["bye"]
        assert [each.address.number for each in board.focus.session(session).parties.values()] == ["101", "102"]
        assert (await told(call, "barge"))["code"] != 0

    play(tmp_path, scene, conference={"hidden_listeners": True})


def test_a_call_to_it_says_who_calls_and_is_answered(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        phone, _, calling, invite = await rung(board)
        shown = invite.get("P-rc")
        assert 'Phn="101"' in shown and 'ToPhn="102"' in shown
        assert (await phone.first(message(phone, invite, 17))).status == 200
        phone.reply(invite, 200, offer())
        call = await calling
        await phone.some("ACK sip:")
        await asyncio.sleep(1)
        assert len(board.focus.calls) == 1 and call
        assert not len(board.dialer.messages)
        sound(board)

    play(tmp_path, scene)


@pytest.mark.parametrize(("command", "status"), [(12, 603), (11, 480)])
def test_who_declines_by_a_message_is_cancelled_and_sends_no_487(tmp_path: Path, command: int, status: int) -> None:
    async def scene(board: Switchboard) -> None:
        phone, _, calling, invite = await rung(board)
        assert (await phone.first(message(phone, invite, command))).status == 200
        cancel = await phone.some("CANCEL sip:")
        # It finds its call by the spelling of this name in its own answer.
        assert [line[0] for line in (*invite.lines, *cancel.lines)].count("Call-Id") == 2
        with pytest.raises(CallRefused) as refused:
            await calling
        assert refused.value.status == status
        await asyncio.sleep(40)
        assert not board.focus.calls and not board.focus.context.legs and not len(board.dialer.messages)
        sound(board)

    play(tmp_path, scene)


def test_who_forwards_by_a_message_has_the_call_elsewhere(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        other = await board.telephone("103", answers)
        phone, _, calling, invite = await rung(board)
        message(phone, invite, 10, FwdDly="0", Phn="103", PhnTp="3")
        await calling
        assert len(other.calls) == 1 and phone.all("CANCEL sip:")

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<Msg/>",
        "<Msg><Hdr/></Msg>",
        '<!DOCTYPE a [<!ENTITY b "c">]><Msg><Hdr SID="1" Cmd="12"/><Bdy/></Msg>',
        '<Msg><Hdr SID="1" Cmd="12"/><Bdy/></Msg>',
        "<Msg",
    ],
)
def test_a_message_that_says_nothing_of_a_call_changes_none(tmp_path: Path, body: str) -> None:
    async def scene(board: Switchboard) -> None:
        phone, _, calling, _ = await rung(board)
        number = phone.next()
        named = {"Via": phone.via(), "To": "<sip:#1@softphone.local>", "From": "<sip:102@x>;tag=1", "Call-Id": "c"}
        phone.send(
            "MESSAGE sip:#1@softphone.local SIP/2.0",
            {**named, "Content-Type": "x-rc/agent", "CSeq": f"{number} MESSAGE"},
            body,
        )
        assert (await phone.first(number)).status == 200
        await asyncio.sleep(1)
        assert not calling.done() and not phone.all("CANCEL")
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        await phone.some("CANCEL sip:")

    play(tmp_path, scene)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_no_declarations_are_read_in_whatever_encoding(tmp_path: Path, encoding: str) -> None:
    async def scene(board: Switchboard) -> None:
        phone, _, calling, invite = await rung(board)
        found = re.search(r'SID="(\d+)"', invite.get("P-rc"))
        assert found is not None
        head = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY b "12">]>'
        body = f'{head}<Msg><Hdr SID="{found[1]}" Cmd="&b;"/><Bdy/></Msg>'.encode(encoding)
        number = phone.next()
        named = {"Via": phone.via(), "To": "<sip:#1@softphone.local>", "From": "<sip:102@x>;tag=1", "Call-Id": "c"}
        named |= {"CSeq": f"{number} MESSAGE", "Content-Type": "x-rc/agent", "User-Agent": phone.agent}
        lines = ["MESSAGE sip:#1@softphone.local SIP/2.0", *(f"{name}: {value}" for name, value in named.items())]
        phone.deliver("\r\n".join((*lines, f"Content-Length: {len(body)}", "", "")).encode() + body)
        assert (await phone.first(number)).status == 200
        await asyncio.sleep(1)
        assert not calling.done() and not phone.all("CANCEL")
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        await phone.some("CANCEL sip:")

    play(tmp_path, scene)


def test_a_report_of_quality_is_taken(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        phone = MakerPhone(board)
        for event, expires, status in (("vq-rtcpxr", "60", 200), ("vq-rtcpxr", "30", 200), ("presence", "60", 489)):
            number = phone.next()
            named = {"Via": phone.via(), "To": "<sip:rtcpxr@x>", "From": "<sip:101@x>;tag=1", "Call-Id": "c"}
            more = {"Event": event, "Expires": expires, "Content-Type": "application/vq-rtcpxr"}
            phone.send(
                "PUBLISH sip:rtcpxr@rtcpxr.ringcentral.com:5060 SIP/2.0",
                {**named, **more, "CSeq": f"{number} PUBLISH\r\np-rc-client-info:cpuRC=1"},
                "VQSessionReport\r\n",
            )
            answer = await phone.first(number)
            assert answer.status == status
            if status == 200:
                assert answer.get("SIP-ETag") and answer.get("Expires") == expires
        sound(board)

    play(tmp_path, scene)


def test_an_ordinary_telephone_sees_no_difference(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        phone = MakerPhone(board, "102", ORDINARY)
        await phone.register()
        second = MakerPhone(board, "102", ORDINARY)
        listed = await second.register(instance="other")
        assert listed.get("Contact").count("expires=") == 2
        caller = await board.telephone("101")
        calling = asyncio.create_task(caller.call("102"))
        invite = await phone.some("INVITE sip:")
        assert not invite.get("P-rc")
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        refused = await phone.call("conf_00ff")
        assert refused.progress.status == 404
        number = phone.next()
        named = {"Via": phone.via(), "To": "<sip:1@x>", "From": "<sip:102@x>;tag=1", "Call-Id": "c"}
        for method in ("MESSAGE", "PUBLISH"):
            phone.send(f"{method} sip:1@softphone.local SIP/2.0", {**named, "CSeq": f"{number} {method}"})
            assert (await phone.first(number)).status == 405
            number = phone.next()
            named["Via"] = phone.via()

    play(tmp_path, scene)


def test_a_stranger_that_says_it_is_of_this_kind_is_challenged_and_gets_nothing_else(tmp_path: Path) -> None:
    async def scene(board: Switchboard) -> None:
        phone = MakerPhone(board, "777777777777", WEB)
        call = await phone.call(await token(board))
        assert call.progress.status == 403 and not call.progress.body
        assert not board.focus.context.legs

    play(tmp_path, scene)
