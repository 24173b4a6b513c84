"""One side of a media session: what was said, what is open, and what both sides agreed on (RFC 3264, RFC 6337).

Nothing is in force before it is committed, because media has to be able to do it first::

    the peer offers   read_offer  -> Agreement ── media can ──► commit, write_answer
                                               └─ it cannot ──► the offer is refused; nothing has changed
    we offer          write_offer ── answered ──► read_answer -> Agreement ── media can ──► commit, close_offer
                                  └─ refused, or not answered ──► close_offer; nothing has changed

One offer may have several answers, of the telephones of a fork (RFC 3261 section 13.2.2.4): each is one to the same
agreement before, whatever another said while it rang.

Which of the two sides may offer at a time is decided by `softphone.sip.ua.offer_answer`. The session is pure: texts and
values in and out; `softphone.calls.leg` has it carried out.
"""

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from softphone.address import FAMILIES
from softphone.codec import CODECS, taken
from softphone.errors import NoCommonCodec, SdpError
from softphone.sdp import ice_dtls, negotiation, sdes
from softphone.sdp.description import Attributes, SessionDescription
from softphone.sdp.dtls_srtp import Dtls
from softphone.sdp.formats import PTIME_MS
from softphone.sdp.ice_dtls import IceDtls, IceSide
from softphone.sdp.negotiation import Negotiated
from softphone.sdp.profile import Plain
from softphone.sdp.sdes import Sdes
from softphone.srtp import SRTP_PROFILES, Encryption

__all__ = ["Agreement", "MediaSession", "ReceiveAddress"]


class MediaSide(Protocol):
    """What is known of our media before there is a stream."""

    @property
    def fingerprint(self) -> str:
        """Of the certificate that peers of WebRTC are shown; empty: none are spoken with."""

    @property
    def certificate(self) -> str:
        """The same for who makes keys without ICE."""

    @property
    def families(self) -> Collection[int]:
        """Of the addresses that media can be sent to, 4 and 6."""


class ReceiveAddress(Protocol):
    """Where we take the packets and reports of a stream."""

    @property
    def host(self) -> str:
        """IP address."""

    @property
    def port(self) -> int:
        """UDP port of RTP."""

    @property
    def rtcp_port(self) -> int:
        """UDP port of RTCP, for who does not send it to the port of RTP."""

    @property
    def others(self) -> Sequence[str]:
        """Addresses of other families where peers of WebRTC find us, at the same port."""


@dataclass(frozen=True)
class Agreement:
    """What is in force after any number of offers and answers.

    Attributes
    ----------
    negotiated
        Of the last offer and answer. An address stays when a hold of the old way names none, and all else when the
        stream is switched off. None: nothing was agreed on yet.
    held
        Whether the peer holds us (RFC 3264 section 8.4).
    heard
        Whether the peer has ever taken our media.
    side
        Who we are to a peer of WebRTC; None: it is none.
    key
        What we encrypt with (SDES): master key and salt; empty: nothing.
    """

    negotiated: Negotiated | None = None
    held: bool = False
    heard: bool = False
    side: IceSide | None = None
    key: bytes = field(default=b"", repr=False)

    @property
    def remote(self) -> "Plain | IceDtls | None":
        """What the peer has said of its side."""
        return None if self.negotiated is None else self.negotiated.remote

    def after(self, agreed: Negotiated, side: IceSide | None = None, key: bytes = b"") -> "Agreement":
        """Return what is in force after one more offer and answer.

        Parameters
        ----------
        side
            Who we are to a peer of WebRTC.
        key
            What we encrypt with (SDES).
        """
        held, heard = agreed.is_hold(heard=self.heard), self.heard or agreed.sends
        before = self.negotiated
        if before is not None and agreed.remote.port == 0:
            agreed, side, key = replace(before, direction="inactive"), self.side, self.key
        elif agreed.remote.nowhere and isinstance(self.remote, Plain) and isinstance(agreed.remote, Plain):
            agreed = replace(agreed, remote=agreed.remote.at(self.remote))
        return Agreement(agreed, held, heard, side if isinstance(agreed.remote, IceDtls) else None, key)


