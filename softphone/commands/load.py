"""``softphone load``: how many parties a conference carries with good sound, and who hears whom."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mixer.rules.keypad import KEYS
from softphone.commands.usage import wrong_use
from softphone.errors import AudioError, ConfigError, SoftphoneError
from softphone.load.html import page, side_by_side
from softphone.load.junit import junit
from softphone.load.plan import CODECS_OF_BOTS, JANUS, TRANSPORTS, LoadPlan, Objectives, janus_host
from softphone.load.report import LoadReport, Moment
from softphone.load.scenario import MADE, Scenario, check, load_scenario
from softphone.load.search import find_limit, trial_of
from softphone.load.speech import needs_pesq, spoken
from softphone.load.trials import Trial
from softphone.sip.message.uri import Uri
from softphone.srtp import SRTP_PROFILES

__all__ = ["load", "show_report"]

FAULTS = 12


def show_report(report: LoadReport, console: Console) -> None:
    """Print what matters of a report."""
    console.print(Group(*_parts(report)))


def _parts(report: LoadReport) -> Iterator[RenderableType]:
    yield _line("parties", f"{report.joined} of {report.asked} joined, {report.joins_per_s:g} a second")
    for cause, count in sorted((report.failures | report.dropped).items(), key=lambda each: -each[1])[:FAULTS]:
        yield _line("", f"{count} x {cause}", good=False)
    if report.policy_limit and report.failures:
        yield _line("", f"refused by policy from party {report.policy_limit + 1} on: not a sign of overload")
    yield _answers(report)
    if report.joined:
        yield from _sounded(report)
    health = report.health
    yield _line("generator", f"{100 * health.busy_share:.0f} % of a core, {health.late_share:.2%} of its steps late")
    for note in report.notes:
        yield Text(note if note.startswith("hint: ") else f"note: {note}", style="dim")
    yield from _verdict(report)


def _sounded(report: LoadReport) -> Iterator[RenderableType]:
    """Say what came to those that joined."""
    lost = f"{report.lost} of {report.expected} packets lost ({report.loss_percent:.3f} %)"
    yield _line("network", f"{lost}, {_of(report, 'reordered')} reordered, {_of(report, 'duplicate')} duplicated")
    yield _line(
        "sound", f"{report.gaps_per_minute:.2f} gaps per bot and minute, {_of(report, 'clipped')} samples clipped"
    )
    if report.hearing is not None:
        pairs = report.hearing
        yield _line("who hears whom", f"{pairs.pairs} pairs, {pairs.wrong} wrong, {pairs.unknown} unknown")
    for fault in report.faults[:FAULTS]:
        yield _line("", str(fault), good=False)
    yield from _spoken(report)
    if report.server_cpu_percent is not None:
        yield _line("server", f"{report.server_cpu_percent:.0f} % of a core")


def _spoken(report: LoadReport) -> Iterator[RenderableType]:
    """Say how well speech came through, where it was judged."""
    if not report.speech:
        return
    delays = [line.delay_ms for line in report.speech if line.delay_ms is not None]
    late = f", {min(delays):.0f} to {max(delays):.0f} ms late" if delays else ""
    heard = f"{len(delays)} of {len(report.speech)} bots heard it{late}"
    yield _line("speech", f"{heard}, PESQ {report.least_pesq:.2f} at least")


def _verdict(report: LoadReport) -> Iterator[RenderableType]:
    if report.limit is not None:
        yield _line("limit", str(report.limit), good=report.limit.parties > 0)
    for verdict in report.verdicts:
        yield _line("objective", str(verdict), good=verdict.held)
    for reason in report.void:
        yield Text(f"void: {reason}", style="bold red")
    words = {0: ("all objectives held", "bold green"), 1: ("an objective did not hold", "bold red")}
    text, style = words.get(
        report.exit_code,
        (
            "the run is void: use fewer parties, --processes, or a machine with less other work",
            "bold red",
        ),
    )
    yield Text(text, style=style)


def _answers(report: LoadReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for title in ("milliseconds", "p50", "p90", "p99", "p99.9", "max", "count"):
        table.add_column(title, justify="left" if title == "milliseconds" else "right")
    named = {**report.answers_ms, "delay": report.delays_ms, "jitter": report.jitter_ms, "MOS": report.mos}
    for name, values in named.items():
        found = values.summary()
        if found:
            table.add_row(name, *(_figure(value) for value in found.values()), str(values.count))
    return table


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _of(report: LoadReport, field: str) -> int:
    return sum(getattr(line, field) for line in report.bots)


def _line(title: str, words: str, *, good: bool = True) -> Text:
    return Text.assemble((f"{title:16}", "dim"), (words, "" if good else "bold red"))


def _progress(moment: Moment, plan: LoadPlan) -> Text:
    server = "" if moment.server_cpu_percent is None else f", server {moment.server_cpu_percent:.0f} %"
    delay = "" if moment.delay_p50_ms is None else f", delay {moment.delay_p50_ms:.0f} ms"
    return Text(
        f"{moment.at_s:6.0f} s  {moment.parties} of {plan.parties} parties, {moment.failures} failed, "
        f"loss {moment.loss_percent:.2f} %{delay}{server}, generator {moment.own_cpu_percent:.0f} %"
    )


class _Attempts:
    """Runs of a plan with as many parties as is asked for, shown as they go."""

    def __init__(self, plan: LoadPlan, scenario: Scenario | None, options: dict[str, Any], live: Live) -> None:
        pool = scenario.pool if scenario is not None else 0
        self._plan, self._scenario, self._rest = msgspec.structs.replace(plan, pool=pool), scenario, options["rest"]
        self._processes, self._cluster = options["processes"], options["cluster"]
        self._live, self._reports = live, dict[int, LoadReport]()

    async def once(self, parties: int) -> LoadReport:
        """Run with so many."""
        from softphone.load.play import play  # loads the compiler
        from softphone.load.run import run_load
        from softphone.load.spread import by_cluster, by_processes

        plan = msgspec.structs.replace(self._plan, parties=parties)

        def on_moment(moment: Moment) -> None:
            self._live.update(_progress(moment, plan), refresh=True)

        if self._cluster:
            return await asyncio.to_thread(by_cluster, plan, self._cluster, self._scenario, self._rest)
        if self._processes > 1:
            return await asyncio.to_thread(by_processes, plan, self._processes, self._scenario, self._rest)
        if self._scenario is None:
            return await run_load(plan, on_moment)
        return await play(plan, self._scenario, on_moment, self._rest)

    async def search(self, first: int) -> LoadReport:
        """Run with ever more; the report of the largest number at which all held, or of the smallest tried."""

        async def attempt(parties: int) -> Trial:
            report = self._reports[parties] = await self.once(parties)
            return trial_of(report)

        found = await find_limit(attempt, first=first, most=self._plan.parties)
        report = self._reports.get(found.parties) or self._reports[min(self._reports)]
        report.limit = found
        return report


def _scenario(options: dict[str, Any]) -> Scenario | None:
    """Read the scenario that is asked for; raises ConfigError."""
    given = dict(text.partition("=")[::2] for text in options["values"] or ())
    if not options["scenario"] and given:
        raise ConfigError("--set is of a scenario: --scenario names it")
    if not options["scenario"]:
        return None
    scenario = load_scenario(options["scenario"], given)
    if options["scenario"] == "pin" and not options["pin"]:
        raise ConfigError("scenario pin presses the keys of --pin, and there are none")
    check(scenario, rest=options["rest"])
    return scenario


def write(text: str | bytes, path: Path) -> None:
    """Write a file that was asked for; wrong use when that cannot be done."""
    try:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    except OSError as error:
        wrong_use(f"{path} cannot be written: {error.strerror}")


def run(plan: LoadPlan, options: dict[str, Any], console: Console) -> LoadReport:
    """Carry a plan out with live progress; stops with status 1 where nobody can be called at all."""
    try:
        scenario = _scenario(options)
        with Live(Text("calling ..."), console=console, transient=True, auto_refresh=False) as live:
            attempt = _Attempts(plan, scenario, options, live)
            if options["search"] or (scenario is not None and scenario.search):
                return asyncio.run(attempt.search(min(options["start"], plan.parties)))
            return asyncio.run(attempt.once(plan.parties))
    except ConfigError as error:
        wrong_use(f"{error}.")
    except (SoftphoneError, OSError) as error:
        typer.echo(f"softphone load: {error}", err=True)
        raise typer.Exit(1) from None


def compare(paths: list[str], console: Console) -> None:
    """Print two reports side by side."""
    if len(paths) != 2:
        wrong_use(f"compare takes two files that --json wrote, not {len(paths)}.")
    one, other = (read_report(Path(path)) for path in paths)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for title in ("", *(Path(path).name for path in paths), "change"):
        table.add_column(title, justify="right" if title else "left")
    for row in side_by_side(one, other):
        table.add_row(*row)
    console.print(table)


def read_report(path: Path) -> LoadReport:
    """Read a report that `--json` wrote; wrong use when it is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=LoadReport)
    except OSError as error:
        wrong_use(f"{path} cannot be read: {error.strerror}.")
    except msgspec.DecodeError as error:
        wrong_use(f"{path} is not a report of softphone load: {error}.")


