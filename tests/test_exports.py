import subprocess
import sys

import pytest

import softphone


def test_the_public_names_are_sorted_and_there() -> None:
    assert softphone.__all__ == sorted(softphone.__all__)
    assert all(getattr(softphone, name) for name in softphone.__all__)


def test_what_is_not_public_is_not_there() -> None:
    with pytest.raises(AttributeError, match="'softphone' has no attribute 'SipNode'"):
        _ = softphone.SipNode  # type: ignore[attr-defined]


def test_a_media_worker_is_up_without_agents_and_signalling() -> None:
    script = "import sys, softphone.media.workers.worker; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if name.startswith(("softphone.agent", "softphone.sip", "ssl"))]


def test_what_starts_no_tick_loads_no_compiler() -> None:
    """A bridge's control process, and the command line of one who asks for help, would pay 60 MB for it."""
    script = "import sys, softphone.cli, softphone.server, softphone.agent; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if name in ("numba", "llvmlite", "mixer.bridge")]
