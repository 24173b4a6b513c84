"""Whoever forges an INVITE can forge its ACK, too: it is no proof of address unless it has our tag."""

import asyncio
import re
from pathlib import Path

import pytest

from softphone.sip.transport.hop import Hop
from softphone.testing.bridge import offer
from tests.focus.flooded import BRIDGE, VICTIM, Flooded, conference, flood

OWN = Hop("udp", "198.51.100.7", 5060)


def tag(flooded: Flooded, host: str = VICTIM.host) -> str:
    """Our To tag in the last answer that went to a host."""
    (*_, answer) = [data for data in flooded.received[host] if b" 200 " in data.split(b"\r\n")[0]]
    found = re.search(rb"\r\nTo:[^\r]*;tag=(\w+)", answer)
    assert found is not None
    return found[1].decode()


def acknowledge(flooded: Flooded, own_tag: str, number: int, *, source: Hop = VICTIM) -> None:
    """Send the ACK of the INVITE of this number."""
    flooded.number = number - 1
    flooded.forge("ACK", BRIDGE, source=source, tag=f";tag={own_tag}" if own_tag else "")


def proved(flooded: Flooded) -> bool:
    paper = flooded.board.paper.media
    return paper.trust[max(paper.legs)] != "earned"


@pytest.mark.parametrize("user", [BRIDGE, "token"])
@pytest.mark.parametrize(
    ("tags", "good"),
    [
        ([""], False),
        (["guessed"], False),
        (["guessed", "guessed", "another"], False),
        (["ours"], True),
        (["ours", "ours"], True),
        (["guessed", "ours"], True),
        (["ours", "guessed"], True),
    ],
)
def test_an_ack_is_a_proof_with_our_tag_only(tmp_path: Path, user: str, tags: list[str], good: bool) -> None:
    """Of whatever tag it is, the call stands."""

    async def work(flooded: Flooded) -> None:
        session = await conference(flooded)
        flooded.forge("INVITE", str(session.token) if user == "token" else user, offer())
        await asyncio.sleep(0.1)
        number, ours = flooded.number, tag(flooded)
        assert not proved(flooded)
        for each in tags:
            acknowledge(flooded, ours if each == "ours" else each, number)
            await asyncio.sleep(0.1)
        paper = flooded.board.paper.media
        assert paper.settings[max(paper.legs)]["answered"]
        assert proved(flooded) == good

    flood(tmp_path, work)


def test_our_tag_is_not_learned_by_asking_first(tmp_path: Path) -> None:
    """The very INVITE from an own address, given up, and then from somebody else's."""

    async def work(flooded: Flooded) -> None:
        receive = flooded.board.ether.carriers[flooded.board.stack.port].receive
        text = (
            f"INVITE sip:{BRIDGE}@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {VICTIM.host}:9;branch=z9hG4bK-same;rport\r\n"
            f"From: <sip:caller@{VICTIM.host}>;tag=f\r\nTo: <sip:{BRIDGE}@127.0.0.1>\r\n"
            "Call-ID: same\r\nCSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:caller@203.0.113.9:9>\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(offer())}\r\n\r\n{offer()}"
        ).encode()
        receive(text, OWN)
        await asyncio.sleep(200)
        receive(text, VICTIM)
        await asyncio.sleep(0.1)
        assert tag(flooded, OWN.host) != tag(flooded)

    flood(tmp_path, work)


def test_forged_calls_that_are_acknowledged_bring_no_more_than_others(tmp_path: Path) -> None:
    async def work(flooded: Flooded) -> None:
        for number in range(1, 200, 2):
            flooded.number = number
            flooded.forge("INVITE", BRIDGE, offer())
            await asyncio.sleep(0.1)
            acknowledge(flooded, "guessed", number + 1)
            await asyncio.sleep(1)
        await asyncio.sleep(200)

    flooded = flood(tmp_path, work, sip={"max_calls": 64})
    assert flooded.reflected < 4 * flooded.forged + 40_000


@pytest.mark.parametrize(("host", "trust"), [(OWN.host, "free"), ("203.0.113.77", "early"), ("192.168.7.7", "early")])
def test_a_stranger_that_is_where_it_says_may_not_send_us_elsewhere(tmp_path: Path, host: str, trust: str) -> None:
    async def work(flooded: Flooded) -> None:
        await conference(flooded)
        flooded.forge("INVITE", BRIDGE, offer().replace("127.0.0.1", host), source=OWN)
        await asyncio.sleep(0.1)
        acknowledge(flooded, tag(flooded, OWN.host), flooded.number, source=OWN)
        await asyncio.sleep(0.1)
        paper = flooded.board.paper.media
        assert paper.trust[max(paper.legs)] == trust

    flood(tmp_path, work)
