"""The door, the dialer and real SIP stacks on a wire in memory, with media on paper and a clock that jumps."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from softphone.config import DEV_PATH, Config, load
from softphone.focus.entrance.invite_router import InviteRouter
from softphone.focus.entrance.subscriptions import RosterSubscriptions
from softphone.focus.party.dialer import Dialer
from softphone.sip.message.digest import Credentials
from softphone.sip.message.message import Request, Response
from softphone.sip.services.auth import Authenticator
from softphone.sip.services.registrar import Registrar
from softphone.sip.transport.hop import Hop
from softphone.sip.ua.call import InviteSession
from softphone.testing.bridge import PaperBridge, offer
from softphone.testing.clock import run
from softphone.testing.wire import Ether, Rule, keep_all

Behaviour = Callable[[InviteSession], Awaitable[None]]


async def answers(call: InviteSession) -> None:
    await call.ring()
    await asyncio.sleep(1)
    await call.answer(offer())


async def rings(call: InviteSession) -> None:
    await call.ring()
    await asyncio.sleep(1_000)


def refuses(status: int, reason: str | None = None, *contacts: str, after_s: float = 0.0) -> Behaviour:
    """A telephone that says no, or where to call instead."""

    async def no(call: InviteSession) -> None:
        await call.ring()
        await asyncio.sleep(after_s)
        call.reject(status, reason, [("Contact", contact) for contact in contacts])

    return no


class Telephone:
    """One telephone of an extension: what it was asked, and how its calls ended."""

    def __init__(self, board: "Switchboard", number: str, behaviour: Behaviour) -> None:
        self.board, self.number, self.behaviour = board, number, behaviour
        self.calls: list[InviteSession] = []
        self.ended: list[str] = []
        self.progress: list[Response] = []
        self.stack = board.ether.stack(on_invite=self._rung, on_request={"REGISTER": self._asked})
        self.registrar: Registrar | None = None
        self.credentials = Credentials(number, f"dev-{number}")

    @property
    def uri(self) -> str:
        return f"sip:{self.number}@127.0.0.1:{self.stack.port}"

    async def _rung(self, call: InviteSession) -> None:
        call.on_ended = self.ended.append
        self.calls.append(call)
        await self.behaviour(call)

    async def _asked(self, request: Request, source: Hop) -> Response | None:
        """A provider's registrar, from when there is one."""
        now = asyncio.get_running_loop().time()
        return self.registrar.handle(request, source, now) if self.registrar is not None else None

    async def register(self) -> None:
        await self.stack.register(
            f"sip:127.0.0.1:{self.board.stack.port}", self.uri, credentials=self.credentials, expires=3600
        )

    async def call(self, user: str, **options: Any) -> InviteSession:
        """Call a number of the switchboard."""
        uri = f"sip:{user}@127.0.0.1:{self.board.stack.port}"
        heard = self.progress.append
        from_uri = options.pop("from_uri", self.uri)
        return await self.stack.invite(
            uri, offer(), from_uri=from_uri, credentials=self.credentials, on_progress=heard, **options
        )

    @property
    def statuses(self) -> list[int]:
        """Provisional responses, each kind once."""
        return list(dict.fromkeys(each.status for each in self.progress if each.status > 100))


class Notes:
    """The history: what was written, as (name, arguments)."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *args, **named: self.all.append((name, *args, *named.values()))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        return [note[1:] for note in self.all if note[0] == name]


class Switchboard:
    """Our side; `sections` change the settings."""

    def __init__(self, folder: Path, lost: Rule = keep_all, **sections: Any) -> None:
        self.ether = Ether(lost)
        self.config = changed(load(DEV_PATH), sections)
        self.paper = PaperBridge(folder)
        self.notes = Notes()
        focus: Any = self.paper.focus
        context = focus.context
        object.__setattr__(context, "history", self.notes)
        self.stack = self.ether.stack()
        self.registrar = Registrar(flows=self.stack.flow)
        sip = self.config.sip
        self.dialer = Dialer(self.stack, self.paper.accounts, self.registrar, self.config)
        focus.dialer, self.dialer.talks = self.dialer, focus.talks
        self.focus = self.paper.focus
        authenticator = Authenticator(self.paper.accounts.realm, self.paper.accounts.ha1)
        self.door = InviteRouter(
            self.focus,
            self.paper.accounts,
            authenticator,
            self.registrar,
            RosterSubscriptions(self.focus, self.stack, self.paper.accounts),
            sip,
            self.config.conference,
            trunks=self.dialer.trunks,
        )
        self.telephones: list[Telephone] = []

    async def __aenter__(self) -> "Switchboard":
        await self.stack.start()
        self.stack.serve(self.door.on_invite, self.door.on_request)
        return self

    async def __aexit__(self, *_error: object) -> None:
        for telephone in self.telephones:
            await telephone.stack.stop()
        await self.stack.stop()

    async def telephone(self, number: str, behaviour: Behaviour = rings, *, register: bool = True) -> Telephone:
        """One that is there, and registered unless said otherwise."""
        telephone = Telephone(self, number, behaviour)
        self.telephones.append(telephone)
        await telephone.stack.start()
        if register:
            await telephone.register()
        return telephone

    async def leave(self, telephone: Telephone) -> None:
        """Its plug is pulled: its registration stays."""
        await telephone.stack.stop()

    def sent(self, first: str) -> list[str]:
        """All messages, retransmissions left out, whose first line begins so."""
        texts = (message.decode() for message in self.ether.messages if message.decode().startswith(first))
        return list(dict.fromkeys(texts))


def changed(config: Config, sections: dict[str, Any]) -> Config:
    """Change keys of sections, or whole sections."""
    replaced = {
        name: msgspec.structs.replace(getattr(config, name), **keys) if isinstance(keys, dict) else keys
        for name, keys in sections.items()
    }
    return msgspec.structs.replace(config, **replaced)


def play(folder: Path, work: Callable[[Switchboard], Coroutine[Any, Any, None]], **options: Any) -> Switchboard:
    """Run a scene to its end."""
    boards: list[Switchboard] = []

    async def scene() -> None:
        async with Switchboard(folder, **options) as board:
            boards.append(board)
            await work(board)

    run(scene())
    return boards[0]
