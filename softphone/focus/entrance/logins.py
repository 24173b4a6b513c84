"""The login throttle: failed passwords are held against a user at an address, and, with a higher limit, the address.

A crowded address does not suffer for one of its users: a user that has proved itself from there passes when the address
is closed. Nor can a user be shut out from everywhere: where failures are counted by user alone, too, the places that it
has logged in from stay open to it.
"""

import math
from collections import OrderedDict

from mixer.rules.limits import Attempts

__all__ = ["Logins"]

# Longer than a holiday: it is only let past the failures of others, its own are counted as ever.
TRUSTED_S = 30 * 86_400.0
MAX_TRUSTED = 10_000


class Logins:
    """Failed and successful logins of late, by address and user.

    Parameters
    ----------
    by_user
        Wrong passwords of one user from one address in a window; with that many it has to wait.
    by_address
        Wrong passwords of an address in a window; with that many all users there have to wait who have not proved
        themselves from there lately.
    window_s
        The window, and the longest wait.
    anywhere
        Wrong passwords of one user from all addresses in a window; with that many it has to wait at addresses that it
        has not proved itself from lately. None: no limit.
    """

    def __init__(self, by_user: int, by_address: int, window_s: float, *, anywhere: int | None = None) -> None:
        self._users = Attempts(min(by_user, by_address), window_s)
        self._addresses = Attempts(by_address, window_s)
        self._anywhere = Attempts(anywhere, window_s) if anywhere is not None else None
        # (address, user) -> when it was right last; in that order.
        self._right: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, address: str, user: str, now: float) -> int:
        """Give the whole seconds until a user may try from an address; 0: now. Never negative."""
        name = _name(address, user)
        wait_s = self._users.wait_s(name, now)
        if not self._is_trusted(name, now):
            wait_s = max(wait_s, self._addresses.wait_s(address, now))
            wait_s = max(wait_s, self._anywhere.wait_s(user, now) if self._anywhere is not None else 0.0)
        return math.ceil(wait_s)

    def failed(self, address: str, user: str, now: float) -> None:
        """Count a wrong password."""
        self._users.failed(_name(address, user), now)
        self._addresses.failed(address, now)
        if self._anywhere is not None:
            self._anywhere.failed(user, now)

    def succeeded(self, address: str, user: str, now: float) -> None:
        """Note a right password: the user's failures from there are forgotten, those of the address stay."""
        name = _name(address, user)
        self._users.forget(name)
        self._right[name] = now
        self._right.move_to_end(name)
        if len(self._right) > MAX_TRUSTED:
            self._right.popitem(last=False)

    def _is_trusted(self, name: str, now: float) -> bool:
        right = self._right.get(name)
        return right is not None and now < right + TRUSTED_S


def _name(address: str, user: str) -> str:
    # No address has a blank.
    return f"{address} {user}"
