"""The result of a run: a value that is written as JSON, merged with others, judged and drawn."""

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from softphone.load.faults import Fault
from softphone.load.plan import LoadPlan, Objectives
from softphone.load.quantiles import Quantiles
from softphone.load.trials import LimitFound

__all__ = [
    "POLICY",
    "SCHEMA",
    "BotLine",
    "Health",
    "HearingReport",
    "LoadReport",
    "Moment",
    "ObjectiveResult",
    "SpeechLine",
    "verdicts",
]

SCHEMA = 1
"""Of the JSON: it grows when a field gets another meaning, or goes."""

POLICY = (403, 480, 486, 600, 603)
"""How services say that a conference is full, or that somebody may not come in; no sign of too much load."""

TITLES = {
    "max_failures": "failed calls",
    "max_loss": "packets lost, %",
    "max_delay_ms": "delay through the bridge, p99, ms",
    "max_jitter_ms": "jitter, p99, ms",
    "max_gaps": "gaps per bot and minute",
    "most_parties": "parties in at once",
    "hearing": "faults in who hears whom",
    "min_mos": "MOS, the worst but one in a hundred",
    "min_pesq": "PESQ, the worst",
}
"""Objectives in words."""

LATE_SHARE, UNSENT_SHARE, BUSY_SHARE, OVERFLOW_SHARE = 0.02, 0.005, 0.9, 0.001
"""From here on a run says more of the generator than of who was called."""


class Moment(Struct, frozen=True, kw_only=True):
    """One second of a run; percentages of one core, None: not known."""

    at_s: float
    parties: int
    failures: int
    loss_percent: float
    delay_p50_ms: float | None = None
    delay_p99_ms: float | None = None
    jitter_p99_ms: float | None = None
    own_cpu_percent: float = 0.0
    server_cpu_percent: float | None = None
    late_steps: int = 0


class Health(Struct, frozen=True, kw_only=True):
    """How the generator itself fared in the measured part.

    Attributes
    ----------
    late_share
        Of its steps, those that were more than 10 ms late.
    unsent_share
        Of its packets, those that the system did not take.
    busy_share
        Of one core.
    overflow_share
        Of the packets that came, those that the system had no room for here: they count as lost, and were not.
    held_up
        Windows of sound that stalls of its own may have silenced.
    """

    late_share: float = 0.0
    unsent_share: float = 0.0
    busy_share: float = 0.0
    latest_ms: float = 0.0
    overflow_share: float = 0.0
    held_up: int = 0

    @property
    def void(self) -> list[str]:
        """Why the run is void; nothing: it is not."""
        reasons = (
            (self.late_share > LATE_SHARE, f"{self.late_share:.1%} of the steps were late"),
            (self.unsent_share > UNSENT_SHARE, f"{self.unsent_share:.1%} of the packets could not be sent"),
            (self.busy_share > BUSY_SHARE, f"it used {self.busy_share:.0%} of a core"),
            (
                self.overflow_share > OVERFLOW_SHARE,
                f"{self.overflow_share:.2%} of the packets came and were lost here, as net.core.rmem_max has no room",
            ),
        )
        return [f"the generator was too slow: {text}" for holds, text in reasons if holds]


class BotLine(Struct, frozen=True, kw_only=True):
    """What one bot has counted; packets of sound."""

    bot: int
    sent: int
    expected: int
    lost: int
    received: int
    duplicate: int
    reordered: int
    stale: int
    jitter_ms: float
    gaps: int
    gap_ms: float
    level_dbov: float | None
    clipped: int
    rtt_ms: float | None
    remote_lost: int | None
    mos: float | None


class SpeechLine(Struct, frozen=True, kw_only=True):
    """What one bot has heard of speech.

    Attributes
    ----------
    likeness
        Correlation with what was said; 0: nothing of it was heard.
    delay_ms
        Packet to packet; None: nothing was heard.
    pesq
        ITU-T P.862.1 for 8 kHz, P.862.2 for all others; None: not known.
    """

    bot: int
    talker: int
    likeness: float
    delay_ms: float | None
    pesq: float | None


class HearingReport(Struct, frozen=True, kw_only=True):
    """Who heard whom: shares of windows, for the first bots that listened.

    Attributes
    ----------
    listeners, talkers
        Their numbers.
    heard
        ``heard[listener][talker]``: 0 to 1; None: not known.
    pairs, wrong, unknown
        How many pairs were looked at in all, were not as they should be, were never known.
    """

    listeners: list[int]
    talkers: list[int]
    heard: list[list[float | None]]
    expected: list[list[bool]]
    pairs: int
    wrong: int
    unknown: int


class ObjectiveResult(Struct, frozen=True):
    """Whether an objective held."""

    objective: str
    limit: float
    measured: float | None
    held: bool

    @property
    def title(self) -> str:
        """What it is about, in words."""
        return TITLES[self.objective]

    @property
    def is_least(self) -> bool:
        """Whether no less may be measured; else no more."""
        return self.objective.startswith("min_")

    def __str__(self) -> str:
        """Say it in a line."""
        measured = "not known" if self.measured is None else f"{self.measured:g}"
        bound = "least" if self.is_least else "most"
        return f"{self.objective}: {measured} (at {bound} {self.limit:g})"