def _carry_out(options: dict[str, Any]) -> None:
    """Do what the command line asks for; options by their names."""
    console, uri = Console(), options["uri"]
    if uri[0] == "compare":
        compare(uri[1:], console)
        return
    plan, files = _plan(options), (("json", msgspec.json.encode), ("html", page), ("xml", junit))
    wanted = [(options[name], made) for name, made in files if options[name] is not None]
    for path, _ in wanted:
        write(b"", path)  # what cannot be written is told before the run, and not after it
    report = run(plan, options, console)
    for path, made in wanted:
        write(made(report), path)
    with contextlib.suppress(BrokenPipeError):
        show_report(report, console)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def load(
    uri: Annotated[list[str], typer.Argument(help="URI to call, sip:... or janus:http:...; several: in turn")],
    parties: Annotated[int, typer.Option(help="Number of bots", min=1, max=10_000)] = 10,
    talkers: Annotated[int, typer.Option(help="Number of bots that talk in each conference", min=0, max=100)] = 3,
    speech: Annotated[str, typer.Option(help="Sound file for talkers instead of code words")] = "",
    pesq: Annotated[float | None, typer.Option(help="Play speech at the end; least PESQ of it")] = None,
    seconds: Annotated[float, typer.Option(help="Seconds measured after all have joined", min=1, max=86_400)] = 20,
    rate: Annotated[float, typer.Option(help="Calls started per second", min=0.1, max=1000)] = 50,
    pin: Annotated[str, typer.Option(help="DTMF keys that each bot sends first, such as 1234#")] = "",
    transport: Annotated[
        str, typer.Option(help=f"{', '.join(TRANSPORTS)} (tls, wss: SSL_CERT_FILE names the trusted certificates)")
    ] = "udp",
    codec: Annotated[str, typer.Option(help=", ".join(CODECS_OF_BOTS))] = "PCMU",
    srtp: Annotated[str, typer.Option(help=f"SRTP with keys by SDES: {', '.join(SRTP_PROFILES)}")] = "",
    user: Annotated[str, typer.Option(help="User name, if asked; {n} is the bot's number")] = "",
    password: Annotated[str, typer.Option(help="Password; {n} as above", envvar="SOFTPHONE_PASSWORD")] = "",
    register: Annotated[bool, typer.Option("--register", help="Each bot registers as its --user first")] = False,
    host: Annotated[str, typer.Option(help="Local address; default: by the route")] = "",
    media_port: Annotated[int, typer.Option(help="First local RTP port; default: any", max=65_000)] = 0,
    server_pid: Annotated[int | None, typer.Option(help="Also report the processor time of this process")] = None,
    scenario: Annotated[str, typer.Option(help=f"{', '.join(MADE)}, or a TOML file")] = "",
    values: Annotated[list[str] | None, typer.Option("--set", help="A value of the scenario: name=value")] = None,
    rest: Annotated[str, typer.Option(help="Server of a scenario's HTTP requests")] = "",
    search: Annotated[bool, typer.Option(help="Search for the largest number of parties, up to --parties")] = False,
    start: Annotated[int, typer.Option(help="First number of parties of a search", min=1)] = 10,
    processes: Annotated[int, typer.Option(help="Number of processes that share the bots", min=1, max=64)] = 1,
    cluster: Annotated[str, typer.Option(help="Dask cluster that shares the bots, such as tcp://host:8786")] = "",
    max_failures: Annotated[int, typer.Option(help="Objective: most failed calls")] = 0,
    max_loss: Annotated[float, typer.Option(help="Objective: most lost packets in percent")] = 1.0,
    min_mos: Annotated[float, typer.Option(help="Objective: least MOS (E-model), 1st percentile")] = 3.6,
    max_delay: Annotated[float | None, typer.Option(help="Objective: most delay in ms, 99th percentile")] = None,
    max_jitter: Annotated[float | None, typer.Option(help="Objective: most jitter in ms, 99th percentile")] = None,
    max_gaps: Annotated[float | None, typer.Option(help="Objective: most gaps a bot and minute")] = None,
    most_parties: Annotated[int | None, typer.Option(help="Objective: most parties that may be admitted")] = None,
    hearing: Annotated[bool, typer.Option(help="Objective: each bot hears whom it should")] = True,
    json: Annotated[Path | None, typer.Option(help="Write the report as JSON", dir_okay=False)] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as HTML with charts", dir_okay=False)] = None,
    xml: Annotated[Path | None, typer.Option("--junit", help="Write the report as JUnit XML", dir_okay=False)] = None,
) -> None:
    """Load test of a SIP conference: bots join, talk and listen; the report says who heard whom, and how well.

    Losses are counted by RTP sequence numbers; talkers are recognised by their tones and code words. Exit status: 0 if
    all objectives held, 1 if one did not, 3 if the generator itself was too slow and the run is void. `softphone load
    compare A.json B.json` shows two reports side by side.

    Example: softphone load sip:1000@192.0.2.1 --parties 50 --seconds 30 --json report.json
    """
    _carry_out(locals())


