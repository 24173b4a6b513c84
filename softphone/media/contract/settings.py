"""How a media worker is started."""

from msgspec import Struct

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
    cache
        Folder for compiled loops where neither the one beside the program nor the user's can be written; empty: none.
    """

    fd: int = -1
    capacity: int = 4096
    host: str = "127.0.0.1"
    port: int = 0
    own_ports: tuple[int, int] | None = None
    advertised: str | None = None
    gate: bool = True
    noise_dbov: float = -127.0
    first_number: int = 1
    cache: str = ""
