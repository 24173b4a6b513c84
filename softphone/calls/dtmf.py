"""Keys of a call: read from SIP INFO, and counted once by whichever ways they come."""

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["INFO_TYPES", "SAME_KEY_S", "InfoKey", "KeyEntry", "KeyWay", "info_key"]

KeyWay = Literal["event", "tone", "info"]
"""Telephone events (RFC 4733), tones in the sound, SIP INFO."""

INFO_TYPES = ("application/dtmf-relay", "application/dtmf")
# Telephones write either body under either type, in any case, with blanks or quotes around the value; some name the
# star and the hash by their event numbers (RFC 4733 section 3.2).
KEY = rb"\"?([0-9]{1,2}|[A-D*#])\"?"
SIGNAL = re.compile(rb"^[ \t]*Signal[ \t]*[=:][ \t]*" + KEY + rb"[ \t;]*\r?$", re.IGNORECASE | re.MULTILINE)
BARE = re.compile(rb"\s*" + KEY + rb"[ \t]*(?:\r?\n.*)?", re.IGNORECASE | re.DOTALL)
DURATION = re.compile(rb"^[ \t]*Duration[ \t]*[=:][ \t]*\"?([0-9]{1,5})", re.IGNORECASE | re.MULTILINE)
NUMBERED = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}

# The same key by two ways: both are sent within a few packets of each other, and seldom is the next key pressed before
# the second is here. Who presses a sequence by one way and then by another means both.
SAME_KEY_S = 0.3
OVERTAKEN_S = 0.2
# No key is held longer than this by a hand that means one key.
LONGEST_S = 5.0


@dataclass(frozen=True)
class InfoKey:
    """A key that an INFO body reports, one of 0-9, ``*``, ``#``, A-D, and how long it was held (0: not said)."""

    key: str
    held_s: float = 0.0


def info_key(content_type: str, body: bytes) -> InfoKey | None:
    """Read the body of an INFO: ``Signal=5`` with or without ``Duration=160``, or a bare ``5``.

    Parameters
    ----------
    content_type
        Of the body; parameters and case do not matter.
    body
        Of any bytes.

    Returns
    -------
    InfoKey or None
        None: it reports no key.
    """
    if content_type.partition(";")[0].strip().lower() not in INFO_TYPES:
        return None
    found = SIGNAL.search(body) or BARE.fullmatch(body)
    if found is None:
        return None
    text = found[1].decode("ascii").upper()
    key = NUMBERED.get(text, text)
    held = DURATION.search(body)
    return InfoKey(key, int(held[1]) / 1000 if held else 0.0) if len(key) == 1 else None


@dataclass(slots=True)
class _Press:
    key: str
    way: KeyWay
    at_s: float
    echoes: set[KeyWay] = field(default_factory=set)


class KeyEntry:
    """The one entry for the keys of a party: what comes by two ways is one key, what is pressed twice is two."""

    def __init__(self) -> None:
        self._presses: deque[_Press] = deque()

    def press(self, key: str, way: KeyWay, now: float, held_s: float = 0.0) -> bool:
        """Take a key; tell whether it is another one than those that came by other ways.

        Parameters
        ----------
        key, way
            Which, and how it came.
        now
            Seconds of any clock.
        held_s
            How long it had been held when that was said, as far as is known: one may say so when the key is let go.
        """
        while self._presses and now - self._presses[0].at_s > SAME_KEY_S + LONGEST_S:
            self._presses.popleft()
        others = [i for i, press in enumerate(self._presses) if press.key != key]
        for i, press in enumerate(self._presses):
            limit_s = OVERTAKEN_S if others and i < others[-1] else SAME_KEY_S
            if press.key == key and press.way != way and way not in press.echoes:
                if not _is_same(press, now, held_s, limit_s):
                    continue
                press.echoes.add(way)
                return False
        self._presses.append(_Press(key, way, now))
        return True


def _is_same(press: _Press, now: float, held_s: float, limit_s: float) -> bool:
    """Tell whether a key that comes now was pressed, or let go, at the time of `press`."""
    if now - press.at_s <= limit_s:
        return True
    return SAME_KEY_S < held_s <= LONGEST_S and abs(now - held_s - press.at_s) <= SAME_KEY_S
