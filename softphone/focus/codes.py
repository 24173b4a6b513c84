"""Which code opens which room. Codes are compared and forgotten: none is logged, kept or told to anybody."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mixer.entrance import Code, Verdict
from mixer.guesses import Guesses
from mixer.roles import Role
from softphone.focus.accounts import Accounts, Extension

__all__ = ["CodeBook", "Passage"]

log = structlog.get_logger()

# What wrong codes of the bridge number are counted under: they belong to no room.
BRIDGE = "bridge"


@dataclass(frozen=True, slots=True)
class Passage:
    """Where a code leads."""

    extension: Extension
    "A conference extension, or the user whose bridge room it is."
    role: Role


class CodeBook:
    """Judges codes.

    Parameters
    ----------
    accounts
        Where the codes are.
    guesses
        Counts the wrong ones.
    clock
        Monotonic seconds.
    """

    def __init__(self, accounts: Accounts, guesses: Guesses, clock: Callable[[], float]) -> None:
        self._accounts = accounts
        self._guesses = guesses
        self._clock = clock

    def asks(self, extension: Extension) -> bool:
        """Whether the room of a conference extension has a code."""
        properties = self._accounts.directory.properties(extension.id)
        return properties is not None and properties.pin is not None

    def asks_name(self, extension: Extension) -> bool:
        """Whether who comes into the room of a conference extension says its name."""
        properties = self._accounts.directory.properties(extension.id)
        return properties is not None and properties.announce_caller_name

    def judge(self, extension: Extension | None, code: Code) -> tuple[Verdict, Passage | None]:
        """Say what a code is worth, and where it leads when it is right.

        Parameters
        ----------
        extension
            The conference extension that was called; None: the bridge number.
        code
            What was typed.
        """
        room, now = extension.id if extension is not None else BRIDGE, self._clock()
        if self._guesses.closed(room, now):
            return Verdict.CLOSED, None
        passage = self._of_bridge(code) if extension is None else self._of_extension(extension, code)
        if passage is not None:
            return Verdict.RIGHT, passage
        if self._guesses.wrong(room, now):
            log.warning("too_many_wrong_codes", room=extension.number if extension else BRIDGE)
        return Verdict.WRONG, None

    def _of_extension(self, extension: Extension, code: Code) -> Passage | None:
        properties = self._accounts.directory.properties(extension.id)
        if properties is None:
            return None
        for pin, role in ((properties.moderator_pin, Role.MODERATOR), (properties.pin, Role.PARTICIPANT)):
            if pin is not None and hmac.compare_digest(pin, code.digits):
                return Passage(extension, role)
        return None

    def _of_bridge(self, code: Code) -> Passage | None:
        found = self._accounts.directory.find_code(code.digits)
        extension = self._accounts.by_id(found[0]) if found is not None else None
        if found is None or extension is None or not extension.conferencing:
            return None
        return Passage(extension, Role.MODERATOR if found[1] == "host" else Role.PARTICIPANT)
