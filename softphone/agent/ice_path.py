"""ICE client (RFC 8445) of a call: candidates, checks, and the DTLS handshake for SRTP keys.

The leg of the call is on a port of its plane, as any other; its peer is the near end of the path, on the same address
of this machine. Its packets, encrypted by the leg, go through as they are. `aioice` asks the servers, checks the pairs
of candidates and keeps the consent (RFC 7675).
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence

from aioice import Candidate, Connection, TransportPolicy

from softphone.agent.terms import IceServers
from softphone.media.contract.leg import MediaAddress
from softphone.media.contract.security import Srtp
from softphone.media.rtp.dtls import Association, Fingerprint, Identity
from softphone.sdp import IceDtls
from softphone.tasks import Tasks

__all__ = ["IcePath"]

log = logging.getLogger(__name__)

# RFC 7983: first bytes of DTLS; what is above is RTP and RTCP.
DTLS_FIRST, DTLS_LAST = 20, 63
# Packets of the leg that wait to be sent: a second of them; what does not fit is lost, as on any way.
WAITING = 50
# How often it is looked whether DTLS has to say something again; it waits a second before it does first.
POLL_S = 0.1
CONNECT_S = 30.0


class IcePath(asyncio.DatagramProtocol):
    """One path. Made by :meth:`open`.

    Attributes
    ----------
    address
        Its near end: where the leg sends to, and where what it hears comes from.
    ufrag, password, candidates
        What the peer is told; candidates as ``a=candidate`` has them.
    on_lost
        Told when there is no way any more to a peer that was reached.
    """

    def __init__(self, identity: Identity, connection: Connection) -> None:
        self.address = MediaAddress("", 0)
        self.on_lost: Callable[[], object] = _ignore
        self._identity = identity
        self._connection = connection
        self._leg: tuple[str, int] | None = None
        self._near: asyncio.DatagramTransport | None = None
        self._dtls: Association | None = None
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue(WAITING)
        self._moved = asyncio.Event()
        self._work = Tasks(quiet=ConnectionError)

    @classmethod
    async def open(cls, host: str, identity: Identity, servers: IceServers, *, controlling: bool) -> "IcePath":
        """Open a path, and gather candidates.

        Parameters
        ----------
        host
            The address of this machine that the leg is on.
        identity
            Our certificate.
        controlling
            Whether we offer (RFC 8445 section 6.1.1).

        Raises
        ------
        OSError
            There is no port; a server that does not answer costs its candidates only.
        """
        connection = Connection(
            ice_controlling=controlling,
            stun_server=servers.stun,
            turn_server=servers.turn,
            turn_username=servers.username,
            turn_password=servers.password,
            turn_transport=servers.turn_transport,
            transport_policy=TransportPolicy.RELAY if servers.relay_only else TransportPolicy.ALL,
        )
        made = cls(identity, connection)
        near, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: made, (host, 0))
        made._near, made.address = near, MediaAddress(*near.get_extra_info("sockname")[:2])
        try:
            await connection.gather_candidates()
        except BaseException:
            await made.close()
            raise
        return made

    @property
    def left(self) -> bool:
        """Whether the peer has said goodbye."""
        return self._dtls is not None and self._dtls.state == "closed"

    @property
    def ufrag(self) -> str:
        """Our user fragment."""
        return self._connection.local_username

    @property
    def password(self) -> str:
        """The password that the peer's checks are made with."""
        return self._connection.local_password

    @property
    def candidates(self) -> tuple[str, ...]:
        """Where we may be reached."""
        return tuple(each.to_sdp() for each in self._connection.local_candidates)

    @property
    def fingerprint(self) -> Fingerprint:
        """Of our certificate."""
        return self._identity.fingerprint

    def seat(self, host: str, port: int) -> None:
        """Say which port the leg is on; nothing is taken from another one."""
        self._leg = host, port

    async def connect(self, there: IceDtls) -> Srtp:
        """Find a pair of candidates that works, and shake hands with who is `there`.

        Raises
        ------
        ConnectionError
            No pair works, the peer is another one than it says, or it does not answer in time.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._check(there)
                return await self._shake(there)
        except TimeoutError as error:
            raise ConnectionError("the peer has not shaken hands in time") from error

    async def go_on(self, there: IceDtls, before: "IcePath") -> None:
        """Find a pair of candidates anew (RFC 8445 section 9); keys stay those of the path `before`, which is left.

        Raises
        ------
        ConnectionError
            No pair works.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._check(there)
        except TimeoutError as error:
            raise ConnectionError("the peer has not answered by its new candidates in time") from error
        self._dtls, before._dtls = before._dtls, None
        self._carry()

    async def close(self) -> None:
        """Say goodbye, and give the ports back."""
        self.on_lost = _ignore
        if self._dtls is not None:
            with contextlib.suppress(ConnectionError):
                await self._send(self._dtls.close())
        self._work.cancel()
        await self._work.settle(None)
        if self._near is not None:
            self._near.close()
        await self._connection.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a packet of the leg."""
        if addr[:2] == self._leg:
            with contextlib.suppress(asyncio.QueueFull):
                self._outgoing.put_nowait(data)

    async def _check(self, there: IceDtls) -> None:
        """Find a pair that works (RFC 8445 section 7)."""
        connection = self._connection
        connection.remote_username, connection.remote_password = there.ufrag, there.password
        connection.remote_is_lite = there.lite
        for text in there.candidates:
            with contextlib.suppress(ValueError, IndexError):  # one of a kind that we do not know
                await connection.add_remote_candidate(Candidate.from_sdp(text))
        await connection.add_remote_candidate(None)
        await connection.connect()

    async def _shake(self, there: IceDtls) -> Srtp:
        """Have keys made by DTLS."""
        prints = [Fingerprint(*each) for each in there.fingerprints]
        self._dtls = dtls = Association(self._identity, there.dtls, prints)
        self._carry()
        await self._send(dtls.start(time.time()))
        while dtls.keys is None and not dtls.over:
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), POLL_S)
            await self._send(dtls.poll())
        if dtls.keys is None:
            raise ConnectionError(f"no keys of the peer: {dtls.error or 'it has gone'}")
        return dtls.keys

    def _carry(self) -> None:
        """Let packets go through from now on."""
        self._work.start(self._read())
        self._work.start(self._write())

    async def _read(self) -> None:
        """Hand on what comes: to DTLS, or to the leg."""
        try:
            while self._dtls is None or not self._dtls.over:
                data = await self._connection.recv()
                if data and DTLS_FIRST <= data[0] <= DTLS_LAST and self._dtls is not None:
                    await self._send(self._dtls.receive(data, time.time()))
                    self._moved.set()
                elif self._near is not None and self._leg is not None:
                    self._near.sendto(data, self._leg)
        except ConnectionError as error:
            log.info("the way to a peer is lost: %s", error)
        self._moved.set()
        self.on_lost()

    async def _write(self) -> None:
        """Send what the leg sends."""
        while True:
            await self._connection.send(await self._outgoing.get())

    async def _send(self, datagrams: Sequence[bytes]) -> None:
        for each in datagrams:
            await self._connection.send(each)


def _ignore() -> None:
    """Take no notice."""
