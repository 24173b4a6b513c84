"""Scenarios: what bots do one after the other, as TOML that anybody can write.

::

    title = "A mute that holds"
    [[step]]
    do = "join"
    [[step]]
    do = "talk"
    [[step]]
    do = "keys"
    bots = "1"
    keys = "{mute}"

`VERBS` has the verbs. What stands in braces is a value of the command line.
"""

import re
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mixer.frame import TICK_S
from softphone.errors import AudioError, ConfigError
from softphone.load.speech import spoken
from softphone.toml import read_toml

__all__ = ["MADE", "NUMBER", "VERBS", "Scenario", "SceneStep", "check", "filled", "load_scenario", "selected"]

FOLDER = Path(__file__).parents[1] / "data" / "load"
MADE = ("limit", "soak", "churn", "storm", "mute-truth", "pin")
"""Those that come with the program."""
MOST_STEPS = 1000
NUMBER = {"n": "{n}"}
"""What each bot fills in itself."""
HOLE = re.compile(r"\{([a-z_]+)\}")
VERBS = {
    "join": "bots call, at `rate` a second or the plan's; with a `pin` they press it; `uri` says whom",
    "talk": "bots say their code word, or a file, `speech`; for `duty` of every `every` seconds",
    "listen": "bots are quiet again",
    "wait": "nothing for `seconds`",
    "measure": "counting begins anew; the report is of what follows",
    "keys": "bots press `keys`",
    "hold": "bots hold the call",
    "resume": "bots take it up again",
    "reinvite": "bots offer the same again",
    "leave": "bots hang up",
    "rejoin": "bots hang up and call again",
    "churn": "for `seconds`, `rate` bots a second of these hang up and call again",
    "rotate": "for `seconds`, other bots talk every `every` seconds",
    "muted": "from now on nobody should hear bots",
    "heard": "from now on everybody should hear bots",
    "together": "from now on bots are in a conference of their own: they hear each other and nobody else",
    "gone": "bots are to be sent away, within `seconds` or 5: that is no failure then",
    "rest": "an HTTP request: `method`, `url`, `json`; `keep` names its answer's `field`",
}


class SceneStep(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that is done.

    Attributes
    ----------
    do
        One of `VERBS`.
    bots
        Who: "all", "talkers", "others", a number, "3-7", or "10%" (the last ones).
    every
        Seconds that a turn of `rotate`, or of `talk` with a `duty`, lasts, at least a tick.
    duty
        Share of the time that bots talk, each at a time of its own, until a later step has them talk or listen.
    speech
        A sound file to be said; "prompt": one of ours. Nobody is told by it from others.
    uri
        Whom bots call; ``{n}`` in it is the number of the bot. Those of one URI are together, and with nobody else.
    times
        So often in a row.
    """

    do: str
    bots: str = "all"
    seconds: float | str = 0.0
    rate: float | str = 0.0
    every: float = 5.0
    duty: float = 1.0
    speech: str = ""
    uri: str = ""
    keys: str = ""
    method: str = "POST"
    url: str = ""
    json: dict[str, Any] | None = None
    keep: str = ""
    field: str = ""
    times: int = 1


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is done, and what of it is a search.

    Attributes
    ----------
    values
        What stands in braces when the command line does not say it; an empty one has to be said.
    search
        Whether the largest number of parties is searched for.
    pool
        How many bots ever talk, for ``rotate``; 0: those who talk.
    """

    title: str
    step: tuple[SceneStep, ...]
    values: dict[str, str] = {}
    search: bool = False
    pool: int = 0


def load_scenario(name: str, given: Mapping[str, str]) -> Scenario:
    """Read a scenario, one of `MADE` or a file, and fill in values.

    Raises
    ------
    ConfigError
        There is none, it is none, or a value is missing.
    """
    path = FOLDER / f"{name}.toml" if name in MADE else Path(name)
    try:
        scenario = msgspec.convert(read_toml(path), Scenario)
    except OSError as error:
        raise ConfigError(f"there is no scenario {name}: it is one of {', '.join(MADE)}, or a file") from error
    except ValueError as error:
        raise ConfigError(f"scenario {name}: {error}") from error
    unknown = [step.do for step in scenario.step if step.do not in VERBS]
    if unknown or len(scenario.step) > MOST_STEPS:
        raise ConfigError(f"scenario {name}: {unknown[0] if unknown else 'so many steps'} is not known")
    values = scenario.values | dict(given)
    missing = [key for key, value in values.items() if not value]
    if missing:
        raise ConfigError(f"scenario {name} needs a value for {missing[0]}: --set {missing[0]}=...")
    return msgspec.structs.replace(scenario, values=values)


def filled(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of what stands in braces; raises ConfigError for one that there is not."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise ConfigError(f"a step of the scenario needs a value for {match[1]}: --set {match[1]}=...")
        return values[match[1]]

    return HOLE.sub(value, text)


def check(scenario: Scenario, *, rest: str) -> None:
    """Find before anybody calls what no step could do; `rest` is where requests go that name no host.

    Raises
    ------
    ConfigError
        A step names bots that there cannot be, a value that is not given or no number, or a request goes nowhere.
    """
    values = dict(scenario.values)
    for step in scenario.step:
        selected(step.bots, 0, ())
        filled(step.keys, values)
        filled(msgspec.json.encode(step.json).decode(), values)
        for number in (step.seconds, step.rate):
            _number(number, values)
        filled(step.uri, values | NUMBER)
        _readable(step.speech)
        if not step.every >= TICK_S:
            raise ConfigError(f"every = {step.every} of a step is less than the {TICK_S} s of a frame")
        if not 0 < step.duty <= 1:
            raise ConfigError(f"duty = {step.duty} of a step is no share of the time")
        url = filled(step.url, values)
        if step.do == "rest" and not rest and not url.startswith(("http://", "https://")):
            raise ConfigError(f"the request {step.method} {step.url} goes nowhere: --rest names the server")
        values |= {step.keep: "0"} if step.keep else {}


def _readable(speech: str) -> None:
    try:
        if speech:
            spoken(speech, 8000)
    except AudioError as error:
        raise ConfigError(f"speech of a step: {error}") from error


def _number(value: float | str, values: Mapping[str, str]) -> None:
    text = filled(str(value), values)
    try:
        if 0 <= float(text) < inf:
            return
    except ValueError:
        pass
    raise ConfigError(f"{value} of a step is to be a number from 0 on, not {text}")


def selected(which: str, parties: int, talking: tuple[int, ...]) -> list[int]:
    """Give the numbers of the bots that a step is for, those that there are; raises ConfigError for what says none."""
    everybody = range(parties)
    if which in ("all", "talkers", "others"):
        return [bot for bot in everybody if which == "all" or (bot in talking) == (which == "talkers")]
    if match := re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", which):
        return [bot for bot in everybody if int(match[1]) <= bot <= int(match[2] or match[1])]
    if match := re.fullmatch(r"(\d{1,3})%", which):
        return list(everybody[parties - round(parties * min(int(match[1]), 100) / 100) :])
    raise ConfigError(f'bots = "{which}" is not all, talkers, others, a number, 3-7 or 10%')
