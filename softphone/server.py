"""The bridge in one piece: store, signalling, media workers, focus and HTTP, started and stopped together.

::

    async with Server(config) as server:
        ...  # server.sip_uri, server.http_url
"""

import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import structlog

from softphone.api.app import create_app
from softphone.api.context import Context
from softphone.api.grants import Grants
from softphone.api.hooks import Hooks
from softphone.api.serving import HttpServer
from softphone.api.watching import Watching
from softphone.config import Config
from softphone.focus.accounts import Accounts
from softphone.focus.control import Control
from softphone.focus.entrance.door import Door
from softphone.focus.entrance.logins import Logins
from softphone.focus.entrance.watchers import Watchers
from softphone.focus.focus import Focus
from softphone.focus.party.dialer import Dialer
from softphone.focus.stats import FocusStats, WorkerStats
from softphone.focus.voice.names import Names
from softphone.focus.voice.prompts import Library
from softphone.media.pool import Pool
from softphone.media.worker import WorkerSettings
from softphone.recordings.library import Library as Recordings
from softphone.sip.auth import Authenticator
from softphone.sip.methods import Capabilities
from softphone.sip.pinholes import Pinholes
from softphone.sip.registrar import Registrar
from softphone.sip.stack import Stack, StackSettings
from softphone.store.history import History
from softphone.store.store import Store
from softphone.webhooks import Webhooks

__all__ = ["Server"]

log = structlog.get_logger()


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
        self.stack = Stack(_stack_settings(config))
        self.registrar = Registrar(
            min_expires=config.sip.min_expires_s, max_expires=config.sip.max_expires_s, flows=self.stack.flow
        )
        self.media = Pool(_worker_settings(config), config.media.workers)
        self.focus: Focus
        self.control: Control
        self.door: Door
        self.api: Context
        self._http: HttpServer

    async def __aenter__(self) -> Self:
        """Start everything; on failure what was started is stopped again."""
        async with AsyncExitStack() as starting:
            await self._start(starting)
            self._exit = starting.pop_all()
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Take no new calls, end all, and stop everything."""
        await self._exit.aclose()

    async def _start(self, starting: AsyncExitStack) -> None:
        """Start store, media, signalling, HTTP.

        They stop in the opposite order: first nobody new is let in and all are seen off, then recordings are finished,
        and only when watchers have been told of all that do their streams and HTTP end.
        """
        config = self._config
        store = await starting.enter_async_context(self.store)
        self.accounts = Accounts(store.directory, config.clients)
        self.history = await starting.enter_async_context(History(store.database, self._data))
        self.webhooks = await starting.enter_async_context(Webhooks(outbox=self._data / "webhooks.jsonl"))
        self.recordings = Recordings(self._data / "recordings", config.recording, webhooks=self.webhooks)
        starting.push_async_callback(self.media.stop)
        await self.media.start()
        starting.push_async_callback(self.stack.stop)
        await self.stack.start()
        await starting.enter_async_context(
            Pinholes(self.stack, self.registrar, config.sip.domain, config.sip.nat_ping_s)
        )
        dialer = Dialer(self.stack, self.accounts, self.registrar, config.sip, config.trunk)
        self.focus = self._make_focus(dialer)
        self.store.listeners.append(self.focus.on_change)
        self.control = Control(self.focus, self.accounts)
        authenticator = Authenticator(config.sip.domain, self.accounts.lookup, algorithms=config.sip.digest_algorithms)
        watchers = Watchers(self.focus, self.stack, self.accounts)
        self.door = Door(
            self.focus, self.accounts, authenticator, self.registrar, watchers, config.sip, config.conference
        )
        self.hooks = await starting.enter_async_context(Hooks(self.focus.feed, store, self.webhooks))
        shared = self.api = self._shared()
        self._http = HttpServer(
            create_app(shared), config.server.host, config.http.port, head_s=config.http.request_timeout_s
        )
        starting.push_async_callback(self._http.stop)
        await starting.enter_async_context(shared.watching)
        await starting.enter_async_context(self.recordings)
        await starting.enter_async_context(watchers)
        starting.push_async_callback(self.focus.drain)
        self.stack.on_request = self.door.on_request
        self.stack.on_invite = self.door.on_invite
        await self._http.start()
        log.info("listening", sip=self.sip_uri, http=self.http_url, workers=self.worker_pids)

    def _make_focus(self, dialer: Dialer) -> Focus:
        names = self._data / "names"
        return Focus(
            self._config,
            self.media,
            (self.stack.host, self.stack.port),
            accounts=self.accounts,
            dialer=dialer,
            history=self.history,
            library=Library.from_config(self._config.prompts, (self._data / "sounds", names)),
            names=Names(names, self.media),
            recordings=self.recordings,
        )

    def _shared(self) -> Context:
        """Give what the routes share."""
        http = self._config.http
        return Context(
            focus=self.focus,
            accounts=self.accounts,
            grants=Grants(self._config.token),
            logins=Logins(
                http.login_failures_user, http.login_failures, http.login_window_s, anywhere=http.login_failures
            ),
            programs=Logins(http.login_failures_user, http.login_failures, http.login_window_s),
            stats=self.stats,
            control=self.control,
            codes=self.door.codes,
            store=self.store,
            recordings=self.recordings,
            watching=Watching(self.focus),
            hooks=self.hooks,
            config=self._config,
        )

    @property
    def sip_uri(self) -> str:
        """Where SIP is spoken."""
        return f"sip:{_bracketed(self.stack.host)}:{self.stack.port}"

    @property
    def http_url(self) -> str:
        """Where HTTP is spoken."""
        return f"http://{_bracketed(self._http.host)}:{self._http.port}"

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the media workers that live."""
        return self.media.pids

    async def stats(self) -> FocusStats:
        """Read the numbers of the node."""
        sip = self.stack.counters
        return FocusStats(
            conferences=self.focus.conferences,
            parties=self.focus.parties,
            calls=self.door.calls,
            refused=self.door.refused,
            registrations=self.registrar.count(time.monotonic()),
            transactions=sip.pop("transactions"),
            sip={kind: count for kind, count in sip.items() if kind != "calls"},
            workers=[WorkerStats.of(index, each) for index, each in enumerate(await self.media.metrics())],
        )


def _stack_settings(config: Config) -> StackSettings:
    return StackSettings(
        host=config.server.host,
        port=config.sip.port,
        tcp=config.sip.tcp,
        advertised=config.server.advertised_host or None,
        user_agent=config.sip.user_agent,
        capabilities=Capabilities(("REGISTER", "SUBSCRIBE", "REFER"), ("conference",)),
    )


def _worker_settings(config: Config) -> WorkerSettings:
    return WorkerSettings(
        capacity=config.media.capacity,
        host=config.server.host,
        port=config.media.rtp_port,
        own_ports=config.media.own_range,
        advertised=config.server.advertised_host or None,
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
