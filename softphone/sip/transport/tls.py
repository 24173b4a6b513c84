"""TLS (RFC 3261 section 26.3): our certificate, trusted authorities, and handshakes."""

import asyncio
import logging
import ssl
from collections import Counter
from dataclasses import dataclass
from typing import Protocol, cast

from softphone.errors import ConfigError

__all__ = ["Handshake", "Handshakes", "TlsContexts", "TlsSettings"]

log = logging.getLogger(__name__)

# How long a failure of one kind is not logged again.
SEVERAL_S = 60.0


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Where certificates are, as PEM files; empty: none, or for `ca` those that the system believes.

    ``certificate`` is ours with what leads to its root, ``key`` its key, if that is not in the same file.
    ``client_ca`` signs the certificates of clients, of whom each has to show one where it is said. ``verify`` is
    whether servers that we connect to have to show one for their name.
    """

    certificate: str = ""
    key: str = ""
    client_ca: str = ""
    ca: str = ""
    verify: bool = True


class TlsContexts:
    """What both sides of a handshake need.

    Parameters
    ----------
    settings
        Where certificates are.

    Raises
    ------
    ConfigError
        One cannot be read, or is none.
    """

    def __init__(self, settings: TlsSettings | None = None) -> None:
        self.settings = settings or TlsSettings()
        self.server = _server(self.settings) if self.settings.certificate else None
        self._client: ssl.SSLContext | None = None

    @property
    def client(self) -> ssl.SSLContext:
        """For connections that we open; the authorities of the system are read when it is first wanted."""
        if self._client is None:
            self._client = _client(self.settings)
        return self._client

    def take(self, read: "TlsContexts") -> None:
        """Use certificates that were read anew, for connections that are made from now on."""
        if self.server is not None and read.server is not None:
            self.server, self._client, self.settings = read.server, None, read.settings


def _server(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Who renegotiates makes us work.
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        context.load_cert_chain(settings.certificate, settings.key or None, password=lambda: "")
        if settings.client_ca:
            context.load_verify_locations(settings.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise _unreadable(settings, error) from error
    return context


def _client(settings: TlsSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not settings.verify:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if settings.certificate:
            context.load_cert_chain(settings.certificate, settings.key or None, password=lambda: "")
    except (OSError, ssl.SSLError) as error:
        raise _unreadable(settings, error) from error
    return context


def _unreadable(settings: TlsSettings, error: OSError) -> ConfigError:
    named = " ".join(each for each in (settings.certificate, settings.key, settings.client_ca, settings.ca) if each)
    return ConfigError(f"certificates cannot be used ({named}): {error.strerror or error}")


class Handshakes:
    """How many are under way, from where, and what became of the others.

    Parameters
    ----------
    most, per_address
        At a time, in all and from one address.

    Attributes
    ----------
    failed
        How many came to nothing.
    """

    def __init__(self, most: int, per_address: int) -> None:
        self.failed = 0
        self._most, self._per_address = most, per_address
        self._running: Counter[str] = Counter()
        self._told: dict[tuple[str, str], float] = {}

    def begin(self, host: str) -> bool:
        """Take one more; False: there are too many."""
        if self._running.total() >= self._most or self._running[host] >= self._per_address:
            return False
        self._running[host] += 1
        return True

    def end(self, host: str) -> None:
        """Have one less."""
        self._running[host] -= 1
        if not self._running[host]:
            del self._running[host]

    def fail(self, host: str, why: BaseException, now: float, *, ours: bool = False) -> None:
        """Count one that came to nothing; the log names the first of each kind in a minute.

        `ours`: we have connected, and each peer of such has kinds of its own, which no stranger's failure hides.
        """
        self.failed += 1
        kind = getattr(why, "reason", None) or type(why).__name__
        self._told = {told: at for told, at in self._told.items() if now - at < SEVERAL_S}
        if (key := (host if ours else "", kind)) not in self._told:
            self._told[key] = now
            log.warning("TLS with %s came to nothing: %s", host, kind)


class _Owner(Protocol):
    """The transport that a connection is going to be of."""

    handshakes: Handshakes
    handshake_s: float

    def secured(self) -> asyncio.Protocol:
        """Make the connection that goes on when hands are shaken."""

    def later(self, work: "asyncio.Task[None]") -> None:
        """Keep a task until it is done."""


class Handshake(asyncio.Protocol):
    """A connection that was accepted and has yet to shake hands.

    Parameters
    ----------
    owner
        Whose it is.
    context
        The certificate to show.
    """

    def __init__(self, owner: _Owner, context: ssl.SSLContext) -> None:
        self._owner = owner
        self._context = context
        self._came = bytearray()
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, if there are not too many."""
        peer = transport.get_extra_info("peername")
        plain = cast(asyncio.Transport, transport)
        if peer is None or not self._owner.handshakes.begin(peer[0]):
            plain.abort()
            return
        self._owner.later(asyncio.get_running_loop().create_task(self._shake(plain, peer[0])))

    def data_received(self, data: bytes) -> None:
        """Keep what comes before the connection is handed over."""
        self._came += data

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that it is closed."""
        self._lost = True

    async def _shake(self, plain: asyncio.Transport, host: str) -> None:
        loop, handshakes = asyncio.get_running_loop(), self._owner.handshakes
        try:
            secure = await loop.start_tls(
                plain, self, self._context, server_side=True, ssl_handshake_timeout=self._owner.handshake_s
            )
        except (OSError, ssl.SSLError) as error:
            handshakes.fail(host, error, loop.time())
            plain.abort()
            return
        except asyncio.CancelledError:
            plain.abort()
            raise
        finally:
            handshakes.end(host)
        if secure is None:
            return
        connection = self._owner.secured()
        secure.set_protocol(connection)
        connection.connection_made(secure)
        if self._came:
            connection.data_received(bytes(self._came))
        if self._lost:
            connection.connection_lost(None)
