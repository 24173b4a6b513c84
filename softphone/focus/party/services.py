"""The services of the focus that legs of parties use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from softphone.calls.leg import CallLeg
from softphone.calls.names import LOOKUPS
from softphone.focus.measured import Measured, Measurements
from softphone.focus.party.phone_requests import PhoneRequests
from softphone.focus.session import Party
from softphone.media.contract.leg import LegStats
from softphone.media.workers.client import Media
from softphone.resolver import Resolver
from softphone.sip.ua.call import InviteSession
from softphone.srtp import Encryption
from softphone.store.history import History
from softphone.tasks import Tasks

__all__ = ["Services"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The focus's side of a call."""

    media: Media
    history: History
    clock: Callable[[], float]
    "Monotonic seconds."
    rtp_timeout_s: float
    codecs: Sequence[str]
    "What legs speak, in order of preference."
    encryption: Callable[[InviteSession | None], Encryption]
    "Whether the media of a call is to be encrypted; None: of one to somebody of ours."
    answer_delay_s: float
    hosts: Resolver = field(default_factory=lambda: Resolver(limit=LOOKUPS))
    "Looks up the names in descriptions."
    tasks: Tasks = field(default_factory=Tasks)
    requests: PhoneRequests = field(default_factory=PhoneRequests)
    "What telephones command within their calls."
    measurements: Measurements = field(default_factory=Measurements)
    "What the sound of the legs went through that are over."

    def leg(self, call: InviteSession | None, *, encrypted: bool) -> CallLeg:
        """Make the leg of a call, or of one that is still to be made; `encrypted`: it has to be."""
        leg = CallLeg(self.media, self.tasks, codecs=self.codecs, timeout_s=self.rtp_timeout_s, lookup=self.hosts)
        leg.obliged = encrypted
        leg.session.encryption = "required" if encrypted else self.encryption(call)
        return leg

    def measured(self, party: Party, stats: LegStats) -> None:
        """Note what the sound of a party went through, whose leg is given back."""
        self.measurements.note(measured := Measured.of(stats))
        if measured.quality is not None:
            self.history.call_measured(party.call_id, measured.quality)
