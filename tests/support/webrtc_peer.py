"""A WebRTC peer nobody here wrote (aiortc) that speaks a tone and keeps what it hears; on loopback only."""

import asyncio
import fractions
from typing import Any

import aioice.ice
import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpReceiver, RTCSessionDescription
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

RATE_HZ = 48_000
FRAME = RATE_HZ // 50


class Speaking(MediaStreamTrack):
    """A tone that goes on in real time."""

    kind = "audio"

    def __init__(self, hz: float) -> None:
        super().__init__()
        self.hz, self._at = hz, 0
        self._began = 0.0

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(max(0.0, self._began + self._at / RATE_HZ - loop.time()))
        at = (self._at + np.arange(FRAME)) / RATE_HZ
        pcm = (8000 * np.sin(2 * np.pi * self.hz * at)).astype(np.int16)
        frame = AudioFrame.from_ndarray(pcm[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self._at, fractions.Fraction(1, RATE_HZ)
        self._at += FRAME
        return frame


class WebPeer:
    """One peer connection with one stream of sound.

    Attributes
    ----------
    heard
        Samples of what it hears, int16 at 8 kHz, in the order they came.
    """

    def __init__(self, hz: float, *, codecs: tuple[str, ...] = ("opus", "PCMU", "PCMA")) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.heard: list[NDArray[np.int16]] = []
        self.track = Speaking(hz)
        transceiver = self.pc.addTransceiver(self.track, "sendrecv")
        known = RTCRtpReceiver.getCapabilities("audio")
        assert known is not None
        transceiver.setCodecPreferences([each for each in known.codecs if each.mimeType.split("/")[1] in codecs])
        self._listening: set[asyncio.Task[None]] = set()
        self.pc.on("track", self._on_track)

    def _on_track(self, track: Any) -> None:
        self._listening.add(asyncio.get_running_loop().create_task(self._listen(track)))

    async def _listen(self, track: Any) -> None:
        down = AudioResampler(format="s16", layout="mono", rate=8000)
        try:
            while True:
                for frame in down.resample(await track.recv()):
                    self.heard.append(frame.to_ndarray()[0])
        except Exception as error:
            if type(error).__name__ != "MediaStreamError":
                raise

    async def offer(self) -> str:
        """Make an offer with all of its candidates."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    async def take(self, answer: str) -> None:
        """Take the answer to it; media begin."""
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def answer(self, offer: str) -> str:
        """Answer an offer."""
        await self.pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return str(self.pc.localDescription.sdp)

    def level(self, hz: float) -> float:
        """Give the share of a tone in the power of the last half second that it heard; 0: it heard nothing."""
        pcm = np.concatenate(self.heard[-25:] or [np.zeros(4000, np.int16)]).astype(np.float64)
        at = np.arange(len(pcm)) / 8000
        part = 2 * abs(np.mean(pcm * np.exp(-2j * np.pi * hz * at))) ** 2
        return float(part / max(1.0, np.mean(pcm**2)))

    async def close(self) -> None:
        await self.pc.close()
        for task in self._listening:
            task.cancel()


def on_loopback(patch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Let aioice gather addresses of this machine alone, which it leaves out by itself."""
    patch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: [*(hosts or ("127.0.0.1",))])
