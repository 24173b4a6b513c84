"""Offer and answer (RFC 3264) over session descriptions (RFC 8866), as values.

Whoever answers must know the peer's address before it can say its own (the leg is opened in between), so there are
two steps: :func:`choose` reads an offer and says what would be spoken, :func:`answer` writes the answer to it. Whoever
offers writes :func:`offer` and reads what came back with :func:`accept`. The values themselves are in ``description``.
"""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from softphone.address import FAMILIES, family_of
from softphone.codec import CODECS, TABLE, codec, taken
from softphone.errors import NoCommonCodec, SdpError
from softphone.sdp import dtls_srtp, formats, ice_dtls, sdes
from softphone.sdp.description import Attributes, ConnectionData, MediaDescription, Origin, SessionDescription
from softphone.sdp.dtls_srtp import Dtls
from softphone.sdp.ice_dtls import IceDtls, IceSide
from softphone.sdp.profile import NOWHERE, Plain, Profile, profile_of
from softphone.sdp.sdes import Keys, Sdes
from softphone.sdp.terms import Terms
from softphone.srtp import Encryption

__all__ = ["Negotiated", "accept", "answer", "choose", "offer"]

DIRECTIONS = {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}
EVERY = tuple(one.name for one in TABLE)
SENDING = ("sendrecv", "sendonly")
# The name of our stream in a bundle of one.
MID = "0"
RECEIVING = ("sendrecv", "recvonly")


@dataclass(frozen=True)
class Negotiated:
    """What both sides will speak on the one audio stream.

    ``direction`` is ours; it does not include sending when ``remote`` says no address. ``ptime_ms`` is how much sound
    we send in a packet: what the peer likes to receive (20 ms if it does not say), brought to the nearest of
    the codec's `ptimes_ms` that its ``maxptime`` allows.
    Payload types are the peer's, what it wants to receive; those that end in ``_in`` are ours, where they differ
    (RFC 3264 section 6.1). ``others`` are the codecs which the peer may send besides ``codec``: our payload types, and
    their names. ``parameters`` is what ``a=fmtp`` says of how the peer likes to be sent
    the codec. ``level_id`` numbers the header extension in which the peer tells how loud each packet is; 0: it does
    not.
    """

    codec: str
    payload_type: int
    event_payload_type: int | None
    remote: Profile
    direction: str = "sendrecv"
    ptime_ms: int = formats.PTIME_MS
    others: tuple[tuple[int, str], ...] = ()
    payload_type_in: int | None = None
    event_payload_type_in: int | None = None
    event_clock_hz: int = 8000
    parameters: str = ""
    level_id: int = 0

    @property
    def numbers(self) -> dict[str, int]:
        """What payload types mean in the session, by ``encoding/clock[/channels]`` in lower case."""
        ours = self.payload_type if self.payload_type_in is None else self.payload_type_in
        numbers = {str(codec(self.codec)).lower(): ours}
        if self.event_payload_type is not None:
            events = formats.event_line(self.event_payload_type_in or self.event_payload_type, self.event_clock_hz)
            numbers[events.rtpmap] = events.payload_type
        return numbers

    @property
    def sends(self) -> bool:
        """Whether the peer takes our media."""
        return self.direction in SENDING

    def is_hold(self, *, heard: bool) -> bool:
        """Whether the peer holds us (RFC 3264 section 8.4): it takes our media no more.

        Parameters
        ----------
        heard
            Whether it ever has taken it. One that only sends from the first holds nobody: it is an announcement, or
            a listener's ear. One that neither takes nor sends, or says no address, holds from the first.
        """
        return not self.sends and (heard or self.direction == "inactive" or self.remote.nowhere)


