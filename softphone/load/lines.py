"""The line of each bot in the report: what its packets and its sound were like."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from softphone.load.faults import Fault
from softphone.load.media.plane import LoadPlane
from softphone.load.plan import LoadPlan
from softphone.load.report import BotLine, HearingReport
from softphone.load.truth import Truth
from softphone.quality import mos

__all__ = ["hearing_of", "lines_of", "unknown"]

FRAME_MS = 20.0
SHOWN_IN_MAP = 64


def lines_of(
    plane: LoadPlane,
    truth: Truth,
    expected: NDArray[np.int64],
    lost: NDArray[np.int64],
    bots: Sequence[int],
    plan: LoadPlan,
) -> list[BotLine]:
    """Write the lines of some bots."""
    levels = _level_dbov(plane.bots["energy"], plane.bots["samples"])
    delays_ms = _delays(truth, plane)
    found = []
    for bot in bots:
        row, rtt, remote = plane.bots[bot], plane.reports.rtt_s[bot], plane.reports.remote_lost[bot]
        jitter_ms = 1000 * float(row.jitter_s)
        loss = 100 * int(lost[bot]) / int(expected[bot]) if expected[bot] else None
        found.append(
            BotLine(
                bot=plan.first + bot,
                sent=plane.sent_of(bot),
                expected=int(expected[bot]),
                lost=int(lost[bot]),
                received=int(row.received),
                duplicate=int(row.duplicate),
                reordered=int(row.reordered),
                stale=int(row.stale),
                jitter_ms=round(jitter_ms, 3),
                gaps=int(row.gaps),
                gap_ms=round(1000 * float(row.gap_s), 1),
                level_dbov=None if np.isnan(levels[bot]) else round(float(levels[bot]), 1),
                clipped=int(row.clipped),
                rtt_ms=None if np.isnan(rtt) else round(1000 * float(rtt), 2),
                remote_lost=None if remote < 0 else int(remote),
                mos=None if loss is None else round(mos(_mouth_to_ear(delays_ms[bot], rtt, jitter_ms), loss), 3),
            )
        )
    return found


def _delays(truth: Truth, plane: LoadPlane) -> NDArray[np.float64]:
    """Give the mean delay of what each bot hears, packet to packet; nan: not known."""
    found = np.full(plane.count, np.nan)
    delay, there = truth.delay_ms, ~np.isnan(truth.delay_ms)
    count = there.sum(axis=1)
    found[: len(delay)] = np.divide(
        np.where(there, delay, 0.0).sum(axis=1), count, out=np.full(len(delay), np.nan), where=count > 0
    )
    return found


def _mouth_to_ear(delay_ms: float, rtt_s: float, jitter_ms: float) -> float:
    """Give what a telephone's user would have: besides the way a frame's length, and a buffer for jitter."""
    way = delay_ms if not np.isnan(delay_ms) else (500 * rtt_s if not np.isnan(rtt_s) else 0.0)
    return float(way + FRAME_MS + max(FRAME_MS, 2 * jitter_ms))


def hearing_of(truth: Truth, faults: list[Fault], first: int) -> HearingReport:
    """Say who heard whom, of the first bots."""
    known = truth.heard + truth.silent
    share = np.divide(truth.heard, known, out=np.full(known.shape, np.nan), where=known > 0)
    rows = range(min(len(share), SHOWN_IN_MAP))
    columns = np.argsort(truth.talkers)[:SHOWN_IN_MAP].tolist()
    return HearingReport(
        listeners=[first + row for row in rows],
        talkers=[first + int(truth.talkers[k]) for k in columns],
        heard=[[None if np.isnan(share[i, k]) else round(float(share[i, k]), 3) for k in columns] for i in rows],
        expected=[[bool(truth.expected[i, k]) for k in columns] for i in rows],
        pairs=share.size,
        wrong=len({(fault.listener, fault.talker) for fault in faults}),
        unknown=int(truth.not_known().sum()),
    )


def _level_dbov(energy: NDArray[np.float64], samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the level of some sound; nan: there was none."""
    mean = np.divide(energy, samples, out=np.full(energy.shape, np.nan), where=samples > 0)
    with np.errstate(divide="ignore"):
        found: NDArray[np.float64] = np.maximum(10 * np.log10(mean / 32768.0**2), -127.0)
    return found


def unknown(plane: LoadPlane, truth: Truth, lines: Sequence[BotLine], plan: LoadPlan) -> list[str]:
    """Say what could not be known, and why."""
    bots, there = plane.bots, [line.bot - plan.first for line in lines]
    came = any(line.received for line in lines)
    speaking = bool(plan.speech or (plan.sayings and truth.not_known().all()))
    unclear = came and not speaking
    reasons = (
        (bool(there) and not came, "no sound came at all: loss, delay and who hears whom are not known"),
        (
            came and speaking,
            "who hears whom and the delay are not known: talkers say speech, the same for all",
        ),
        (
            unclear and bool(truth.undecided().any() | truth.missed.any()),
            "who hears whom is not known of all pairs at all times: it had holes, or was not clear",
        ),
        (unclear and not truth.delays_ms.count, "the delay is not known: nobody heard any talker"),
        (
            bool(there) and bool(np.isnan(plane.reports.rtt_s[there]).all()),
            "the round-trip time is not known: the peer sends no reports (RTCP) to the port of sound",
        ),
    )
    notes = [text for holds, text in reasons if holds]
    counted = (
        ("odd", "packets held no 20 ms of sound: they are counted, and not listened to"),
        ("invalid", "datagrams were no RTP, or could not be opened with the keys that were agreed on"),
        ("other", "packets were of another payload type than agreed on"),
    )
    totals = [(int(bots[field].sum()), words) for field, words in counted]
    return notes + [f"{total} {words}" for total, words in totals if total]
