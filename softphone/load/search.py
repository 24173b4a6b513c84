"""The largest number of parties at which all objectives hold: grow until one breaks, then halve the interval.

What breaks is tried once more before it counts: a moment's trouble would end the search far below the limit.
"""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from softphone.load.report import LoadReport
from softphone.load.trials import LimitFound, Trial

__all__ = ["find_limit", "trial_of"]

GROWTH = 2.0
PRECISION = 0.05
"""The interval is halved until it is this part of the limit, or one party."""
MOST_TRIALS = 40


def trial_of(report: LoadReport) -> Trial:
    """Judge a run as one trial of a search."""
    broke = tuple(verdict.objective for verdict in report.verdicts if not verdict.held)
    return Trial(parties=report.asked, broke=broke, policy_limit=report.policy_limit, void=bool(report.void))


async def find_limit(attempt: Callable[[int], Awaitable[Trial]], *, first: int, most: int) -> LimitFound:
    """Search.

    Parameters
    ----------
    attempt
        Tries a number of parties.
    first, most
        With how many to begin, and how many to try at most.

    Returns
    -------
    LimitFound
        A number that a policy limits ends the search at that number: it is tried once more, as any other.
    """
    tried: dict[int, Trial] = {}
    held, broken, number = 0, most + 1, min(first, most)
    while len(tried) < MOST_TRIALS and held < number < broken:
        trial = tried[number] = await _tried(attempt, number)
        if trial.held:
            held = number
        else:
            broken = number
        if trial.policy_limit is not None and held < trial.policy_limit < broken:
            number = trial.policy_limit
        else:
            number = _next(held, broken, most)
    return _found(held, broken, most, tried)


async def _tried(attempt: Callable[[int], Awaitable[Trial]], number: int) -> Trial:
    """Try a number, and once more when it did not hold; a policy needs no second look."""
    trial = await attempt(number)
    if trial.held or trial.policy_limit is not None:
        return trial
    again = await attempt(number)
    return replace(again, shaky=(again.broke, again.void) != (trial.broke, trial.void))


def _next(held: int, broken: int, most: int) -> int:
    """Give the number to be tried next; one of the two when there is none."""
    if broken > most:
        return min(max(int(held * GROWTH), held + 1), most)
    return (held + broken) // 2 if broken - held > max(1, int(PRECISION * broken)) else held


def _found(held: int, broken: int, most: int, tried: dict[int, Trial]) -> LimitFound:
    trials = tuple(tried[number] for number in sorted(tried))
    if broken > most:
        return LimitFound(parties=held, broke_at=None, broke=(), why="most", trials=trials)
    end = tried[broken]
    why = "generator" if end.void else "policy" if end.policy_limit == held and held else "objective"
    return LimitFound(parties=held, broke_at=broken, broke=end.broke, why=why, trials=trials)