class LoadReport(Struct, kw_only=True):
    """All of it. Fields that end in ``_ms`` are distributions unless they are numbers.

    Where bots come and go more may have `joined` than ever were in `at_once`. Of several processes that is known to the
    second.
    Reports are passed on, so the plan in it has neither password nor PIN.
    """

    schema: int = SCHEMA
    plan: LoadPlan
    began_at: float
    asked: int
    joined: int
    failures: dict[str, int]
    dropped: dict[str, int]
    joins_per_s: float
    answers_ms: dict[str, Quantiles]
    seconds: float
    bots: list[BotLine]
    delays_ms: Quantiles
    jitter_ms: Quantiles
    mos: Quantiles
    faults: list[Fault]
    hearing: HearingReport | None
    health: Health
    timeline: list[Moment]
    notes: list[str]
    scenario: str = ""
    limit: LimitFound | None = None
    policy_limit: int | None = None
    at_once: int | None = None
    server_cpu_percent: float | None = None
    speech: list[SpeechLine] = []

    def __post_init__(self) -> None:
        self.plan = replace(self.plan, password="", pin="")

    @property
    def expected(self) -> int:
        """Packets that should have come to all bots."""
        return sum(line.expected for line in self.bots)

    @property
    def lost(self) -> int:
        """Packets that never came."""
        return sum(line.lost for line in self.bots)

    @property
    def loss_percent(self) -> float:
        """Of all packets."""
        return 100 * self.lost / self.expected if self.expected else 0.0

    @property
    def gaps_per_minute(self) -> float:
        """Of each bot."""
        minutes = len(self.bots) * self.seconds / 60
        return sum(line.gaps for line in self.bots) / minutes if minutes else 0.0

    @property
    def failed(self) -> int:
        """Calls that failed or that the peer ended, those that its policy refuses left out."""
        refused = sum(count for cause, count in self.failures.items() if self.policy_limit and _policy(cause))
        return sum(self.failures.values()) + sum(self.dropped.values()) - refused

    @property
    def wrong_pairs(self) -> int | None:
        """How many things are wrong about who hears whom; None: of no pair it is known."""
        unknown = self.hearing is None or self.hearing.unknown == self.hearing.pairs
        return None if unknown else len(self.faults)

    @property
    def least_pesq(self) -> float | None:
        """The worst score of speech, 1 where it was not heard at all; None: none was judged."""
        return min((line.pesq if line.pesq is not None else 1.0 for line in self.speech), default=None)

    @property
    def void(self) -> list[str]:
        """Why this says nothing of who was called; nothing: it does."""
        return self.health.void

    @property
    def verdicts(self) -> list[ObjectiveResult]:
        """What was to hold."""
        return verdicts(self, self.plan.objectives)

    @property
    def exit_code(self) -> int:
        """0: all held; 1: something did not; 3: the run is void."""
        if self.void:
            return 3
        return 0 if all(verdict.held for verdict in self.verdicts) else 1


def _policy(cause: str) -> bool:
    return cause[:3] in map(str, POLICY)


def verdicts(report: LoadReport, wanted: Objectives) -> list[ObjectiveResult]:
    """Compare a report with what has to hold; what is not known does not hold, unless nothing was said of it."""
    found: list[tuple[str, float | None, float | None]] = [
        ("max_failures", wanted.max_failures, report.failed),
        ("max_loss", wanted.max_loss, round(report.loss_percent, 4) if report.expected else None),
        ("max_delay_ms", wanted.max_delay_ms, report.delays_ms.at(0.99)),
        ("max_jitter_ms", wanted.max_jitter_ms, report.jitter_ms.at(0.99)),
        ("max_gaps", wanted.max_gaps, round(report.gaps_per_minute, 2)),
        ("most_parties", wanted.most_parties, report.joined if report.at_once is None else report.at_once),
        ("hearing", 0 if wanted.hearing and report.hearing is not None else None, report.wrong_pairs),
    ]
    judged = [
        ObjectiveResult(name, limit, value, value is not None and value <= limit)
        for name, limit, value in found
        if limit is not None
    ]
    at_least = (
        ("min_mos", wanted.min_mos, report.mos.at(0.01)),
        ("min_pesq", wanted.min_pesq, report.least_pesq),
    )
    judged += [
        ObjectiveResult(name, limit, value, value is not None and value >= limit)
        for name, limit, value in at_least
        if limit is not None
    ]
    return judged


def summary(report: LoadReport) -> dict[str, Any]:
    """Give the figures that one looks at first, by name."""
    return {
        "parties": report.joined,
        "failures": report.failed,
        "joins/s": round(report.joins_per_s, 1),
        "loss %": round(report.loss_percent, 4),
        "delay p50 ms": report.delays_ms.at(0.5),
        "delay p99 ms": report.delays_ms.at(0.99),
        "jitter p99 ms": report.jitter_ms.at(0.99),
        "MOS p1": report.mos.at(0.01),
        "least PESQ": report.least_pesq,
        "gaps/min": round(report.gaps_per_minute, 2),
        "wrong pairs": report.wrong_pairs,
        "server CPU %": report.server_cpu_percent,
    }
