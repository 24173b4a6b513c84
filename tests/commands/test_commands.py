import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import typer

from softphone import Agent, Call
from softphone.commands.call import bearer, callee, identity
from softphone.commands.screen import level_dbfs, meter
from tests.support.tones import RATE_HZ, Pcm, amplitude_of, read_wav, sine, write_wav

COMMAND = (sys.executable, "-m", "softphone")
ECHO = f"{Path(__file__).parents[2] / 'examples' / 'echo_bot.py'}:EchoBot"
LIMIT_S = 30.0


class Result(NamedTuple):
    status: int
    out: str
    err: str


class Phone(Agent):
    """Answers, and keeps calls, keys and what it heard."""

    def __init__(self) -> None:
        super().__init__("sip:phone@127.0.0.1", on_call=self.answer)
        self.answered: asyncio.Queue[Call] = asyncio.Queue()
        self.keys: asyncio.Queue[str] = asyncio.Queue()

    async def answer(self, call: Call) -> None:
        call.on_key = self.keys.put_nowait
        try:
            await call.accept()
        finally:  # one that is over at once was answered all the same
            self.answered.put_nowait(call)


@asynccontextmanager
async def started(*words: str | Path, **streams: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """`softphone ...`, killed when the test fails before its end."""
    pipe = asyncio.subprocess.PIPE
    streams = {"stdin": asyncio.subprocess.DEVNULL, "stdout": pipe, "stderr": pipe} | streams
    process = await asyncio.create_subprocess_exec(*COMMAND, *map(str, words), **streams)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def ended(process: asyncio.subprocess.Process) -> Result:
    out, err = await asyncio.wait_for(process.communicate(), LIMIT_S)
    return Result(process.returncode or 0, (out or b"").decode(), (err or b"").decode())


async def softphone(*words: str | Path) -> Result:
    async with started(*words) as process:
        return await ended(process)


def loudest(pcm: Pcm, hz: float, rate_hz: int = RATE_HZ) -> float:
    """The amplitude of a tone where it is heard best, however long there was silence before and after it."""
    step = rate_hz // 4
    return max(amplitude_of(pcm[start : start + step], hz, rate_hz) for start in range(0, len(pcm), step))


async def test_call_does_all_that_it_is_told(tmp_path: Path) -> None:
    options = (
        "--play",
        "tone:700",
        "--record",
        tmp_path / "heard.wav",
        "--keys",
        "1,2#",
        "--duration",
        "4",
        "--json",
    )
    async with Phone() as phone, started("call", phone.contact, *options, "--user", "ada") as process:
        call = await phone.answered.get()
        stream = call.frames()
        await call.play(sine(440, 2.5))
        result = await ended(process)
        heard = np.concatenate([frame async for frame in stream])
        keys = [phone.keys.get_nowait() for _ in range(phone.keys.qsize())]
    report = json.loads(result.out)
    assert result.status == 0
    assert (report["reason"], report["uri"]) == ("hangup", phone.contact)
    assert report["seconds"] >= 3.99
    assert report["stats"]["packets_received"] > 50
    assert call.remote_uri == "sip:ada@127.0.0.1"
    assert keys == ["1", "2", "#"]
    assert loudest(heard, 700) > 0.1
    recorded, rate_hz = read_wav(tmp_path / "heard.wav")
    assert loudest(recorded, 440, rate_hz) > 0.1


async def test_call_without_a_terminal_ends_with_the_file(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "hello.wav", sine(440, 0.5, rate_hz=16000), 16000)
    async with Phone() as phone:
        result = await softphone("call", phone.contact, "--play", path)
        assert await (await phone.answered.get()).wait_ended() == "bye"
    assert result.status == 0
    assert result.out == ""
    assert "connected to sip:phone@127.0.0.1" in result.err


async def test_a_file_is_sent_to_its_last_sample(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "second.wav", sine(440, 1.0))
    async with Phone() as phone:
        result = await softphone("call", phone.contact, "--play", path, "--json")
    assert json.loads(result.out)["stats"]["packets_sent"] >= 50


async def test_a_long_uri_stays_in_one_line() -> None:
    async with Phone() as phone, started("call", f"{phone.contact};x={'y' * 90}") as process:
        await (await phone.answered.get()).hangup()
        result = await ended(process)
    assert f"calling {phone.contact};x={'y' * 90} ..." in result.err.splitlines()


async def test_call_ends_when_the_other_side_hangs_up() -> None:
    async with Phone() as phone, started("call", phone.contact, "--json") as process:
        call = await phone.answered.get()
        await call.send_keys("5")
        await call.play(sine(440, 0.5))  # time to hear the key: the BYE goes another way than the sound
        await call.hangup()
        result = await ended(process)
    report = json.loads(result.out)
    assert (result.status, report["reason"], report["keys"]) == (0, "bye", "5")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_hangs_up(number: int) -> None:
    async with Phone() as phone, started("call", phone.contact, "--play", "tone:440") as process:
        call = await phone.answered.get()
        await anext(call.frames())
        process.send_signal(number)
        result = await ended(process)
        assert await call.wait_ended() == "bye"
    assert (result.status, "Traceback" in result.err) == (0, False)


async def test_a_signal_gives_up_ringing() -> None:
    ringing: asyncio.Queue[Call] = asyncio.Queue()

    async def ring(call: Call) -> None:
        ringing.put_nowait(call)

    async with Agent("sip:phone@127.0.0.1", on_call=ring) as phone, started("call", phone.contact) as process:
        call = await ringing.get()
        process.send_signal(signal.SIGINT)
        result = await ended(process)
        assert await call.wait_ended() == "cancelled"
    assert (result.status, result.err.splitlines()[-1]) == (1, "softphone call: given up before the answer")


async def test_a_refused_call_is_a_failure_in_one_line() -> None:
    async with Agent() as nobody:
        result = await softphone("call", nobody.contact)
    assert result.status == 1
    assert result.err.splitlines()[-1].startswith("softphone call: 480")


@pytest.mark.parametrize(
    ("words", "mend"),
    [
        (("call", "sip:a@127.0.0.1", "--codec", "GSM"), "some of PCMU"),
        (("call", "sip:a@127.0.0.1", "--keys", "12x"), "0-9, *, #"),
        (("call", "sip:a@127.0.0.1", "--play", "/no/such.wav"), "/no/such.wav"),
        (("call", "sip:a@127.0.0.1", "--play", "tone:high"), "tone:440"),
        (("call", "sip:a@127.0.0.1", "--record", "/tmp"), "/tmp is a folder"),
        (("call", "sip:a@127.0.0.1", "--loud"), "--loud"),
        (("call",), "Missing argument 'URI'"),
        (("call", "not a uri"), "sip:"),
        (("call", "sips:a@127.0.0.1"), "sip:"),
        (("call", "sip:a@127.0.0.1?Subject"), "'sip:a@127.0.0.1?Subject'"),
        (("call", "202", "--user", "101"), "sip:202@127.0.0.1:5060, or --registrar"),
        (("call", "sip:202"), "202@HOST"),
        (("bot", ECHO, "202"), "202@HOST"),
        (("call", "sip:a@127.0.0.1", "--registrar", "nonsense"), "--registrar"),
        (("call", "sip:a@127.0.0.1", "--user", "a b"), "--user"),
        (("bot", "echo", "sip:a@127.0.0.1"), "MODULE:OBJECT"),
        (("bot", "no.such.module:Bot", "sip:a@127.0.0.1"), "no.such.module"),
        (("bot", "nothere.py:Bot", "sip:a@127.0.0.1"), "nothere.py"),
        (("bot", "softphone:Agent", "sip:a@127.0.0.1"), "not a softphone.Bot"),
        (("demo", "--parties", "1"), "2"),
        (("demo", "--out", "/proc/nothing"), "/proc/nothing"),
    ],
)
async def test_wrong_use_is_told_in_one_line(words: tuple[str, ...], mend: str) -> None:
    result = await softphone(*words)
    assert result.status == 2
    assert result.out == ""
    assert len(result.err.splitlines()) == 1
    assert mend in result.err
    assert result.err.startswith(f"softphone {words[0]}: ")


async def test_the_program_names_its_version_and_an_example() -> None:
    assert (await softphone("--version")).out == f"softphone {version('softphone')}\n"
    assert "Example: softphone demo" in (await softphone("--help")).out


async def test_without_a_command_the_help_is_shown() -> None:
    result = await softphone()
    assert (result.status, result.err) == (2, "")
    assert "serve" in result.out


@pytest.mark.skipif(find_spec("sounddevice") is not None, reason="the optional sound card package is installed")
@pytest.mark.parametrize("option", [("--play", "mic"), ("--record", "speaker")])
async def test_a_missing_sound_card_package_is_named(option: tuple[str, str]) -> None:
    result = await softphone("call", "sip:a@127.0.0.1", *option)
    assert result.status == 2
    assert "pip install 'softphone[audio]'" in result.err
    assert len(result.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["call", "bot", "demo"])
async def test_help_has_an_example(command: str) -> None:
    result = await softphone(command, "--help")
    assert result.status == 0
    assert f"Example: softphone {command} " in result.out


async def read_until(terminal: int, words: bytes) -> bytes:
    """What a program has written to its terminal until `words` came."""
    seen = b""
    while words not in seen:
        seen += await asyncio.to_thread(os.read, terminal, 1024)
    return seen


async def test_on_a_terminal_keys_are_pressed_and_q_hangs_up() -> None:
    ours, theirs = pty.openpty()
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    try:
        async with Phone() as phone, started("call", phone.contact, "--play", "tone:440", **streams) as process:
            call = await phone.answered.get()
            await read_until(ours, b" dB")
            os.write(ours, b"5#")
            assert [await phone.keys.get(), await phone.keys.get()] == ["5", "#"]
            os.write(ours, b"m")
            await read_until(ours, b"muted")
            muted = call.frames()
            while amplitude_of(await anext(muted), 440) > 0.001:
                pass
            os.write(ours, b"q")
            assert await call.wait_ended() == "bye"
            await read_until(ours, b"hangup after")
            assert await asyncio.wait_for(process.wait(), LIMIT_S) == 0
    finally:
        os.close(ours)
        os.close(theirs)


async def test_bot_runs_a_bot_from_a_file() -> None:
    async with Phone() as phone, started("bot", ECHO, phone.contact) as process:
        call = await phone.answered.get()
        stream = call.frames()
        await call.play(sine(440, 1.0))
        await call.send_keys("#")
        result = await ended(process)
        heard = np.concatenate([frame async for frame in stream])
    assert (result.status, result.err.strip()) == (0, "hangup")
    assert loudest(heard, 440) > 0.1


BROKEN_BOTS = """
from softphone import Bot
class Needy(Bot):
    def __init__(self, name):
        self.name = name
class Failing(Bot):
    async def on_joined(self):
        raise KeyError("lost")
"""


async def test_what_a_bot_raises_is_shown_with_its_own_lines(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(BROKEN_BOTS)
    async with Phone() as phone:
        result = await softphone("bot", f"{path}:Failing", phone.contact)
        assert await (await phone.answered.get()).wait_ended() == "bye"
    assert (result.status, result.out) == (1, "")
    assert result.err.splitlines() == [
        f"softphone bot: {path}:Failing failed",
        f'  File "{path}", line 8, in on_joined',
        '    raise KeyError("lost")',
        "KeyError: 'lost'",
    ]


@pytest.mark.parametrize(
    ("text", "mend"),
    [(BROKEN_BOTS, "name an object instead of the class"), ("x = (", "SyntaxError"), ("\nx = y", "(line 2)")],
)
async def test_a_bot_that_cannot_be_made_is_told_in_one_line(tmp_path: Path, text: str, mend: str) -> None:
    path = tmp_path / "broken.py"
    path.write_text(text)
    result = await softphone("bot", f"{path}:Needy", "sip:a@127.0.0.1")
    assert (result.status, result.out, len(result.err.splitlines())) == (2, "", 1)
    assert mend in result.err


async def test_the_result_of_a_bot_as_json() -> None:
    async with Phone() as phone, started("bot", ECHO, phone.contact, "--json") as process:
        await (await phone.answered.get()).hangup()
        result = await ended(process)
    assert json.loads(result.out) == {"bot": ECHO, "uri": phone.contact, "reason": "bye"}


@pytest.mark.parametrize(
    ("user", "uri", "registrar", "expected"),
    [
        ("ada", "sip:201@127.0.0.1:5060", None, "sip:ada@127.0.0.1"),
        ("ada", "sip:127.0.0.1:5060;transport=tcp", None, "sip:ada@127.0.0.1"),
        ("ada", "201", "sip:example.com:5080", "sip:ada@example.com"),
        ("sip:ada@example.org", "sip:201@127.0.0.1", None, "sip:ada@example.org"),
        ("ada", "sip:201@[::1]:5060", None, "sip:ada@[::1]"),
        ("ada", "https://[::1]:8443/whip/201", None, "sip:ada@[::1]"),
        ("ada", "https://example.com/whip/201", "sip:example.org", "sip:ada@example.org"),
    ],
)
def test_who_is_calling(user: str, uri: str, registrar: str | None, expected: str) -> None:
    assert identity(user, uri, registrar) == expected


def test_a_host_alone_can_be_called() -> None:
    assert callee("sip:127.0.0.1:5060", None) == "sip:127.0.0.1:5060"
    assert callee("202", "sip:127.0.0.1") == "202"


def test_a_url_is_called_as_it_is_with_the_password_as_its_token() -> None:
    url = "https://example.com/whip/201"
    assert callee(url, None) == callee(url, "sip:127.0.0.1") == url
    assert bearer(url, "key") == (("Authorization", "Bearer key"),)
    assert bearer(url, None) == bearer("sip:201@example.com", "key") == ()
    for wrong in ("https:///whip", "http://example.com/whip/201"):
        with pytest.raises(typer.Exit):
            bearer(wrong, "key")


def test_the_meter_moves_with_the_level() -> None:
    assert level_dbfs(sine(1000, 1.0, amplitude=1.0)) == pytest.approx(0.0, abs=0.1)
    assert level_dbfs(sine(1000, 1.0, amplitude=0.1)) == pytest.approx(-20.0, abs=0.1)
    assert level_dbfs(np.zeros(160, np.int16)) == -60.0
    bars = [meter(dbfs, 61.0).plain.count("█") for dbfs in (-60.0, -30.0, 0.0, 3.0)]
    assert bars == [0, 15, 30, 30]
    assert meter(-10.0, 61.0, note="muted").plain.startswith("01:01")
    assert meter(-10.0, 61.0, note="muted").plain.endswith("muted")
