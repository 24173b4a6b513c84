"""A report is judged by objectives, and written as JSON, a page, JUnit XML, and beside another one."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest
from typer.testing import CliRunner

from softphone.cli import app
from softphone.commands.load import _parts
from softphone.load.charts import line_chart
from softphone.load.html import page, side_by_side
from softphone.load.junit import junit
from softphone.load.plan import LoadPlan, Objectives
from softphone.load.quantiles import Quantiles
from softphone.load.report import Health, LoadReport, verdicts
from softphone.load.shares import merged
from tests.load.reports import ECHO, line, report

EMPTY = {"joined": 0, "bots": [], "delays_ms": Quantiles(), "jitter_ms": Quantiles(), "mos": Quantiles()}


@pytest.mark.parametrize(
    ("changed", "broken"),
    [
        ({}, set()),
        ({"failures": {"503 Service Unavailable": 1}}, {"max_failures"}),
        ({"dropped": {"bye": 2}}, {"max_failures"}),
        ({"failures": {"486 Busy Here": 5}, "policy_limit": 3}, set()),
        ({"failures": {"503 Service Unavailable": 5}, "policy_limit": 3}, {"max_failures"}),
        ({"bots": [line(0, lost=6, received=494)]}, {"max_loss"}),
        ({"bots": [line(0, lost=5, received=495)]}, set()),
        ({"mos": Quantiles.of([2.0])}, {"min_mos"}),
        ({"delays_ms": Quantiles.of([160.0])}, {"max_delay_ms"}),
        ({"faults": [ECHO]}, {"hearing"}),
        (EMPTY | {"hearing": None}, {"max_loss", "min_mos", "max_delay_ms"}),
    ],
)
def test_what_breaks_an_objective(changed: dict[str, Any], broken: set[str]) -> None:
    made = report(**changed)
    assert {verdict.objective for verdict in made.verdicts if not verdict.held} == broken
    assert made.exit_code == bool(broken)


def test_a_report_has_neither_password_nor_pin() -> None:
    plan = LoadPlan(uri=("sip:201@h",), parties=1, user="101", password="s3cret", pin="9876#")
    made = report(1, plan=plan)
    for told in (msgspec.json.encode(made).decode(), repr(made), msgspec.json.encode(merged(plan, [made])).decode()):
        assert "101" in told
        assert "s3cret" not in told
        assert "9876#" not in told


def test_the_eleventh_party_that_is_let_in_breaks_what_is_promised() -> None:
    plan = LoadPlan(uri=("sip:1000@192.0.2.1",), parties=12, objectives=Objectives(most_parties=10))
    refused = {"failures": {"486 Busy Here": 1}, "policy_limit": 11}
    assert report(11, plan=plan, **refused).exit_code == 1
    assert report(10, plan=plan, **refused | {"failures": {"486 Busy Here": 2}, "policy_limit": 10}).exit_code == 0
    assert report(12, plan=plan, at_once=10).exit_code == 0, "some came when others had left"


@pytest.mark.parametrize("health", [Health(late_share=0.03), Health(unsent_share=0.01), Health(busy_share=0.95)])
def test_a_slow_generator_makes_the_run_void_whatever_held(health: Health) -> None:
    made = report(health=health)
    assert made.exit_code == 3
    assert "generator was too slow" in made.void[0]
    assert "void" in page(made)
    assert ElementTree.fromstring(junit(made)).get("errors") == str(len(made.verdicts))


def test_a_report_is_the_same_when_it_is_read_back() -> None:
    made = report(faults=[ECHO])
    data = msgspec.json.encode(made)
    assert msgspec.json.decode(data, type=LoadReport) == made
    assert msgspec.json.decode(data)["schema"] == 1


class Balanced(HTMLParser):
    """Fails where a tag is not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None: ...

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("changed", [{}, {"faults": [ECHO], "failures": {"<b>&": 1}}, EMPTY | {"hearing": None}])
def test_the_page_is_one_file_that_asks_nobody(changed: dict[str, Any]) -> None:
    text = page(report(**changed))
    reader = Balanced()
    reader.feed(text)
    assert reader.open == []
    assert not re.search(r"(?:src|href)\s*=|url\(|@import|<script|https?://", text)
    assert "prefers-color-scheme:dark" in text
    assert "<b>&" not in text.replace("<b>&amp;", "")
    for picture in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(picture)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "All objectives held"),
        ({"failures": {"503 Service Unavailable": 1}}, "1 objective did not hold"),
        ({"failures": {"503 Service Unavailable": 1}, "faults": [ECHO]}, "2 objectives did not hold"),
        ({"health": Health(late_share=0.5)}, "void: this run says nothing of the server"),
    ],
)
def test_the_page_begins_with_the_verdict(changed: dict[str, Any], said: str) -> None:
    made = report(**changed)
    assert re.findall(r"<p class='verdict (good|bad)'>(.*?)</p>", page(made)) == [
        ("bad" if made.exit_code else "good", said)
    ]
    assert all(verdict.title in page(made) for verdict in made.verdicts)


def test_each_objective_has_a_title() -> None:
    wanted = Objectives(min_pesq=1.0, max_delay_ms=1.0, max_jitter_ms=1.0, max_gaps=1.0, most_parties=1)
    assert len({verdict.title for verdict in verdicts(report(), wanted)}) == len(Objectives.__struct_fields__)


def test_a_chart_has_a_hole_where_nothing_is_known() -> None:
    drawn = line_chart("Delay", "ms", [("p50", [(0, 1.0), (1, None), (2, 3.0), (3, 4.0)])])
    assert drawn.count("<polyline") == 2
    assert line_chart("Delay", "ms", [("p50", [(0, None)])]) == ""


def test_the_map_frames_what_is_wrong() -> None:
    made = report()
    assert made.hearing is not None
    made.hearing.heard[1][1] = 0.9  # hears itself
    made.hearing.heard[0][1] = 0.1  # is deaf
    assert page(made).count(' wrong"') == 2


def test_ci_reads_which_objective_broke() -> None:
    suite = ElementTree.fromstring(junit(report(faults=[ECHO])))
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")
    (failed,) = [case for case in suite if len(case)]
    assert (failed.get("name"), failed[0].text) == ("hearing", "1 hears itself at -30 dBov")


def test_two_reports_side_by_side(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path, parties in zip(paths, (4, 6), strict=True):
        path.write_bytes(msgspec.json.encode(report(parties)))
    assert side_by_side(report(4), report(6))[0] == ("parties", "4", "6", "+50 %")
    result = CliRunner().invoke(app, ["load", "compare", *map(str, paths)])
    assert result.exit_code == 0 and "+50 %" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["compare", "only.json"], "two files"),
        (["compare", "none.json", "none.json"], "cannot be read"),
        (["sip:1@h", "--codec", "GSM"], "--codec is one of"),
        (["sip:1@h", "--transport", "carrier"], "--transport is one of"),
        (["sip:1@h", "--pin", "12x"], "--pin holds keys"),
        (["sip:1@127.0.0.1", "--json", "/proc/nothing/here"], "cannot be written"),
    ],
)
def test_wrong_use_is_told_in_a_line(words: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["load", *words])
    assert result.exit_code == 2
    assert said in result.output


def test_a_void_run_says_what_to_do() -> None:
    lines = [str(part) for part in _parts(report(health=Health(late_share=0.5)))]
    assert any("fewer parties, --processes" in line for line in lines)


def test_a_long_address_is_broken_and_makes_the_page_no_wider() -> None:
    assert re.search(r"h1\{[^}]*overflow-wrap:anywhere", page(report()))
