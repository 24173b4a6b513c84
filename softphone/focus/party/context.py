"""What everything that handles calls needs from the focus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from softphone import sdp
from softphone.calls.names import LOOKUPS
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
from softphone.store.history import History
from softphone.tasks import Tasks

__all__ = ["Context", "Header"]

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

    def check_offer(self, offer: str) -> None:
        """Raise SdpError, or NoCommonCodec, for an offer that no leg of ours could answer."""
        sdp.choose(sdp.parse(offer), self.codecs, secure=bool(self.media.fingerprint))
