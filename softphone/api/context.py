"""The context shared by all routes: one value in the application's state."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from softphone.api.auth.assertions import Assertions
from softphone.api.auth.codes import AuthorizationCodes
from softphone.api.auth.grants import Grants
from softphone.api.events.hooks import Hooks
from softphone.api.events.watching import Watching
from softphone.config import Config
from softphone.focus.control import Control
from softphone.focus.entrance.authentication import Logins
from softphone.focus.entrance.codes import CodeBook
from softphone.focus.entrance.registrations import Registrations
from softphone.focus.entrance.web_door import WebDoor
from softphone.focus.focus import Focus
from softphone.focus.passes import Passes
from softphone.focus.stats import FocusStats
from softphone.focus.voice.speech import Synthesiser
from softphone.recordings.library import Library as Recordings
from softphone.store.accounts import Accounts
from softphone.store.store import Store
from softphone.traced import Tracing
from softphone.webhooks.fetch import Fetcher

__all__ = ["ApiContext", "ContextDep"]

# How long what has just happened may take to be in the database.
SETTLE_S = 1.0


@dataclass(frozen=True, slots=True)
class ApiContext:
    """The server as the routes see it."""

    focus: Focus
    accounts: Accounts
    grants: Grants
    assertions: Assertions
    authorizations: AuthorizationCodes
    logins: Logins
    """Throttles passwords of users."""
    programs: Logins
    """Throttles secrets of programs."""
    stats: Callable[[], Awaitable[FocusStats]]
    control: Control
    passes: Passes
    codes: CodeBook
    door: WebDoor
    """Lets in who comes by HTTP."""
    registrations: Registrations
    sip_ports: Callable[[], Mapping[str, int]]
    """Where SIP is spoken, by transport in lower case."""
    store: Store
    recordings: Recordings
    watching: Watching
    hooks: Hooks
    fetcher: Fetcher
    speech: Synthesiser
    trace: Tracing | None
    """None: SIP messages are not kept."""
    config: Config

    async def settle(self) -> None:
        """Wait until what has just happened can be read back from the history; a second at most.

        It is there long before. If the database is away, who asks must ask again.
        """
        await self.focus.context.history.flush(SETTLE_S)


def context_of(request: Request) -> ApiContext:
    """Give the value that :func:`softphone.api.app.create_app` put there."""
    return cast(ApiContext, request.app.state.context)


ContextDep = Annotated[ApiContext, Depends(context_of)]
