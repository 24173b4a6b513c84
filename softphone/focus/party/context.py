"""What everything that handles calls needs from the focus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import structlog

from softphone import sdp
from softphone.calls.leg import CallLeg
from softphone.calls.names import LOOKUPS
from softphone.codec import spoken_here
from softphone.focus.feed import Feed
from softphone.focus.measured import Measurements
from softphone.focus.party.legs import OpenLegs
from softphone.focus.party.phone_requests import PhoneRequests
from softphone.focus.session import PartyAddress, TelephonySession
from softphone.focus.voice import prompts
from softphone.focus.voice.names import Names
from softphone.focus.voice.playbacks import Playbacks
from softphone.media.contract.leg import MediaAddress
from softphone.media.workers.client import Media
from softphone.recordings.library import Library
from softphone.resolver import Resolver
from softphone.sip.ua.allowance import Allowances
from softphone.sip.ua.call import InviteSession
from softphone.srtp import Encryption
from softphone.store.history import History
from softphone.tasks import Tasks

__all__ = ["Context", "Header", "spoken"]

log = structlog.get_logger()

Header = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The focus's side of a room, a reception or a member."""

    media: Media
    playbacks: Playbacks
    library: prompts.SoundLibrary
    names: Names
    recordings: Library
    history: History
    clock: Callable[[], float]
    "Monotonic seconds."
    rtp_timeout_s: float
    allowances: Allowances
    "What may be sent to addresses that nobody has shown to be their own."
    codecs: Sequence[str]
    "What legs speak, in order of preference."
    encryption: Callable[[InviteSession | None], Encryption]
    "Whether the media of a call is to be encrypted; None: of one to somebody of ours."
    answer_delay_s: float
    closed: Callable[[TelephonySession], None]
    hosts: Resolver = field(default_factory=lambda: Resolver(limit=LOOKUPS))
    "Looks up the names in descriptions."
    feed: Feed = field(default_factory=Feed)
    tasks: Tasks = field(default_factory=Tasks)
    listening: set[MediaAddress] = field(default_factory=set)
    "Where this node takes what is no media; whoever listens there enters it."
    requests: PhoneRequests = field(default_factory=PhoneRequests)
    "What telephones command within their calls."
    measurements: Measurements = field(default_factory=Measurements)
    "What the sound of the legs went through that are over."
    legs: OpenLegs = field(default_factory=OpenLegs)
    "Whose each leg is; a member enters and strikes out its own."
    successors: "WeakKeyDictionary[InviteSession, PartyAddress]" = field(default_factory=WeakKeyDictionary)
    "Who they are that take the place of a telephone that rings, by their calls, until they are answered."

    def leg(self, call: InviteSession | None, *, encrypted: bool) -> CallLeg:
        """Make the leg of a call, or of one that is still to be made; `encrypted`: it has to be."""
        leg = CallLeg(self.media, self.tasks, codecs=self.codecs, timeout_s=self.rtp_timeout_s, lookup=self.hosts)
        leg.session.encryption = "required" if encrypted else self.encryption(call)
        leg.on_check = lambda spec: self.legs.check(spec, self.listening)
        leg.on_close = self.legs.closed
        return leg

    def check_offer(self, offer: str, call: InviteSession | None = None) -> None:
        """Raise SdpError, or NoCommonCodec, for an offer that no leg of ours could answer; of a call, or of none."""
        encryption = self.encryption(call)
        sdp.choose(
            sdp.parse(offer),
            self.codecs,
            secure=bool(self.media.fingerprint),
            encryption=encryption,
            families=self.media.families,
        )


def spoken(codecs: Sequence[str]) -> tuple[str, ...]:
    """Return what is spoken of what is configured, and tell of what is left out."""
    found = spoken_here(codecs)
    if len(found) < len(codecs):
        log.warning("codecs_left_out", spoken=found, reason="there is no libopus")
    return found