class MediaSession:
    """One side of a session of one audio stream.

    Our descriptions have one session id, and a version that grows with each change. They ask for packets as long as
    those that the peer wants: we take any, and not every telephone has two lengths.

    Parameters
    ----------
    codecs
        Names in order of preference, of `softphone.codec.TABLE`.
    fingerprint
        Of our certificate, for peers of WebRTC: a hash and hexadecimal pairs (RFC 8122); "": it is not spoken.
    certificate
        The same, for peers whose keys are made by DTLS without ICE.
    encryption
        Whether media may have keys in descriptions, or has to be encrypted.
    families
        Of the addresses that media can be sent to, 4 and 6.

    Attributes
    ----------
    agreement
        What is in force.
    webrtc
        Whether the first offer is ours and for a peer of WebRTC; later ones are as what was agreed on.
    hopeful
        Whether that offer, if it is plain RTP, has keys, too, which may be left alone: the peer knows SRTP, perhaps.
    new_side
        Says who we are to a peer of WebRTC that we meet, or that begins anew; as a lite one if nobody sets another.
    """

    def __init__(
        self,
        codecs: Sequence[str] = CODECS,
        fingerprint: str = "",
        encryption: Encryption = "optional",
        families: Collection[int] = FAMILIES,
        certificate: str = "",
    ) -> None:
        self.agreement, self.encryption = Agreement(), encryption
        self._keys: dict[str, bytes] = {}
        self.webrtc = self.hopeful = False
        self.new_side: Callable[[], IceSide] = lambda: IceSide.new(fingerprint)
        self._secure, self._families, self._certificate = bool(fingerprint), families, certificate
        self._side: IceSide | None = None
        self._codecs, self._taken = tuple(codecs), taken(codecs)
        self._session_id = secrets.randbits(31)
        self._said: SessionDescription | None = None
        self._before = self.agreement
        self._offered: SessionDescription | None = None

    @classmethod
    def of(cls, side: MediaSide, codecs: Sequence[str], encryption: Encryption = "optional") -> Self:
        """Make the session of a leg that our media may open."""
        return cls(codecs, side.fingerprint, encryption, side.families, side.certificate)

    @property
    def awaits_answer(self) -> bool:
        """Whether an offer of ours is open."""
        return self._offered is not None

    @property
    def offers_webrtc(self) -> bool:
        """Whether our offers are for a peer of WebRTC."""
        if self.agreement.negotiated is not None:
            return isinstance(self.agreement.remote, IceDtls)
        return self.webrtc and self._secure

    def read_offer(self, offer: SessionDescription, direction: str = "sendrecv") -> Agreement:
        """Return what is in force if the peer's offer is answered.

        Parameters
        ----------
        direction
            What we would like; the answer says at most what the offer allows.

        Raises
        ------
        NoCommonCodec
            It cannot be answered. A stream that was agreed on may be switched off (RFC 3264 section 8.2).
        """
        agreed = negotiation.choose(
            offer,
            self._taken,
            direction,
            again=self.agreement.negotiated is not None,
            before=self.agreement.remote,
            secure=self._secure,
            dtls=bool(self._certificate),
            encryption=self.encryption,
            families=self._families,
        )
        return self.agreement.after(agreed, self._side_for(agreed), self._key_for(agreed))

    def _key_for(self, agreed: Negotiated) -> bytes:
        """Give the key that we answer with: another one to who has another one, or is another one."""
        if not isinstance(agreed.remote, Sdes):
            return b""
        theirs, before = agreed.remote.crypto, self.agreement.remote
        last = before.crypto if isinstance(before, Sdes) else None
        same = last is not None and (last.suite, last.key) == (theirs.suite, theirs.key)
        return self.agreement.key if same else sdes.new_key(theirs.suite)

    def _side_for(self, agreed: Negotiated) -> IceSide | None:
        """Say who we are: another one to who begins anew (RFC 8445 section 9), or whom we have not met."""
        if not isinstance(agreed.remote, IceDtls):
            return None
        before = self.agreement.remote
        same = isinstance(before, IceDtls) and before.ufrag == agreed.remote.ufrag
        side = self.agreement.side if same else self.new_side()
        return _checked(side, agreed.remote) if side is not None else None

    def write_answer(self, offer: SessionDescription, here: ReceiveAddress, direction: str = "sendrecv") -> str:
        """Write the answer to an offer of the peer (RFC 3264 section 6), after its :meth:`commit`.

        Raises as :meth:`read_offer`.
        """
        answer, _ = negotiation.answer(
            offer,
            here.host,
            here.port,
            codecs=self._taken,
            session_id=self._session_id,
            version=1,
            direction=direction,
            rtcp_port=here.rtcp_port,
            again=self.agreement.negotiated is not None,
            before=self.agreement.remote,
            side=self.agreement.side,
            encryption=self.encryption,
            key=self.agreement.key,
            certificate=self._certificate,
            families=self._families,
            others=here.others,
        )
        return str(self._say(answer))

    def write_offer(self, here: ReceiveAddress, direction: str = "sendrecv", *, anew: bool = False) -> str:
        """Write an offer (RFC 3264 section 5, or 8 when something was said before).

        Parameters
        ----------
        anew
            With another key than before: `here` does not know how often the packet numbers of the peer have begun again
            (RFC 3711 section 3.3.1), nor what it has sent. Who is offered another key answers with another one.
        """
        self._before = self.agreement
        before = self._before.negotiated
        offer = negotiation.offer(
            here.host,
            here.port,
            codecs=(*self._spoken, *self._codecs),
            direction=direction,
            session_id=self._session_id,
            version=1,
            rtcp_port=here.rtcp_port,
            ptime_ms=before.ptime_ms if before else PTIME_MS,
            known=before.numbers if before else {},
            side=self._offered_side(),
            keys=self._offered_keys(anew),
            certificate=self._certificate if isinstance(self.agreement.remote, Dtls) else "",
            protocol=self._protocol,
            others=here.others,
        )
        self._offered = self._say(self._in_place(offer))
        return str(self._offered)

    @property
    def _spoken(self) -> tuple[str, ...]:
        """Give what is spoken though it is offered to nobody else: a variant of one of our codecs."""
        spoken = self._before.negotiated
        return () if spoken is None or spoken.codec in self._codecs else (spoken.codec,)

    @property
    def _protocol(self) -> str | None:
        """Give what our offers say of the transport; None: the usual."""
        before = self.agreement.remote
        if isinstance(before, Sdes | Dtls):
            return before.protocol
        return Plain.PROTOCOLS[0] if before is None and self.encryption != "required" else None

    def _offered_side(self) -> IceSide | None:
        """Say who we are in an offer of ours: the same as before, or as in another one that is open."""
        if isinstance(self.agreement.remote, IceDtls):
            self._side = self.agreement.side
        elif self.agreement.negotiated is not None or not self.webrtc:
            self._side = None
        elif self._side is None and self._secure:
            self._side = self.new_side()
        return self._side

    def _offered_keys(self, anew: bool) -> dict[str, bytes] | None:
        """Give what we offer to encrypt with: what is agreed on first, and what was offered before unchanged.

        `anew`: what is agreed on with another key.
        """
        before = self.agreement.remote
        if isinstance(before, Sdes):
            suite = before.crypto.suite
            first = {suite: sdes.new_key(suite) if anew else self.agreement.key}
        elif before is None and (self.encryption == "required" or self.hopeful and self.encryption == "optional"):
            first = {}
        else:
            return None
        self._keys = {suite: sdes.new_key(suite) for suite in SRTP_PROFILES} | self._keys | first
        return first | self._keys

    def _in_place(self, offer: SessionDescription) -> SessionDescription:
        """Put our stream where it was; a stream never goes, but is switched off (RFC 3264 section 8)."""
        lines = self._said.media if self._said else offer.media
        audio = [i for i, line in enumerate(lines) if line.kind == "audio"]
        place = next((i for i in audio if lines[i].port), audio[0])
        mid = lines[place].attribute("mid")
        ours, whole = offer.media[0], offer.attributes
        if self._said:
            named: Attributes = (("mid", mid),) if mid else ()
            ours = replace(ours, attributes=(*named, *(pair for pair in ours.attributes if pair[0] != "mid")))
        if self._side is not None:
            whole = ice_dtls.session_attributes(mid or "", self._side)
        return replace(
            offer, attributes=whole, media=tuple(ours if i == place else line.refused() for i, line in enumerate(lines))
        )

    def read_answer(self, answer: SessionDescription) -> Agreement:
        """Return what is in force if the peer's answer to our open offer is taken (RFC 3264 section 7).

        Raises
        ------
        SdpError
            There is no open offer, or it is no answer to it.
        """
        if self._offered is None:
            raise SdpError("an answer to no offer")
        agreed = negotiation.accept(self._offered, answer, (*self._spoken, *self._codecs), self._before.remote)
        if self._side is not None and isinstance(agreed.remote, IceDtls):
            _checked(self._side, agreed.remote)
        key = self._keys[agreed.remote.crypto.suite] if isinstance(agreed.remote, Sdes) else b""
        return self._before.after(agreed, self._side, key)

    def commit(self, agreement: Agreement) -> None:
        """Let an agreement be in force; an offer of ours that is open stays so."""
        self.agreement = agreement

    def close_offer(self) -> None:
        """Take no answer to our offer any more: it has its last one, or will have none."""
        self._offered = None

    def _say(self, description: SessionDescription) -> SessionDescription:
        """Give a description its version: one more than what was said before, if anything else is different."""
        self._said = description if self._said is None else description.after(self._said)
        return self._said


def _checked(side: IceSide, there: IceDtls) -> IceSide:
    """Give our side, if one of both asks where the other is."""
    if side.lite and there.lite:
        raise NoCommonCodec("both sides are lite: nobody would ask where the other is (RFC 8445 section 6.1.1)")
    return side