def offer(
    host: str,
    port: int,
    *,
    codecs: Sequence[str] = CODECS,
    direction: str = "sendrecv",
    session_id: int,
    version: int,
    rtcp_port: int | None = None,
    ptime_ms: int = formats.PTIME_MS,
    known: Mapping[str, int] | None = None,
    side: IceSide | None = None,
    keys: Keys | None = None,
    certificate: str = "",
    protocol: str | None = None,
    others: Sequence[str] = (),
) -> SessionDescription:
    """Describe one audio stream that we would like (RFC 3264 section 5).

    Parameters
    ----------
    host, port
        Where we receive RTP.
    codecs
        Names in order of preference, of `softphone.codec.TABLE`.
    rtcp_port
        Where we receive RTCP, when that is not the port after `port`.
    ptime_ms
        How much sound we like to receive in a packet; we take any.
    known
        What payload types mean already in this session (RFC 3264 section 8.3.2), by ``encoding/clock[/channels]`` in
        lower case.
    side
        Who we are to a peer of WebRTC; None: the offer is of plain RTP, or of `keys`.
    keys
        What we would encrypt with, in order of preference; None: nothing is encrypted.
    certificate
        Fingerprint of ours, with which keys are made by DTLS without ICE; "": they are not.
    protocol
        Of the ``m=`` line; None: the usual one.
    others
        Addresses at which a peer of WebRTC reaches us at `port`, too.
    """
    lines = formats.offered(codecs, known or {})
    length = formats.nearest(codec(codecs[0]), ptime_ms)
    here = ConnectionData.at(host)
    origin = Origin("-", session_id, version, here)
    if side is None:
        transport = (*Plain.attributes(port, rtcp_port, None), *sdes.offered(keys or {}))
        transport += dtls_srtp.attributes(certificate, None) if certificate else ()
        attributes = _attributes(lines, direction, transport, length)
        protocol = protocol or (Sdes if keys else Plain).PROTOCOLS[0]
        media = MediaDescription("audio", port, protocol, _numbers(lines), attributes=attributes)
        return SessionDescription(origin, (media,), here)
    attributes = (
        ("mid", MID),
        *_attributes(lines, direction, ice_dtls.attributes((host, *others), port, side), length),
        *formats.extension(formats.LEVEL_ID),
    )
    media = MediaDescription("audio", port, IceDtls.PROTOCOLS[0], _numbers(lines), attributes=attributes)
    return SessionDescription(origin, (media,), here, attributes=ice_dtls.session_attributes(MID, side))


def choose(
    remote_offer: SessionDescription,
    codecs: Sequence[str] = CODECS,
    direction: str = "sendrecv",
    *,
    again: bool = False,
    before: Profile | None = None,
    secure: bool = False,
    dtls: bool = False,
    encryption: Encryption = "optional",
    families: Collection[int] = FAMILIES,
) -> Negotiated:
    """Say what would be spoken if `remote_offer` were answered now; nothing is promised yet.

    The first usable audio stream counts, and in it the offerer's order of preference (RFC 3264 section 6.1).

    Parameters
    ----------
    again
        A stream was agreed before: an offer may switch it off by port 0 (section 8.2).
    before
        What the peer said in the last agreement.
    secure
        Whether WebRTC is spoken here.
    dtls
        Whether keys are made by DTLS without ICE.
    encryption
        Whether the stream may have keys in its description, or has to be encrypted.
    families
        Of the addresses that media can be sent to, 4 and 6.

    Raises
    ------
    NoCommonCodec
        No stream is audio in one of `codecs`, over RTP to such an address or over WebRTC, encrypted as it has to be
        (answered with 488).
    """
    return _select(remote_offer, codecs, direction, again, Terms(before, secure, encryption, families, dtls))[1]


