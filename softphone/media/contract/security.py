"""How a leg is kept from others: where its peer is, and who, by ICE and DTLS; and what it is encrypted with."""

from typing import Literal

from msgspec import Struct

__all__ = ["DtlsPeer", "Ice", "Srtp"]


class Ice(Struct, frozen=True):
    """How the peer of a leg shows where it is, and who it is (RFC 8445, RFC 5763): we are lite, it asks.

    Attributes
    ----------
    ufrag, password
        Ours; the fragment is that of no other leg.
    peer
        The peer's user fragment: with another one it begins anew (RFC 8445 section 9).
    fingerprints
        Of the peer's certificate (RFC 8122): algorithm, and hexadecimal pairs with colons between. Empty: the peer has
        not said anything yet.
    dtls
        Which side of DTLS is ours (RFC 8842).
    """

    ufrag: str
    password: str
    peer: str = ""
    fingerprints: tuple[tuple[str, str], ...] = ()
    dtls: Literal["client", "server"] = "server"

    def __repr__(self) -> str:
        """Tell all but the password."""
        return f"Ice({self.ufrag!r}, peer={self.peer!r}, dtls={self.dtls!r})"


class DtlsPeer(Struct, frozen=True):
    """Who the peer of a leg without ICE is: keys are made with it where its media comes from (RFC 5763).

    Attributes
    ----------
    fingerprints, dtls
        As of `Ice`.
    """

    fingerprints: tuple[tuple[str, str], ...]
    dtls: Literal["client", "server"] = "server"


class Srtp(Struct, frozen=True, tag=True):
    """The keys of a leg whose RTP and RTCP are encrypted (RFC 3711).

    Attributes
    ----------
    profile
        One of `SRTP_PROFILES`, for both directions.
    send, receive
        Master key and master salt, one after the other, of what is sent and of what comes. Empty: they are still to
        come; until both are there, the leg neither sends nor hears.
    reports
        The keys of RTCP, where that has others because it is on a port of its own (RFC 5764 section 3); None: the same.
    mki
        Bytes of the name of a key (MKI) that each packet of the peer has, and none of ours; 0: they have none.
    heard
        Of a leg that was on another worker: the sources (SSRC) of which something was opened there with `receive`, and
        the index of the last packet of each, roll-over counter and sequence number (RFC 3711 section 3.3.1). It is
        looked at when the leg has had another `receive` before.
    """

    profile: str
    send: bytes = b""
    receive: bytes = b""
    reports: "Srtp | None" = None
    heard: tuple[tuple[int, int], ...] = ()
    mki: int = 0

    @property
    def keyed(self) -> bool:
        """Whether the keys are there."""
        return bool(self.send and self.receive)

    @property
    def outgoing(self) -> tuple[str, bytes]:
        """What seals: profile and key."""
        return self.profile, self.send

    @property
    def incoming(self) -> tuple[str, bytes]:
        """What opens: profile and key."""
        return self.profile, self.receive

    def __repr__(self) -> str:
        """Tell all but the keys."""
        return f"Srtp({self.profile!r}, {'keyed' if self.keyed else 'no keys'})"
