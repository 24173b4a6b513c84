"""All benchmarks: `python -m tests.bench [PART ...]`. Prints tables and writes bench.json.

A part is a module beside this one with `run() -> list of rows`; a row maps column names to values. Options are those
of the environment, too (`make bench SIZES=10,100 PEER=janus`): see `tests.bench.media.Plan`.
"""

import argparse
import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

PARTS = ("mixer", "coding", "media", "sip", "joins", "delay", "bots", "webrtc")
OPTIONS = ("sizes", "rooms", "rough", "peer", "rounds", "seconds")
RESULT = Path("bench.json")


def table(name: str, rows: list[dict[str, Any]]) -> Table:
    """One part's rows; wide ones are turned on their side."""
    made = Table(title=name)
    columns = list(rows[0]) if rows else []
    if len(columns) <= 10:
        for column in columns:
            made.add_column(column, justify="right")
        for row in rows:
            made.add_row(*(str(row.get(column, "")) for column in columns))
        return made
    made.add_column(columns[0])
    for row in rows:
        made.add_column(str(row[columns[0]]), justify="right")
    for column in columns[1:]:
        made.add_row(column, *(str(row.get(column, "")) for row in rows))
    return made


def arguments() -> list[str]:
    """The parts that are asked for; options become the environment's."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("part", nargs="*", help=", ".join(PARTS))
    for option in OPTIONS:
        parser.add_argument(f"--{option}")
    given = vars(parser.parse_args())
    asked: list[str] = given.pop("part") or list(PARTS)
    if unknown := [part for part in asked if part not in PARTS]:
        parser.error(f"no such benchmark: {', '.join(unknown)} (there are {', '.join(PARTS)})")
    os.environ.update({option.upper(): value for option, value in given.items() if value is not None})
    return asked


def main() -> int:
    console = Console() if sys.stdout.isatty() else Console(width=120)
    asked = arguments()
    result: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.platform()}",
        "python": platform.python_version(),
        "command": f"python -m tests.bench {' '.join(sys.argv[1:])}".strip(),
    }
    for part in asked:
        rows = importlib.import_module(f"tests.bench.{part}").run()
        result[part] = rows
        console.print(table(part, rows))
        RESULT.write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