def answer(
    remote_offer: SessionDescription,
    host: str,
    port: int,
    *,
    codecs: Sequence[str] = CODECS,
    session_id: int,
    version: int,
    direction: str = "sendrecv",
    rtcp_port: int | None = None,
    again: bool = False,
    before: Profile | None = None,
    side: IceSide | None = None,
    encryption: Encryption = "optional",
    key: bytes = b"",
    certificate: str = "",
    families: Collection[int] = FAMILIES,
    others: Sequence[str] = (),
) -> tuple[SessionDescription, Negotiated]:
    """Answer an offer (RFC 3264 section 6): one audio stream in one codec; all other streams are refused with port 0.

    Parameters
    ----------
    host, port, rtcp_port
        Where we receive, as in :func:`offer`.
    direction
        What we would like; the answer says at most what the offer allows.
    again, before, encryption, families
        As in :func:`choose`.
    side
        Who we are to a peer of WebRTC; None: it is not spoken here.
    key
        Ours, for a stream with keys in its description (RFC 4568 section 5.1.2).
    certificate
        As in :func:`offer`.
    others
        As in :func:`offer`.

    Raises
    ------
    NoCommonCodec
        As :func:`choose`.
    """
    terms = Terms(before, side is not None, encryption, families, bool(certificate))
    index, agreed = _select(remote_offer, codecs, direction, again, terms)
    theirs, remote = remote_offer.media[index], agreed.remote
    whole: Attributes = ()
    if isinstance(remote, IceDtls) and side is not None:
        transport, whole = remote.attributes((host, *others), port, side), remote.session_attributes(side)
    else:
        transport = Plain.attributes(port, rtcp_port, remote if isinstance(remote, Plain) else None)
    if isinstance(remote, Sdes):
        transport = (*transport, *sdes.answered(remote.crypto, key))
    if isinstance(remote, Dtls):
        transport = (*transport, *dtls_srtp.attributes(certificate, remote))
    ours = theirs.refused() if remote.port == 0 else _answered(theirs, agreed, port, transport)
    media = tuple(ours if i == index else each.refused() for i, each in enumerate(remote_offer.media))
    here = ConnectionData.at(host)
    origin = Origin("-", session_id, version, here)
    return SessionDescription(origin, media, here, timing=remote_offer.timing, attributes=whole), agreed


def _answered(theirs: MediaDescription, agreed: Negotiated, port: int, transport: Attributes) -> MediaDescription:
    """Write our side of the stream that was agreed; packets as long as those that we send, for any will do for us."""
    spoken, said = next(formats.spoken(theirs, (agreed.codec,)))
    lines = [formats.RtpMap(agreed.payload_type, said.spelling or str(spoken), spoken.parameters)]
    if agreed.event_payload_type is not None:
        lines.append(formats.event_line(agreed.event_payload_type, agreed.event_clock_hz))
    attributes = _attributes(lines, agreed.direction, transport, agreed.ptime_ms)
    attributes += formats.extension(agreed.level_id)
    if mid := theirs.attribute("mid"):
        attributes = (("mid", mid), *attributes)
    return MediaDescription("audio", port, theirs.protocol, _numbers(lines), attributes=attributes)


def accept(
    local_offer: SessionDescription,
    remote_answer: SessionDescription,
    codecs: Sequence[str] = EVERY,
    before: Profile | None = None,
) -> Negotiated:
    """Read the answer to our own offer, which was of `codecs` (RFC 3264 section 7).

    An answer in a variant of a codec is one to that. `before`: what the peer said in the last agreement; what was
    encrypted stays so.

    Raises
    ------
    NoCommonCodec
        The audio stream was refused, or answered with something that we did not offer.
    SdpError
        The answer has fewer streams than the offer.
    """
    index, ours = next((i, media) for i, media in enumerate(local_offer.media) if media.port)
    if index >= len(remote_answer.media):
        raise SdpError(f"answer has {len(remote_answer.media)} streams, the offer {len(local_offer.media)}")
    numbers = {each.name: said.payload_type for each, said in formats.spoken(ours, codecs)}
    theirs = remote_answer.media[index]
    suites = {each.suite for each in sdes.cryptos(ours)}
    here = local_offer.address(ours)  # who is told an address of one family does not answer with another
    families = (family_of(here.host) or 4,) if here is not None else FAMILIES
    webrtc = profile_of(local_offer, ours) is IceDtls
    dtls = not webrtc and dtls_srtp.is_meant(local_offer, ours)
    hopeful = ours.protocol in Plain.PROTOCOLS and not isinstance(before, Sdes)
    encryption: Encryption = "off" if not suites else "optional" if hopeful else "required"
    terms = Terms(before if dtls else None, webrtc, encryption, families, dtls)
    agreed = _negotiated(remote_answer, theirs, taken(tuple(numbers)), local_offer.direction(ours), terms)
    if agreed is None or not _is_to(agreed.remote, terms, suites):
        raise NoCommonCodec(f"our audio stream was not accepted: {_said(theirs)}")
    events = agreed.event_payload_type and formats.events(ours, agreed.event_clock_hz)
    return replace(
        agreed,
        others=_others(agreed.codec, theirs, numbers),
        payload_type_in=_unless(numbers.get(agreed.codec), agreed.payload_type),
        event_payload_type_in=_unless(events.payload_type if events else None, agreed.event_payload_type),
    )


