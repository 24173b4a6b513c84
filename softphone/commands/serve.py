"""``softphone serve``: run the bridge."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from softphone import config as settings
from softphone import logs, secrets
from softphone.commands.usage import wrong_use
from softphone.config import Config, check_addresses
from softphone.descriptors import allow_all
from softphone.errors import ConfigError, SoftphoneError

if TYPE_CHECKING:
    from softphone.server import Server

__all__ = ["serve"]


NOBODY = (
    "no configuration, so that there are no extensions and nobody can log in: --config config/dev.toml is for trying"
    " things out on this machine, --config config/softphone.toml is where earnest begins"
)


def serve(
    config: Annotated[Path | None, typer.Option(help="Settings, e.g. config/dev.toml")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of secrets and recordings")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on")] = None,
    sip_port: Annotated[int | None, typer.Option(min=0, max=65535, help="UDP and TCP; 0 takes a free one")] = None,
    http_port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one")] = None,
    rtp_port: Annotated[int | None, typer.Option(min=0, max=65535, help="First of the workers; 0: free ones")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Media processes")] = None,
    max_members: Annotated[int | None, typer.Option(min=1, help="Party limit of conf_ rooms")] = None,
) -> None:
    """Run the conference bridge until SIGTERM or Ctrl-C; then all calls are ended in good order.

    Prints one JSON line on stdout when everything listens.

    Example: softphone serve --config config/dev.toml
    """
    try:
        chosen = with_options(
            settings.load(config),
            server={"host": host, "data": None if data is None else str(data)},
            sip={"port": sip_port},
            http={"port": http_port},
            media={"rtp_port": rtp_port, "workers": workers},
            conference={"max_members": max_members},
        )
        settings.check_exposure(chosen)
        settings.check_ports(chosen.media)
        check_addresses(chosen.server)
    except ConfigError as error:
        wrong_use(str(error))
    logs.configure(chosen.log)
    if config is None and not chosen.extensions:
        typer.echo(f"softphone serve: {NOBODY}", err=True)
    try:
        complete, made = secrets.complete(chosen, Path(chosen.server.data))
        if made is not None:
            typer.echo(f"softphone serve: made new passwords and secrets, see {made.absolute()}", err=True)
        asyncio.run(run(complete))
    except (SoftphoneError, OSError) as error:
        typer.echo(f"softphone serve: {error}", err=True)
        raise typer.Exit(1) from None


def with_options(config: Config, **sections: dict[str, Any]) -> Config:
    """Put what the command line says over what the file says; None says nothing."""
    changed = {}
    for name, values in sections.items():
        given = {key: value for key, value in values.items() if value is not None}
        if given:
            changed[name] = msgspec.structs.replace(getattr(config, name), **given)
    return msgspec.structs.replace(config, **changed)


async def run(config: Config) -> None:
    """Serve until a signal comes."""
    from softphone.server import Server  # half of a second to import, which the other commands do not need

    allow_all()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Server(config) as server:
        sys.stdout.write(json.dumps(ready_line(server), separators=(",", ":")) + "\n")
        sys.stdout.flush()
        await stop.wait()


def ready_line(server: "Server") -> dict[str, Any]:
    """Say where everything listens."""
    return {
        "event": "ready",
        "sip": server.sip_uri,
        "http": server.http_url,
        "pid": os.getpid(),
        "workers": server.worker_pids,
    }
