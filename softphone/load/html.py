"""A report as one HTML file that needs nothing else: no network, no script; readable in the dark, too."""

from collections.abc import Iterator, Sequence
from html import escape
from operator import attrgetter
from time import gmtime, strftime

from softphone.load.charts import heat_map, line_chart
from softphone.load.report import LoadReport, summary

__all__ = ["page", "side_by_side"]

WORST = 20
WRONG = "not as it should be"
STYLE = """
:root{color-scheme:light dark;--text:#1c2024;--dim:#667;--paper:#fff;--rule:#d8dce2;--good:#18794e;--bad:#c62a2f;
--c0:#2463eb;--c1:#d97706;--c2:#7c3aed;--heard:#2e9e6b;--silent:#e6e9ee;--unknown:#b9a7d8}
@media(prefers-color-scheme:dark){:root{--text:#e6e9ee;--dim:#9aa3b2;--paper:#14171c;--rule:#333a45;--good:#4cc38a;
--bad:#ff7b72;--c0:#79a8ff;--c1:#f5b14c;--c2:#b79aff;--heard:#2e9e6b;--silent:#2a303a;--unknown:#5b4a80}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--paper);max-width:1180px;margin:2em auto;
padding:0 1em}h1{font-size:1.6em;margin:0;overflow-wrap:anywhere}h2{font-size:1.15em;margin-top:2em}
small,.dim{color:var(--dim)}
.dim{overflow-wrap:anywhere;margin:.2em 0}.good{color:var(--good)}.bad{color:var(--bad);font-weight:600}
.verdict{font-size:1.15em;font-weight:600;border-left:5px solid;padding:.3em .8em;margin:1em 0}
table{border-collapse:collapse}.wide{overflow-x:auto}
td,th{padding:.2em .9em .2em 0;text-align:right;border-bottom:1px solid var(--rule);font-variant-numeric:tabular-nums}
td:first-child,th:first-child{text-align:left}th{color:var(--dim);font-weight:500}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(9em,1fr));gap:.6em;margin:1em 0}
.tiles div{border:1px solid var(--rule);border-radius:.5em;padding:.4em .7em}.tiles b{display:block;font-size:1.35em}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(26em,100%),1fr));gap:1em}figure{margin:0}
svg{width:100%}svg text{font:11px system-ui,sans-serif;fill:var(--dim)}.map text{font-size:7px}.grid{stroke:var(--rule)}
.line{fill:none;stroke-width:2}.c0{stroke:var(--c0)}.c1{stroke:var(--c1)}.c2{stroke:var(--c2)}
.key{margin-left:.8em}.key.c0{color:var(--c0)}.key.c1{color:var(--c1)}.key.c2{color:var(--c2)}
.heard{fill:var(--heard)}.silent{fill:var(--silent)}.unknown{fill:var(--unknown)}
.wrong{stroke:var(--bad);stroke-width:2}.swatch{width:.9em;height:.9em;vertical-align:-.1em;margin:0 .3em 0 1em}
summary{cursor:pointer;color:var(--dim)}
"""


def page(report: LoadReport) -> str:
    """Write the file."""
    hosts = dict.fromkeys(uri.rpartition("@")[2] or uri for uri in report.plan.uri)
    return _whole(f"{report.joined} parties at {', '.join(hosts)}", list(_parts(report)))


def _whole(title: str, parts: Sequence[str]) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head><body>'
        f"<h1>{escape(title)}</h1>{''.join(parts)}</body></html>\n"
    )


def _parts(report: LoadReport) -> Iterator[str]:
    began = strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(report.began_at))
    what = ", ".join(filter(None, (began, f"{report.seconds:g} s measured", report.plan.codec, report.scenario)))
    yield f'<p class="dim">{escape(what)}</p><p class="dim">{escape(", ".join(report.plan.uri))}</p>'
    yield _judgement(report)
    if report.limit is not None:
        yield f"<h2>Limit</h2><p>{escape(str(report.limit))}</p>"
        rows = [
            (trial.parties, "held" if trial.held else ", ".join(trial.broke) or "void") for trial in report.limit.trials
        ]
        yield _table(("parties", "objectives"), rows)
    known = {name: value for name, value in summary(report).items() if value is not None}
    tiles = "".join(f"<div><b>{_figure(value)}</b><small>{escape(name)}</small></div>" for name, value in known.items())
    yield f'<div class="tiles">{tiles}</div>'
    if report.failures or report.dropped:
        yield "<h2>Calls that failed</h2>"
        yield _table(("cause", "calls"), list((report.failures | report.dropped).items()))
    yield "".join(f'<p class="dim">{escape(note)}</p>' for note in report.notes)
    yield f'<h2>Over time</h2><div class="charts">{"".join(_charts(report))}</div>'
    yield "<h2>How long it took</h2>"
    yield _table(("milliseconds", "p50", "p90", "p99", "p99.9", "max", "count"), _percentiles(report))
    if report.hearing is not None:
        yield from _hearing(report)
    heads = ("bot", "lost", "expected", "jitter ms", "gaps", "longest ms", "MOS")
    is_open = " open" if report.lost or report.gaps_per_minute else ""
    yield f"<h2>The worst bots</h2><details{is_open}><summary>the {WORST} with the lowest MOS</summary>"
    yield f"{_table(heads, _worst(report))}</details>"


def _judgement(report: LoadReport) -> str:
    """Say in a line how it ended, and then what of each objective."""
    broken = sum(not verdict.held for verdict in report.verdicts)
    word = "objective" if broken == 1 else "objectives"
    said = "void: this run says nothing of the server" if report.void else f"{broken} {word} did not hold"
    kind = "bad" if report.exit_code else "good"
    lines = [f"<p class='verdict {kind}'>{said if report.exit_code else 'All objectives held'}</p>"]
    lines += [f'<p class="bad">{escape(reason)}</p>' for reason in report.void]
    rows = []
    for verdict in report.verdicts:
        mark = '<span class="good">✓ held</span>' if verdict.held else '<span class="bad">✗ not held</span>'
        bound = "≥" if verdict.is_least else "≤"
        rows.append((verdict.title, _figure(verdict.measured), f"{bound} {verdict.limit:g}", mark))
    return "".join(lines) + _table(("objective", "measured", "limit", ""), rows, marked=True)


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
    yield "A row is a listener, a column a talker:"
    for kind, words in (("heard", "heard"), ("silent", "not heard"), ("unknown", "not known"), ("wrong silent", WRONG)):
        yield f'<svg class="swatch" viewBox="0 0 12 12"><rect class="{kind}" width="12" height="12"/></svg>{words}'
    yield "</p>"
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


def _table(heads: Sequence[str], rows: Sequence[Sequence[object]], *, marked: bool = False) -> str:
    """Write a table; `marked`: its last column is HTML."""
    head = "".join(f"<th>{escape(title)}</th>" for title in heads)
    cells = [[escape(str(cell)) for cell in row] for row in rows]
    if marked:
        cells = [[*line[:-1], str(row[-1])] for line, row in zip(cells, rows, strict=True)]
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in line) + "</tr>" for line in cells)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


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
