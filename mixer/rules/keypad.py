"""Key sequences to commands; the menus are data, per role (`mixer.rules.menus`).

A menu maps sequences to command names. ``*91`` stands for itself; a sequence that ends in ``N`` takes a number: ``*8N``
is ``*8``, then digits, ended by ``#`` or by a pause. One sequence may begin another (``*9`` and ``*90``): then a pause
decides. No clock is read: the caller passes the time and asks `Keypad.deadline` when to call `Keypad.expire`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

__all__ = ["KEYS", "UNKNOWN", "Command", "Keypad", "KeypadError", "Menu"]

KEYS = "0123456789*#ABCD"
# The name of the command that stands for keys without a meaning.
UNKNOWN = "unknown"
# A pause this long ends a sequence: people look at their phone between keys, and bots press them 50 ms apart.
TIMEOUT_S = 3.0
# A sequence is cut off here: E.164 numbers have at most 15 digits, with room for a prefix, a code and the command.
MAX_KEYS = 32


class KeypadError(ValueError):
    """A menu holds a sequence that nobody could press or a command that nobody carries out, or a key is none."""


@dataclass(frozen=True)
class Command:
    """What somebody asked for.

    Parameters
    ----------
    name
        As in the menu, or `UNKNOWN`.
    keys
        The keys that were pressed.
    number
        The digits given with a command that takes a number, without the closing ``#``.
    """

    name: str
    keys: str
    number: str = ""


@dataclass(frozen=True)
class Menu:
    """The sequences of each role.

    Parameters
    ----------
    roles
        Role name -> sequence -> command name. A role that is not there has no commands.
    help
        Role name -> name of the prompt that tells its keys.

    Raises
    ------
    KeypadError
        A sequence holds something else than keys, is empty, or has no digits after which to take a number.
    """

    roles: Mapping[str, Mapping[str, str]]
    help: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for sequence in (sequence for table in self.roles.values() for sequence in table):
            _check(sequence)

    def of(self, role: str) -> Mapping[str, str]:
        """Sequences of `role` -> command names."""
        return self.roles.get(role, {})

    @property
    def commands(self) -> frozenset[str]:
        """Every command name in it: whoever carries them out can see beforehand whether it can."""
        return frozenset(name for table in self.roles.values() for name in table.values())


def _check(sequence: str) -> None:
    """Refuse a sequence that nobody could press."""
    fixed = sequence.removesuffix("N")
    if not fixed or any(key not in KEYS for key in fixed) or len(sequence) > MAX_KEYS:
        raise KeypadError(f"{sequence!r} is not a sequence of keys")


@dataclass
class Keypad:
    """Collects the keys of one party.

    A ``*`` or ``#`` that cannot continue begins a new sequence, so one can start over after a slip: a number cut off
    that way is not dialled. Other keys that fit nothing are reported together as one `UNKNOWN` command, after a
    pause or at the next beginning.

    Parameters
    ----------
    table
        Sequence -> command name: `Menu.of` a role.
    timeout_s
        The pause that ends a sequence.
    max_keys
        A sequence that grows to this length ends there.
    eager
        Keys that fit nothing are reported one by one, as they are pressed.
    """

    table: Mapping[str, str]
    timeout_s: float = TIMEOUT_S
    max_keys: int = MAX_KEYS
    eager: bool = False
    deadline: float | None = field(default=None, init=False)
    _pending: str = field(default="", init=False)

    def press(self, key: str, now: float) -> list[Command]:
        """Take one key.

        Parameters
        ----------
        key
            One of `KEYS`.
        now
            The time, in seconds of the clock that `deadline` is told in.

        Returns
        -------
        list[Command]
            What became certain by it: what was waiting for a pause first.

        Raises
        ------
        KeypadError
            Not a key.
        """
        if len(key) != 1 or key not in KEYS:
            raise KeypadError(f"not a key: {key!r}")
        done = self.expire(now)
        if self._pending and not self._continues(self._pending + key) and self._begins(key):
            done += [self._cut_off()]
        self._pending += key
        self.deadline = now + self.timeout_s
        if self._ends(self._pending):
            done += self._finish()
        return done

    def expire(self, now: float) -> list[Command]:
        """Tell what a pause until `now` made certain; nothing before the `deadline`."""
        if self.deadline is None or now < self.deadline:
            return []
        return self._finish()

    def _cut_off(self) -> Command:
        """Close the pending sequence for a new beginning; only what is written out in the menu still counts."""
        keys, self._pending = self._pending, ""
        return Command(self.table.get(keys, UNKNOWN), keys)

    def _finish(self) -> list[Command]:
        """Close the pending sequence."""
        keys, self._pending, self.deadline = self._pending, "", None
        return [self._meaning(keys)] if keys else []

    def _meaning(self, keys: str) -> Command:
        """Find the command of a closed sequence; one that is written out goes before one that takes a number."""
        if keys in self.table:
            return Command(self.table[keys], keys)
        for prefix in self._taking_number(keys):
            number = keys[len(prefix) :].removesuffix("#")
            if number.isdigit():
                return Command(self.table[prefix + "N"], keys, number)
        return Command(UNKNOWN, keys)

    def _taking_number(self, keys: str) -> Iterable[str]:
        """Beginnings of `keys`, longest first, after which a number may stand."""
        return (keys[:end] for end in range(len(keys), 0, -1) if keys[:end] + "N" in self.table)

    def _continues(self, keys: str) -> bool:
        """Whether `keys` are a sequence or may become one."""
        if any(sequence.startswith(keys) for sequence in self.table):
            return True
        return any(_is_number(keys[len(prefix) :]) for prefix in self._taking_number(keys))

    def _begins(self, key: str) -> bool:
        """Whether `key` starts over: not a digit, which may belong to a slip before it."""
        return not key.isdigit() and any(sequence[0] == key for sequence in self.table)

    def _ends(self, keys: str) -> bool:
        """Whether nothing more is waited for."""
        useless = self.eager and not self._continues(keys)
        return useless or self._is_final(keys) or len(keys) >= self.max_keys

    def _is_final(self, keys: str) -> bool:
        """Whether nothing can follow: a whole sequence that begins no other, or a number closed by ``#``."""
        if keys in self.table:
            return not self._grows(keys)
        return keys.endswith("#") and self._meaning(keys).name != UNKNOWN

    def _grows(self, keys: str) -> bool:
        """Whether a longer sequence begins with `keys`, or they may be the beginning of a number."""
        longer = any(sequence != keys and sequence.startswith(keys) for sequence in self.table)
        return longer or any(keys[len(prefix) :].isdigit() for prefix in self._taking_number(keys))


def _is_number(keys: str) -> bool:
    """Digits, perhaps closed by ``#``."""
    digits = keys.removesuffix("#")
    return not digits or digits.isdigit()
