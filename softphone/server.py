"""The server: store, signalling, media workers, focus and HTTP, started and stopped together.

::

    async with Server(config) as server:
        ...  # server.sip_uri, server.http_url
"""

import asyncio
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

import msgspec
import structlog

from softphone import logs
from softphone.address import host_port, is_loopback, is_wildcard
from softphone.api.app import create_app
from softphone.api.auth.assertions import Assertions
from softphone.api.auth.codes import AuthorizationCodes
from softphone.api.auth.grants import Grants
from softphone.api.context import ApiContext
from softphone.api.events.hooks import Hooks
from softphone.api.events.watching import Watching
from softphone.api.http.serving import HttpServer
from softphone.api.ringcentral.service import Notifications
from softphone.bindings import KeptBindings
from softphone.config import Config, changes
from softphone.errors import MediaError
from softphone.focus.control import Control
from softphone.focus.entrance.authentication import Logins
from softphone.focus.entrance.invite_router import InviteRouter
from softphone.focus.entrance.registrations import Registrations
from softphone.focus.entrance.subscriptions import RosterSubscriptions
from softphone.focus.entrance.trunk_lines import TrunkLines
from softphone.focus.entrance.web_door import WebDoor
from softphone.focus.focus import Focus
from softphone.focus.guard import watch_load
from softphone.focus.party.dialer import Dialer
from softphone.focus.passes import Passes, signing_key
from softphone.focus.stats import FocusStats, WorkerStats
from softphone.focus.voice.names import Names
from softphone.focus.voice.prompts import SoundLibrary
from softphone.focus.voice.speech import Synthesiser
from softphone.media.contract.leg import MediaAddress
from softphone.media.workers.pool import Pool
from softphone.media.workers.webrtc import WebrtcMedia
from softphone.parts import source_limits, stack_settings, tls_settings, worker_settings
from softphone.recordings.library import Library as Recordings
from softphone.resolver import Resolver
from softphone.sip.services.auth import Authenticator
from softphone.sip.services.pinholes import Pinholes
from softphone.sip.services.registrar import Registrar
from softphone.sip.stack import Stack
from softphone.sip.transport.sockets import SocketTransport
from softphone.sip.transport.tls import TlsContexts
from softphone.sip.transport.websocket import Application, WebSocketDoor
from softphone.store.accounts import Accounts
from softphone.store.bindings import BindingShelf
from softphone.store.history import History
from softphone.store.passes import PassShelf
from softphone.store.store import Store
from softphone.webhooks import Webhooks
from softphone.webhooks.fetch import Fetcher

__all__ = ["Server"]

log = structlog.get_logger()

# Sections of the configuration that a running server takes anew.
LIVE = ("conference", "log")
# And of `sip`.
LIVE_LIMITS = ("requests_per_s", "allowed_networks", "denied_networks")
LOOPBACK = "127.0.0.0/8", "::1"
# Folders of sounds that have an id: uploaded ones, names of callers, texts that were said.
SOUNDS = ("sounds", "names", "speech")
# How often a server that drains looks whether the last call is over.
DRAIN_STEP_S = 0.1


def _is_live(option: str) -> bool:
    """Whether a running server takes an option, ``section.name``, anew."""
    section, _, name = option.partition(".")
    return section in LIVE or (section == "sip" and (name in LIVE_LIMITS or name.startswith("tls_")))


