"""A plan in shares, one for each process or machine, and one report of all of theirs.

Counts are added and distributions merged, so that the report says of bots, packets, answers and delays exactly what one
process would have said. Of the timeline, which each writes by its own clock, the worst of a second is kept.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import zip_longest
from typing import Any

from msgspec.structs import replace

from softphone.load.faults import Fault
from softphone.load.plan import LoadPlan
from softphone.load.quantiles import Quantiles
from softphone.load.report import Health, HearingReport, LoadReport, Moment
from softphone.load.truth import FEW

__all__ = ["merged", "shares"]

STEPS = 4
"""Shares begin at multiples of it: a bot's packets then leave when they would in one process."""
MAP_ROWS = 64
DEAF = ("deaf", "partly deaf")
UNSURE = (
    "pairs were deaf for no longer than a process of the bots was held up: that is not known to be the server's fault"
)


def shares(plan: LoadPlan, count: int) -> list[LoadPlan]:
    """Share a plan out.

    Parameters
    ----------
    plan
        For all together.
    count
        How many shares at most; none is empty.
    """
    size = -(-plan.parties // count)
    size = -(-size // (STEPS * len(plan.uri))) * STEPS * len(plan.uri)
    found = []
    for first in range(0, plan.parties, size):
        parties = min(size, plan.parties - first)
        here = range(first, first + parties)
        own, voices = (len(set(here) & set(bots)) for bots in (plan.talking, plan.voices))
        found.append(
            replace(
                plan,
                first=plan.first + first,
                parties=parties,
                talkers=-(-own // len(plan.uri)),
                pool=plan.pool and -(-voices // len(plan.uri)),
                spoken_by=plan.talkers,
                elsewhere=tuple(plan.first + number for number in plan.voices if number not in here),
                together=plan.parties,
                rate=plan.rate * parties / plan.parties,
                media_port=plan.media_port and plan.media_port + 2 * first,
            )
        )
    return found


def merged(plan: LoadPlan, reports: Sequence[LoadReport]) -> LoadReport:
    """Make one report of those of all shares of a plan; raises ValueError for none."""
    if not reports:
        raise ValueError("there is no report")
    timeline = _timeline(reports)
    at_once = _at_once(reports, timeline)
    there = {line.bot for report in reports for line in report.bots}
    # Who never came is missed by bots of other processes, which do not know it.
    told = [fault for report in reports for fault in report.faults if {fault.listener, fault.talker} <= there]
    faults = _seen_by_others(told, reports)
    unsure = [f"{len(told) - len(faults)} {UNSURE}"] if len(told) > len(faults) else []
    return LoadReport(
        plan=plan,
        began_at=min(report.began_at for report in reports),
        asked=sum(report.asked for report in reports),
        joined=sum(report.joined for report in reports),
        failures=_added(report.failures for report in reports),
        dropped=_added(report.dropped for report in reports),
        joins_per_s=round(sum(report.joins_per_s for report in reports), 1),
        answers_ms={
            name: _together(report.answers_ms[name] for report in reports if name in report.answers_ms)
            for name in sorted({name for report in reports for name in report.answers_ms})
        },
        seconds=max(report.seconds for report in reports),
        bots=[line for report in reports for line in report.bots],
        delays_ms=_together(report.delays_ms for report in reports),
        jitter_ms=_together(report.jitter_ms for report in reports),
        mos=_together(report.mos for report in reports),
        faults=faults,
        hearing=_hearing([report.hearing for report in reports if report.hearing is not None], faults),
        health=_worst([report.health for report in reports]),
        timeline=timeline,
        notes=[*dict.fromkeys(note for report in reports for note in report.notes), *unsure],
        scenario=reports[0].scenario,
        policy_limit=at_once if any(report.policy_limit is not None for report in reports) else None,
        at_once=at_once,
        server_cpu_percent=reports[0].server_cpu_percent,
        speech=[line for report in reports for line in report.speech],
    )


def _seen_by_others(faults: Sequence[Fault], reports: Sequence[LoadReport]) -> list[Fault]:
    """Leave out those faults that a process has made which was held up: its talkers were silent, and others deaf."""
    of = {line.bot: report for report in reports for line in report.bots}
    return [
        fault
        for fault in faults
        if fault.kind not in DEAF
        or of[fault.listener] is of[fault.talker]  # which has left those windows out
        or fault.windows - of[fault.talker].health.held_up >= FEW
    ]


def _at_once(reports: Sequence[LoadReport], timeline: Sequence[Moment]) -> int:
    """Give how many were in at the same time, at most: all, or, where some had left before, by the second."""
    most = [report.joined if report.at_once is None else report.at_once for report in reports]
    if most == [report.joined for report in reports]:
        return sum(most)
    return max([*most, *(moment.parties for moment in timeline)])


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _together(found: Iterable[Quantiles]) -> Quantiles:
    total = Quantiles()
    for each in found:
        total.merge(each)
    return total


def _hearing(found: Sequence[HearingReport], faults: Sequence[Fault]) -> HearingReport | None:
    if not found:
        return None
    alike = [each for each in found if each.talkers == found[0].talkers]
    return HearingReport(
        listeners=[number for each in alike for number in each.listeners][:MAP_ROWS],
        talkers=found[0].talkers,
        heard=[row for each in alike for row in each.heard][:MAP_ROWS],
        expected=[row for each in alike for row in each.expected][:MAP_ROWS],
        pairs=sum(each.pairs for each in found),
        wrong=len({(fault.listener, fault.talker) for fault in faults}),
        unknown=sum(each.unknown for each in found),
    )


def _worst(found: Sequence[Health]) -> Health:
    return Health(**{name: max(getattr(each, name) for each in found) for name in Health.__struct_fields__})


def _timeline(reports: Sequence[LoadReport]) -> list[Moment]:
    seconds = zip_longest(*(report.timeline for report in reports))
    return [_moment([moment for moment in same if moment is not None]) for same in seconds]


def _moment(same: Sequence[Moment]) -> Moment:
    """Make one second of those of all shares: parties and failures are added, of the rest the worst counts."""
    added = {"parties", "failures", "late_steps", "own_cpu_percent"}
    values: dict[str, Any] = {}
    for name in Moment.__struct_fields__:
        known = [value for value in (getattr(each, name) for each in same) if value is not None]
        how: Callable[[list[float]], float] = sum if name in added else max
        values[name] = how(known) if known else None
    return Moment(**values)
