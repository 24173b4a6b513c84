"""Rate limits of one party: commands over its WebSocket, and further offers."""

from weakref import WeakKeyDictionary

from softphone.api.http.errors import slow_down
from softphone.focus.entrance.web_parties import WebParty

__all__ = ["AskingRate", "OfferRates"]

# At once, and in a second from then on.
BURST, PER_S = 20.0, 10.0


class AskingRate:
    """How much a party may still ask for; a value that is told the time.

    Attributes
    ----------
    refused
        How often it was too much.
    """

    def __init__(self, now: float) -> None:
        self._left, self._at = BURST, now
        self.refused = 0

    def spend(self, now: float) -> bool:
        """Take one; False: there were too many."""
        self._left, self._at = min(BURST, self._left + (now - self._at) * PER_S), now
        if self._left < 1.0:
            self.refused += 1
            return False
        self._left -= 1.0
        return True


class OfferRates:
    """The rates of all parties that have made a further offer."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[WebParty, AskingRate] = WeakKeyDictionary()

    def spend(self, party: WebParty, now: float) -> None:
        """Take an offer of a party; raises ApiError: there were too many."""
        if party not in self._of:
            self._of[party] = AskingRate(now)
        if not self._of[party].spend(now):
            raise slow_down(1)
