"""Which code opens which room. Codes are compared and forgotten: none is logged, kept or told to anybody.

Wrong codes are counted, so that nobody finds a code by trying them all. For a conference extension that was called they
are counted by room. At the bridge number a wrong code belongs to no room: it is held against its caller, so that a
stranger who guesses shuts nobody else out. A caller from outside can call itself anything, so theirs are counted
together as well, with a higher limit.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mixer.entrance import Code, Verdict
from mixer.roles import Role
from mixer.rules.attempts import Attempts
from softphone.config import ConferenceConfig
from softphone.focus.accounts import Accounts, Extension
from softphone.focus.room.admission import Admission

__all__ = ["CodeBook", "Passage"]

log = structlog.get_logger()

# What those of all callers from outside are counted under.
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
    settings
        How many wrong ones are borne.
    clock
        Monotonic seconds.
    """

    def __init__(self, accounts: Accounts, settings: ConferenceConfig, clock: Callable[[], float]) -> None:
        self._accounts = accounts
        self._clock = clock
        self._rooms = Attempts(settings.wrong_codes + 1, settings.wrong_codes_window_s)
        self._callers = Attempts(settings.wrong_codes + 1, settings.wrong_codes_window_s)
        self._outside = Attempts(settings.wrong_codes_outside + 1, settings.wrong_codes_window_s)

    def asks(self, extension: Extension) -> bool:
        """Whether the room of a conference extension has a code."""
        properties = self._accounts.directory.properties(extension.id)
        return properties is not None and properties.pin is not None

    def asks_name(self, extension: Extension) -> bool:
        """Whether who comes into the room of a conference extension says its name."""
        properties = self._accounts.directory.properties(extension.id)
        return properties is not None and properties.announce_caller_name

    def judge(self, extension: Extension | None, code: Code, caller: Admission) -> tuple[Verdict, Passage | None]:
        """Say what a code is worth, and where it leads when it is right.

        Parameters
        ----------
        extension
            The conference extension that was called; None: the bridge number.
        code
            What was typed.
        caller
            By whom.
        """
        now, counted = self._clock(), self._counted(extension, caller)
        if any(guesses.wait_s(name, now) for guesses, name in counted):
            return Verdict.CLOSED, None
        passage = self._of_bridge(code) if extension is None else self._of_extension(extension, code)
        if passage is not None:
            return Verdict.RIGHT, passage
        for guesses, name in counted:
            if guesses.failed(name, now):
                log.warning("too_many_wrong_codes", of=name)
        return Verdict.WRONG, None

    def _counted(self, extension: Extension | None, caller: Admission) -> list[tuple[Attempts, str]]:
        """List what a wrong code is counted under."""
        if extension is not None:
            return [(self._rooms, f"room {extension.number}")]
        if caller.caller is not None:
            return [(self._callers, f"extension {caller.caller.number}")]
        return [(self._callers, f"{caller.number} at {caller.host}"), (self._outside, BRIDGE)]

    def forgive(self) -> None:
        """Forget all wrong codes: whatever they closed is open again."""
        for guesses in (self._rooms, self._callers, self._outside):
            guesses.clear()

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
