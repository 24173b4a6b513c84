"""Transport of an agent to its servers: their addresses, the local address as they see it."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from softphone.address import bracketed
from softphone.agent.line import uri_of
from softphone.errors import BadMessage
from softphone.sip.driver import TransportMaker
from softphone.sip.message.fields import Address
from softphone.sip.message.uri import Uri
from softphone.sip.transport.hop import WS, WSS
from softphone.sip.transport.sockets import SocketTransport
from softphone.sip.transport.tls import TlsContexts, TlsSettings

__all__ = ["ServerAddress", "carrier", "identity_of"]


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A registrar or a proxy; `path`: at which path of its URL it takes SIP over WebSocket."""

    uri: Uri
    path: str = "/"

    @classmethod
    def parse(cls, text: str, what: str) -> "ServerAddress":
        """Read a SIP URI, or the URL of a WebSocket (``wss://HOST:PORT/PATH``).

        Raises
        ------
        BadMessage
            It is neither; the message says `what` it should have been.
        """
        kind = next((each for each in (WS, WSS) if text.lower().startswith(f"{each.name}://")), None)
        if kind is None:
            return cls(uri_of(text, what))
        try:
            url = urlsplit(text)
            host, port = url.hostname, url.port
        except ValueError as error:
            raise BadMessage(f"{what} {text!r} is no URL of a WebSocket: {error}") from error
        if not host or url.username is not None or url.fragment:
            raise BadMessage(f"{what} {text!r} is no URL of a WebSocket: {kind.name}://HOST:PORT/PATH")
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        return cls(Uri("sip", bracketed(host), port, params={"transport": kind.name}), path)


def carrier(make: TransportMaker, ca_file: str | Path | None, path: str) -> TransportMaker:
    """Give what carries messages, and believes the authorities of `ca_file` where there is one.

    Raises
    ------
    ConfigError
        The file cannot be read, or there is no certificate in it.
    """
    if make is not SocketTransport or (ca_file is None and path == "/"):
        return make
    tls = TlsContexts(TlsSettings(ca=str(ca_file or "")))
    if ca_file is not None:
        _ = tls.client
    return partial(SocketTransport, tls=tls, websocket_path=path)


def identity_of(uri: str) -> Uri:
    """Read who we are: a URI, or a whole From value; raises BadMessage."""
    try:
        return uri_of(str(Address.parse(uri).uri))
    except BadMessage as error:
        raise BadMessage(f"the agent's uri {uri!r} is no SIP URI: {error.reason}") from error
