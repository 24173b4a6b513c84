"""SIPp at the real server: calls, digest, CANCEL, hold, lost and repeated messages, and many calls at once."""

import asyncio
from pathlib import Path

import pytest

from softphone import Agent, Call
from softphone.sip.message.uri import Uri
from tests.peers.sipp import Sipp
from tests.support.processes import LOOPBACK, ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import metric, until

pytestmark = [pytest.mark.peer("sipp"), pytest.mark.timeout(180), pytest.mark.realtime]


def run(
    folder: Path, server: ServerProcess, scenario: str, rows: list[list[str]], *options: str, calls: int = 1
) -> None:
    with Sipp(folder, scenario, *options, remote=server.sip_address, rows=rows, calls=calls) as sipp:
        sipp.finish()


@pytest.mark.parametrize("transport", ["u1", "t1"])
def test_a_call(tmp_path: Path, server: ServerProcess, rest: Rest, transport: str) -> None:
    session = rest.conference()
    run(tmp_path, server, "call", [[session["voiceCallToken"]]], "-d", "300", "-t", transport, "-rtp_echo")


def test_a_party_is_in_the_roster_until_it_leaves(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    session = rest.conference()
    rows = [[session["voiceCallToken"]]]
    with Sipp(tmp_path, "call", "-d", "4000", remote=server.sip_address, rows=rows) as sipp:
        until(lambda: rest.connected(session["id"]) == 1)
        sipp.finish()
    until(lambda: rest.connected(session["id"]) == 0)


def test_nobody_has_that_token(tmp_path: Path, server: ServerProcess) -> None:
    run(tmp_path, server, "not_found", [["conf_00"]])


def test_a_conference_that_has_ended(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    session = rest.conference()
    rest.end(session["id"])
    run(tmp_path, server, "gone", [[session["voiceCallToken"]]])


def test_the_eleventh_party_is_refused(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    session = rest.conference()
    token = session["voiceCallToken"]
    with Sipp(tmp_path, "call", "-d", "60000", "-r", "50", remote=server.sip_address, rows=[[token]], calls=10):
        until(lambda: rest.connected(session["id"]) == 10)
        run(tmp_path, server, "busy", [[token]])
        rest.end(session["id"])
        until(lambda: metric(rest, "softphone_calls") == 0)


def test_digest(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    run(
        tmp_path,
        server,
        "digest",
        [[rest.token(), "102"]],
        "-au",
        "102",
        "-ap",
        "dev-102",
        "-d",
        "100",
        "-key",
        "extra",
        "Subject: x",
    )


def test_a_wrong_password(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    run(tmp_path, server, "wrong_password", [[rest.token(), "102"]], "-au", "102", "-ap", "not-it")


def test_hold_and_unhold(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    run(tmp_path, server, "hold", [[rest.token()]], "-d", "200")


def test_the_200_is_sent_again_until_the_ack(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    """SIPp swallows repeated messages, so they are counted in its log: at 0, 0.5 and 1.5 s, unless somebody is late."""
    log = tmp_path / "messages.log"
    run(tmp_path, server, "deaf_to_200", [[rest.token()]], "-d", "100", "-trace_msg", "-message_file", str(log))
    answers = [text for text in log.read_text().split("-" * 47) if "SIP/2.0 200" in text and "CSeq: 1 INVITE" in text]
    assert len(answers) >= 2
    assert len({text.split("To: ")[1].split("\n")[0] for text in answers}) == 1


def test_a_fifth_of_all_messages_is_lost(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    """SIPp drops 20 % of what it sends and of what it gets; retransmission on both sides makes all calls good."""
    run(
        tmp_path,
        server,
        "call",
        [[rest.token()]],
        "-lost",
        "20",
        "-max_invite_retrans",
        "12",
        "-d",
        "500",
        "-r",
        "5",
        calls=8,
    )


def test_options(tmp_path: Path, server: ServerProcess) -> None:
    run(tmp_path, server, "options", [["ping"]])


def test_200_calls_at_20_a_second(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    rows = [[rest.token()] for _ in range(20)]
    run(tmp_path, server, "call", rows, "-r", "20", "-d", "4000", calls=200)


async def test_cancel(tmp_path: Path) -> None:
    """Our agent rings and does not answer; SIPp gives up."""
    given_up = asyncio.Event()

    async def ring(call: Call) -> None:
        call.on_hangup = lambda reason: given_up.set()

    async with Agent("sip:ringing@127.0.0.1", on_call=ring) as agent:
        address = (LOOPBACK, Uri.parse(agent.contact).port or 5060)
        with Sipp(tmp_path, "cancel", remote=address, rows=[["ringing"]]) as sipp:
            await asyncio.to_thread(sipp.finish)
        await asyncio.wait_for(given_up.wait(), 20.0)
