"""Media options of an agent's calls: codecs, encryption, ICE servers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from softphone import sdp
from softphone.calls.names import placed
from softphone.calls.nat import signalling_host
from softphone.codec import taken
from softphone.resolver import Resolver
from softphone.sip.ua.call import InviteSession
from softphone.srtp import Encryption

__all__ = ["IceServers", "MediaTerms"]

TurnTransport = Literal["udp", "tcp"]


@dataclass(frozen=True, slots=True)
class IceServers:
    """Where a client finds out how others see it (RFC 8489), and what relays for it (RFC 8656).

    Attributes
    ----------
    stun, turn
        Host and port; None: none.
    username, password
        Of the relay.
    turn_transport
        How the relay is reached: "udp" or "tcp".
    relay_only
        Whether nothing goes but through the relay, and no address of ours is told.

    Raises
    ------
    ValueError
        There is no such transport, or nothing is to go but through a relay that is not named.
    """

    stun: tuple[str, int] | None = None
    turn: tuple[str, int] | None = None
    username: str | None = None
    password: str | None = None
    turn_transport: TurnTransport = "udp"
    relay_only: bool = False

    def __post_init__(self) -> None:
        _check_word("turn_transport", self.turn_transport, get_args(TurnTransport))
        if self.relay_only and self.turn is None:
            raise ValueError("relay_only needs a relay: turn=(host, port)")

    def __repr__(self) -> str:
        return f"IceServers(stun={self.stun}, turn={self.turn}, username={self.username})"


@dataclass(frozen=True, slots=True)
class MediaTerms:
    """What the media of an agent's calls is to be, the same for all of them.

    Attributes
    ----------
    codecs, timeout_s, lookup
        As of `CallLeg`.
    webrtc
        What candidates are asked of; None: peers of WebRTC are not called, nor answered.
    encryption
        Whether it may be encrypted, or has to be.

    Raises
    ------
    ValueError
        `encryption` is no such word, `webrtc` no `IceServers`, or `timeout_s` negative: nothing would be as wanted.
    """

    codecs: Sequence[str]
    timeout_s: float
    lookup: Resolver
    webrtc: IceServers | None = None
    encryption: Encryption = "optional"

    def __post_init__(self) -> None:
        _check_word("encryption", self.encryption, get_args(Encryption))
        if not isinstance(self.webrtc, IceServers | None):
            raise ValueError(f"webrtc is IceServers() or None, not {self.webrtc!r}")
        if not self.timeout_s >= 0:
            raise ValueError(f"media_timeout_s is 0 (never) or seconds, not {self.timeout_s!r}")

    @property
    def dtls(self) -> bool:
        """Whether keys are made by DTLS without ICE, too."""
        return self.encryption != "off"

    @property
    def browserlike(self) -> "MediaTerms":
        """Give the same with WebRTC."""
        return self if self.webrtc is not None else replace(self, webrtc=IceServers())

    async def check(self, call: InviteSession) -> None:
        """Raise SdpError for the offer of a call, if there is one that could not be answered."""
        if call.remote_sdp is not None:
            secure, families = self.webrtc is not None, self.lookup.families
            lookup = self.lookup if call.known else None
            offer = await placed(sdp.parse(call.remote_sdp), lookup, families, signalling_host(call))
            sdp.choose(
                offer, taken(self.codecs), secure=secure, dtls=self.dtls, encryption=self.encryption, families=families
            )


def _check_word(option: str, said: str, words: Sequence[str]) -> None:
    if said not in words:
        raise ValueError(f"{option} is one of {', '.join(words)}, not {said!r}")
