"""What a call and its peer have agreed about media, as values: read from descriptions, written into ours.

A server and an agent have the same two: an :class:`Agreement`, which becomes the next one when the media worker has
said yes to it and not before, and a :class:`Describer`, which writes our side of offers and answers.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from softphone import sdp
from softphone.calls.nat import is_ipv4, other_source
from softphone.errors import SdpError
from softphone.media.contract.leg import LegInfo, LegSpec, MediaAddress

__all__ = ["Agreement", "Describer"]


@dataclass(frozen=True)
class Agreement:
    """How a leg talks with its peer, as of the last offer and answer.

    Attributes
    ----------
    spec
        What the media worker does.
    held
        Whether the peer holds us (RFC 3264 section 8.4).
    heard
        Whether the peer has ever taken our media.
    timeout_s
        How long there may be no sign of life from a peer that does not hold us; 0: for ever.
    listens_for_tones
        Whether keys are looked for in the sound of a peer without telephone events.
    """

    spec: LegSpec = LegSpec()
    held: bool = False
    heard: bool = False
    timeout_s: float = 30.0
    listens_for_tones: bool = True

    @classmethod
    def none(cls, timeout_s: float, *, listens_for_tones: bool = True) -> "Agreement":
        """Begin: nothing is known of the peer."""
        return cls(LegSpec(timeout_s=timeout_s), timeout_s=timeout_s, listens_for_tones=listens_for_tones)

    def after(self, agreed: sdp.Negotiated, signalled: str | None) -> "Agreement":
        """Give what holds once `agreed` is in force.

        Parameters
        ----------
        agreed
            Of an offer and its answer.
        signalled
            The address that the peer's signalling comes from; None: not known, its media comes from where it says.
        """
        held = agreed.is_hold(heard=self.heard)
        timeout_s = 0.0 if held else self.timeout_s
        if agreed.remote.port == 0:  # the stream is switched off; all else stays for when it comes back
            spec = msgspec.structs.replace(self.spec, direction="inactive", timeout_s=timeout_s)
        else:
            spec = self._spec(agreed, signalled if signalled is not None and is_ipv4(signalled) else None, timeout_s)
        return replace(self, spec=spec, held=held, heard=self.heard or agreed.sends)

    def _spec(self, agreed: sdp.Negotiated, signalled: str | None, timeout_s: float) -> LegSpec:
        """Say what the worker has to do; a hold of the old way names no address, so the last one stays."""
        there = agreed.remote
        if there.host == sdp.NOWHERE:
            remote, rtcp = self.spec.remote, self.spec.remote_rtcp
        else:
            remote = MediaAddress(there.host, there.port)
            rtcp = MediaAddress(there.rtcp_host or there.host, there.rtcp_port) if there.rtcp_port else None
        return LegSpec(
            codec=agreed.codec,
            payload_type=agreed.payload_type,
            payload_type_in=agreed.payload_type_in,
            event_payload_type=agreed.event_payload_type,
            event_payload_type_in=agreed.event_payload_type_in,
            other_payload_type=agreed.other_payload_type,
            event_clock_hz=agreed.event_clock_hz,
            ptime_ms=agreed.ptime_ms,
            remote=remote,
            remote_rtcp=rtcp,
            rtcp_mux=there.rtcp_mux,
            direction=agreed.direction,
            latch_host=None if remote is None or signalled is None else other_source(remote.host, signalled),
            timeout_s=timeout_s,
            inband_keys=self.listens_for_tones and agreed.event_payload_type is None,
        )


class Describer:
    """Writes the offers and answers of one session: an id of its own, and a version that grows with each change.

    They ask for packets as long as those that the peer wants: we take any, and not every telephone has two lengths.

    Parameters
    ----------
    codecs
        Names in order of preference, of those that `softphone.sdp` knows.
    """

    def __init__(self, codecs: Sequence[str] = tuple(sdp.PAYLOAD_TYPES)) -> None:
        self._codecs = tuple(codecs)
        self._session_id = secrets.randbits(31)
        self._said: sdp.SessionDescription | None = None
        self._offered: sdp.SessionDescription | None = None
        self._ptime_ms = sdp.PTIME_MS

    @property
    def awaits_answer(self) -> bool:
        """Whether an offer of ours is open."""
        return self._offered is not None

    def choose(self, offer: sdp.SessionDescription, direction: str = "sendrecv") -> sdp.Negotiated:
        """Say what an answer to `offer` would agree to; raises NoCommonCodec.

        A stream that was agreed before may be switched off by the peer (RFC 3264 section 8.2).
        """
        return sdp.choose(offer, self._codecs, direction, again=self._said is not None)

    def offer(self, here: LegInfo, direction: str = "sendrecv") -> str:
        """Write an offer (RFC 3264 section 5, or 8 when one was made before)."""
        self._offered = self._say(
            sdp.offer(
                here.host,
                here.port,
                codecs=self._codecs,
                direction=direction,
                session_id=self._session_id,
                version=1,
                rtcp_port=here.rtcp_port,
                ptime_ms=self._ptime_ms,
            )
        )
        return str(self._offered)

    def answer(self, offer: sdp.SessionDescription, here: LegInfo, direction: str = "sendrecv") -> str:
        """Write the answer to an offer of the peer (RFC 3264 section 6); raises NoCommonCodec."""
        answer, agreed = sdp.answer(
            offer,
            here.host,
            here.port,
            codecs=self._codecs,
            direction=direction,
            session_id=self._session_id,
            version=1,
            rtcp_port=here.rtcp_port,
            again=self._said is not None,
        )
        self._ptime_ms = agreed.ptime_ms
        return str(self._say(answer))

    def accept(self, answer: sdp.SessionDescription, *, early: bool = False) -> sdp.Negotiated:
        """Read the peer's answer to the latest offer; an `early` one comes again, or another one, with the 200.

        Raises
        ------
        SdpError
            There was no offer, or it is no answer to it.
        """
        if self._offered is None:
            raise SdpError("an answer to no offer")
        agreed = sdp.accept(self._offered, answer)
        self._ptime_ms = agreed.ptime_ms
        if not early:
            self._offered = None
        return agreed

    def _say(self, description: sdp.SessionDescription) -> sdp.SessionDescription:
        """Give a description its version: one more than what was said before, if anything else is different."""
        self._said = description if self._said is None else description.after(self._said)
        return self._said
