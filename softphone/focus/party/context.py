"""The services of the focus that rooms, receptions and members use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import structlog

from softphone import sdp
from softphone.calls.names import placed
from softphone.calls.nat import signalling_host
from softphone.codec import spoken_here
from softphone.focus.feed import Feed
from softphone.focus.party.legs import OpenLegs
from softphone.focus.party.member import Member
from softphone.focus.party.services import Services
from softphone.focus.session import Party, PartyAddress, TelephonySession
from softphone.focus.voice import prompts
from softphone.focus.voice.names import Names
from softphone.focus.voice.playbacks import Playbacks
from softphone.recordings.library import Library
from softphone.sip.ua.allowance import Allowances
from softphone.sip.ua.call import InviteSession

__all__ = ["Context", "spoken"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context(Services):
    """The focus's side of a room, a reception or a member."""

    playbacks: Playbacks
    library: prompts.SoundLibrary
    names: Names
    recordings: Library
    allowances: Allowances
    "What may be sent to addresses that nobody has shown to be their own."
    closed: Callable[[TelephonySession], None]
    feed: Feed = field(default_factory=Feed)
    legs: OpenLegs[Member] = field(default_factory=OpenLegs)
    "Whose each leg is; a member enters and strikes out its own."
    successors: "WeakKeyDictionary[InviteSession, PartyAddress]" = field(default_factory=WeakKeyDictionary)
    "Who they are that take the place of a telephone that rings, by their calls, until they are answered."

    def member(
        self, party: Party, *, room: int | None = None, call: InviteSession | None = None, encrypted: bool = False
    ) -> Member:
        """Make a member.

        Parameters
        ----------
        party
            What others see of it; kept up to date.
        room
            Of the worker, where it is going to be let in; None: not yet known.
        call
            The SIP call; None while it is still ringing somewhere.
        encrypted
            Whether its media has to be encrypted, whatever is configured.
        """
        member = Member(party, self, self.legs, self.leg(call, encrypted=encrypted), room)
        if call is not None:
            member.listen(call)
        return member

    async def check_offer(self, offer: str, call: InviteSession | None = None) -> None:
        """Raise SdpError, or NoCommonCodec, for an offer that no leg of ours could answer; of a call, or of none."""
        session = sdp.MediaSession.of(self.media, self.codecs, self.encryption(call))
        lookup, source = (None, None) if call is None else (self.hosts if call.known else None, signalling_host(call))
        session.read_offer(await placed(sdp.parse(offer), lookup, self.media.families, source))


def spoken(codecs: Sequence[str]) -> tuple[str, ...]:
    """Return what is spoken of what is configured, and tell of what is left out."""
    found = spoken_here(codecs)
    if len(found) < len(codecs):
        log.warning("codecs_left_out", spoken=found, reason="there is no libopus")
    return found
