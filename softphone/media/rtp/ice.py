"""The lite side of ICE for one leg: where its peer is, by the checks that it makes (RFC 8445 section 2.5, RFC 7675)."""

from collections import OrderedDict
from typing import TypeVar

from softphone.media.contract.leg import MediaAddress
from softphone.media.rtp.stun import BindingRequest, failure, success

__all__ = ["CONSENT_S", "IceLite"]

CONSENT_S = 30.0
"""Without a check for so long, nothing may be sent any more (RFC 7675 section 5.1)."""
# Of the old and the new user name of a restart both are good, till the next one (RFC 8445 section 9).
NAMES = 2
# Addresses of one peer that are remembered, and checks that would be recognised if somebody else sent them again.
PATHS, CHECKS = 8, 128
# A peer asks for consent every five seconds (RFC 7675 section 5.1): one that does so elsewhere only has left.
LEFT_S = 7.5

K = TypeVar("K")
V = TypeVar("V")


class IceLite:
    """Answers the checks of one peer.

    The first good check says where the peer is. It moves by nomination only, to where its checks have the same priority
    or a higher one: some nominate all of their paths and let the best one count (RFC 5245 section 8.1.1.2). From a path
    that it has left it moves to any.

    Parameters
    ----------
    ufrag, password
        Ours.

    Attributes
    ----------
    address
        Where the peer is; None: it has not shown it, or consent has ended.
    seen_s
        When it last showed that it is there; None: never.
    """

    def __init__(self, ufrag: str, password: str) -> None:
        self.address: MediaAddress | None = None
        self.seen_s: float | None = None
        self._keys: OrderedDict[str, bytes] = OrderedDict()
        self._paths: OrderedDict[MediaAddress, float] = OrderedDict()
        self._checks: OrderedDict[bytes, MediaAddress] = OrderedDict()
        self._nominated, self._priority = False, 0
        self.restart(ufrag, password)

    @property
    def names(self) -> tuple[str, ...]:
        """The user fragments that are ours."""
        return tuple(self._keys)

    def restart(self, ufrag: str, password: str) -> bool:
        """Take another user name, beside the one before; the same changes nothing. Whether it is another one."""
        if ufrag in self._keys:
            return False
        self._keys[ufrag] = password.encode("ascii")
        while len(self._keys) > NAMES:
            self._keys.popitem(last=False)
        self._nominated = False
        return True

    def reaches(self, address: MediaAddress) -> bool:
        """Whether the peer has shown that it receives at an address."""
        return address in self._paths

    def expired(self, now: float) -> bool:
        """Whether there is a peer which has not consented for too long."""
        return self.seen_s is not None and now - self.seen_s > CONSENT_S

    def leave(self) -> None:
        """Send to the peer no more."""
        self.address = self.seen_s = None
        self._paths.clear()

    def check(self, request: BindingRequest, sender: MediaAddress, now: float) -> bytes:
        """Answer a check that is for one of `names`; empty: it is not answered.

        Nobody is sent more bytes than came, unless he knows the password.

        Parameters
        ----------
        request
            As it came.
        sender
            Where from.
        now
            Seconds.
        """
        key = self._keys.get(request.ours)
        if key is None or self._checks.get(request.transaction, sender) != sender:
            return b""
        code = request.refused(key)
        if code is not None:
            answer = failure(request, code, key if request.is_by(key) else None)
            return answer if len(answer) <= request.size else b""
        _remember(self._checks, request.transaction, sender, CHECKS)
        self._move(request, sender, now)
        return success(request, key, sender.host, sender.port)

    def _move(self, request: BindingRequest, sender: MediaAddress, now: float) -> None:
        priority = request.priority or 0
        left = self.seen_s is None or now - self.seen_s > LEFT_S
        better = request.use_candidate and (not self._nominated or priority >= self._priority or left)
        if self.address is None or better:
            self.address, self._priority = sender, priority
            self._nominated = request.use_candidate
        if sender == self.address:
            self.seen_s = now
        _remember(self._paths, sender, now, PATHS)
        if self.address not in self._paths:  # however many paths it tries, the one in use is one of them
            _remember(self._paths, self.address, now, PATHS)


def _remember(table: "OrderedDict[K, V]", key: K, value: V, most: int) -> None:
    """Put what was used last at the end of a table, and leave out its beginning."""
    table[key] = value
    table.move_to_end(key)
    while len(table) > most:
        table.popitem(last=False)
