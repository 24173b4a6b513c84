"""Phones and other programs from outside: which there are, and what it means when one is missing."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support import postgres

# Programs are found on PATH, modules by import. `tests/peers/install` brings the programs, the test extra the modules.
PROGRAMS = (
    "sipp",
    "baresip",
    "espeak-ng",
    "node",
    "openssl",
    "sox",
    "ffmpeg",
    "tshark",
    "chromium",
    "linphonec",
    "janus",
)
MODULES = ("pyVoIP", "aiosip")
# RingCentral's own SDKs for Python and JavaScript, where tests/peers/install puts them.
SDKS = Path(__file__).resolve().parents[2] / ".venv" / "share" / "ringcentral"
SDKS_OF_JAVASCRIPT = Path(__file__).resolve().parents[1] / "peers" / "ringcentral" / "node_modules"
# The judge of accessibility, where tests/peers/install puts it.
AXE = Path(__file__).resolve().parents[1] / "peers" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
# Recordings of a real voice, where Debian's asterisk-core-sounds-en-wav puts them.
VOICES = Path("/usr/share/asterisk/sounds/en_US_f_Allison")


def is_present(name: str) -> bool:
    """Whether the program or module `name` can be used here."""
    if name in PROGRAMS:
        return shutil.which(name) is not None
    if name in MODULES:
        return find_spec(name) is not None
    if name == "postgres":
        return postgres.programs() is not None
    if name == "ringcentral":
        return shutil.which("node") is not None and (SDKS / "complete").exists() and SDKS_OF_JAVASCRIPT.is_dir()
    if name == "axe":
        return AXE.exists()
    if name == "voices":
        return VOICES.is_dir()
    raise ValueError(
        f"no such peer: {name}; there are {', '.join(PROGRAMS + MODULES)}, postgres, ringcentral, axe and voices"
    )


def require(name: str) -> None:
    """Skip the test when `name` is missing; with CI=true fail it."""
    if is_present(name):
        return
    message = f"{name} is missing: run tests/peers/install as root"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
