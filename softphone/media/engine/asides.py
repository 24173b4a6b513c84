"""What comes to the ports of media and is none: STUN and DTLS, handed up to who answers for legs with ICE or DTLS."""

import numpy as np
from numpy.typing import NDArray

from softphone.media.contract.leg import Datagram, MediaAddress
from softphone.media.engine.legs import Legs
from softphone.media.net.batch import OpenPorts
from softphone.media.net.directory import Directory
from softphone.media.net.slots import Slots, address_of

__all__ = ["Asides"]

# A thousand legs are asked for consent eight times in a tick (RFC 7675 section 5.1), and handshakes come in dozens.
PER_TICK = 64
# More is never looked at in a tick: whoever sends so many is a flooder.
LOOKED_AT = 1024


class Asides:
    """Gathers the datagrams of a tick, and gives as many as may be told.

    Parameters
    ----------
    slots, legs, ports
        What has come, who there is, and where we listen.

    Attributes
    ----------
    left
        Datagrams that were not told, because there were too many, or nobody whom they could concern.
    found
        Those that wait to be told, each with the key of its sender.
    """

    def __init__(self, slots: Slots, legs: Legs, ports: OpenPorts) -> None:
        self.left = 0
        self._slots, self._legs, self._ports = slots, legs, ports
        self.found: list[tuple[int, Datagram]] = []

    def take(self, at: NDArray[np.int64], keys: NDArray[np.uint64]) -> None:
        """Take the datagrams of some slots, with what `Slots.keys` says of each."""
        room = LOOKED_AT - len(self.found) if self._legs.asides else 0
        self.left += max(0, len(at) - room)
        self.found += [self._read(int(slot), int(key)) for slot, key in zip(at[:room], keys[:room], strict=True)]

    def told(self, known: Directory) -> list[Datagram]:
        """Give those that are told in this tick; when there are too many, those that media come from before others.

        Parameters
        ----------
        known
            The directory of senders.
        """
        if not self.found:
            return []
        found, self.found = self.found, []
        if len(found) > PER_TICK:
            self.left += len(found) - PER_TICK
            found.sort(key=lambda each: each[0] not in known)
        return [datagram for _, datagram in found[:PER_TICK]]

    def _read(self, slot: int, key: int) -> tuple[int, Datagram]:
        sender = MediaAddress(*address_of(self._slots.address[slot]))
        local = self._ports.by_index[int(self._slots.local[slot])].port
        return key, Datagram(local, sender, self._slots.data[slot, : self._slots.length[slot]].tobytes())
