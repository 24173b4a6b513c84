"""An in-memory bridge that agents and bots can call, with the real signalling, rules and mixing, and no sockets.

::

    async def scene() -> None:
        async with ConferenceBridge(folder) as bridge:
            session = await bridge.conference()
            running = asyncio.create_task(run_bot(MyBot(), bridge.uri(session)))
            ...

    softphone.testing.run(scene())

Time is that of the loop, which jumps: seconds of a conversation take a fraction of a second.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from softphone.agent.agent import Agent
from softphone.agent.plane import NETWORK, Network
from softphone.config import DEV_PATH, Config, load
from softphone.focus.entrance.invite_router import InviteRouter
from softphone.focus.entrance.subscriptions import RosterSubscriptions
from softphone.focus.party.dialer import Dialer
from softphone.focus.session import TelephonySession
from softphone.media.workers.local import LocalMedia
from softphone.sip.driver import StackSettings
from softphone.sip.services.auth import Authenticator
from softphone.sip.services.registrar import Registrar
from softphone.testing.bridge import PaperBridge
from softphone.testing.ports import Ports
from softphone.testing.wire import Ether

__all__ = ["ConferenceBridge"]

HOST, PORT = "127.0.0.1", 5060


class ConferenceBridge:
    """A bridge with the development extensions (`config/dev.toml`); an async context manager.

    Agents that are entered in its context call by its wire, and only there.

    Parameters
    ----------
    folder
        Where recordings and spoken names go.
    config
        Settings; those of development when None.

    Attributes
    ----------
    wire
        What was signalled, and what is to be lost of it.
    control
        Commands to conferences and parties, as the HTTP API has them.
    """

    def __init__(self, folder: Path, config: Config | None = None) -> None:
        clock = asyncio.get_running_loop().time
        ports = Ports()
        self.wire = Ether()
        self._network = Network(self.wire.transport, ports.open_port, clock)
        self._media = LocalMedia(gate=True, open_port=ports.open_port, clock=clock)
        self._stack = self.wire.stack(StackSettings(port=PORT, tcp=False))
        config, registrar = config or load(DEV_PATH), Registrar()
        paper = PaperBridge(
            folder,
            media=self._media,
            node=(HOST, PORT),
            config=config,
            dialer=lambda accounts: Dialer(self._stack, accounts, registrar, config),
        )
        self.control, self.focus, self._accounts = paper.control, paper.focus, paper.accounts
        self._watchers = RosterSubscriptions(self.focus, self._stack, self._accounts)
        self._door = InviteRouter(
            self.focus,
            self._accounts,
            Authenticator(self._accounts.realm, self._accounts.ha1),
            registrar,
            self._watchers,
            config.sip,
            config.conference,
            trunks=paper.focus.dialer.trunks,
        )
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start the bridge."""
        token = NETWORK.set(self._network)
        self._exit.callback(NETWORK.reset, token)
        self._exit.callback(self._media.close)
        await self._stack.start()
        self._exit.push_async_callback(self._stack.stop)
        self._exit.push_async_callback(self.focus.drain)
        await self._exit.enter_async_context(self._watchers)
        self._stack.serve(self._door.on_invite, self._door.on_request)
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Hang up on everybody."""
        await self._exit.aclose()

    async def conference(self, owner: str = "101") -> TelephonySession:
        """Make a conference that an extension hosts."""
        return await self.control.create(self._accounts.extensions[owner])

    def agent(self, number: str, **options: Any) -> Agent:
        """Make an agent for an extension, which registers when it is entered; `options` as of `Agent`."""
        registrar = f"sip:{HOST}:{PORT}"
        return Agent(f"sip:{number}@{HOST}:{PORT}", password=f"dev-{number}", registrar=registrar, **options)

    def uri(self, session: TelephonySession) -> str:
        """Return the URI to call to join a conference."""
        return f"sip:{session.token}@{HOST}:{PORT}"
