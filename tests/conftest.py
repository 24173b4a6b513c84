"""What many tests stand on: a real server, its REST client, and the phones from outside."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

from tests.support.peers import require
from tests.support.processes import ServerProcess
from tests.support.rest import Rest

# A machine that is busy elsewhere makes an example slow, not wrong: hypothesis has 200 ms for each if it is not told.
settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("realtime") is None)


class Shares(LoadScopeScheduling):  # type: ignore[misc]
    """Of the processes that share the tests out, one has those in real time, first; the others go file by file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "realtime" if "pytest.mark.realtime" in _text(file) else file


@cache
def _text(file: str) -> str:
    return Path(file).read_text()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares:
    return Shares(config, log)


@pytest.fixture(autouse=True)
def _peer_present(request: pytest.FixtureRequest) -> None:
    """`@pytest.mark.peer("sipp")` skips, or with CI=true fails, the test where that phone is missing."""
    for mark in request.node.iter_markers("peer"):
        for name in mark.args:
            require(name)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """`softphone serve` with the development configuration, for the tests of one module."""
    with ServerProcess(tmp_path_factory.mktemp("server"), "--workers", "1") as running:
        yield running
        assert running.running, f"the server died: {running.words()}"


@pytest.fixture(scope="module")
def rest(server: ServerProcess) -> Iterator[Rest]:
    """Extension 101 at `server`."""
    with Rest(server.http_url) as client:
        yield client
