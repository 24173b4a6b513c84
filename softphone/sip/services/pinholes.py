"""Keep-alive of phones behind NATs by OPTIONS, and removal of those that do not answer.

A NAT drops the mapping of a UDP port that is not used, many after 30 s (RFC 4787 section 4.3 asks for two minutes). The
answer of the telephone goes out through it, which every NAT counts as use.
"""

import asyncio
import contextlib
import logging
import time
import zlib
from collections.abc import Callable
from typing import Self

from softphone.errors import SipError
from softphone.sip.message.message import Request, new_tag, request
from softphone.sip.services.binding import Binding
from softphone.sip.services.registrar import Registrar
from softphone.sip.ua.client_request import Requester

__all__ = ["Pinholes"]

log = logging.getLogger(__name__)


class Pinholes:
    """Asks telephones behind a NAT whether they are there; an async context manager.

    Parameters
    ----------
    sender, registrar
        Sends the OPTIONS, and knows whom to ask; is told who does not answer.
    domain
        Whom they come from.
    every_s
        Seconds between two to one telephone; 0: none are sent.
    clock
        That of the registrar, in seconds.
    """

    def __init__(
        self,
        sender: Requester,
        registrar: Registrar,
        domain: str,
        every_s: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sender, self._registrar, self._domain = sender, registrar, domain
        self._every_s, self._clock = every_s, clock
        self._asking: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        if self._every_s:
            self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Ask no more."""
        tasks = [task for task in (self._running, *self._asking.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            self.turn(self._clock())

    def turn(self, now: float) -> None:
        """Ask those whose second has come: each has its own, so that not all are asked at once."""
        for binding in self._registrar.bindings(now):
            name = (binding.user, binding.uri)
            its_second = zlib.crc32(binding.uri.encode()) % self._every_s == int(now) % self._every_s
            if binding.is_behind_nat and its_second and name not in self._asking:
                self._asking[name] = asyncio.get_running_loop().create_task(self._ask(binding))

    async def _ask(self, binding: Binding) -> None:
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await self._sender.request(self._options(binding), binding.hop)
                self._registrar.answered(binding)
        except SipError as error:
            log.info("a telephone behind a NAT does not answer: %s", error)
            self._registrar.failed(binding)
        finally:
            del self._asking[binding.user, binding.uri]

    def _options(self, binding: Binding) -> Request:
        return request(
            "OPTIONS",
            binding.contact.uri,
            from_=f"<sip:{self._domain}>;tag={new_tag()}",
            to=f"<{binding.uri}>",
            call_id=f"{new_tag()}{new_tag()}",
            cseq=1,
        )
