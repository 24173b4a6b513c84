"""The leg of a party in a room of its worker: whether it is in, and what it may say and hear there."""

from mixer.rules.roles import Place
from softphone.calls.leg import CallLeg
from softphone.calls.moving import move
from softphone.errors import OtherWorker
from softphone.focus.party.signalling import HttpCall
from softphone.focus.session import Party, PartyPath
from softphone.media.contract.messages import Configure, JoinRoom, LeaveRoom
from softphone.media.workers.client import Media

__all__ = ["LegInRoom"]


class LegInRoom:
    """Where a leg is on the worker.

    Parameters
    ----------
    leg
        Nothing is done while it is not open.
    media
        The worker.
    room
        Where it is going to be let in; None: not yet known.

    Attributes
    ----------
    inside
        Whether it has been let in.
    """

    def __init__(self, leg: CallLeg, media: Media, room: int | None) -> None:
        self.room, self.inside = room, False
        self._leg, self._media = leg, media

    @property
    def path(self) -> PartyPath | None:
        """How its party is reached; one without a SIP call has joined by HTTP. None before anything is agreed on."""
        if self._leg.session.agreement.negotiated is None:
            return None
        transport = "http" if self._leg.call is None else self._leg.call.source.transport
        return PartyPath(transport, self._leg.spec.codec, self._leg.cipher)

    def can_go(self, room: int, client: HttpCall | None) -> bool:
        """Whether its `client` (None: a SIP phone) can be told to send to the worker of a room, if that is another."""
        fixed = client is not None and not client.can_be_asked()
        return not fixed or self._leg.number is None or not self._media.apart(self._leg.number, room)

    async def enter(self) -> None:
        """Put it in, if it has been let in; when the room is on another worker, media moves there first.

        Raises
        ------
        SipError, SdpError, MediaError
            It cannot be there.
        """
        if self._leg.number is None or self.room is None or not self.inside:
            return
        room = self.room
        try:
            await self._media.ask(JoinRoom(self._leg.number, room))
        except OtherWorker:
            await move(self._leg, self._media, room)
            await self._media.ask(JoinRoom(self._leg.number, room))

    async def leave(self) -> None:
        """Take it out: it hears and says nothing there."""
        if self._leg.number is not None:
            await self._media.ask(LeaveRoom(self._leg.number))

    async def apply(self, party: Party, *, answered: bool) -> None:
        """Tell the worker what a party may say and hear; who holds us is silent: its music is not for the room.

        Its call stands (`answered`) from the ACK on: a caller that has proved nothing is sent no silence before.
        """
        if self._leg.number is None:
            return
        held = party.place is Place.HELD
        await self._media.ask(
            Configure(
                self._leg.number,
                muted=party.muted or held or self._leg.held,
                deaf=party.deaf or held,
                gain_in=10.0 ** (party.volume_in_db / 20.0),
                gain_out=10.0 ** (party.volume_out_db / 20.0),
                levelled=party.facts is not None and party.facts.levelled,
                answered=answered,
            )
        )
