"""Which legs can be served: what no worker should be asked for is refused before it has changed anything."""

from softphone.errors import MediaError
from softphone.media.contract.leg import LegSpec, MediaAddress
from softphone.media.engine.legs import CODECS
from softphone.media.net.slots import sockaddr

__all__ = ["check"]

# All codecs so far; telephone events may come at the clock of any codec (RFC 4733 section 2.1).
CLOCK_HZ, EVENT_CLOCK_MAX_HZ = 8000, 96_000
PTIMES_MS = (10, 20, 30, 40, 60)


def check(spec: LegSpec) -> None:
    """Refuse a spec that cannot be served.

    Raises
    ------
    MediaError
        When the codec, the direction, a payload type, a clock, a packet length or an address is not to be used.
    """
    if spec.codec not in CODECS:
        raise MediaError(f"codec must be one of {', '.join(CODECS)}, not {spec.codec!r}")
    if spec.direction not in ("sendrecv", "sendonly", "recvonly", "inactive"):
        raise MediaError(f"no such direction: {spec.direction!r}")
    events = (spec.event_payload_type, spec.event_payload_type_in)
    kinds = (spec.payload_type, spec.payload_type_in, spec.other_payload_type, *events)
    if not all(kind is None or 0 <= kind <= 127 for kind in kinds):
        raise MediaError("a payload type is 0 to 127")
    _check_times(spec)
    _check_addresses(spec)


def _check_times(spec: LegSpec) -> None:
    if spec.ptime_ms not in PTIMES_MS:
        raise MediaError(f"a packet does not hold {spec.ptime_ms} ms")
    if spec.clock_hz != CLOCK_HZ or not CLOCK_HZ <= spec.event_clock_hz <= EVENT_CLOCK_MAX_HZ:
        raise MediaError(f"no such clock: {spec.clock_hz} Hz, of events {spec.event_clock_hz} Hz")


def _check_addresses(spec: LegSpec) -> None:
    for address in (spec.remote, spec.rtcp, spec.latch_host and MediaAddress(spec.latch_host, 0)):
        try:
            _ = address and sockaddr(address.host, address.port)
        except ValueError as error:
            raise MediaError(str(error)) from error
