"""Fragments of session descriptions in which WHIP clients send candidates, or restart ICE (RFC 8840, RFC 9725 4.3)."""

import re
from dataclasses import dataclass, field

from softphone.api.http.errors import ApiError
from softphone.sdp.ice_dtls import PASSWORD, UFRAG

__all__ = ["FRAGMENT", "IceCredentials", "credentials_of", "fragment_of", "restarted"]

FRAGMENT = "application/trickle-ice-sdpfrag"
CREDENTIALS = [
    re.compile(rf"^a=ice-{name}:({shape.pattern})\r?$", re.M) for name, shape in (("ufrag", UFRAG), ("pwd", PASSWORD))
]
# What a fragment has of a description: who and where we are (RFC 8840 section 9).
OF_ALL = ("a=ice-lite", "a=group:")
OF_STREAM = ("m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates")


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """User fragment and password of one side."""

    ufrag: str
    password: str = field(repr=False)

    @property
    def tag(self) -> str:
        """The entity tag of the ICE session that they are of (RFC 9725 section 4.3.1)."""
        return f'"{self.ufrag}"'


def credentials_of(text: str) -> IceCredentials | None:
    """Give those of a description or a fragment, whose streams all have the same; None: it has none."""
    ufrag, password = (each.search(text) for each in CREDENTIALS)
    return IceCredentials(ufrag[1], password[1]) if ufrag and password else None


def restarted(offer: str, fragment: str) -> str:
    """Write an offer anew with the credentials of a fragment; raises ApiError: it has none."""
    new = credentials_of(fragment)
    if new is None:
        raise ApiError(400, "bad_offer", "A restart of ICE needs a=ice-ufrag and a=ice-pwd")
    lines = [
        each
        for each in re.split(r"\r\n|\n|\r", offer.rstrip("\r\n"))
        if not each.startswith(("a=candidate:", "a=end-of-candidates"))
    ]
    text = "".join(f"{each}\r\n" for each in lines)
    text = re.sub(r"^a=ice-ufrag:.*\r$", f"a=ice-ufrag:{new.ufrag}\r", text, flags=re.M)
    return re.sub(r"^a=ice-pwd:.*\r$", f"a=ice-pwd:{new.password}\r", text, flags=re.M)


def fragment_of(answer: str) -> str:
    """Write what a restart is answered with, of our answer."""
    whole, stream, rest = answer.partition("\nm=")
    lines = [each for each in whole.splitlines() if each.startswith(OF_ALL)]
    lines += [each for each in f"{stream[1:]}{rest}".splitlines() if each.startswith(OF_STREAM)]
    return "".join(f"{each}\r\n" for each in lines)
