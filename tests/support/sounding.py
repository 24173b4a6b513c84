"""A real server whose prompts are tones, and what tests ask it: the roster, the events, the numbers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from softphone.config import DEV_PATH
from tests.focus.table import write_sounds
from tests.support.processes import ServerProcess
from tests.support.rest import Rest

CONFERENCES = "/api/v1/conferences"
PATIENCE_S = 30.0


def sounding_server(folder: Path, **settings: Mapping[str, object]) -> ServerProcess:
    """`softphone serve` with the development configuration; `settings` are sections of its file."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = {"prompts": {"folders": [str(write_sounds(folder / "pack"))]}, **settings}
    text = DEV_PATH.read_text()
    for name, values in sections.items():
        head = f"\n[{name}]\n"
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        text = text.replace(head, head + lines) if head in text else text + head + lines
    config = folder / "server.toml"
    config.write_text(text)
    return ServerProcess(folder, "--config", str(config), "--workers", "1")


def conferences(rest: Rest) -> list[dict[str, Any]]:
    """All that run; the client is an administrator."""
    found: list[dict[str, Any]] = rest.http.get(CONFERENCES).raise_for_status().json()["conferences"]
    return found


def parties(rest: Rest, session: str) -> list[dict[str, Any]]:
    """The roster."""
    found: list[dict[str, Any]] = rest.http.get(f"{CONFERENCES}/{session}/parties").raise_for_status().json()["parties"]
    return found


def muted(rest: Rest, session: str) -> set[str]:
    """The numbers whose microphones are off."""
    return {party["number"] for party in parties(rest, session) if party["muted"]}


def until(condition: Callable[[], object], timeout_s: float = PATIENCE_S) -> None:
    """Wait for something that happens at the server."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def codes(rest: Rest, number: str) -> tuple[str, str]:
    """The host's and the participants' code of a user's room behind the bridge number."""
    found = rest.http.get(f"/api/v1/extensions/{number}/codes").raise_for_status().json()
    return found["host_code"], found["participant_code"]


def metric(rest: Rest, name: str) -> float:
    """The sum of a metric over its labels."""
    lines = [line.split() for line in rest.http.get("/metrics").text.splitlines() if line.startswith(name)]
    return sum(float(value) for label, value in lines if label.partition("{")[0] == name)


def until_told(rest: Rest, session: str, *wanted: Mapping[str, object]) -> None:
    """Read the events of a session from its creation on until these changes have come, in this order.

    Unlike `until` this misses nothing that was over before it looked.
    """
    left = [dict(each) for each in wanted]
    with rest.http.stream("GET", "/api/v1/events", params={"session": session, "last_id": "0"}) as answer:
        for line in answer.iter_lines():
            told = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
            if left[0].items() <= told.get("data", {}).items():
                left.pop(0)
            if not left:
                return
    raise AssertionError(f"the events ended before {left}")


@asynccontextmanager
async def told(rest: Rest, session: str) -> AsyncIterator[list[dict[str, Any]]]:
    """The events of a session from its creation on; the list grows."""
    events: list[dict[str, Any]] = []
    options = {"session": session, "last_id": "0"}

    async def read() -> None:
        headers = {"Authorization": rest.http.headers["Authorization"]}
        async with (
            httpx.AsyncClient(base_url=str(rest.http.base_url), headers=headers, timeout=None) as client,
            client.stream("GET", "/api/v1/events", params=options) as answer,
        ):
            async for line in answer.aiter_lines():
                told = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                if "type" in told:  # the first line says that older events are no longer there
                    events.append(told)

    reading = asyncio.create_task(read())
    try:
        yield events
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
