"""A path by ICE between two of ours, and to a peer that nobody here wrote."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from aiortc import RTCCertificate, RTCDtlsTransport, RTCIceCandidate, RTCIceGatherer, RTCIceTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from aiortc.rtcicetransport import RTCIceParameters
from aiortc.sdp import candidate_from_sdp

from softphone.agent.ice_path import IcePath
from softphone.agent.terms import IceServers
from softphone.media.rtp.dtls import Identity
from softphone.sdp import IceDtls

PATIENCE_S = 30.0
RTP = bytes([0x80, 0, 0, 1]) + bytes(12)


class Leg(asyncio.DatagramProtocol):
    """What is at the near end of a path."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.port: asyncio.DatagramTransport | None = None

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.put_nowait(data)


@asynccontextmanager
async def path(*, controlling: bool, servers: IceServers | None = None) -> AsyncIterator[tuple[IcePath, Leg]]:
    opened = await IcePath.open("127.0.0.1", Identity(), servers or IceServers(), controlling=controlling)
    loop = asyncio.get_running_loop()
    port, leg = await loop.create_datagram_endpoint(
        Leg, ("127.0.0.1", 0), remote_addr=(opened.address.host, opened.address.port)
    )
    leg.port = port
    opened.seat(*port.get_extra_info("sockname")[:2])
    try:
        yield opened, leg
    finally:
        port.close()
        await opened.close()


def side(of: IcePath, fingerprint: str | None = None, dtls: Literal["client", "server"] = "server") -> IceDtls:
    print_ = of.fingerprint.value if fingerprint is None else fingerprint
    return IceDtls(of.ufrag, (("sha-256", print_),), dtls, password=of.password, candidates=of.candidates)


async def said(leg: Leg) -> bytes:
    return await asyncio.wait_for(leg.heard.get(), PATIENCE_S)


async def test_two_sides_find_each_other_make_keys_and_carry_packets() -> None:
    async with path(controlling=True) as (one, here), path(controlling=False) as (two, there):
        ours, theirs = await asyncio.gather(one.connect(side(two, dtls="client")), two.connect(side(one)))
        assert (ours.send, ours.receive) == (theirs.receive, theirs.send) and ours.profile == "AEAD_AES_128_GCM"
        assert here.port is not None and there.port is not None
        here.port.sendto(RTP + b"1")
        assert await said(there) == RTP + b"1"
        there.port.sendto(RTP + b"2")
        assert await said(here) == RTP + b"2"


async def test_who_is_another_one_than_he_says_gets_no_keys() -> None:
    async with path(controlling=True) as (one, _), path(controlling=False) as (two, _):
        wrong = side(two, ":".join(["AB"] * 32), "client")
        found = await asyncio.gather(one.connect(wrong), two.connect(side(one)), return_exceptions=True)
        assert isinstance(found[0], ConnectionError) and "fingerprint" in str(found[0])


async def test_a_peer_that_is_nowhere_is_given_up() -> None:
    async with path(controlling=True) as (one, _):
        with pytest.raises(ConnectionError):
            await one.connect(IceDtls("abcd", (("sha-256", "AB"),), "client", password="x" * 22))


async def test_keys_and_packets_are_those_of_a_transport_from_outside() -> None:
    certificate = RTCCertificate.generateCertificate()
    gatherer = RTCIceGatherer(iceServers=[])
    await gatherer.gather()
    ice = RTCIceTransport(gatherer)
    dtls = RTCDtlsTransport(ice, [certificate])
    async with path(controlling=True) as (one, here):
        local = gatherer.getLocalParameters()
        there = IceDtls(
            local.usernameFragment or "",
            tuple((each.algorithm, each.value.upper()) for each in dtls.getLocalParameters().fingerprints),
            password=local.password or "",
            candidates=tuple(candidate_line(each) for each in gatherer.getLocalCandidates()),
        )
        for each in one.candidates:
            candidate = candidate_from_sdp(each)
            await ice.addRemoteCandidate(candidate)
        await ice.addRemoteCandidate(None)
        prints = [RTCDtlsFingerprint("sha-256", one.fingerprint.value)]

        async def outside() -> None:
            await ice.start(RTCIceParameters(one.ufrag, one.password))
            await dtls.start(RTCDtlsParameters(prints))

        keys, _ = await asyncio.gather(one.connect(there), outside())
        assert dtls.state == "connected" and keys.profile.startswith("AE")
    await dtls.stop()
    await ice.stop()


def candidate_line(each: RTCIceCandidate) -> str:
    return f"{each.foundation} {each.component} {each.protocol} {each.priority} {each.ip} {each.port} typ {each.type}"


async def test_a_peer_that_is_not_found_anew_in_time_is_told_as_one_that_is_not_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("softphone.agent.ice_path.CONNECT_S", 0.0)
    monkeypatch.setattr("softphone.agent.ice_path.IcePath._check", lambda *_: asyncio.Event().wait())
    nobody = IceDtls("none", (), password="n" * 24)
    async with path(controlling=True) as (before, _), path(controlling=True) as (after, _):
        with pytest.raises(ConnectionError):
            await after.go_on(nobody, before)
