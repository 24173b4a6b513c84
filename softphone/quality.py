"""Estimated call quality from network impairments: the E-model of ITU-T G.107, on its narrow-band scale.

All other parameters have the recommendation's default values: there is no echo, and both rooms are quiet.
"""

from math import log2

__all__ = ["BEST_R", "mos", "rating"]

BEST_R = 93.2
"""The rating of a line without delay and loss (G.107 section 7.7)."""

# G.113 appendix I: G.711 with concealment of lost packets, which is how every endpoint of ours plays.
ROBUSTNESS = 25.1
# A delay below this is not noticed (G.107 section 7.4, equation 7-27).
UNNOTICED_MS = 100.0


def rating(delay_ms: float, loss_percent: float, *, impairment: float = 0.0, robustness: float = ROBUSTNESS) -> float:
    """Give the transmission rating R.

    Parameters
    ----------
    delay_ms
        From mouth to ear, one way; below 0 counts as 0.
    loss_percent
        Packets that were not played, 0 to 100, lost one by one.
    impairment
        Ie of the codec (G.113); 0: G.711.
    robustness
        Bpl of the codec (G.113): how well it hides losses.

    Returns
    -------
    float
        0 to `BEST_R`.
    """
    loss = min(max(loss_percent, 0.0), 100.0)
    equipment = impairment + (95.0 - impairment) * loss / (loss + robustness)
    return max(0.0, BEST_R - _delay_impairment(delay_ms) - equipment)


def mos(delay_ms: float, loss_percent: float, *, impairment: float = 0.0, robustness: float = ROBUSTNESS) -> float:
    """Give the mean opinion score that R stands for (G.107 annex B): 1 (bad) to 4.5; parameters as of `rating`."""
    r = rating(delay_ms, loss_percent, impairment=impairment, robustness=robustness)
    return max(1.0, 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6)


def _delay_impairment(delay_ms: float) -> float:
    """Give Idd (G.107 section 7.4): that a delay is noticed even without echo."""
    if delay_ms <= UNNOTICED_MS:
        return 0.0
    x = log2(delay_ms / UNNOTICED_MS)
    return 25.0 * (_sixth(1.0, x) - 3 * _sixth(1.0, x / 3) + 2)


def _sixth(a: float, b: float) -> float:
    return float((a**6 + b**6) ** (1 / 6))
