"""An engine on each kind of port, and phones for it."""

from collections.abc import Iterator

import pytest

from softphone.media.engine.engine import Engine
from softphone.media.net.batch import BatchPort
from softphone.media.net.port import LoopPort
from softphone.media.net.system import has_batches
from tests.media.peer import Driver, Peer

KINDS = [LoopPort, *([BatchPort] if has_batches() else [])]


@pytest.fixture(autouse=True)
def _patient_recorder() -> Iterator[None]:
    """What is on the disk is asked for when the recorder is closed, however slow the disk is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("softphone.media.engine.recorder.CLOSE_TIMEOUT_S", 60.0)
        yield


@pytest.fixture(params=KINDS)
def driver(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    monkeypatch.setattr("softphone.media.net.portpool.Port", request.param)
    engine = Engine(capacity=16, gate=False)
    yield Driver(engine)
    engine.close(2000.0)


@pytest.fixture
def peers() -> Iterator[list[Peer]]:
    made = [Peer(), Peer(), Peer(8)]
    yield made
    for peer in made:
        peer.close()
