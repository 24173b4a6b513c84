"""Janus as a peer (Debian's package `janus`): its AudioBridge, one G.711 room, parties of plain RTP by its HTTP API.

It is started with a configuration of its own in a folder of its own, on ports of loopback, and ended by its id.
"""

import itertools
import shutil
import time
from pathlib import Path
from typing import Any

import httpx

from tests.bench.cpu import cpu_s, thaw
from tests.bench.load import party_host, pin
from tests.bench.peers import CATCH_UP_S, CORE, Address
from tests.support.processes import LOOPBACK, Program, port_block

LIBRARIES = "/usr/lib/*/janus"
ROOM = 1
MAIN = """general: {{
    configs_folder = "{folder}"
    plugins_folder = "{libraries}/plugins"
    transports_folder = "{libraries}/transports"
    events_folder = "{libraries}/events"
    loggers_folder = "{libraries}/loggers"
    session_timeout = 0
    debug_level = 3
}}
nat: {{ ice_lite = false }}
plugins: {{ disable = "{others}" }}
transports: {{ disable = "{transports}" }}
"""
HTTP = 'general: {{\n    json = "compact"\n    http = true\n    port = {port}\n    ip = "127.0.0.1"\n}}\n'
BRIDGE = """general: {{
    local_ip = "127.0.0.1"
    rtp_port_range = "33000-60000"
}}
room-{room}: {{
    sampling_rate = 8000
    allow_rtp_participants = true
    audiolevel_event = false
    record = false
}}
"""


class Janus:
    """The server and the parties in its room."""

    name, warm_s = "janus", CATCH_UP_S

    def __init__(self, folder: Path, media_port: int) -> None:
        program = shutil.which("janus")
        if program is None:
            raise SystemExit("there is no janus here; on Debian: apt-get install --no-install-recommends janus")
        folder.mkdir(parents=True)
        port = port_block()
        configure(folder, port)
        self._media_port, self._asked = media_port, itertools.count(1)
        self._program = Program([program, "-F", folder], folder)
        self.pids, self.targets = [self._program.pid], list[Address]()
        self._http = httpx.Client(base_url=f"http://{LOOPBACK}:{port}/janus", timeout=30.0)
        self._session = f"/{self._first()['data']['id']}"
        pin(self.pids[0], CORE)

    def _first(self) -> dict[str, Any]:
        """Make a session, as soon as it listens."""
        for _ in range(100):
            try:
                return self._ask("", janus="create")
            except httpx.TransportError:
                time.sleep(0.1)
        raise SystemExit(f"janus did not come up: {self._program.words()}")

    def _ask(self, path: str, **message: Any) -> dict[str, Any]:
        answer = self._http.post(path, json={"transaction": str(next(self._asked)), **message}).raise_for_status()
        told: dict[str, Any] = answer.json()
        if told["janus"] == "error":
            raise SystemExit(f"janus says {told['error']}")
        return told

    def grow(self, parties: int) -> None:
        """Let more parties join."""
        for i in range(len(self.targets), parties):
            handle = self._ask(self._session, janus="attach", plugin="janus.plugin.audiobridge")["data"]["id"]
            rtp = {"ip": party_host(i), "port": self._media_port, "payload_type": 0}
            body = {"request": "join", "room": ROOM, "codec": "pcmu", "rtp": rtp, "display": f"party {i}"}
            self._ask(f"{self._session}/{handle}", janus="message", body=body)
            self.targets.append(self._joined(handle))

    def _joined(self, handle: int) -> Address:
        """Read events until this party has joined: those of the others' joining come as well."""
        while True:
            for event in self._http.get(self._session, params={"maxev": 50}).raise_for_status().json():
                data = event.get("plugindata", {}).get("data", {})
                if "error" in data:
                    raise SystemExit(f"janus says {data['error']}")
                if event.get("sender") == handle and data.get("audiobridge") == "joined" and "rtp" in data:
                    return LOOPBACK, int(data["rtp"]["port"])

    def cpu_s(self) -> tuple[float, float]:
        """All of it."""
        return cpu_s(self.pids[0]), 0.0

    def late(self) -> int:
        """It does not say."""
        return 0

    def stop(self) -> None:
        """End it."""
        thaw(self.pids)
        self._http.close()
        self._program.stop()


def configure(folder: Path, port: int) -> None:
    """Write its files: one plugin, one transport."""
    [libraries] = list(Path("/").glob(LIBRARIES[1:]))[:1] or [Path()]
    others = {
        kind: _others(libraries / kind, ours) for kind, ours in (("plugins", "audiobridge"), ("transports", "http"))
    }
    main = MAIN.format(folder=folder, libraries=libraries, others=others["plugins"], transports=others["transports"])
    (folder / "janus.jcfg").write_text(main)
    (folder / "janus.transport.http.jcfg").write_text(HTTP.format(port=port))
    (folder / "janus.plugin.audiobridge.jcfg").write_text(BRIDGE.format(room=ROOM))


def _others(folder: Path, ours: str) -> str:
    return ",".join(path.name for path in folder.glob("*.so") if ours not in path.name)
