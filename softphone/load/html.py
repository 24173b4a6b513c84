"""A report as one HTML file that needs nothing else: no network, no script; readable in the dark, too."""

from collections.abc import Iterator, Sequence
from html import escape
from operator import attrgetter
from time import gmtime, strftime

from softphone.load.charts import heat_map, line_chart
from softphone.load.report import LoadReport, summary

__all__ = ["page", "side_by_side"]

WORST = 20
STYLE = """
:root{color-scheme:light dark;--text:#1c2024;--dim:#667;--paper:#fff;--rule:#d8dce2;--good:#18794e;--bad:#c62a2f;
--c0:#2463eb;--c1:#d97706;--c2:#7c3aed;--heard:#2e9e6b;--silent:#e6e9ee;--unknown:#b9a7d8}
@media(prefers-color-scheme:dark){:root{--text:#e6e9ee;--dim:#9aa3b2;--paper:#14171c;--rule:#333a45;--good:#4cc38a;
--bad:#ff7b72;--c0:#79a8ff;--c1:#f5b14c;--c2:#b79aff;--heard:#2e9e6b;--silent:#2a303a;--unknown:#5b4a80}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--paper);max-width:1180px;margin:2em auto;
padding:0 1em}h1{font-size:1.5em;overflow-wrap:anywhere}h2{font-size:1.15em;margin-top:2em}small,.dim{color:var(--dim)}
.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}table{border-collapse:collapse}
td,th{padding:.2em .9em .2em 0;text-align:right;border-bottom:1px solid var(--rule)}
td:first-child,th:first-child{text-align:left}th{color:var(--dim);font-weight:500}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(420px,1fr));gap:1em}figure{margin:0}
svg{width:100%}svg text{font:11px system-ui,sans-serif;fill:var(--dim)}.grid{stroke:var(--rule)}
.line{fill:none;stroke-width:2}.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}
.key{margin-left:.8em}.key.c0{color:var(--c0)}.key.c1{color:var(--c1)}.key.c2{color:var(--c2)}
.heard{fill:var(--heard)}.silent{fill:var(--silent)}.unknown{fill:var(--unknown)}
.wrong{stroke:var(--bad);stroke-width:2}
"""


def page(report: LoadReport) -> str:
    """Write the file."""
    return _whole(f"{report.joined} parties at {', '.join(report.plan.uri)}", list(_parts(report)))


def _whole(title: str, parts: Sequence[str]) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )


def _parts(report: LoadReport) -> Iterator[str]:
    began = strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(report.began_at))
    what = ", ".join(filter(None, (began, f"{report.seconds:g} s measured", report.plan.codec, report.scenario)))
    yield f'<p class="dim">{escape(what)}</p>'
    yield _judgement(report)
    if report.limit is not None:
        yield f"<h2>Limit</h2><p>{escape(str(report.limit))}</p>"
        rows = [
            (trial.parties, "held" if trial.held else ", ".join(trial.broke) or "void") for trial in report.limit.trials
        ]
        yield _table(("parties", "objectives"), rows)
    yield _table(("figure", "value"), [(name, _figure(value)) for name, value in summary(report).items()])
    yield f'<h2>Over time</h2><div class="charts">{"".join(_charts(report))}</div>'
    yield "<h2>How long it took</h2>"
    yield _table(("milliseconds", "p50", "p90", "p99", "p99.9", "max", "count"), _percentiles(report))
    if report.hearing is not None:
        yield from _hearing(report)
    yield "<h2>The worst bots</h2>"
    yield _table(("bot", "lost", "expected", "jitter ms", "gaps", "longest ms", "MOS"), _worst(report))
    if report.failures or report.dropped:
        yield "<h2>Calls that failed</h2>"
        yield _table(("cause", "calls"), list((report.failures | report.dropped).items()))
    yield "".join(f'<p class="dim">{escape(note)}</p>' for note in report.notes)


def _judgement(report: LoadReport) -> str:
    lines = [f'<li class="bad">void: {escape(reason)}</li>' for reason in report.void]
    for verdict in report.verdicts:
        lines.append(f'<li class="{"good" if verdict.held else "bad"}">{escape(str(verdict))}</li>')
    return f"<ul>{''.join(lines)}</ul>"


def _charts(report: LoadReport) -> Iterator[str]:
    wanted = (
        ("Parties", "", ("parties", "failures")),
        ("Delay through the bridge", "ms", ("delay_p50_ms", "delay_p99_ms")),
        ("Loss", "% of all packets so far", ("loss_percent",)),
        ("Jitter", "ms, 99 in 100 bots", ("jitter_p99_ms",)),
        ("Processor", "% of a core", ("server_cpu_percent", "own_cpu_percent")),
        ("Late steps of the generator", "", ("late_steps",)),
    )
    for title, unit, fields in wanted:
        series = [(name, [(each.at_s, getattr(each, name)) for each in report.timeline]) for name in fields]
        yield line_chart(title, unit, [(_words(name), points) for name, points in series])


def _words(field: str) -> str:
    return field.removesuffix("_ms").removesuffix("_percent").replace("_", " ").replace("own cpu", "generator")


def _hearing(report: LoadReport) -> Iterator[str]:
    found = report.hearing
    assert found is not None
    yield f"<h2>Who hears whom</h2><p>{found.pairs} pairs, {found.wrong} wrong, {found.unknown} not known. "
    yield "Rows listen, columns talk; green: heard; violet: not known; framed: not as it should be.</p>"
    yield heat_map(found.listeners, found.talkers, found.heard, found.expected)
    yield "<ul>" + "".join(f'<li class="bad">{escape(str(fault))}</li>' for fault in report.faults[:WORST]) + "</ul>"


def _percentiles(report: LoadReport) -> list[tuple[str, ...]]:
    named = {**report.answers_ms, "delay": report.delays_ms, "jitter": report.jitter_ms}
    return [
        (name, *(_figure(value) for value in values.summary().values()), str(values.count))
        for name, values in named.items()
        if values.count
    ]


def _worst(report: LoadReport) -> list[tuple[object, ...]]:
    lines = sorted(report.bots, key=attrgetter("mos") if all(line.mos for line in report.bots) else attrgetter("bot"))
    return [
        (line.bot, line.lost, line.expected, line.jitter_ms, line.gaps, line.gap_ms, _figure(line.mos))
        for line in lines[:WORST]
    ]


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(title)}</th>" for title in heads)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _figure(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"


def side_by_side(one: LoadReport, other: LoadReport) -> list[tuple[str, str, str, str]]:
    """Compare two reports: each figure's name, both values, and by how much the second is more."""
    rows = []
    for (name, before), after in zip(summary(one).items(), summary(other).values(), strict=True):
        known = isinstance(before, int | float) and isinstance(after, int | float)
        change = f"{100 * (after - before) / before:+.0f} %" if known and before else ""
        rows.append((name, _figure(before), _figure(after), change))
    return rows