def _is_to(remote: Profile, terms: Terms, suites: Set[str]) -> bool:
    """Whether an answer is one to an offer of DTLS, and chooses its side of it, or else to one of some suites."""
    if isinstance(remote, IceDtls | Dtls):
        return remote.chosen and (terms.webrtc if isinstance(remote, IceDtls) else terms.dtls)
    if terms.webrtc or terms.dtls:
        return False
    return not isinstance(remote, Sdes) or remote.crypto.suite in suites


def _others(spoken: str, theirs: MediaDescription, numbers: Mapping[str, int]) -> tuple[tuple[int, str], ...]:
    """Give our numbers of the codecs that the answer has besides the first of them."""
    names = [each.name for each, _ in formats.spoken(theirs, tuple(numbers)) if each.name != spoken]
    return tuple((numbers[name], name) for name in names if numbers[name] != numbers.get(spoken))


def _unless(ours: int | None, theirs: int | None) -> int | None:
    return None if ours == theirs else ours


def _select(
    description: SessionDescription,
    codecs: Sequence[str],
    direction: str,
    again: bool,
    terms: Terms,
) -> tuple[int, Negotiated]:
    for index, media in enumerate(description.media):
        if agreed := _negotiated(description, media, codecs, direction, terms):
            return index, agreed
    for index, media in enumerate(description.media):
        if again and media.kind == "audio" and not media.on:
            return index, Negotiated(codecs[0], codec(codecs[0]).payload_type, None, Plain(NOWHERE, 0), "inactive")
    raise NoCommonCodec(_objection(description, codecs, terms)[:300])


def _objection(description: SessionDescription, codecs: Sequence[str], terms: Terms) -> str:
    """Say why nothing can be spoken, by the first stream that is audio."""
    offered = "; ".join(map(_said, description.media)) or "no stream"
    for media in description.media:
        if terms.spoken(description, media) is not None and any(formats.spoken(media, codecs)):
            return f"{terms.objection(description, media)}; {offered}"
    return f"nothing in common with {offered}"


def _negotiated(
    description: SessionDescription,
    media: MediaDescription,
    codecs: Sequence[str],
    wanted: str,
    terms: Terms,
) -> Negotiated | None:
    """Say what can be spoken with the peer that sent `media`, None if nothing."""
    found, remote = next(formats.spoken(media, codecs), None), terms.read(description, media)
    if found is None or remote is None:
        return None
    spoken, said = found
    events = formats.events(media, spoken.clock_hz)
    theirs = description.direction(media)
    sends = wanted in SENDING and theirs in RECEIVING and not remote.nowhere
    receives = wanted in RECEIVING and theirs in SENDING
    return Negotiated(
        codec=spoken.name,
        payload_type=said.payload_type,
        event_payload_type=events.payload_type if events else None,
        remote=remote,
        direction=DIRECTIONS.get((sends, receives), "inactive"),
        ptime_ms=formats.ptime_ms(media, spoken),
        event_clock_hz=events.clock_hz if events else spoken.clock_hz,
        parameters=media.parameters(said.payload_type),
        level_id=formats.level_id(description, media),
    )


def _said(media: MediaDescription) -> str:
    return f"{media.kind} {media.port} {media.protocol} {' '.join(media.formats[:20])}"


def _numbers(lines: Sequence[formats.RtpMap]) -> tuple[str, ...]:
    return tuple(str(each.payload_type) for each in lines)


def _attributes(lines: Sequence[formats.RtpMap], direction: str, transport: Attributes, ptime_ms: int) -> Attributes:
    return (*formats.attributes(lines), ("ptime", str(ptime_ms)), *transport, (direction, None))
