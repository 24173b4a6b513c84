"""A party's call and its leg: offers and answers on one side, the media worker on the other.

A member is with one keeper at a time (`softphone.focus.party.keeper`), who is told what its telephone does.
"""

import asyncio
import ipaddress
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from softphone import sdp
from softphone.calls.dtmf import KeyEntry, KeyWay, info_key
from softphone.errors import (
    CallEnded,
    CallRefused,
    MediaError,
    NoSuchLeg,
    OtherWorker,
    SdpError,
    SipError,
    SoftphoneError,
)
from softphone.focus.context import Context, Header
from softphone.focus.party.keeper import NOBODY, Keeper
from softphone.focus.session import Party, PartyStatus, Stage
from softphone.media.leg import Address, LegInfo, LegSpec
from softphone.sip.usage import CallState

if TYPE_CHECKING:
    from softphone.sip.call import Call

__all__ = ["Member"]


class Member:
    """One call and its leg; nobody's, until a keeper takes it.

    Parameters
    ----------
    party
        What others see of it; kept up to date.
    context
        The focus's side.
    room
        Of the worker, where it is going to be let in; None: not yet known.
    call
        The SIP call; None while it is still ringing somewhere.
    """

    def __init__(self, party: Party, context: Context, *, room: int | None = None, call: "Call | None" = None) -> None:
        self.party = party
        self.keeper: Keeper = NOBODY
        self.leg: int | None = None
        self.call: Call | None = None
        self._context = context
        self._media = context.media
        self._room = room
        self._timeout_s = context.rtp_timeout_s
        self._spec = LegSpec(timeout_s=context.rtp_timeout_s)
        self._info: LegInfo | None = None
        self._session_id = secrets.randbits(31)
        self._version = 0
        self._offered: sdp.SessionDescription | None = None
        self._held = self._heard = False
        self._keys = KeyEntry()
        self._closed = False
        self._inside = False
        self._ready = asyncio.Event()
        if call is not None:
            self.listen(call)

    @property
    def held(self) -> bool:
        """Whether the peer has put us on hold."""
        return self._held

    @property
    def inside(self) -> bool:
        """Whether it has been let into a room."""
        return self._inside

    @property
    def over(self) -> bool:
        """Whether its call has ended."""
        return self.call is not None and self.call.state is CallState.ENDED

    @property
    def remote(self) -> Address | None:
        """Where the peer takes media; None while it has not said."""
        return self._spec.remote

    def pass_to(self, keeper: Keeper, party: Party | None = None) -> None:
        """Change hands: `keeper` has it from now on, and who had it strikes it from its list.

        Parameters
        ----------
        party
            What others see of it there; None: the same as before.
        """
        before, self.keeper = self.keeper, keeper
        if before is not keeper and before.keeps(self):
            before.lost(self)
        if party is not None:
            party.status = self.party.status
            self.party = party

    def listen(self, call: "Call") -> None:
        """Make a call this member's, and hear of what becomes of it."""
        self.call = call
        call.on_ended = self._on_ended
        call.on_reinvite = self._on_reinvite
        call.on_answer = lambda answer: self._context.tasks.start(self.confirm(answer))
        call.on_info = self._on_info

    async def answer(self, headers: Sequence[Header] = ()) -> None:
        """Answer the call: open its leg, then 183 and 200 with the same description.

        Raises
        ------
        SdpError, NoCommonCodec, MediaError, CallEnded
        """
        call = self.call
        if call is None:
            raise CallEnded("there is no call to answer")
        local = await self.open(call.remote_sdp)
        self.party.status = PartyStatus.PROCEEDING
        late_offer = call.remote_sdp is None
        # A description in a 183 would be an offer; without reliable provisional answers it may not be (RFC 3262).
        await call.ring(183, None if late_offer else local, headers)
        if self._context.answer_delay_s:
            await asyncio.sleep(self._context.answer_delay_s)
        # Before the 200 goes out: whoever has it may ask for the roster before the ACK is here.
        self.party.status = PartyStatus.HOLD if self.held else PartyStatus.ANSWERED
        await call.answer(local, headers)
        if late_offer:
            await self._confirm_late(call)
        self._ready.set()

    async def _confirm_late(self, call: "Call") -> None:
        """Take the answer that came in the ACK; without a good one there is no call (RFC 3261 section 13.2.2.4)."""
        try:
            await self.confirm(call.remote_sdp or "")
        except SoftphoneError:
            self.hang_up()
            raise

    async def ready(self) -> int:
        """Wait until the call is answered; give its leg.

        Raises
        ------
        NoSuchLeg
            The call is over.
        """
        await self._ready.wait()
        if self.leg is None or self.over:
            raise NoSuchLeg("the call is over")
        return self.leg

    async def open(self, offer: str | None) -> str:
        """Open the leg, and put it into the room if it has been let in.

        Parameters
        ----------
        offer
            Of the peer; None when it wants ours (RFC 3261 section 13.3.1).

        Returns
        -------
        str
            Our answer, or our offer; its answer then goes to :meth:`confirm`.

        Raises
        ------
        SdpError, NoCommonCodec, MediaError, CallEnded
        """
        remote = sdp.parse(offer) if offer is not None else None
        if remote is not None:
            self._agree(sdp.choose(remote))
        self._info = await self._media.open_leg(self._spec, room=self._room)
        self.leg = self._info.leg
        self._context.legs[self.leg] = self
        if self._closed:
            await self.close()
            raise CallEnded("the call ended while its leg was being opened")
        if self._room is not None and self._inside:
            await self._media.join(self.leg, self._room)
        await self.apply()
        return self._describe(remote)

    def admit(self, room: int) -> None:
        """Put the leg into a room, out of the one it is in, soon; one that is not open yet when it is."""
        self._room, self._inside = room, True
        if self.leg is not None:
            self._context.tasks.start(self._enter(room))

    def take_out(self) -> None:
        """Take the leg out of its room, soon: it hears and says nothing there."""
        self._inside = False
        if self.leg is not None:
            self._context.tasks.start(self._media.leave(self.leg))

    async def _enter(self, room: int) -> None:
        """Join a room; when that is on another worker, media moves there first. Who cannot is hung up on."""
        if self.leg is None:
            return
        try:
            await self._media.join(self.leg, room)
        except OtherWorker:
            try:
                await self._move(room)
            except (SipError, SdpError, MediaError):
                self.hang_up()
                raise
        await self.apply()

    async def _move(self, room: int) -> None:
        """Take a leg on the worker of `room`, and ask the peer to send there (re-INVITE)."""
        old, call = self.leg, self.call
        if old is None or call is None:
            return
        self._info = await self._media.open_leg(self._spec, room=room)
        self.leg = self._info.leg
        self._context.legs[self.leg] = self
        try:
            self._version += 1
            offer = self._describe(None)
            await self.confirm(await call.reinvite(offer))
            await self._media.join(self.leg, room)
        finally:
            self._context.legs.pop(old, None)
            self._context.tasks.start(self._media.close_leg(old))

    async def confirm(self, answer: str) -> None:
        """Take the peer's answer to our offer."""
        if self._offered is None or self.leg is None:
            return
        self._agree(sdp.accept(self._offered, sdp.parse(answer)))
        self._offered = None
        self._info = await self._media.update_leg(self.leg, self._spec)
        await self.apply()
        self.party.status = PartyStatus.HOLD if self.held else PartyStatus.ANSWERED
        self._ready.set()

    async def reoffer(self, offer: str | None) -> str:
        """Answer a re-INVITE: hold, unhold, a new address or codec; None asks for our offer."""
        if self.leg is None:
            raise MediaError("the leg is closed")
        remote = sdp.parse(offer) if offer is not None else None
        if remote is not None:
            self._agree(sdp.choose(remote))
            self._info = await self._media.update_leg(self.leg, self._spec)
            await self.apply()
            self.party.status = PartyStatus.HOLD if self.held else PartyStatus.ANSWERED
        self._version += 1
        return self._describe(remote)

    async def apply(self) -> None:
        """Tell the worker what the party may say and hear; who holds us is silent: its music is not for the room."""
        if self.leg is None:
            return
        party = self.party
        held = party.stage is Stage.HELD
        await self._media.configure(
            self.leg,
            muted=party.muted or held or self.held,
            deaf=party.deaf or held,
            gain_in=linear(party.volume_in_db),
            gain_out=linear(party.volume_out_db),
        )

    def refresh(self) -> None:
        """Apply what has changed, soon."""
        self._context.tasks.start(self.apply())

    def pressed(self, key: str, way: KeyWay, held_s: float = 0.0) -> None:
        """Take a key that came by one way; the keeper hears of it once, by however many ways it comes."""
        if self._keys.press(key, way, self._context.clock(), held_s):
            self.keeper.key(self, key)

    def hang_up(self, headers: Sequence[Header] = ()) -> None:
        """End the call, soon; one that is not answered yet is refused."""
        if self.call is not None:
            self._context.tasks.start(self.call.bye(headers))

    async def close(self) -> None:
        """Give the leg back; closing twice is no error."""
        self._closed = True
        self._ready.set()
        leg, self.leg = self.leg, None
        if leg is not None:
            self._context.legs.pop(leg, None)
            await self._media.close_leg(leg)

    def _on_ended(self, reason: str) -> None:
        # Who waits for the answer of a call that is over waits no longer.
        self._ready.set()
        self.keeper.over(self, reason)

    async def _on_reinvite(self, offer: str | None) -> str:
        try:
            return await self.reoffer(offer)
        except SdpError as error:
            raise CallRefused(488, "Not Acceptable Here") from error
        except MediaError as error:
            raise CallRefused(500, "Server Internal Error") from error

    def _on_info(self, content_type: str, body: bytes) -> None:
        if (found := info_key(content_type, body)) is not None:
            self.pressed(found.key, "info", found.held_s)

    def _agree(self, agreed: sdp.Negotiated) -> None:
        """Turn what was negotiated into what the worker needs; who holds us may be silent for as long as it likes."""
        self._held = agreed.is_hold(heard=self._heard)
        self._heard |= agreed.sends
        if agreed.remote_port == 0 or agreed.remote_host == "0.0.0.0":
            remote, rtcp = self._spec.remote, self._spec.remote_rtcp
        else:
            remote = Address(agreed.remote_host, agreed.remote_port)
            rtcp = Address(agreed.remote_host, agreed.remote_rtcp_port) if agreed.remote_rtcp_port else None
        signalling = None if self.call is None else signalling_host(self.call)
        self._spec = LegSpec(
            codec=agreed.codec,
            payload_type=agreed.payload_type,
            event_payload_type=agreed.event_payload_type,
            other_payload_type=agreed.other_payload_type,
            remote=remote,
            remote_rtcp=rtcp,
            rtcp_mux=agreed.rtcp_mux,
            direction=agreed.direction,
            latch=signalling is not None and _behind_nat(agreed.remote_host, signalling),
            latch_host=signalling if signalling is not None and _is_ipv4(signalling) else None,
            timeout_s=0.0 if self._held else self._timeout_s,
            inband_keys=agreed.event_payload_type is None,
        )
        if self.call is not None:
            # Whom no silence betrays is asked whether it is there.
            self.call.quiet(self._held or agreed.direction not in ("sendrecv", "recvonly"))

    def _describe(self, remote: sdp.SessionDescription | None) -> str:
        """Write our answer to `remote`, or our offer when there is none."""
        if self._info is None:
            raise MediaError("the leg is closed")
        here = self._info
        if remote is None:
            self._offered = sdp.offer(
                here.host, here.port, session_id=self._session_id, version=self._version, rtcp_port=here.rtcp_port
            )
            return str(self._offered)
        answer, _ = sdp.answer(
            remote,
            here.host,
            here.port,
            session_id=self._session_id,
            version=self._version,
            rtcp_port=here.rtcp_port,
        )
        return str(answer)


def linear(db: float) -> float:
    """Turn decibels into a factor."""
    return float(10.0 ** (db / 20.0))


def signalling_host(call: "Call") -> str:
    """Give the address that a peer's own signalling comes from.

    A caller behind proxies is where the first of them saw it: the last Via (RFC 3261 section 18.2.1).
    """
    vias = call.invite.vias
    if call.direction == "in" and len(vias) > 1:
        return vias[-1].params.get("received") or vias[-1].host
    return call.source.host


def _is_ipv4(host: str) -> bool:
    """Whether media can come from there: we speak RTP over IPv4 only."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


def _behind_nat(media_host: str, signalling_host: str) -> bool:
    """Whether a peer names a private address that its signalling does not come from: the packets will not either."""
    if media_host == signalling_host or media_host == "0.0.0.0":
        return False
    try:
        address = ipaddress.ip_address(media_host)
    except ValueError:
        return False
    return address.is_private and not address.is_loopback
