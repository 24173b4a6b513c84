"""Media of a call with a WebRTC peer: a leg over an ICE path, with keys from DTLS.

::

    the call                  here                                                            the plane
    offer ────────────────►   a path, with candidates
    UpdateLeg(spec.ice) ──►   the leg sends to the near end, and is silent: no keys ────────► UpdateLeg(remote, srtp)
                              checks, DTLS: keys ───────────────────────────────────────────► UpdateLeg(srtp)
    RtpTimeout ◄───────────   the peer has not consented any more (RFC 7675), or is not reached when it begins anew
"""

import asyncio
from dataclasses import replace
from typing import TypeVar, cast

import msgspec

from softphone import sdp
from softphone.agent.ice_path import IcePath
from softphone.agent.terms import IceServers
from softphone.errors import MediaError
from softphone.media.contract.leg import LegInfo, LegSpec, RtpTimeout
from softphone.media.contract.messages import CloseLeg, MediaRequest, OpenLeg, UpdateLeg
from softphone.media.contract.security import Ice, Srtp
from softphone.media.rtp.dtls import Identity
from softphone.media.workers.client import Media
from softphone.srtp import BEFORE_DTLS
from softphone.tasks import Tasks

__all__ = ["WebrtcCall"]

R = TypeVar("R")

SILENT = Srtp(BEFORE_DTLS)


class WebrtcCall(Media):
    """`Media` of one call, for its `CallLeg`.

    Parameters
    ----------
    inner
        Who has the ports.
    host
        The address that they are on.
    identity
        Our certificate.
    servers
        What is asked for more candidates.
    tasks
        What goes on without anybody waiting for it.
    """

    def __init__(self, inner: Media, host: str, identity: Identity, servers: IceServers, tasks: Tasks) -> None:
        super().__init__()
        self.fingerprint, self.certificate = str(identity.fingerprint), inner.certificate
        self._inner, self._host, self._identity, self._servers, self._tasks = inner, host, identity, servers, tasks
        self._path: IcePath | None = None
        self._next: IcePath | None = None
        self._said: sdp.IceDtls | None = None
        self._there: sdp.IceDtls | None = None
        self._spec = LegSpec()
        self._keys: Srtp | None = None
        self._connecting: asyncio.Task[None] | None = None

    @property
    def _known(self) -> str:
        """The user fragment of the peer that the path leads to; "": to none."""
        return "" if self._there is None else self._there.ufrag

    @property
    def left(self) -> bool:
        """Whether the peer has said goodbye."""
        return self._path is not None and self._path.left

    async def prepare(self, *, controlling: bool) -> None:
        """Open a path that :meth:`side` tells of, in the place of one that a peer has begun anew.

        Raises
        ------
        MediaError
            There is no port for it.
        """
        if self._next is None:
            try:
                self._next = await IcePath.open(self._host, self._identity, self._servers, controlling=controlling)
            except OSError as error:
                raise MediaError(f"there is no way by ICE: {error}") from error

    async def read(self, description: sdp.SessionDescription) -> None:
        """Have a path for a peer that is one of WebRTC, and none that we know (RFC 8445 section 9)."""
        self._said = sdp.webrtc_of(description)
        if self._said is not None and self._said.ufrag != self._known:
            await self.prepare(controlling=self._said.lite)

    def side(self) -> sdp.IceSide:
        """Say who we are."""
        path = self._next or self._path
        if path is None:
            raise MediaError("no path by ICE was opened")
        return sdp.IceSide(path.ufrag, path.password, self.fingerprint, path.candidates)

    async def carried(self) -> None:
        """Wait for the keys of a peer of WebRTC; raises MediaError where it is not reached, or another one."""
        if self._connecting is not None:
            await asyncio.shield(self._connecting)

    def carried_out(self, spec: LegSpec) -> LegSpec:
        """Give what the plane has to do where the call says `spec`."""
        if spec.ice is None or self._path is None:
            return spec
        return msgspec.structs.replace(
            spec, ice=None, remote=self._path.address, rtcp_mux=True, latch_host=None, srtp=self._keys or SILENT
        )

    async def ask(self, request: MediaRequest[R]) -> R:
        """Have a request carried out; see `Media.ask`."""
        match request:
            case OpenLeg(spec=LegSpec(ice=Ice())):
                raise MediaError("a leg is opened before its peer is known")
            case UpdateLeg(leg=leg, spec=LegSpec(ice=Ice() as ice) as spec):
                return cast("R", await self._update(leg, spec, ice))
            case CloseLeg():
                self._leave()
        return await self._inner.ask(request)

    async def _update(self, leg: int, spec: LegSpec, ice: Ice) -> LegInfo:
        """Let the leg go by a path: by another one, where the peer begins anew."""
        there = self._said if self._said is not None and self._said.ufrag == ice.peer else self._there
        before, path = self._path, self._next or self._path
        if path is None or there is None:
            raise MediaError("no path by ICE was opened")
        there = replace(there, dtls=ice.dtls)
        met = self._there is not None and self._there.fingerprints == there.fingerprints
        self._path, self._spec = path, spec
        try:
            info = await self._inner.ask(UpdateLeg(leg, self.carried_out(spec)))
        except MediaError:
            self._path = before
            raise
        self._next, self._there, anew = None, there, self._known != there.ufrag
        path.seat(info.host, info.port)
        if anew:
            old = before if before is not path else None
            self._connecting = self._tasks.start(self._connect(leg, path, there, old, met))
        return info

    async def _connect(self, leg: int, path: IcePath, there: sdp.IceDtls, old: IcePath | None, met: bool) -> None:
        """Reach the peer, and let the leg be heard; with whom it was `met` the association goes on."""
        try:
            if old is not None and met:
                await path.go_on(there, old)
            else:
                self._keys = await path.connect(there)
        except ConnectionError as error:
            if old is not None and self._path is path:  # the one before is left, and there is no other way
                self._inner.on_event(RtpTimeout(leg))
            raise MediaError(f"the peer is not reached by ICE: {error}") from error
        finally:
            if old is not None:
                await old.close()
        path.on_lost = lambda: self._inner.on_event(RtpTimeout(leg))
        await self._inner.ask(UpdateLeg(leg, self.carried_out(self._spec)))

    def _leave(self) -> None:
        """Give the paths back."""
        for path in (self._path, self._next):
            if path is not None:
                self._tasks.start(path.close())
        if self._connecting is not None:
            self._connecting.cancel()
        self._path = self._next = None
