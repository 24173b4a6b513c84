"""``softphone demo``: see it work, in twenty seconds and on this machine alone."""

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from softphone.commands.usage import wrong_use
from softphone.demo.run import run_demo
from softphone.demo.show import show
from softphone.errors import SoftphoneError

__all__ = ["demo"]


def demo(
    parties: Annotated[int, typer.Option(help="How many join", min=2, max=20)] = 5,
    seconds: Annotated[float, typer.Option(help="How long they talk", min=2, max=3600)] = 8.0,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the recording; else a new one for temporary files, which is named at the end and stays",
            file_okay=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON")] = False,
) -> None:
    """Hold a conference of bots on this machine, and prove who hears whom.

    Starts a bridge on free loopback ports, creates a conference over REST, lets bots join over real SIP and RTP, mutes
    and unmutes them by the moderator's keys, measures the delay, and records. Exit status 1 if any pair is wrong.

    Example: softphone demo --parties 7 --out /tmp/demo
    """
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            wrong_use(f"--out takes a folder, and {out} cannot be made: {error.strerror}")
    console = Console(stderr=json)
    try:
        with console.status("") as status:
            report = asyncio.run(run_demo(parties, seconds, out, lambda text: status.update(f"{text} ...")))
    except SoftphoneError as error:
        typer.echo(f"softphone demo: {error}", err=True)
        raise typer.Exit(1) from None
    if json:
        typer.echo(msgspec.json.encode({"ok": report.ok} | msgspec.to_builtins(report)).decode())
    else:
        show(report, console)
    if not report.ok:
        raise typer.Exit(1)
