"""TOML files: read in one way, and what is wrong with one is a ValueError, whatever it is."""

import tomllib
from pathlib import Path
from typing import Any

__all__ = ["read_toml"]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a file of TOML, in UTF-8, with or without a byte order mark.

    Raises
    ------
    OSError
        It cannot be read.
    ValueError
        It is no UTF-8 (UnicodeDecodeError), or no TOML.
    """
    text = path.read_text(encoding="utf-8-sig")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("brackets or dotted keys are nested too deeply") from None
