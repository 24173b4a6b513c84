"""Bindings survive a restart: written behind the registrar's back, and given back to it at the start.

A telephone does not notice that the server was started anew, and registers again only when its time is half over: until
then nobody would reach it. Signalling waits for none of this; what could not be written is written later.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

import msgspec
import structlog

from softphone.errors import BadMessage
from softphone.sip.message.fields import Address
from softphone.sip.services.binding import Binding
from softphone.sip.services.registrar import Registrar
from softphone.sip.transport.hop import Hop
from softphone.store.bindings import BindingShelf, Telephones
from softphone.store.errors import StoreUnavailable

__all__ = ["KeptBindings", "Telephone"]

log = structlog.get_logger()

# Users in one transaction.
TOGETHER = 200
# Changes that come together are written together.
GATHER_S = 0.05
# Between attempts while the database is away.
BACK_OFF_S = (0.2, 1.0, 5.0)


class Telephone(msgspec.Struct, frozen=True):
    """A binding as it is kept: its times by the wall clock, its addresses without the number of a connection."""

    contact: str
    where: tuple[str, str, int]
    came: tuple[str, str, int]
    has_flow: bool
    expires: float
    refreshed: float
    call_id: str
    cseq: int
    direct: bool
    path: tuple[str, ...] = ()
    agent: str = ""

    @classmethod
    def of(cls, binding: Binding, offset: float) -> "Telephone":
        """Make it; `offset` is the wall clock less that of the registrar."""
        where, came = binding.hop, binding.came
        return cls(
            str(binding.contact),
            (where.transport, where.host, where.port),
            (came.transport, came.host, came.port),
            binding.has_flow,
            binding.expires_at + offset,
            binding.refreshed_at + offset,
            binding.call_id,
            binding.cseq,
            binding.direct,
            binding.path,
            binding.agent,
        )

    def binding(self, user: str, offset: float) -> Binding | None:
        """Give the binding back; of one reached by a connection, which is gone, what `Binding.without_flow` says."""
        binding = Binding(
            user,
            Address.parse(self.contact),
            Hop(*self.where),
            self.expires - offset,
            self.call_id,
            self.cseq,
            Hop(*self.came),
            self.refreshed - offset,
            self.direct,
            path=self.path,
            agent=self.agent,
        )
        return binding.without_flow() if self.has_flow else binding


class KeptBindings:
    """Keeps the bindings of a registrar; an async context manager.

    It ends before the stack does, whose connections take bindings with them as they close.

    Parameters
    ----------
    shelf
        Where they are kept.
    registrar
        Whose; entered, it has those that were kept and whose time is not over.
    clock, wall
        The registrar's, and that of the world, in seconds.
    """

    def __init__(
        self,
        shelf: BindingShelf,
        registrar: Registrar,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._shelf, self._registrar = shelf, registrar
        self._clock, self._wall = clock, wall
        self._changed: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Give the registrar what was kept; then follow it."""
        await self._read()
        self._registrar.on_change = self._on_change
        self._writing = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Follow no more, and write what is left, if the database is there."""
        self._registrar.on_change = None
        if self._writing is not None:
            self._writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._writing
        try:
            while self._changed:
                await self._put_some()
        except StoreUnavailable as error:
            log.warning("bindings_not_written", error=str(error), users=len(self._changed))

    async def _read(self) -> None:
        try:
            kept = await self._shelf.all()
        except StoreUnavailable as error:
            log.warning("bindings_not_read", error=str(error))
            return
        now, offset = self._clock(), self._wall() - self._clock()
        for user, telephones in kept.items():
            bindings = [binding for each in telephones if (binding := _restored(user, each, offset)) is not None]
            self._registrar.restore(user, bindings, now)
            self._changed[user] = None
        log.info("bindings_read", telephones=self._registrar.count(now))

    def _on_change(self, user: str) -> None:
        self._changed[user] = None
        self._wake.set()

    async def _write(self) -> None:
        failures = 0
        while True:
            if not self._changed:
                await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(GATHER_S)
            try:
                await self._put_some()
                failures = 0
            except StoreUnavailable as error:
                if not failures:
                    log.warning("bindings_not_written", error=str(error))
                await asyncio.sleep(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)])
                failures += 1
            except Exception:
                log.exception("bindings_not_written")

    async def _put_some(self) -> None:
        """Write some of what has changed."""
        users = list(self._changed)[:TOGETHER]
        for user in users:
            del self._changed[user]
        now, offset = self._clock(), self._wall() - self._clock()
        values = {
            user: [_plain(Telephone.of(each, offset)) for each in self._registrar.contacts(user, now)] for user in users
        }
        try:
            await self._put(values)
        except (StoreUnavailable, asyncio.CancelledError):
            self._changed |= dict.fromkeys(users)
            raise

    async def _put(self, values: Mapping[str, Telephones]) -> None:
        """Write all of it; a user whom the database never takes is given up, and costs the others nothing."""
        try:
            await self._shelf.put(values)
        except StoreUnavailable:
            raise
        except Exception as error:  # of a driver too, which may not even be able to encode it
            if len(values) > 1:
                for user, telephones in values.items():
                    await self._put({user: telephones})
            else:
                log.error("bindings_refused", users=list(values), error=f"{type(error).__name__}: {error}")


def _plain(telephone: Telephone) -> dict[str, Any]:
    values: dict[str, Any] = msgspec.to_builtins(telephone)
    return values


def _restored(user: str, kept: object, offset: float) -> Binding | None:
    """Give a binding back; what another version has written and cannot be read is left out."""
    try:
        return msgspec.convert(kept, Telephone).binding(user, offset)
    except (msgspec.ValidationError, BadMessage) as error:
        log.warning("binding_not_read", user=user, error=str(error))
        return None
