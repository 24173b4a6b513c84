"""The keys and codes of a conference, pressed on foreign telephones, by what foreign telephones hear."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.focus.table import PIN
from tests.peers.baresip import Baresip
from tests.peers.pyvoip import PyVoip
from tests.peers.sipp import Sipp
from tests.support.processes import LOOPBACK, ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import codes, conferences, metric, muted, parties, sounding_server, until, until_told
from tests.support.tones import RATE_HZ, Pcm, sine, tones_in, write_mulaw

pytestmark = [pytest.mark.peer("sipp", "baresip", "pyVoIP"), pytest.mark.timeout(180), pytest.mark.realtime]

HOST, BARESIP, PYVOIP = 620.0, 440.0, 850.0
TONES = [HOST, BARESIP, PYVOIP]
# How long everything stays as it is, and the blocks in which a recording is judged.
PHASE_S = 2.0
BLOCK_S = 0.25
# The rows and columns of a keypad (Q.23).
ROWS, COLUMNS = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0)
KEYPAD = ("123", "456", "789", "*0#")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("server")
    # No sequence of keys here is ended by a pause; with INFO each key makes its way through three processes.
    with sounding_server(folder, conference={"key_timeout_s": 20.0}) as running:
        yield running


class Keyed(Sipp):
    """A SIPp phone of an extension; the test says when it presses what.

    By RFC 4733 it presses once only: SIPp numbers its packets anew each time, as if it said the same again.
    """

    def __init__(self, folder: Path, method: str, server: ServerProcess, number: str, called: str) -> None:
        self.call_id = f"{method}-{number}-{folder.name}"
        work = folder / f"sipp-{method}"
        work.mkdir(parents=True)
        write_mulaw(work / "tone.ulaw", sine(HOST, 5.0))
        self.single = method == "info"
        self.presses, self.log = 0, work / "presses.log"
        account = ("-au", number, "-ap", f"dev-{number}")
        options = (*account, "-cid_str", self.call_id, "-base_cseq", "10", "-trace_logs", "-log_file", str(self.log))
        super().__init__(folder, method, *options, remote=server.sip_address, rows=[[called, number]])

    def press(self, keys: str) -> None:
        """Let it press keys; by INFO they are sent one by one.

        Before its ACK is out, SIPp takes a MESSAGE for the answer to its INVITE and gives the call up.
        """
        until(lambda: self.logged("answered"))
        for part in keys if self.single else [keys]:
            message = (
                f"MESSAGE sip:sipp@{LOOPBACK} SIP/2.0\r\nVia: SIP/2.0/UDP {LOOPBACK};branch=z9hG4bK-test\r\n"
                f"From: <sip:test@{LOOPBACK}>;tag=test\r\nTo: <sip:sipp@{LOOPBACK}>\r\nCall-ID: {self.call_id}\r\n"
                f"CSeq: 1 MESSAGE\r\nKeys: {part}\r\nContent-Length: 0\r\n\r\n"
            )
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
                sending.sendto(message.encode(), (LOOPBACK, self.port))
            self.presses += 1
            until(lambda: self.logged("pressed") == self.presses)

    def logged(self, word: str) -> int:
        """How often it has said this in its log."""
        return self.log.read_text().count(word) if self.log.exists() else 0


def course(pcm: Pcm) -> list[set[float]]:
    """What was heard one after the other; what came and went within a block, at a change, is left out."""
    blocks = np.array_split(pcm, max(round(len(pcm) / RATE_HZ / BLOCK_S), 1))
    heard = [frozenset(tones_in(block, TONES, floor=0.05)) for block in blocks]
    longer = [tones for tones, same in groupby(heard) if len(list(same)) >= 3]
    return [set(tones) for tones, _ in groupby(longer)]


def within(expected: list[set[float]], heard: list[set[float]]) -> bool:
    """Whether all of `expected` comes in this order, with nothing between; silence before and after does not count."""
    return any(heard[place : place + len(expected)] == expected for place in range(len(heard)))


class Meeting:
    """SIPp hosts, a baresip and a pyVoIP in a ``conf_`` room; they speak only when their keys go by INFO."""

    def __init__(
        self, folder: Path, server: ServerProcess, rest: Rest, method: str, hosts: int, stack: ExitStack
    ) -> None:
        self.rest = rest
        session = rest.conference()
        self.session: str = session["id"]
        token = session["voiceCallToken"]
        self.hosts = [
            stack.enter_context(Keyed(folder / str(number), method, server, "101", token)) for number in range(hosts)
        ]
        self.baresip = stack.enter_context(Baresip(folder / "baresip", BARESIP))
        self.baresip.dial(server.call_uri(token))
        plan: dict[str, Any] = {"number": token, "hang_up": False, "seconds": 80.0}
        self.pyvoip = stack.enter_context(PyVoip(folder / "pyvoip", server.sip_address, PYVOIP, **plan))
        for event in ("ready", "calling", "answered"):
            self.pyvoip.expect(event)
        until(lambda: rest.connected(self.session) == 2 + hosts)
        self.baresip.listen(PHASE_S)

    def now_muted(self, *numbers: str) -> None:
        """Wait until just these are muted, and then for as long as it takes to hear it."""
        until(lambda: muted(self.rest, self.session) == set(numbers))
        self.baresip.listen(PHASE_S)

    def end(self) -> None:
        """End the conference for all; every phone takes the BYE."""
        self.rest.end(self.session)
        for host in self.hosts:
            host.finish()
        self.baresip.wait("CALL_CLOSED")
        assert self.pyvoip.expect("ended")["by"] == "them"


def test_keys_by_telephone_event(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    with ExitStack() as stack:
        meeting = Meeting(tmp_path, server, rest, "keys", 2, stack)
        meeting.hosts[0].press("*91")
        meeting.now_muted("baresip", "pyvoip")
        meeting.hosts[1].press("*90")
        meeting.now_muted()
        for expected in (("baresip",), ()):
            for key in "*1":
                meeting.baresip.command("sndcode", key)
            meeting.now_muted(*expected)
        meeting.end()
        heard = course(meeting.baresip.heard())
        assert within([{PYVOIP}, set(), {PYVOIP}], heard), heard
        heard = course(meeting.pyvoip.heard())
        assert within([{BARESIP}, set(), {BARESIP}, set(), {BARESIP}], heard), heard


def test_keys_by_info(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    with ExitStack() as stack:
        meeting = Meeting(tmp_path, server, rest, "info", 1, stack)
        meeting.hosts[0].press("*91")
        meeting.now_muted("baresip", "pyvoip")
        meeting.hosts[0].press("*90")
        meeting.now_muted()
        meeting.hosts[0].press("*1")
        meeting.now_muted("101")
        meeting.hosts[0].press("*1")
        meeting.now_muted()
        meeting.end()
        heard = course(meeting.baresip.heard())
        all_but_me = {HOST, PYVOIP}
        assert within([all_but_me, {HOST}, all_but_me, {PYVOIP}, all_but_me], heard), heard
        heard = course(meeting.pyvoip.heard())
        all_but_me = {HOST, BARESIP}
        assert within([all_but_me, {HOST}, all_but_me, {BARESIP}, all_but_me], heard), heard


def rooms(rest: Rest) -> dict[str, list[dict[str, Any]]]:
    """Who is in which extension's room."""
    return {each["extension"]: parties(rest, each["id"]) for each in conferences(rest)}


