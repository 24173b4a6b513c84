"""Charts as SVG text: lines over time, and a heat map. Colours are those of the page, by CSS variables."""

from collections.abc import Sequence
from html import escape
from itertools import groupby
from math import ceil, floor, log10

__all__ = ["Series", "heat_map", "line_chart"]

WIDTH, HEIGHT = 560, 170
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 26
CELL = 14
MOST_POINTS = 400

Point = tuple[float, float | None]
Series = tuple[str, Sequence[Point]]
"""A name, and its points in order of time; None: not known then."""


def line_chart(title: str, unit: str, series: Sequence[Series]) -> str:
    """Draw lines over seconds; one figure with a legend, empty text when nothing is known."""
    known = [(at, value) for _, points in series for at, value in points if value is not None]
    if not known:
        return ""
    last, top = max(at for at, _ in known) or 1.0, _round_up(max(value for _, value in known))
    begun = min(at for at, _ in known)

    def place(at: float, value: float) -> str:
        x = LEFT + (at - begun) / max(last - begun, 1e-9) * (WIDTH - LEFT - RIGHT)
        return f"{x:.1f},{HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM):.1f}"

    drawn = [_axes(top, begun, last)]
    for number, (_, points) in enumerate(series):
        thinned = points[:: max(1, len(points) // MOST_POINTS)]
        for there, run in groupby(thinned, key=lambda point: point[1] is not None):
            if there:
                places = " ".join(place(at, value) for at, value in run if value is not None)
                drawn.append(f'<polyline class="line c{number}" points="{places}"/>')
    return _figure(title, f"{unit}", drawn, [name for name, _ in series])


def _axes(top: float, begun: float, last: float) -> str:
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{top * share:g}</text>')
    lines.append(f'<text x="{LEFT}" y="{HEIGHT - 6}">{begun:.0f} s</text>')
    lines.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{last:.0f} s</text>')
    return "".join(lines)


def _figure(title: str, unit: str, drawn: Sequence[str], names: Sequence[str]) -> str:
    legend = " ".join(f'<span class="key c{k}">{escape(name)}</span>' for k, name in enumerate(names))
    return (
        f"<figure><figcaption><b>{escape(title)}</b> <small>{escape(unit)}</small> {legend}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(drawn)}</svg></figure>'
    )


def _round_up(value: float) -> float:
    """Give the next of 1, 2 and 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = float(10 ** floor(log10(value)))
    return next(step * power for step in (1, 2, 5, 10) if ceil(value / power * 1e6) <= ceil(step * 1e6))


def heat_map(
    listeners: Sequence[int],
    talkers: Sequence[int],
    heard: Sequence[Sequence[float | None]],
    expected: Sequence[Sequence[bool]],
) -> str:
    """Draw who hears whom: a row for each listener; what is not as it should be has a frame."""
    width, height = 46 + CELL * len(talkers), 26 + CELL * len(listeners)
    cells = [
        f'<text x="{44 + CELL * k + CELL / 2}" y="18" text-anchor="middle">{n}</text>' for k, n in enumerate(talkers)
    ]
    for i, listener in enumerate(listeners):
        y = 24 + CELL * i
        cells.append(f'<text x="38" y="{y + CELL - 3}" text-anchor="end">{listener}</text>')
        for k, talker in enumerate(talkers):
            cells.append(_cell(44 + CELL * k, y, listener, talker, heard[i][k], expected[i][k]))
    return (
        f'<svg class="map" style="max-width:{2 * width}px" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="who hears whom">{"".join(cells)}</svg>'
    )


def _cell(x: int, y: int, listener: int, talker: int, share: float | None, expected: bool) -> str:
    kind = "unknown" if share is None else "heard" if share >= 0.5 else "silent"
    wrong = share is not None and (share < 0.5 if expected else share >= 0.5)
    words = "not known" if share is None else f"heard in {share:.0%} of the time"
    return (
        f'<rect class="{kind}{" wrong" if wrong else ""}" x="{x}" y="{y}" width="{CELL - 2}" height="{CELL - 2}">'
        f"<title>{listener} and {talker}: {words}</title></rect>"
    )