def _check_uris(uris: tuple[str, ...]) -> None:
    """Find before anybody calls what is no URI."""
    try:
        for uri in uris:
            janus_host(uri) if uri.startswith(JANUS) else Uri.parse(uri.replace("{n}", "0"))
    except SoftphoneError as error:
        wrong_use(f"{error}.")


def _check_speech(options: dict[str, Any]) -> None:
    """Find before anybody calls what cannot be said, or not be judged."""
    try:
        if options["speech"]:
            spoken(options["speech"], 8000)
        if options["pesq"] is not None:
            needs_pesq()
    except (AudioError, ConfigError) as error:
        wrong_use(f"{error}.")


def _plan(options: dict[str, Any]) -> LoadPlan:
    """Make a plan of the options by their names, which are those of its fields; one that cannot be is wrong use."""
    codec, transport, pin = options["codec"].upper(), options["transport"], options["pin"]
    for option, value, known in (
        ("codec", codec, CODECS_OF_BOTS),
        ("transport", transport, TRANSPORTS),
        ("srtp", options["srtp"], ("", *SRTP_PROFILES)),
    ):
        if value not in known:
            wrong_use(f"--{option} is one of {', '.join(filter(None, known))}, not {value}.")
    if not set(pin.upper()) <= set(KEYS):
        wrong_use(f"--pin holds keys of a telephone, 0-9, *, #, A-D, not {pin!r}.")
    uris = tuple(uri if uri.startswith(("sip:", "sips:", JANUS)) else f"sip:{uri}" for uri in options["uri"])
    _check_speech(options)
    _check_uris(uris)
    if options["register"] and not options["user"]:
        wrong_use("--register needs a --user to register as.")
    given = options | {"uri": uris, "codec": codec}
    given |= {"pesq": options["pesq"] is not None, "min_pesq": options["pesq"]}
    given |= {"max_delay_ms": options["max_delay"], "max_jitter_ms": options["max_jitter"]}
    objectives = msgspec.convert(given, Objectives, from_attributes=False)
    return msgspec.convert(
        {name: given[name] for name in LoadPlan.__struct_fields__ if name in given} | {"objectives": objectives},
        LoadPlan,
    )
