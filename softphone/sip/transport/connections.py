"""The connections there are: by number and by peer, how many there may be, and who gives way to one too many."""

from collections import Counter
from collections.abc import Iterator

from softphone.sip.transport.connection import Connection, Limits
from softphone.sip.transport.hop import Hop

__all__ = ["Connections"]


class Connections:
    """All connections of one transport.

    When there are too many, the one that nobody holds and that has been silent longest is closed: of the address that
    has too many, or else of the one that has most. So whoever opens many loses his own, and no newcomer is refused
    while others only keep a place.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._by_number: dict[int, Connection] = {}
        self._by_peer: dict[tuple[str, int], Connection] = {}
        self._per_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._by_number.values()))

    def find(self, target: Hop) -> Connection | None:
        """Find the connection that a hop names, or if that is gone, one to its address."""
        return self._by_number.get(target.connection or 0) or self.to((target.host, target.port))

    def to(self, address: tuple[str, int]) -> Connection | None:
        """Find one to an address."""
        return self._by_peer.get(address)

    def named(self, number: int) -> Connection | None:
        """Find a connection by its number."""
        return self._by_number.get(number)

    def add(self, connection: Connection) -> bool:
        """Take one in, if need be in the place of another one; False: all others are held, there is no room."""
        host = connection.peer[0]
        if self._per_address[host] >= self.limits.per_address:
            room = self._give_up_one_of(host)
        else:
            room = len(self) < self.limits.connections or self._give_up_one()
        if not room:
            return False
        self._per_address[host] += 1
        self._by_number[connection.number] = connection
        self._by_peer[connection.peer] = connection
        return True

    def remove(self, connection: Connection) -> None:
        """Forget one."""
        if self._by_number.pop(connection.number, None) is not None:
            host = connection.peer[0]
            self._per_address[host] -= 1
            if not self._per_address[host]:
                del self._per_address[host]
        if self._by_peer.get(connection.peer) is connection:
            del self._by_peer[connection.peer]

    def sweep(self, now: float) -> None:
        """Close what is overdue."""
        for connection in self:
            if connection.overdue(now):
                connection.close()

    def _give_up_one(self) -> bool:
        """Close one of the address that has most that nobody holds."""
        idle = Counter(each.peer[0] for each in self if not each.flow.is_held)
        return any(self._give_up_one_of(host) for host, _ in idle.most_common(1))

    def _give_up_one_of(self, host: str) -> bool:
        idle = [each for each in self if each.peer[0] == host and not each.flow.is_held]
        if not idle:
            return False
        longest = min(idle, key=lambda each: each.flow.heard_at)
        self.remove(longest)
        longest.abort()
        return True
