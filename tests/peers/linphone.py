"""Driver of Linphone's command line: a headless phone that plays a file and writes what it hears to another.

Its SIP (belle-sip), SDP, jitter buffer and codecs (mediastreamer2) are those of the Linphone applications, written in C
and C++ by others.
"""

import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import soxr

from tests.support.processes import LOOPBACK, Program, port_block
from tests.support.sounding import until
from tests.support.tones import RATE_HZ, Pcm, read_wav, sine, write_wav

# Its files play and are written at this rate, whatever is spoken.
_FILE_HZ = 16_000
_TONE_S = 120.0
_WAIT_S = 40.0

_CONFIG = """\
[sip]
sip_port={sip}
sip_tcp_port={sip}
sip_tls_port=-1
contact=sip:linphone@{host}
guess_hostname=0
register_only_when_network_is_up=0
verify_server_certs=0
media_encryption={encryption}

[rtp]
audio_rtp_port={rtp}
"""


class Linphone:
    """One phone without an account. A context manager: leaving it hangs up and ends the program."""

    def __init__(self, folder: Path, tone_hz: float, *, encryption: str = "none") -> None:
        (folder / ".local/share/linphone").mkdir(parents=True, exist_ok=True)
        self._recorded = folder / "heard.wav"
        ports = port_block(6)
        settings = folder / "linphonerc"
        settings.write_text(_CONFIG.format(sip=ports, rtp=ports + 2, host=LOOPBACK, encryption=encryption))
        tone = write_wav(folder / "tone.wav", sine(tone_hz, _TONE_S, rate_hz=_FILE_HZ), _FILE_HZ)
        program = shutil.which("linphonec") or "linphonec"
        log = ("-d", "6", "-l", str(folder / "linphone.log"))
        self.program = Program(["env", f"HOME={folder}", program, "-c", settings, *log], folder, pipe_in=True)
        for line in ("ipv6 disable", "soundcard use files", f"record {self._recorded}", f"play {tone}"):
            self.command(line)

    def command(self, line: str) -> None:
        """Type one line at its prompt (its `help`)."""
        self.program.enter(line)

    def said(self, words: str, times: int = 1) -> None:
        """Wait until it has told something so often."""
        until(lambda: self.program.out.count(words) >= times or not self.program.running, timeout_s=_WAIT_S)
        assert self.program.running and self.program.out.count(words) >= times, self.program.words()

    def dial(self, uri: str) -> None:
        """Call `uri` and wait until it is answered and media flows."""
        self.command(f"call {uri}")
        self.said("Media streams established")

    def hang_up(self) -> None:
        self.command("terminate")
        self.said("ended (No error)")

    def heard(self) -> Pcm:
        """What it has written of what it heard: int16, 8 kHz."""
        pcm, rate_hz = read_wav(self._recorded)
        return np.asarray(soxr.resample(pcm, rate_hz, RATE_HZ), np.int16)

    def close(self) -> None:
        if self.program.running:
            self.command("quit")
        self.program.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
