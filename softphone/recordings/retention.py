"""Which recordings have to go: those that are too old, then the oldest of those that are too much."""

from collections.abc import Iterable

from softphone.recordings.entry import Stored

__all__ = ["expired"]


def expired(stored: Iterable[Stored], now: float, *, max_age_s: float, max_bytes: int) -> list[str]:
    """Choose the recordings to delete.

    Parameters
    ----------
    stored
        The finished recordings.
    now
        Unix seconds.
    max_age_s
        How long a recording is kept after its end; 0: for ever.
    max_bytes
        How much all may take together; 0: any amount. The newest stays even when it alone is more.

    Returns
    -------
    list of str
        Ids, the oldest first.
    """
    by_age = sorted(stored, key=lambda each: each.ended)
    total = sum(each.size for each in by_age)
    gone = []
    for index, each in enumerate(by_age):
        too_old = max_age_s > 0 and now - each.ended > max_age_s
        too_much = 0 < max_bytes < total and index < len(by_age) - 1
        if too_old or too_much:
            gone.append(each.id)
            total -= each.size
    return gone
