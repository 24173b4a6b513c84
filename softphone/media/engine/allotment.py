"""Which ports a leg is on: the shared pair if its peer can be known there, else one of its own."""

from softphone.address import family_of
from softphone.media.contract.leg import LegSpec
from softphone.media.engine.sources import Sources
from softphone.media.net.portpool import PortPair, PortPool

__all__ = ["Allotment", "whereabouts"]


class Allotment:
    """Decides on ports for legs.

    Parameters
    ----------
    pool, sources
        The ports, and which addresses are taken on them.
    """

    def __init__(self, pool: PortPool, sources: Sources) -> None:
        self._pool, self._sources = pool, sources

    def of(self, spec: LegSpec) -> PortPair:
        """Give ports that a peer can send to.

        Raises
        ------
        MediaFull
            When no port is left.
        MediaError
            When its address family is not spoken.
        """
        shared = self._pool.shared if spec.remote is None else self._pool.shared_with(spec.remote.host)
        if self._unambiguous(spec):
            return shared
        return self._pool.open_own(spec.family if spec.remote is None else shared.family)

    def kept(self, spec: LegSpec, ports: PortPair, *, renamed: bool) -> PortPair:
        """Give the ports that a leg has, if its peer can still send there, else others; raises as :meth:`of`.

        Parameters
        ----------
        renamed
            Whether the address of the peer is another one than before.
        """
        if spec.remote is not None and family_of(spec.remote.host) != ports.family:
            return self.of(spec)
        if ports.shared and (spec.behind_nat or (renamed and not self._unambiguous(spec))):
            return self._pool.open_own(ports.family)
        return ports

    def toward(self, ports: PortPair, host: str) -> PortPair:
        """Give the ports that an address is sent to from, which may be of another family where they are shared."""
        return self._pool.shared_with(host) if ports.shared else ports

    def _unambiguous(self, spec: LegSpec) -> bool:
        """Tell whether the shared port can know this peer by its address."""
        if spec.ice is not None:
            return True
        if spec.remote is None or spec.behind_nat:
            return False
        return not self._sources.taken(spec.remote, self._pool.shared_with(spec.remote.host).rtp.index)


def whereabouts(spec: LegSpec) -> tuple[object, ...]:
    """Give all of a spec that tells where the peer is."""
    return spec.remote, spec.remote_rtcp, spec.rtcp_mux, spec.latch_host
