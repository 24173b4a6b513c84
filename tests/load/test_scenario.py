"""Scenarios: those that come with the program are read, mistakes are told, and steps do what they say."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from softphone.cli import app
from softphone.errors import ConfigError
from softphone.load.plan import LoadPlan
from softphone.load.play import ScenePlayer, client
from softphone.load.run import LoadRun
from softphone.load.scenario import MADE, VERBS, Scenario, SceneStep, check, filled, load_scenario, selected
from softphone.load.seating import Seating
from softphone.load.truth import Truth
from tests.support.processes import ServerProcess
from tests.support.rest import Rest
from tests.support.sounding import CONFERENCES


@pytest.mark.parametrize("name", MADE)
def test_those_that_come_with_the_program_are_read(name: str) -> None:
    scenario = load_scenario(name, {"mute": "*1", "unmute": "*1"})
    assert scenario.title
    assert {step.do for step in scenario.step} <= set(VERBS)


def test_a_value_that_is_to_be_said_is_asked_for() -> None:
    with pytest.raises(ConfigError, match="--set mute="):
        load_scenario("mute-truth", {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = 'x'", "step"),
        ("title = 'x'\n[[step]]\ndo = 'dance'", "dance"),
        ("title = 'x'\n[[step]]\ndo = 'join'\nbot = '1'", "bot"),
        ("title = 'x'\n[[step]]\ndo = 'wait'\nseconds = true", "seconds"),
        ("[[", "scenario"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        load_scenario(str(path), {})


def test_a_scenario_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(ConfigError, match="mute-truth"):
        load_scenario("none-such", {})


@pytest.mark.parametrize(
    ("which", "bots"),
    [
        ("all", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("talkers", [0, 1]),
        ("others", [2, 3, 4, 5, 6, 7, 8, 9]),
        ("3", [3]),
        ("8-12", [8, 9]),
        ("20%", [8, 9]),
        ("99", []),
    ],
)
def test_bots_are_named_in_a_word(which: str, bots: list[int]) -> None:
    assert selected(which, 10, (0, 1)) == bots


@pytest.mark.parametrize("which", ["", "some", "3-", "-1", "5%%"])
def test_what_names_no_bots_is_told(which: str) -> None:
    with pytest.raises(ConfigError):
        selected(which, 10, (0, 1))


def test_what_stands_in_braces_is_filled_in() -> None:
    assert filled("/c/{room}/mute {x}", {"room": "7", "x": "y"}) == "/c/7/mute y"
    with pytest.raises(ConfigError, match="room"):
        filled("{room}", {})


class NoBots:
    """As much of a run as requests need, and who is where."""

    seating: Seating

    def __init__(self, parties: int = 1) -> None:
        self.calls = SimpleNamespace(failures=Counter[str]())
        self.plan, self.now_s = LoadPlan(uri=("sip:a@h",), parties=parties), 0.0

    async def others(self) -> None: ...

    async def agreed(self, words: str) -> str:
        return words


async def test_bots_that_a_step_brings_together_hear_each_other_and_nobody_else() -> None:
    run, truth, steps = NoBots(5), Truth(5, [0, 1, 2], np.zeros(3)), (SceneStep(do="together", bots="2-3"),)
    run.seating = Seating(run.plan, truth)
    await ScenePlayer(cast(LoadRun, run), Scenario(title="x", step=steps)).play()
    heard_by = [set(np.flatnonzero(truth.expected[:, talker])) for talker in range(3)]
    assert heard_by == [{1, 4}, {0, 4}, {3}]


async def requests(rest: Rest, folder: Path, text: str) -> Counter[str]:
    """Play the requests of a scenario; what of them failed."""
    path = folder / "mine.toml"
    path.write_text(f"title = 'x'\nvalues = {{ room = '202', odd = '2\"02' }}\n{text}")
    token = rest.http.headers["Authorization"].removeprefix("Bearer ")
    scenario, run = load_scenario(str(path), {"token": token}), NoBots()
    check(scenario, rest=str(rest.http.base_url))
    async with client(str(rest.http.base_url)) as http:
        with pytest.MonkeyPatch.context() as patch:
            patch.delattr(httpx, "AsyncClient")  # to make one holds up all bots
            await ScenePlayer(cast(LoadRun, run), scenario, http).play()
    failures: Counter[str] = run.calls.failures
    return failures


OPEN = """
[[step]]
do = "rest"
url = "/api/v1/conferences"
json = { extension = "{room}" }
keep = "id"
field = "id"
"""
LOCK = """
[[step]]
do = "rest"
method = "PATCH"
url = "/api/v1/conferences/{id}"
json = { locked = true }
"""
CLOSE = """
[[step]]
do = "rest"
method = "DELETE"
url = "/api/v1/conferences/{id}"
"""
PARTY = """
[[step]]
do = "rest"
method = "GET"
url = "/api/v1/conferences/{id}/parties"
keep = "party"
field = "parties.0.id"
[[step]]
do = "rest"
method = "DELETE"
url = "/api/v1/conferences/{id}/parties/{party}"
"""


async def test_requests_are_made_with_a_token_and_what_they_answer_is_kept(
    server: ServerProcess, rest: Rest, tmp_path: Path
) -> None:
    assert await requests(rest, tmp_path, OPEN + LOCK) == {}
    (room,) = (room for room in rest.http.get(CONFERENCES).json()["conferences"] if room["extension"] == "202")
    assert room["locked"]
    assert await requests(rest, tmp_path, OPEN + CLOSE) == {}
    assert all(room["extension"] != "202" for room in rest.http.get(CONFERENCES).json()["conferences"])


async def test_what_a_request_needs_of_one_that_failed_is_counted_and_the_rest_is_done(
    server: ServerProcess, rest: Rest, tmp_path: Path
) -> None:
    failures = await requests(rest, tmp_path, OPEN + PARTY + OPEN.replace("{room}", "{odd}") + CLOSE)
    assert len(failures) == 3
    assert any(cause.startswith("DELETE") and "party" in cause for cause in failures)
    assert any(cause.startswith("POST") and "400" in cause for cause in failures)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("do = 'rest'\nurl = '/api/v1/conferences'", "--rest"),
        ("do = 'wait'\nseconds = '{long}'", "--set long="),
        ("do = 'wait'\nseconds = 'soon'", "number"),
        ("do = 'talk'\nbots = 'some'", "some"),
        ("do = 'keys'\nkeys = '{mute}'", "--set mute="),
        ("do = 'rest'\nurl = 'http://h/'\njson = { party = '{whom}' }", "--set whom="),
        ("do = 'wait'\nseconds = 'nan'", "number"),
        ("do = 'churn'\nseconds = 'inf'", "number"),
        ("do = 'churn'\nrate = -1", "number"),
        ("do = 'rotate'\nevery = 0", "every"),
        ("do = 'rotate'\nevery = nan", "every"),
    ],
)
def test_what_no_step_can_do_is_refused_before_anybody_calls(tmp_path: Path, step: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"title = 'x'\n[[step]]\n{step}\n")
    result = CliRunner().invoke(app, ["load", "sip:a@127.0.0.1:9", "--scenario", str(path)])
    assert result.exit_code == 2
    assert said in result.output


def test_a_scenario_behind_a_pin_asks_for_the_pin() -> None:
    result = CliRunner().invoke(app, ["load", "sip:a@127.0.0.1:9", "--scenario", "pin"])
    assert result.exit_code == 2
    assert "--pin" in result.output
