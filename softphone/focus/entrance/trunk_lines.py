"""Being registered at the trunks that want it, so that calls come from there; one that is away holds up nothing."""

import asyncio
from typing import Self

import structlog

from softphone.config import TrunkConfig
from softphone.errors import SipError
from softphone.focus.party.trunks import Trunks
from softphone.sip.message.digest import Credentials
from softphone.sip.message.uri import Uri
from softphone.sip.services.registration import Registration, retry_after_s
from softphone.sip.stack import Stack
from softphone.tasks import Tasks

__all__ = ["TrunkLines"]

log = structlog.get_logger()

GOODBYE_S = 2.0


class TrunkLines:
    """The registrations of the trunks; an async context manager, within the life of `stack`.

    Parameters
    ----------
    stack
        Registers.
    trunks
        Of which those that say so are registered.
    """

    def __init__(self, stack: Stack, trunks: Trunks) -> None:
        self.registrations: dict[str, Registration] = {}
        self._stack = stack
        self._trunks = trunks
        self._tasks = Tasks()

    async def __aenter__(self) -> Self:
        for trunk in self._trunks.all:
            if trunk.register:
                self._tasks.start(self._register(trunk))
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._tasks.cancel()
        await self._tasks.settle(None)
        for registration in self.registrations.values():
            self._tasks.start(registration.unregister())
        await self._tasks.settle(GOODBYE_S)

    async def _register(self, trunk: TrunkConfig) -> None:
        """Register until it is done; from then on the registration keeps itself."""
        failures = 0
        while True:
            try:
                self.registrations[trunk.name] = await self._ask(trunk)
            except SipError as error:
                failures += 1
                pause_s = retry_after_s(failures)
                log.warning("trunk_not_registered", trunk=trunk.name, uri=trunk.uri, reason=str(error), again_s=pause_s)
                await asyncio.sleep(pause_s)
                continue
            log.info("trunk_registered", trunk=trunk.name, uri=trunk.uri)
            return

    async def _ask(self, trunk: TrunkConfig) -> Registration:
        domain = trunk.from_domain or Uri.parse(trunk.uri).host
        return await self._stack.register(
            trunk.uri,
            f"sip:{trunk.from_user or trunk.username}@{domain}",
            credentials=Credentials(trunk.username, trunk.password),
            user=self._trunks.contact(trunk),
        )
