"""Reports on paper."""

from typing import Any

from softphone.load.faults import Fault
from softphone.load.plan import LoadPlan, Objectives
from softphone.load.quantiles import Quantiles
from softphone.load.report import BotLine, Health, HearingReport, LoadReport, Moment


def line(bot: int, **changed: Any) -> BotLine:
    """What a bot counted that had nothing to complain of."""
    counted = dict.fromkeys(("lost", "duplicate", "reordered", "stale", "gaps", "clipped"), 0)
    figures = {"jitter_ms": 1.0, "gap_ms": 0.0, "level_dbov": -20.0, "rtt_ms": 2.0, "remote_lost": 0, "mos": 4.4}
    return BotLine(**{"bot": bot, "sent": 500, "expected": 500, "received": 500, **counted, **figures, **changed})


def report(parties: int = 3, **changed: Any) -> LoadReport:
    """What a run without fault has shown."""
    made: dict[str, Any] = {
        "plan": LoadPlan(uri=("sip:1000@192.0.2.1",), parties=parties, objectives=Objectives(max_delay_ms=150.0)),
        "began_at": 1.7e9,
        "asked": parties,
        "joined": parties,
        "failures": {},
        "dropped": {},
        "joins_per_s": 50.0,
        "answers_ms": {"INVITE": Quantiles.of([10.0, 12.0, 30.0])},
        "seconds": 10.0,
        "bots": [line(bot) for bot in range(parties)],
        "delays_ms": Quantiles.of([40.0, 42.0]),
        "jitter_ms": Quantiles.of([1.0]),
        "mos": Quantiles.of([4.4] * parties),
        "faults": [],
        "hearing": HearingReport(
            listeners=[0, 1, 2],
            talkers=[0, 1],
            heard=[[0.0, 1.0], [1.0, 0.0], [1.0, None]],
            expected=[[False, True], [True, False], [True, True]],
            pairs=6,
            wrong=0,
            unknown=1,
        ),
        "health": Health(busy_share=0.2),
        "timeline": [Moment(at_s=float(k), parties=k, failures=0, loss_percent=0.0) for k in range(1, 6)],
        "notes": [],
    }
    return LoadReport(**made | changed)


ECHO = Fault("echo", 1, 1, -30.0, 4)
