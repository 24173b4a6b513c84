"""Sockets of a node in asyncio (RFC 3261 section 18): one port by all its transports."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from softphone.address import host_port
from softphone.sip.transport.connection import Limits
from softphone.sip.transport.flow import Flow
from softphone.sip.transport.hop import TCP, TLS, WS, WSS, Hop, Send
from softphone.sip.transport.stream import StreamTransport
from softphone.sip.transport.tls import TlsContexts
from softphone.sip.transport.udp import Datagrams
from softphone.sip.transport.websocket import WebSocketDoor
from softphone.sip.transport.websocket_client import WebSocketClients

__all__ = ["SocketTransport", "TransportCounters"]

_log = logging.getLogger(__name__)

# Tries to find a port that is free for UDP and TCP alike, when any port will do.
PORT_TRIES = 20


@dataclass(slots=True)
class TransportCounters:
    """What went wrong below the messages."""

    unsent: int = 0
    """Messages that could not be sent."""
    refused: int = 0
    """Connections closed because there were too many."""
    handshakes: int = 0
    """TLS handshakes that came to nothing."""
    faults: int = 0
    """Messages whose handling raised: a fault of ours, logged."""


class SocketTransport:
    """Sockets of one node: what comes goes to `receive`, what cannot go is told to `failed`.

    Parameters
    ----------
    receive
        Called with each message and where it came from.
    failed
        Called later, never from within `send`, with the transaction of what could not be sent, if it has one.
    tls, tls_port
        Certificates, and where TLS is spoken, if there is one of ours; 0 takes a free port.
    websockets
        Where WebSocket connections come in, and none are opened; None: they are opened.
    websocket_path
        Of the URLs of those that are opened.
    """

    def __init__(
        self,
        receive: Callable[[bytes, Hop], None],
        failed: Callable[[str | None], None],
        limits: Limits | None = None,
        *,
        tls: TlsContexts | None = None,
        tls_port: int = 0,
        websockets: WebSocketDoor | None = None,
        websocket_path: str = "/",
    ) -> None:
        self.host = ""
        self.port = 0
        self._counters = TransportCounters()
        self._receive = receive
        self._failed = failed
        self._datagrams = Datagrams(self._arrived)
        limits = limits or Limits()
        self._tls = tls or TlsContexts()
        self._tls_port = tls_port
        self._streams: dict[str, StreamTransport] = {
            TCP.name: StreamTransport(TCP, limits, self._arrived, self._give_up, failed),
            TLS.name: StreamTransport(TLS, limits, self._arrived, self._give_up, failed, self._tls),
        }
        if websockets is not None:
            self._streams |= websockets.bind(limits, self._arrived, self._give_up, failed)
        else:
            told = limits, self._arrived, self._give_up, failed
            self._streams |= {kind.name: WebSocketClients(kind, *told, self._tls, websocket_path) for kind in (WS, WSS)}

    @property
    def ports(self) -> dict[str, int]:
        """Those of transports that have one of their own, by name."""
        return {name: each.port for name, each in self._streams.items() if each.port not in (0, self.port)}

    @property
    def flows(self) -> list[Flow]:
        """The open connections."""
        return [each.flow for streams in self._streams.values() for each in streams.connections]

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self.flows)

    @property
    def counters(self) -> TransportCounters:
        """What went wrong."""
        streams = self._streams.values()
        failed = sum(each.handshakes.failed for each in streams)
        return replace(self._counters, refused=sum(each.refused for each in streams), handshakes=failed)

    async def start(self, host: str = "127.0.0.1", port: int = 0, *, tcp: bool = True, host6: str = "") -> None:
        """Listen by UDP, and by TCP on the same port, at `host6` too; port 0 finds one that is free for all.

        Raises
        ------
        OSError
            The port is in use, or the address is not ours; the message names both.
        """
        hosts = (host, host6) if host6 else (host,)
        where = " and ".join(host_port(each, port) for each in hosts)
        for tries_left in reversed(range(PORT_TRIES if port == 0 else 1)):
            try:
                self.host, self.port = await self._datagrams.listen(hosts, port)
                if tcp:
                    await self._streams[TCP.name].listen(hosts, self.port)
                break
            except OSError as error:
                await self.stop()
                if not tries_left:
                    raise OSError(error.errno, f"cannot listen for SIP on {where}: {error.strerror}") from error
        await self._listen_secure(hosts)

    async def _listen_secure(self, hosts: Sequence[str]) -> None:
        if self._tls.server is None:
            return
        try:
            await self._streams[TLS.name].listen(hosts, self._tls_port)
        except OSError as error:
            await self.stop()
            where = " and ".join(host_port(each, self._tls_port) for each in hosts)
            raise OSError(error.errno, f"cannot listen for SIP over TLS on {where}: {error.strerror}") from error

    async def stop(self) -> None:
        """Close everything; what is still waiting to be sent is dropped."""
        for streams in self._streams.values():
            await streams.close()
        self._datagrams.close()
        await asyncio.sleep(0)

    def send(self, send: Send) -> None:
        """Send a message; of a failure `failed` is told."""
        if (streams := self._streams.get(send.target.transport)) is not None:
            streams.send(send)
        elif not self._datagrams.send(send):
            self._give_up(send)

    def flow(self, target: Hop) -> Flow | None:
        """Find the open flow of a hop: the connection that it names, else one to its address; None over UDP."""
        streams = self._streams.get(target.transport)
        return streams.flow(target) if streams is not None else None

    def ping(self, target: Hop) -> None:
        """Send what keeps a NAT's mapping or a connection open; to whom there is no connection, nothing is sent."""
        (self._streams.get(target.transport) or self._datagrams).ping(target)

    def _give_up(self, send: Send) -> None:
        self._counters.unsent += 1
        asyncio.get_running_loop().call_soon(self._failed, send.key)

    def _arrived(self, data: bytes, source: Hop) -> None:
        """Hand a message on; whatever its handling raises costs this message and no other."""
        try:
            self._receive(data, source)
        except Exception:
            self._counters.faults += 1
            where = host_port(source.host, source.port)
            _log.exception("a message from %s:%s could not be handled", source.transport, where)
