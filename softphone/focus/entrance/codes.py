"""Codes of rooms: which code opens which room. Codes are neither logged nor stored nor shown.

Wrong codes are counted, so that nobody finds a code by trying them all. They shut out whoever types them, nobody else:

* the caller: closed after `wrong_codes`, each time for twice as long and after half as many;
* at a conference extension also the room: closed after `wrong_codes` to all who have typed a wrong one there;
* at the bridge number, where a caller from outside can call itself anything, all from outside together: after
  `wrong_codes_outside` wrong ones the source network of each is borne no more than `FEW`. Through the trunk each number
  counts as a network.

However many call together, each network tries `FEW` codes in the first window of the alarm, some ten more on that day
and one a day from then on. `docs/conference.md` has the arithmetic.
"""

import hmac
import ipaddress
from collections.abc import Callable, Container
from dataclasses import dataclass

import structlog

from mixer.rules.entrance import Code, CodeVerdict
from mixer.rules.limits import Attempts
from mixer.rules.roles import Role
from softphone.config import ConferenceConfig
from softphone.focus.room.admission import Admission
from softphone.store.accounts import Accounts
from softphone.store.values import Extension

__all__ = ["CodeBook", "Passage"]

log = structlog.get_logger()

# What those of all callers from outside are counted under.
BRIDGE = "bridge"
# Wrong codes of a network while all from outside together have typed too many: what is mistyped in two calls.
FEW = 5
# No closure is longer.
LONGEST_S = 86_400.0

Count = tuple[Attempts, str]
"""Where a wrong code is counted, and under which name."""


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
    trunks
        Addresses that call on behalf of numbers, each of which is somebody else.
    """

    def __init__(
        self,
        accounts: Accounts,
        settings: ConferenceConfig,
        clock: Callable[[], float],
        trunks: Container[str] = (),
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._trunks = trunks
        limit, outside, window_s = (
            settings.wrong_codes + 1,
            settings.wrong_codes_outside + 1,
            settings.wrong_codes_window_s,
        )
        longest_s = max(LONGEST_S, window_s)
        self._callers = Attempts(limit, window_s, longest_s=longest_s)
        self._rooms = Attempts(limit, window_s)
        self._in_room = Attempts(1, window_s)
        self._outside = Attempts(outside, window_s, longest_s=longest_s)
        self._networks = Attempts(min(FEW, outside), window_s, longest_s=longest_s)

    def asks(self, extension: Extension) -> bool:
        """Whether the room of a conference extension has a code."""
        properties = self._accounts.properties(extension.id)
        return properties is not None and properties.pin is not None

    def asks_name(self, extension: Extension) -> bool:
        """Whether who comes into the room of a conference extension says its name."""
        properties = self._accounts.properties(extension.id)
        return properties is not None and properties.announce_caller_name

    def judge(self, extension: Extension | None, code: Code, caller: Admission) -> tuple[CodeVerdict, Passage | None]:
        """Say what a code is worth, and where it leads when it is right.

        Parameters
        ----------
        extension
            The conference extension that was called, or the user whose room was; None: the bridge number.
        code
            What was typed.
        caller
            By whom.
        """
        if self.is_closed(extension, caller):
            return CodeVerdict.CLOSED, None
        passage = self._passage(extension, code)
        if passage is not None:
            return CodeVerdict.RIGHT, passage
        self.wrong(extension, caller)
        return CodeVerdict.WRONG, None

    def is_closed(self, extension: Extension | None, caller: Admission) -> bool:
        """Whether no code is taken from a caller now."""
        return self.wait_s(extension, caller) > 0

    def wait_s(self, extension: Extension | None, caller: Admission) -> float:
        """Give how long no code is taken from a caller; 0: it is now."""
        now = self._clock()
        locks = self._locks(extension, caller)
        return max(min(attempts.wait_s(name, now) for attempts, name in lock) for lock in locks)

    def wrong(self, extension: Extension | None, caller: Admission) -> None:
        """Count a wrong code, or what is no better."""
        now = self._clock()
        for attempts, name in (count for lock in self._locks(extension, caller) for count in lock):
            if attempts.failed(name, now) and attempts is not self._in_room:
                log.warning("too_many_wrong_codes", of=name)

    def _locks(self, extension: Extension | None, caller: Admission) -> list[list[Count]]:
        """List what a wrong code is counted under; no code is taken where all of one of the lists is closed."""
        known = caller.caller
        who = f"extension {known.number}" if known is not None else f"{caller.number} at {caller.host}"
        if extension is not None:
            room = f"room {extension.number}"
            return [[(self._callers, f"{who}, {room}")], [(self._rooms, room), (self._in_room, f"{who}, {room}")]]
        if known is not None:
            return [[(self._callers, who)]]
        return [[(self._callers, who)], [(self._outside, BRIDGE), (self._networks, self._network(caller))]]

    def _network(self, caller: Admission) -> str:
        """Name where a caller is, coarsely: whoever has one address there has many."""
        if caller.host in self._trunks:
            return f"{caller.number} at {caller.host}"
        try:
            address = ipaddress.ip_address(caller.host)
        except ValueError:
            return caller.host
        return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))

    def forgive(self) -> None:
        """Forget all wrong codes: whatever they closed is open again."""
        for attempts in (self._callers, self._rooms, self._in_room, self._outside, self._networks):
            attempts.clear()

    def _passage(self, extension: Extension | None, code: Code) -> Passage | None:
        if extension is not None and extension.kind == "conference":
            return self._of_extension(extension, code)
        found = self._of_bridge(code)
        return found if extension is None or found is None or found.extension is extension else None

    def _of_extension(self, extension: Extension, code: Code) -> Passage | None:
        properties = self._accounts.properties(extension.id)
        if properties is None:
            return None
        for pin, role in ((properties.moderator_pin, Role.MODERATOR), (properties.pin, Role.PARTICIPANT)):
            if pin is not None and hmac.compare_digest(pin, code.digits):
                return Passage(extension, role)
        return None

    def _of_bridge(self, code: Code) -> Passage | None:
        found = self._accounts.find_code(code.digits)
        extension = self._accounts.by_id(found[0]) if found is not None else None
        if found is None or extension is None or not extension.conferencing:
            return None
        return Passage(extension, Role.MODERATOR if found[1] == "host" else Role.PARTICIPANT)
