"""Driver of the pyVoIP phone (tests/peers/pyvoip_phone.py)."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.support.processes import LOOPBACK, Program, port_block
from tests.support.tones import Pcm, read_wav

PHONE = Path(__file__).with_name("pyvoip_phone.py")


class PyVoip(Program):
    """One call: to `number`, or the first that comes."""

    def __init__(self, folder: Path, server: tuple[str, int], tone_hz: float, **plan: Any) -> None:
        self.folder = folder
        self.sip_port = port_block(6)
        self.host = LOOPBACK
        whole = {
            "server": server[0],
            "server_port": server[1],
            "sip_port": self.sip_port,
            "user": "pyvoip",
            "tone_hz": tone_hz,
            "seconds": 2.0,
            "heard": str(folder / "heard.wav"),
            **plan,
        }
        super().__init__([sys.executable, PHONE, json.dumps(whole)], folder, pipe_out=True)

    def heard(self) -> Pcm:
        """What came in during the call, 8 bits wide; there once the call has ended."""
        return read_wav(self.folder / "heard.wav")[0]
