"""One server and one browser for all tests of the page; each test has a window of its own."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.support.chromium import launched
from tests.support.processes import ServerProcess
from tests.support.tones import sine, write_wav

Browsers = Callable[[float | None], Browser]


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def browsers(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsers]:
    """The browser whose microphone hears a tone of so many Hz; None: that which has no microphone."""
    folder = tmp_path_factory.mktemp("microphones")
    open_now: list[Browser] = []

    @cache
    def browser(hz: float | None) -> Browser:
        file: Path | None = None
        if hz is not None:
            file = write_wav(folder / f"{hz:.0f}.wav", sine(hz, 2.0, rate_hz=48_000), 48_000)
        open_now.append(launched(playwright, file))
        return open_now[-1]

    yield browser
    for each in open_now:
        each.close()


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server"), "--workers", "1") as running:
        yield running
        assert running.running, f"the server died: {running.words()}"
