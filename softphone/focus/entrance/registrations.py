"""The list of registrations for administrators."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from softphone.address import host_port
from softphone.sip.message.uri import readable
from softphone.sip.services.binding import Binding
from softphone.sip.services.registrar import Registrar

__all__ = ["Registered", "Registrations"]


@dataclass(frozen=True, slots=True)
class Registered:
    """A telephone that is registered."""

    id: str
    number: str
    contact: str
    address: str
    """Where it is called: host and port."""
    transport: str
    behind_nat: bool
    refreshed: datetime
    expires: datetime


class Registrations:
    """The telephones of a registrar.

    Parameters
    ----------
    registrar
        Has them.
    clock
        The registrar's, in seconds.
    """

    def __init__(self, registrar: Registrar, clock: Callable[[], float]) -> None:
        self._registrar = registrar
        self._clock = clock

    def all(self) -> list[Registered]:
        """List them."""
        now, moment = self._clock(), datetime.now(UTC)
        return [_registered(each, now, moment) for each in self._registrar.bindings(now)]

    def reached(self, users: Iterable[str]) -> bool:
        """Whether a telephone is registered by one of these user names; costs as much as they have telephones."""
        now = self._clock()
        return any(self._registrar.contacts(each, now) for each in users)

    def remove(self, id: str) -> bool:
        """Forget one; False: there is none of that id. It comes back with its next REGISTER."""
        for each in self._registrar.bindings(self._clock()):
            if _id(each) == id:
                self._registrar.drop(each)
                return True
        return False


def _registered(binding: Binding, now: float, moment: datetime) -> Registered:
    where = binding.hop
    return Registered(
        id=_id(binding),
        number=binding.user,
        contact=readable(binding.uri),
        address=host_port(where.host, where.port),
        transport=where.transport,
        behind_nat=binding.is_behind_nat,
        refreshed=moment + timedelta(seconds=binding.refreshed_at - now),
        expires=moment + timedelta(seconds=binding.expires_at - now),
    )


def _id(binding: Binding) -> str:
    """Name a telephone, the same as long as it is registered as that."""
    told = f"{binding.user} {binding.flow_id or binding.uri}"
    return hashlib.sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]
