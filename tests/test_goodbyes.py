"""How the bridge ends calls, and what hold sounds like: seen and heard from outside, at the real process."""

import asyncio
import signal
from contextlib import ExitStack
from pathlib import Path

from softphone import Agent
from softphone.config import DEV_PATH
from tests.agent.test_agent import listen, talking, until_heard
from tests.support.processes import ServerProcess
from tests.support.raw import RawPhone, header, offer
from tests.support.rest import Rest
from tests.support.tones import amplitude_of, sine


def patient(folder: Path) -> ServerProcess:
    """A server that waits at its end for whoever is slow to answer a BYE."""
    config = folder / "config.toml"
    config.write_text(DEV_PATH.read_text().replace("[server]\n", "[server]\ndrain_s = 60.0\n"))
    return ServerProcess(folder, "--config", str(config))


def test_sigterm_says_goodbye_to_all_and_takes_nobody_new(tmp_path: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(patient(tmp_path))
        with Rest(server.http_url) as rest:
            tokens = [rest.token(), rest.token()]
        phones = [RawPhone(server.sip_address, tokens[n % 2], f"call-{n}") for n in range(4)]
        for phone in phones:
            stack.enter_context(phone)
            phone.invite(offer())
        server.process.send_signal(signal.SIGTERM)
        goodbyes = [phone.receive("BYE") for phone in phones]
        with RawPhone(server.sip_address, tokens[0], "late") as late:
            late.send("INVITE", offer())
            assert header(late.receive("503"), "Retry-After")
            late.send("ACK", number=1)
        for phone, goodbye in zip(phones, goodbyes, strict=True):
            phone.answer(goodbye)
        assert server.process.wait(30) == 0
        assert "Traceback" not in server.err


def test_watchers_are_told_of_the_end_and_load_balancers_that_it_comes(tmp_path: Path) -> None:
    with patient(tmp_path) as server, Rest(server.http_url) as rest:
        session = rest.conference()
        with (
            RawPhone(server.sip_address, session["voiceCallToken"], "last") as phone,
            rest.http.stream("GET", "/api/v1/events") as stream,
        ):
            lines = stream.iter_lines()
            assert next(lines) == ": events"
            phone.invite(offer())
            rest.http.post(f"/api/v1/conferences/{session['id']}/recording").raise_for_status()
            server.process.send_signal(signal.SIGTERM)
            goodbye = phone.receive("BYE")
            health = rest.http.get("/healthz")
            assert (health.status_code, health.json()) == (503, {"status": "draining"})
            phone.answer(goodbye)
            told = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        assert server.process.wait(30) == 0
    assert {"party.left", "conference.ended", "recording.ended", "recording.ready"} <= set(told)


def test_a_party_without_media_is_told_why_it_is_hung_up(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(DEV_PATH.read_text() + "\n[media]\nrtp_timeout_s = 0.5\n")
    with ServerProcess(tmp_path, "--config", str(config)) as server, Rest(server.http_url) as rest:
        session = rest.conference()
        with (
            RawPhone(server.sip_address, session["voiceCallToken"], "mute") as phone,
            RawPhone(server.sip_address, session["voiceCallToken"], "held") as held,
        ):
            held.invite(offer("inactive"))
            phone.invite(offer())
            goodbye = phone.receive("BYE")
            assert header(goodbye, "Reason") == 'Q.850;cause=102;text="no media"'
            phone.answer(goodbye)
            (party,) = rest.parties(session["id"])
            assert party["status"]["code"] == "Hold"
            rest.end(session["id"])
            goodbye = held.receive("BYE")
            assert not header(goodbye, "Reason")
            held.answer(goodbye)


async def test_who_holds_is_neither_heard_nor_hears(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        with Rest(server.http_url) as rest:
            uri = server.call_uri(rest.token())
        async with Agent("sip:one@127.0.0.1") as holder, Agent("sip:two@127.0.0.1") as other:
            mine, theirs = await holder.invite(uri), await other.invite(uri)
            async with talking(mine, sine(440, 60.0)), talking(theirs, sine(700, 60.0)):
                await asyncio.gather(until_heard(theirs, 440), until_heard(mine, 700))
                await mine.hold()
                for call, hz in ((theirs, 440), (mine, 700)):
                    # Until the buffers on the way are empty, however late they are.
                    while amplitude_of(await listen(call, 25), hz) >= 0.001:
                        pass
                    assert amplitude_of(await listen(call, 25), hz) < 0.001
                await mine.unhold()
                await asyncio.gather(until_heard(theirs, 440), until_heard(mine, 700))
