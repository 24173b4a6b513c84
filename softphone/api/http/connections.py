"""How many connections there may be: nobody keeps others out by opening many, and by leaving them idle least of all."""

from collections import Counter
from typing import Protocol

__all__ = ["MAX_CONNECTIONS", "SHARE", "HttpConnection", "HttpConnections"]

# At the same time; descriptors are raised to more at the start of the server.
MAX_CONNECTIONS = 1000

# Of these, and of requests at work, from one address: a reverse proxy, or an office behind one, has many users.
SHARE = MAX_CONNECTIONS // 2


class HttpConnection(Protocol):
    """One of a client."""

    @property
    def address(self) -> str:
        """Where it comes from."""

    @property
    def idle(self) -> bool:
        """Whether no request is at work on it."""

    def drop(self) -> None:
        """Close it at once."""


class HttpConnections:
    """Those that are open.

    Parameters
    ----------
    most
        In all.
    share
        From one address.
    """

    def __init__(self, most: int = MAX_CONNECTIONS, share: int = SHARE) -> None:
        self._most, self._share = most, share
        self._open: dict[HttpConnection, str] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def opened(self, connection: HttpConnection) -> None:
        """Note a new one; when it is one too many, the idle one goes that is the oldest of its address.

        That is the address of the new one when it has more than its share, else the one with the most.
        """
        address = connection.address
        self._open[connection] = address
        self._counts[address] += 1
        if self._counts[address] > self._share:
            self._drop_of(address, connection)
        elif len(self._open) > self._most:
            for each, _ in self._counts.most_common():
                if self._drop_of(each, connection):
                    return

    def closed(self, connection: HttpConnection) -> None:
        """Forget one."""
        if (address := self._open.pop(connection, None)) is not None:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]

    def _drop_of(self, address: str, newest: HttpConnection) -> bool:
        for each, its in self._open.items():
            if its == address and each is not newest and each.idle:
                self.closed(each)
                each.drop()
                return True
        return False