@pytest.mark.parametrize("method", ["keys", "info"])
def test_a_pin(tmp_path: Path, server: ServerProcess, rest: Rest, method: str) -> None:
    with Keyed(tmp_path, method, server, "102", "201") as phone:
        until(lambda: metric(rest, "softphone_calls") == 1)
        assert "201" not in rooms(rest)
        phone.press("1234#")
        until(lambda: [party["number"] for party in rooms(rest).get("201", [])] == ["102"])
        (session,) = [each["id"] for each in conferences(rest) if each["extension"] == "201"]
        rest.http.delete(f"/api/v1/conferences/{session}").raise_for_status()
        phone.finish()


class Dialling(Baresip):
    """A baresip of an extension that presses by RFC 4733, any number of times."""

    def __init__(self, folder: Path, server: ServerProcess, number: str, called: str) -> None:
        host, port = server.sip_address
        account = f"<sip:{number}@{host}:{port}>;auth_user={number};auth_pass=dev-{number};regint=0"
        super().__init__(folder, BARESIP, account=account)
        self.dial(server.call_uri(called))
        self.listen(0.5)

    def press(self, keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.command("sndcode", key)

    def finish(self) -> None:
        """Wait for the other side's BYE."""
        self.wait("CALL_CLOSED")


@pytest.mark.parametrize("method", ["info", "telephone-event"])
def test_the_moderators_keys(tmp_path: Path, server: ServerProcess, rest: Rest, method: str) -> None:
    host = Keyed(tmp_path, "info", server, "101", "201") if method == "info" else None
    with host or Dialling(tmp_path / "host", server, "101", "201") as phone:
        phone.press("9876#")
        until(lambda: [party["role"] for party in rooms(rest).get("201", [])] == ["host"])
        (session,) = [each["id"] for each in conferences(rest) if each["extension"] == "201"]
        path = f"/api/v1/conferences/{session}"
        changes = [
            ("*92", "locked", True),
            ("*93", "locked", False),
            ("*94", "notices", False),
            ("*95", "notices", True),
            ("*91", "muted_all", True),
            ("*90", "muted_all", False),
        ]
        for keys, name, value in changes:
            assert rest.http.get(path).json()[name] is not value, keys
            phone.press(keys)
            until(lambda name=name, value=value: rest.http.get(path).json()[name] is value)  # type: ignore[misc]
        for expected in ({"101"}, set[str]()):
            phone.press("*1")
            until(lambda expected=expected: muted(rest, session) == expected)  # type: ignore[misc]
        phone.press("*8104#")
        until(lambda: [each["number"] for each in rest.http.get(f"{path}/dials").json()["dials"]] == ["104"])
        rest.http.delete(path).raise_for_status()
        phone.finish()


def test_a_wrong_pin_three_times(tmp_path: Path, server: ServerProcess, rest: Rest) -> None:
    """The first try is heard to be asked for: baresip listens beside."""
    with (
        Keyed(tmp_path, "keys", server, "102", "201") as phone,
        Dialling(tmp_path / "baresip", server, "103", "201") as other,
    ):
        for _ in range(3):
            other.press("4711#")
        phone.press("1111#2222#3333#")
        phone.finish()
        other.wait("CALL_CLOSED")
        assert PIN in tones_in(other.heard(), [PIN, *TONES])
    assert "201" not in rooms(rest)


REST_S = 1.2


def keypad(keys: str) -> Pcm:
    """Tones of 100 ms with 100 ms between, after a second of silence, and before so many that it is not said twice.

    A space is a rest in which everybody has noticed what the keys before it did.
    """
    silence = np.zeros(RATE_HZ // 10, np.int16)
    parts = [np.zeros(RATE_HZ, np.int16)]
    for key in keys:
        if key == " ":
            parts.append(np.zeros(round(REST_S * RATE_HZ), np.int16))
            continue
        row = next(place for place, line in enumerate(KEYPAD) if key in line)
        parts += [sine(ROWS[row], 0.1) + sine(COLUMNS[KEYPAD[row].index(key)], 0.1), silence]
    return np.concatenate([*parts, np.zeros(60 * RATE_HZ, np.int16)])


def test_a_code_and_the_keys_of_the_moderator_in_the_sound_at_the_bridge_number(
    tmp_path: Path, server: ServerProcess, rest: Rest
) -> None:
    host, _ = codes(rest, "101")
    work = tmp_path / "sipp-inband"
    work.mkdir()
    write_mulaw(work / "tone.ulaw", keypad(f"{host}# *92 *93 *94 *95 *91 *90 *1 *1"))
    with Sipp(tmp_path, "inband", remote=server.sip_address, rows=[["16505550100"]]) as phone:
        until(lambda: [party["role"] for party in rooms(rest).get("101", [])] == ["host"])
        (session,) = [each for each in conferences(rest) if each["extension"] == "101"]
        path = f"/api/v1/conferences/{session['id']}"
        assert session["kind"] == "bridge"
        until_told(
            rest,
            session["id"],
            *({"locked": True}, {"locked": False}, {"notices": False}, {"notices": True}),
            *({"muted_all": True}, {"muted_all": False}, {"muted": True}, {"muted": False}),
        )
        shown = rest.http.get(path).json()
        assert (shown["locked"], shown["notices"], shown["muted_all"]) == (False, True, False)
        assert muted(rest, session["id"]) == set()
        rest.http.delete(path).raise_for_status()
        phone.finish()
