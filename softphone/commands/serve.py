"""``softphone serve``: run the bridge."""

import asyncio
import gc
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import structlog
import typer

from softphone import config as settings
from softphone import logs, secrets
from softphone.commands.usage import wrong_use
from softphone.config import Config
from softphone.descriptors import allow_all
from softphone.errors import ConfigError, SoftphoneError
from softphone.heap import keep_below

if TYPE_CHECKING:
    from softphone.server import Server

__all__ = ["serve"]

log = structlog.get_logger()

# What a connection is read into, 256 kB each time, is larger; messages, and what is made of them, are smaller.
KEPT_BYTES = 128 << 10
# A call that is over leaves some 200 objects that refer to each other. So many are made before those are searched for
# among the young, the older, and all: who joins is hardly ever held up for all there are, and at most 40 MB wait.
COLLECTED = (5_000, 10, 10)

NOBODY = (
    "no configuration, so that there are no extensions and nobody can log in: --config config/dev.toml is for trying"
    " things out on this machine, --config config/softphone.toml is where earnest begins"
)


def serve(
    config: Annotated[Path | None, typer.Option(help="Configuration file, e.g. config/dev.toml")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder: secrets, database, recordings")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on")] = None,
    sip_port: Annotated[int | None, typer.Option(min=0, max=65535, help="SIP over UDP and TCP; 0: a free port")] = None,
    http_port: Annotated[int | None, typer.Option(min=0, max=65535, help="HTTP; 0: a free port")] = None,
    sips_port: Annotated[int | None, typer.Option(min=0, max=65535, help="SIP over TLS; 0: a free port")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM file of the certificate; switches TLS on")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of the private key")] = None,
    rtp_port: Annotated[int | None, typer.Option(min=0, max=65535, help="First RTP port; 0: free ports")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of media worker processes")] = None,
    max_members: Annotated[int | None, typer.Option(min=1, help="Most parties of a conf_ conference")] = None,
) -> None:
    """Run the conference bridge until SIGTERM or Ctrl-C, then hang up all calls.

    Prints one JSON line on stdout when everything listens.

    Example: softphone serve --config config/dev.toml
    """
    chosen = Chosen(
        config,
        server={"host": host, "data": None if data is None else str(data)},
        sip=sip_options(sip_port, sips_port, tls_cert, tls_key),
        http={"port": http_port, "tls_port": None if http_port is None else 0},
        media={"rtp_port": rtp_port, "workers": workers},
        conference={"max_members": max_members},
    )
    try:
        first = chosen.read()
    except ConfigError as error:
        wrong_use(str(error))
    logs.configure(first.log)
    if config is None and not first.extensions:
        typer.echo(f"softphone serve: {NOBODY}", err=True)
    try:
        asyncio.run(run(chosen))
    except (SoftphoneError, OSError) as error:
        typer.echo(f"softphone serve: {error}", err=True)
        raise typer.Exit(1) from None


def sip_options(port: int | None, secure: int | None, cert: Path | None, key: Path | None) -> dict[str, Any]:
    """Give the options of ``[sip]``; whoever chooses the port for clear text alone has any for TLS."""
    files = {"tls_cert": cert, "tls_key": key}
    named = {name: str(path) for name, path in files.items() if path is not None}
    ports = {"port": port, "sips_port": 0 if secure is None and port is not None else secure}
    return ports | named | ({"tls_self_signed": False} if cert is not None else {})


class Chosen:
    """The settings of a file, with what the command line says over them; read anew each time.

    Parameters
    ----------
    path
        The file; None: the defaults.
    sections
        Options of each section; None says nothing.
    """

    def __init__(self, path: Path | None, **sections: dict[str, Any]) -> None:
        self._path, self._sections = path, sections

    def read(self) -> Config:
        """Give the settings without the secrets of the data folder. Raises ConfigError."""
        chosen = with_options(settings.load(self._path), **self._sections)
        settings.check(chosen)
        settings.check_exposure(chosen)
        return chosen

    def complete(self) -> Config:
        """Give all of them; secrets that are nowhere yet are made. Raises ConfigError."""
        config = self.read()
        whole, made = secrets.complete(config, Path(config.server.data))
        if made is not None:
            typer.echo(f"softphone serve: made new passwords and secrets, see {made.absolute()}", err=True)
        return whole


def with_options(config: Config, **sections: dict[str, Any]) -> Config:
    """Put what the command line says over what the file says; None says nothing."""
    changed = {}
    for name, values in sections.items():
        given = {key: value for key, value in values.items() if value is not None}
        if given:
            changed[name] = msgspec.structs.replace(getattr(config, name), **given)
    return msgspec.structs.replace(config, **changed)


async def run(chosen: Chosen) -> None:
    """Serve until SIGTERM or SIGINT comes; after SIGHUP the settings are read anew."""
    from softphone.server import Server  # half of a second to import, which the other commands do not need

    allow_all()
    keep_below(KEPT_BYTES)
    stop, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: (again if stop.is_set() else stop).set())
    async with Server(chosen.complete()) as server:
        loop.add_signal_handler(signal.SIGHUP, reload, server, chosen)
        sys.stdout.write(json.dumps(ready_line(server), separators=(",", ":")) + "\n")
        sys.stdout.flush()
        # Two hundred thousand objects that stay: with them, a collection takes the time of a hundred calls.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTED)
        await stop.wait()
        await server.calls_ended(again)


def reload(server: "Server", chosen: Chosen) -> None:
    """Take the settings anew; wrong ones change nothing."""
    try:
        server.reload(chosen.complete())
    except (SoftphoneError, OSError) as error:
        log.error("not_reloaded", error=str(error))


def ready_line(server: "Server") -> dict[str, Any]:
    """Say where everything listens."""
    return {
        "event": "ready",
        "sip": server.sip_uri,
        **({"sips": server.sips_uri} if server.sips_uri else {}),
        "http": server.http_url,
        **({"https": server.https_url} if server.https_url else {}),
        "pid": os.getpid(),
        "workers": server.worker_pids,
    }
