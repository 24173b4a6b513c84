"""Driver of baresip: a headless phone that sends a tone from a file and writes what it hears to another.

baresip is written in C by others (libre, librem): its SIP, SDP, RTP, G.711 and G.722 share nothing with ours.
"""

import asyncio
import json
import shutil
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import soxr

from softphone.address import host_port
from tests.support.processes import LOOPBACK, Program, port_block
from tests.support.tones import RATE_HZ, Pcm, read_wav, sine, write_wav

# Long enough for any test: aufile falls silent at the end of its file.
TONE_S = 120.0
WAV_HEADER = 44
MODULES = ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules", "/usr/lib64/baresip/modules")

CONFIG = """\
poll_method epoll
net_interface {interface}
sip_listen {sip}
ctrl_tcp_listen {local}:{control}
rtp_ports {rtp}-{rtp_end}
audio_player aubridge,nobody
audio_alert aubridge,nobody
audio_source aufile,{tone}
snd_path {folder}
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
jitter_buffer_delay 1-5
module_path {modules}
opus_stereo no
opus_sprop_stereo no
module g711.so
module g722.so
module opus.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
"""


def module_path() -> str:
    """Where this system keeps baresip's modules."""
    return next((path for path in MODULES if Path(path).is_dir()), MODULES[0])


class Baresip:
    """One phone with one account. A context manager: leaving it hangs up and ends the program."""

    def __init__(
        self,
        folder: Path,
        tone_hz: float,
        *,
        account: str = "<sip:baresip@127.0.0.1>;regint=0",
        codec: str = "pcmu",
        settings: str = "",
        host: str = LOOPBACK,
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._events: list[dict[str, Any]] = []
        self._unread = b""
        # SIP, its TLS on the next port, control, and RTP with RTCP for two calls.
        self.sip_port = port_block(10)
        control = self.sip_port + 2
        write_wav(folder / "tone.wav", sine(tone_hz, TONE_S))
        (folder / "config").write_text(
            CONFIG.format(
                interface=host,
                local=LOOPBACK,
                sip=host_port(host, self.sip_port),
                control=control,
                rtp=self.sip_port + 4,
                rtp_end=self.sip_port + 9,
                tone=folder / "tone.wav",
                folder=folder,
                modules=module_path(),
            )
            + settings
        )
        (folder / "accounts").write_text(f"{account};audio_codecs={codec}\n")
        self.program = Program([shutil.which("baresip") or "baresip", "-f", folder], folder)
        self._control = self._connect(control)

    def _connect(self, port: int, timeout_s: float = 30.0) -> socket.socket:
        deadline = time.monotonic() + timeout_s
        while self.program.running and time.monotonic() < deadline:
            try:
                return socket.create_connection((LOOPBACK, port), timeout=timeout_s)
            except ConnectionRefusedError:
                time.sleep(0.05)  # another program starts at its own pace and says nothing when it listens
        self.program.stop()
        raise AssertionError(f"baresip does not listen: {self.program.words()}")

    def command(self, name: str, words: str = "") -> None:
        """Send one command of baresip's own (its `/help`); netstring-framed JSON."""
        body = json.dumps({"command": name, "params": words, "token": name}).encode()
        self._control.sendall(b"%d:%s," % (len(body), body))

    def wait(self, kind: str, timeout_s: float = 30.0) -> dict[str, Any]:
        """The first event of type `kind` since the last wait for that kind, such as CALL_ESTABLISHED or REGISTER_OK."""
        deadline = time.monotonic() + timeout_s
        while True:
            for place, event in enumerate(self._events):
                if event.get("type") == kind:
                    return self._events.pop(place)
            self._receive(deadline, kind)

    def _receive(self, deadline: float, kind: str) -> None:
        self._control.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self._control.recv(65536)
        except TimeoutError:
            data = b""
        if not data:
            seen = [event.get("type") or event for event in self._events]
            raise AssertionError(f"no {kind} from baresip; it said {seen} {self.program.words()}")
        self._unread += data
        while b":" in self._unread:
            length, _, rest = self._unread.partition(b":")
            if len(rest) <= int(length):
                return
            self._events.append(json.loads(rest[: int(length)]))
            self._unread = rest[int(length) + 1 :]

    def wait_registered(self, timeout_s: float = 30.0) -> None:
        """Until the registrar has said 200; it may have before we were connected, so this is read from the output."""
        deadline = time.monotonic() + timeout_s
        while "200 OK (softphone) [1 binding]" not in self.program.out:
            assert time.monotonic() < deadline, f"baresip is not registered: {self.program.words()}"
            time.sleep(0.05)

    def dial(self, uri: str, timeout_s: float = 30.0) -> None:
        """Call `uri` and wait until it is answered and media flows."""
        self.command("dial", uri)
        self.wait("CALL_ESTABLISHED", timeout_s)

    def heard_samples(self) -> int:
        """How much of `heard()` there is by now; sndfile writes as it decodes."""
        return (self._recordings()[-1].stat().st_size - WAV_HEADER) // 2

    def listen(self, seconds: float) -> None:
        """Until so much more has been heard than at the time of asking."""
        enough = self.heard_samples() + round(seconds * RATE_HZ)
        deadline = time.monotonic() + seconds + 30.0
        while self.heard_samples() < enough:
            assert time.monotonic() < deadline, f"baresip hears nothing: {self.program.words()}"
            time.sleep(0.05)

    def hang_up(self) -> None:
        """BYE from our side."""
        self.command("hangup")
        self.wait("CALL_CLOSED")

    def heard(self) -> Pcm:
        """What was decoded during the last call, 8 kHz; complete once the call has ended."""
        pcm, rate_hz = read_wav(self._recordings()[-1])
        return pcm if rate_hz == RATE_HZ else np.asarray(soxr.resample(pcm, rate_hz, RATE_HZ), np.int16)

    def hears(self) -> Pcm:
        """What was decoded until now while the call goes on, 8 kHz; the file has its header only at the end."""
        sound = self._recordings()[-1].read_bytes()[WAV_HEADER:]
        return np.frombuffer(sound[: len(sound) // 2 * 2], "<i2").astype(np.int16)

    def _recordings(self) -> list[Path]:
        files = sorted(self.folder.glob("dump-*-dec.wav"))
        assert files, f"baresip recorded nothing: {self.program.words()}"
        return files

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._control.close()
        self.program.stop()


@asynccontextmanager
async def baresip(folder: Path, tone_hz: float, account: str) -> AsyncIterator[Baresip]:
    """One phone beside a server in this event loop: it unregisters before it ends, and is waited for in a thread."""
    phone = await asyncio.to_thread(Baresip, folder, tone_hz, account=account)
    try:
        yield phone
    finally:
        await asyncio.to_thread(phone.__exit__, None, None, None)
