"""``softphone call``: one call from the command line."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
import typer
from rich.console import Console

from mixer.rules.keypad import KEYS
from softphone import sound_card
from softphone.address import bracketed
from softphone.agent.access import ServerAddress
from softphone.agent.whip import SCHEMES, WhipWish
from softphone.audio import source
from softphone.codec import CODECS, spoken_here
from softphone.commands.console import PlainFace, TerminalFace
from softphone.commands.conversation import CallOptions, hold_conversation
from softphone.commands.usage import wrong_use
from softphone.config import LogConfig
from softphone.errors import AudioError, BadMessage, SoftphoneError
from softphone.logs import configure
from softphone.sip.message.uri import Uri, split_headers

__all__ = ["Password", "bearer", "call", "callee", "identity"]

# Only to find out whether --play can be read at all, before anybody's telephone rings.
PROBE_RATE_HZ = 8000


# A host of digits alone would be an address of four bytes (`inet_aton`), and nobody there would ever answer.
NUMBER = re.compile(r"[0-9*#+]+")

# Without this they would be taken for user name and password of a sip URI.
OTHER_SCHEMES = ("sips:", "tel:")


Registrar = Annotated[
    str | None, typer.Option(help="Registrar to register with, e.g. sip:127.0.0.1:5060, or wss://HOST:PORT/")
]
Codecs = Annotated[list[str] | None, typer.Option(help="Codec to offer, e.g. OPUS; repeat it in order of preference")]

Encrypt = Annotated[bool, typer.Option("--encrypt", help="Offer SRTP only (keys by SDES)")]
Password = Annotated[
    str | None,
    typer.Option(help="Password for digest authentication; for an https: URL the token", envvar="SOFTPHONE_PASSWORD"),
]


def call(
    uri: Annotated[str, typer.Argument(metavar="URI", help="URI to call, e.g. sip:conf_...@127.0.0.1:5060")],
    user: Annotated[str, typer.Option(help="Your user name or SIP URI")] = "softphone",
    password: Password = None,
    registrar: Registrar = None,
    play: Annotated[str | None, typer.Option(metavar="FILE|tone:HZ|mic", help="Audio to send")] = None,
    record: Annotated[str | None, typer.Option(metavar="FILE|speaker", help="Where received audio goes")] = None,
    keys: Annotated[str, typer.Option(help="DTMF keys to send when connected; a comma waits a second")] = "",
    duration: Annotated[float | None, typer.Option(help="Hang up after this many seconds", min=0)] = None,
    codec: Codecs = None,
    encrypt: Encrypt = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON")] = False,
) -> None:
    """Place a call, with audio from a file, a tone or the sound card.

    On a terminal digits, * and # are sent as keys, m mutes, h holds and q hangs up. Of a conference it shows who is in
    it; x, u, l and o send the keys by which its host mutes and unmutes all, locks and opens it. Elsewhere the call ends
    when the file has been played, after --duration, or when the other side hangs up. Ctrl-C hangs up.

    Example: softphone call sip:201@127.0.0.1:5060 --user 102 --password dev-102 --play hello.wav --keys ',1234#'

    Example: softphone call https://bridge.example.com/whip/444555666 --play hello.wav
    """
    interactive, uri = sys.stdin.isatty() and sys.stdout.isatty() and not json, callee(uri, registrar)
    plan = CallOptions(
        uri=uri,
        identity=identity(user, uri, registrar),
        password=password,
        headers=bearer(uri, password),
        registrar=registrar,
        play=play,
        record=record,
        keys=keys.upper(),
        duration_s=duration,
        codecs=tuple(codec or CODECS),
        encryption="required" if encrypt else "optional",
        ends_with_file=play is not None and not interactive and duration is None,
    )
    _check(plan)
    configure(LogConfig())
    console = Console(stderr=not interactive)
    try:
        report = asyncio.run(hold_conversation(plan, TerminalFace(console) if interactive else PlainFace(console)))
    except SoftphoneError as error:
        typer.echo(f"softphone call: {error}", err=True)
        raise typer.Exit(1) from None
    if json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        PlainFace(console).show(f"{report['reason']} after {report['seconds']:.1f} s")


def callee(uri: str, registrar: str | None) -> str:
    """Complete a URI without a scheme; a bare user name is for the agent to complete with the registrar.

    Raises
    ------
    typer.Exit
        It is no SIP URI, or the registrar is none (status 2).
    """
    if uri.lower().startswith(SCHEMES):
        return uri
    whole = uri if uri.startswith("sip:") or (registrar and "@" not in uri) else f"sip:{uri}"
    if uri.startswith(OTHER_SCHEMES) or not _is_sip(whole if whole.startswith("sip:") else f"sip:{whole}@registrar"):
        wrong_use(f"not a SIP URI: {uri!r}; for example sip:201@127.0.0.1:5060")
    if registrar is None and "@" not in uri:
        _check_host(uri)
    if registrar is not None and not _is_server(registrar):
        wrong_use(f"--registrar takes a SIP URI, for example sip:127.0.0.1:5060, or a wss: URL, not {registrar!r}")
    return whole


def bearer(uri: str, password: str | None) -> tuple[tuple[str, str], ...]:
    """Give what shows the password to a URL, as its token; to a SIP URI nothing: there it answers a challenge.

    Raises
    ------
    typer.Exit
        The URL is none, or no token may be sent there (status 2).
    """
    if not uri.lower().startswith(SCHEMES):
        return ()
    try:
        return tuple(WhipWish.of(uri, password, (), 0.0, None).headers)
    except BadMessage as error:
        wrong_use(str(error))


def _check_host(uri: str) -> None:
    """Refuse a name that says nothing of where it is."""
    name = uri.removeprefix("sip:")
    if name == uri or NUMBER.fullmatch(Uri.parse(uri).host):
        wrong_use(
            f"the host of {name} is missing: sip:{name}@HOST, for example sip:{name}@127.0.0.1:5060, or --registrar"
        )


def _is_sip(uri: str) -> bool:
    try:
        return split_headers(Uri.parse(uri))[0].scheme == "sip"
    except BadMessage:
        return False


def _is_server(uri: str) -> bool:
    try:
        return _is_sip(str(ServerAddress.parse(uri, "registrar").uri))
    except BadMessage:
        return False


def identity(user: str, uri: str, registrar: str | None) -> str:
    """Complete a bare user name with the host of the registrar, or else of whom is called.

    Raises
    ------
    typer.Exit
        It makes no SIP URI (status 2).
    """
    home = uri
    if registrar:
        home = str(ServerAddress.parse(registrar, "registrar").uri)
    elif uri.lower().startswith(SCHEMES):
        home = f"sip:{bracketed(urlsplit(uri).hostname or '')}"
    domain = Uri.parse(home if home.startswith("sip:") else f"sip:{home}").host
    whole = user if user.startswith(("sip:", "sips:")) else f"sip:{user}@{domain}"
    if not _is_sip(whole):
        wrong_use(f"--user takes a user name or a SIP URI, not {user!r}")
    return whole


def _check(plan: CallOptions) -> None:
    """Refuse what cannot work before anybody's telephone rings."""
    try:
        spoken_here(plan.codecs)
    except ValueError as error:
        wrong_use(f"--codec: {error}")
    if strange := set(plan.keys) - {*KEYS, ","}:
        wrong_use(f"--keys takes 0-9, *, #, A-D and comma, not {''.join(sorted(strange))!r}")
    try:
        if plan.play == "mic" or plan.record == "speaker":
            sound_card.available()
        if plan.play not in (None, "mic"):
            source(plan.play or "", PROBE_RATE_HZ)
    except AudioError as error:
        wrong_use(f"{error}")
    if plan.record not in (None, "speaker") and Path(plan.record or "").is_dir():
        wrong_use(f"--record takes a file, and {plan.record} is a folder")
