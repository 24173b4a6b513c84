"""Settings that a media worker is started with."""

from msgspec import Struct

from softphone.address import family_of

__all__ = ["WorkerSettings"]


class WorkerSettings(Struct, frozen=True, kw_only=True):
    """How a worker is started; see `softphone.media.engine.engine.Engine` for the engine's part.

    Attributes
    ----------
    fd
        The inherited end of the control socket.
    noise_dbov
        As of `mixer.bridge.Bridge`.
    first_number
        Of what it makes; workers of a pool have a range each.
    stream_port
        Where clients of streams connect; 0: any port, None: there are no streams.
    stream_most
        How many streams there may be.
    certificate
        Files of the certificate and its key that such clients are shown; empty: no TLS.
    cache
        Folder for compiled loops where neither the one beside the program nor the user's can be written; empty: none.
    """

    fd: int = -1
    capacity: int = 4096
    host: str = "127.0.0.1"
    port: int = 0
    own_ports: tuple[int, int] | None = None
    advertised: str | None = None
    host6: str = ""
    advertised6: str = ""
    gate: bool = True
    noise_dbov: float = -127.0
    first_number: int = 1
    stream_port: int | None = None
    stream_most: int = 50
    certificate: tuple[str, str] = ("", "")
    cache: str = ""

    @property
    def families(self) -> tuple[int, ...]:
        """Those of the addresses that media is sent to."""
        return (family_of(self.host) or 4, *([6] if self.host6 else []))
