"""Driver of SIPp: scenarios of our own, run with a time limit; its error log is told when it fails."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from softphone.address import host_port
from tests.support.processes import LOOPBACK, Program, port_block

SCENARIOS = Path(__file__).parent / "scenarios"


class Sipp(Program):
    """One run. `scenario` is a file of tests/peers/scenarios without its ending; calls go to `remote` when given.

    `rows` are the fields of the calls, taken in order and again from the start: [called user, own user, password].
    It is at `host`, and where given at `port`, with the five behind it its own, too.
    """

    def __init__(
        self,
        folder: Path,
        scenario: str,
        *options: str,
        remote: tuple[str, int] | None = None,
        rows: Sequence[Sequence[str]] = (),
        calls: int = 1,
        limit_s: int = 90,
        host: str = LOOPBACK,
        port: int | None = None,
    ) -> None:
        folder = folder / f"sipp-{scenario}"
        folder.mkdir(parents=True, exist_ok=True)
        self.errors = folder / "errors.log"
        self.port = port or port_block(6)
        command: list[str | Path] = [shutil.which("sipp") or "sipp"]
        command += [host_port(*remote)] if remote else []
        command += ["-sf", SCENARIOS / f"{scenario}.xml", "-i", host, "-p", str(self.port)]
        command += ["-mi", host, "-mp", str(self.port + 2), "-m", str(calls), "-nostdin", "-skip_rlimit"]
        command += ["-timeout", f"{limit_s}s", "-timeout_error", "-trace_err", "-error_file", self.errors]
        if rows:
            fields = folder / "fields.csv"
            fields.write_text("SEQUENTIAL\n" + "".join(";".join(row) + ";\n" for row in rows))
            command += ["-inf", fields]
        self.limit_s = limit_s
        super().__init__([*command, *options], folder)

    def finish(self) -> None:
        """Wait; every call must have gone as the scenario says."""
        status = self.wait(self.limit_s + 10)
        errors = self.errors.read_text(errors="replace") if self.errors.exists() else ""
        assert status == 0, f"{self} ended with {status}\n--- errors\n{errors[:6000]}{self.words()}"
