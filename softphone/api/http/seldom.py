"""What strangers make us log: each of them once in a while, and all together not much."""

__all__ = ["Seldom"]

# How long who was named is not named again, and how many may be in that time.
EVERY_S = 60.0
MOST = 10


class Seldom:
    """Says whether something is to be logged; a value that is told the time."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        self._untold = 0

    def tell(self, who: str, now: float) -> int | None:
        """Give how often nothing was logged since the last time; None: nothing is to be logged now either."""
        self._told = {each: at for each, at in self._told.items() if now - at < EVERY_S}
        if who in self._told or len(self._told) >= MOST:
            self._untold += 1
            return None
        self._told[who] = now
        untold, self._untold = self._untold, 0
        return untold