class Server:
    """A bridge; an async context manager.

    Parameters
    ----------
    config
        Settings, complete with secrets.

    Raises
    ------
    OSError
        On entering: a port is in use; the message names it.
    StoreUnavailable
        On entering: the database is away.
    ConfigError
        The settings of the store or of an extension are wrong.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._exit = AsyncExitStack()
        self._data = Path(config.server.data)
        self.store = Store(config, self._data)
        self.accounts: Accounts
        self.history: History
        self.recordings: Recordings
        self.webhooks: Webhooks
        self.hooks: Hooks
        self.notifications: Notifications
        self.tls = TlsContexts(tls_settings(config))
        self.websockets = WebSocketDoor()
        secure = config.sip.sips_port if config.sip.port else 0
        transport = partial(SocketTransport, tls=self.tls, tls_port=secure, websockets=self.websockets)
        media, signalling = worker_settings(config), stack_settings(config)
        self.sources = signalling.sources
        self.stack = Stack(signalling, transport=transport, resolver=Resolver(families=media.families))
        self.registrar = Registrar(
            min_expires=config.sip.min_expires_s, max_expires=config.sip.max_expires_s, flows=self.stack.flow
        )
        self.media = Pool(media, config.media.workers)
        self.webrtc = WebrtcMedia(self.media) if config.media.webrtc else None
        self.focus: Focus
        self.control: Control
        self.passes: Passes
        self.door: InviteRouter
        self.api: ApiContext
        self._http: HttpServer
        self._https: HttpServer | None = None

    async def __aenter__(self) -> Self:
        """Start everything; on failure what was started is stopped again."""
        async with AsyncExitStack() as starting:
            await self._start(starting)
            self._exit = starting.pop_all()
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Take no new calls, end all, and stop everything."""
        await self._exit.aclose()

    async def calls_ended(self, again: asyncio.Event) -> None:
        """Take no new calls, and wait for the last one as long as ``server.drain_wait_s`` says, or until `again`."""
        wait_s = self._config.server.drain_wait_s
        self.focus.draining = True
        log.info("draining", wait_s=wait_s, calls=self.door.calls)
        end = time.monotonic() + wait_s
        while (self.door.calls or self.focus.parties) and time.monotonic() < end and not again.is_set():
            await asyncio.sleep(DRAIN_STEP_S)

    def reload(self, config: Config) -> None:
        """Take other certificates, limits of sources, and settings of conferences and of the log.

        They hold for what begins from now on.

        What else was changed waits for a restart: the log says what.

        Raises
        ------
        ConfigError
            The menu or a certificate cannot be read; everything is as it was.
        """
        changed, read = changes(self._config, config), TlsContexts(tls_settings(config))
        self.focus.reconfigure(config)
        self.tls.take(read)
        if self._https is not None:
            self._https.certified((self.tls.settings.certificate, self.tls.settings.key))
        logs.configure(config.log)
        log.info("reloaded", changed=changed, waiting_for_a_restart=[name for name in changed if not _is_live(name)])
        limits = {name: getattr(config.sip, name) for name in LIVE_LIMITS}
        now = {name: getattr(config, name) for name in LIVE} | {
            "sip": msgspec.structs.replace(self._config.sip, **limits)
        }
        self._config = msgspec.structs.replace(self._config, **now)
        self.sources.limit(source_limits(self._config))

    async def _start(self, starting: AsyncExitStack) -> None:
        """Start store, media, signalling, HTTP.

        They stop in the opposite order: first nobody new is let in and all are seen off, then recordings are finished,
        and only when watchers have been told of all that do their streams and HTTP end.
        """
        config = self._config
        store = await starting.enter_async_context(self.store)
        self.accounts = store.accounts
        self.history = await starting.enter_async_context(History(store.database, self._data))
        self.webhooks = await starting.enter_async_context(self._make_webhooks())
        self.recordings = Recordings(self._data / "recordings", config.recording, webhooks=self.webhooks)
        await self._start_media_and_signalling(starting)
        dialer = Dialer(self.stack, self.accounts, self.registrar, config)
        self.focus = self._make_focus(dialer)
        starting.push_async_callback(self.focus.context.hosts.close)
        self.store.listeners.append(self.focus.on_change)
        if config.server.max_cpu:
            watching = asyncio.create_task(watch_load(self.focus.guard, self._used_cpu_s, time.monotonic))
            starting.callback(watching.cancel)
        self.control = Control(self.focus, self.accounts)
        key = signing_key(config.token.secret or secrets.token_hex())
        self.passes = Passes(self.focus, PassShelf(store.database), key)
        watchers = RosterSubscriptions(self.focus, self.stack, self.accounts)
        self.door = self._make_door(watchers)
        self.hooks = await starting.enter_async_context(Hooks(self.focus.feed, store, self.webhooks))
        shared = self.api = self._shared()
        self.notifications = Notifications(self.focus, self.accounts, self.webhooks, server_id=self.stack.host)
        self._make_http(self.websockets.before(create_app(shared, self.notifications)))
        for each in self._servers:
            starting.push_async_callback(each.stop)
        await starting.enter_async_context(shared.watching)
        await starting.enter_async_context(self.notifications)
        await starting.enter_async_context(self.recordings)
        await starting.enter_async_context(watchers)
        starting.push_async_callback(self._drain)
        self.stack.serve(self.door.on_invite, self.door.on_request)
        await starting.enter_async_context(TrunkLines(self.stack, dialer.trunks))
        await self._start_http()
        hosts = {each for each in (self.stack.host, self.stack.host6, *self._http.hosts) if not is_wildcard(each)}
        ports = (self.stack.port, *self.stack.ports.values())
        self.focus.context.legs.listening.update(MediaAddress(host, port) for host in hosts for port in ports)
        log.info("listening", sip=self.sip_uri, sips=self.sips_uri, http=self.http_url, workers=self.worker_pids)

    def _make_http(self, app: Application) -> None:
        http, hosts, tls = self._config.http, self._config.server.hosts, self.tls.settings
        self._http = HttpServer(app, hosts, http.port, head_s=http.request_timeout_s)
        if http.tls:
            files, port = (tls.certificate, tls.key), http.tls_port if http.port else 0
            self._https = HttpServer(app, hosts, port, head_s=http.request_timeout_s, files=files)

    async def _start_http(self) -> None:
        with _chosen_by("server.host, http.port, http.tls_port, --http-port"):
            for each in self._servers:
                await each.start()
        secure = {"wss": self._https.port} if self._https is not None else {}
        self.stack.also_at({"ws": self._http.port, **secure})

    @property
    def _servers(self) -> list[HttpServer]:
        return [self._http, *([self._https] if self._https is not None else [])]

    def _make_door(self, watchers: RosterSubscriptions) -> InviteRouter:
        sip, media = self._config.sip, self._config.media
        return InviteRouter(
            self.focus,
            self.accounts,
            Authenticator(sip.digest_realm, self.accounts.ha1, algorithms=sip.digest_algorithms),
            self.registrar,
            watchers,
            sip,
            self._config.conference,
            media.capacity * media.workers,
            trunks=self.focus.dialer.trunks,
            passes=self.passes,
        )

    async def _start_media_and_signalling(self, starting: AsyncExitStack) -> None:
        sip = self._config.sip
        starting.push_async_callback(self.media.stop)
        with _chosen_by("server.host, media.rtp_port, --rtp-port"):
            await self.media.start()
        starting.push_async_callback(self.stack.stop)
        with _chosen_by("server.host, sip.port, sip.sips_port, --sip-port, --sips-port"):
            await self.stack.start()
        server, stack = self._config.server, self.stack
        for option, listens, told in (("host", server.host, stack.host), ("host6", server.host6, stack.host6)):
            if listens and is_loopback(told) and not is_loopback(listens):
                log.warning("reached_from_this_machine_only", announced=told, set=f"server.advertised_{option}")
        shelf = BindingShelf(self.store.database, self.history.node)
        await starting.enter_async_context(KeptBindings(shelf, self.registrar))
        await starting.enter_async_context(Pinholes(self.stack, self.registrar, sip.domain, sip.nat_ping_s))

    async def _drain(self) -> None:
        self.stack.take_no_calls()
        await self.focus.drain()

    def _make_focus(self, dialer: Dialer) -> Focus:
        names = self._data / "names"
        return Focus(
            self._config,
            self.webrtc or self.media,
            (self.stack.host, self.stack.port),
            accounts=self.accounts,
            dialer=dialer,
            history=self.history,
            library=SoundLibrary.from_config(self._config.prompts, [self._data / each for each in SOUNDS]),
            names=Names(names, self.webrtc or self.media),
            recordings=self.recordings,
        )

    def _make_webhooks(self) -> Webhooks:
        """Allow loopback where the server itself is on loopback: it serves this machine's programs only."""
        own = LOOPBACK if all(map(is_loopback, self._config.server.hosts)) else ()
        networks = (*self._config.webhooks.allowed_networks, *own)
        return Webhooks(networks=networks, outbox=self._data / "webhooks.jsonl")

    def _shared(self) -> ApiContext:
        """Give what the routes share."""
        http = self._config.http
        return ApiContext(
            focus=self.focus,
            accounts=self.accounts,
            grants=Grants(self._config.token, self._config.clients),
            authorizations=AuthorizationCodes(),
            assertions=Assertions(self._config.token.secret, self.accounts.account_id),
            logins=Logins(
                http.login_failures_user, http.login_failures, http.login_window_s, anywhere=http.login_failures
            ),
            programs=Logins(http.login_failures_user, http.login_failures, http.login_window_s),
            stats=self.stats,
            control=self.control,
            passes=self.passes,
            codes=self.door.codes,
            door=WebDoor(self.focus, self.accounts, self.door.codes, self.door.gate, self._config),
            registrations=Registrations(self.registrar, time.monotonic),
            sip_ports=self._sip_ports,
            store=self.store,
            recordings=self.recordings,
            watching=Watching(self.focus),
            hooks=self.hooks,
            fetcher=Fetcher(self.webhooks.reach),
            speech=Synthesiser(self._config.speech, self._data / "speech"),
            trace=self.stack.trace,
            config=self._config,
        )

    def _sip_ports(self) -> dict[str, int]:
        spoken = ("udp", "tcp") if self._config.sip.tcp else ("udp",)
        return {**dict.fromkeys(spoken, self.stack.port), **self.stack.ports}

    @property
    def sip_uri(self) -> str:
        """Where SIP is spoken."""
        return f"sip:{host_port(self.stack.host, self.stack.port)}"

    @property
    def sips_uri(self) -> str:
        """Where SIP is spoken over TLS; empty: nowhere."""
        port = self.stack.ports.get("tls")
        return f"sip:{host_port(self.stack.host, port)};transport=tls" if port else ""

    @property
    def https_url(self) -> str:
        """Where HTTPS is spoken; empty: nowhere."""
        return f"https://{host_port(self._http.host, self._https.port)}" if self._https is not None else ""

    @property
    def http_url(self) -> str:
        """Where HTTP is spoken."""
        return f"http://{host_port(self._http.host, self._http.port)}"

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the media workers that live."""
        return self.media.pids

    async def _used_cpu_s(self) -> dict[int, float]:
        """Give the processor time of each of our processes."""
        return {os.getpid(): time.process_time()} | {each.pid: each.cpu_s for each in await self.media.metrics()}

    async def stats(self) -> FocusStats:
        """Read the numbers of the node."""
        sip = self.stack.counters
        return FocusStats(
            conferences=len(self.focus.conferences),
            parties=self.focus.parties,
            calls=self.door.calls,
            refused=self.door.refused,
            registrations=self.registrar.count(time.monotonic()),
            transactions=sip.pop("transactions"),
            sip={kind: count for kind, count in sip.items() if kind != "calls"},
            webrtc=dict(self.webrtc.ended) if self.webrtc is not None else {},
            heard=self.focus.context.measurements,
            workers=[WorkerStats.of(index, each) for index, each in enumerate(await self.media.metrics())],
        )


@contextmanager
def _chosen_by(options: str) -> Iterator[None]:
    """Say which options choose the address that cannot be had."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} (chosen by {options})") from error
    except MediaError as error:
        raise MediaError(f"{error} (where it listens is chosen by {options})") from error
