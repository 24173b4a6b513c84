"""What many tests stand on: a real server, its REST client, and the phones from outside."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.peers import require
from tests.support.processes import ServerProcess
from tests.support.rest import Rest

# A machine that is busy elsewhere makes an example slow, not wrong: hypothesis has 200 ms for each if it is not told.
settings.register_profile("unhurried", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


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
