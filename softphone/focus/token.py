"""The capability to join a conference, as a value: ``conf_`` and the hex of ``s-<32 hex digits>@<host>:<port>``.

128 random bits that nobody guesses, and the node that owns the room, so that any edge can route an INVITE without a
shared database.
"""

import binascii
import re
import secrets
from dataclasses import dataclass
from typing import Self

from softphone.address import bare, host_port

__all__ = ["PREFIX", "TokenError", "VoiceCallToken", "new_session_id", "party_id_of", "session_of"]

PREFIX = "conf_"

# `s-` and 32 digits, `@`, a host name of at most 253 (RFC 1035 section 2.3.4), `:`, five digits; two hex digits each.
MAX_CHARS = len(PREFIX) + 2 * (34 + 1 + 253 + 1 + 5)

CONTENT = re.compile(r"(s-[0-9a-f]{32})@(\[[0-9a-fA-F:.]{2,45}\]|[0-9A-Za-z.-]{1,253}):([0-9]{1,5})", re.ASCII)


class TokenError(ValueError):
    """The text is not a conference token."""


def new_session_id() -> str:
    """Give a fresh telephony session id: ``s-`` and 32 hex digits from the operating system's generator."""
    return f"s-{secrets.token_hex(16)}"


def party_id_of(session_id: str, number: int) -> str:
    """Give the id of a party: ``p-``, the digits of its session, and its number there."""
    return f"p-{session_id.removeprefix('s-')}-{number}"


def session_of(party_id: str) -> str:
    """Give the id of the session that a party is in, by its own."""
    return f"s-{party_id.split('-')[1]}"


@dataclass(frozen=True, slots=True)
class VoiceCallToken:
    """A conference and the node it lives on."""

    session_id: str
    "``s-`` and 32 lower-case hex digits."
    host: str
    "Of the node; an IPv6 address without brackets."
    port: int
    "Of the node, 1 to 65535."

    @classmethod
    def parse(cls, text: str) -> Self:
        """Decode a token.

        Raises
        ------
        TokenError
            Wrong prefix, length, hex, or content.
        """
        if not text.startswith(PREFIX) or len(text) > MAX_CHARS:
            raise TokenError("not a conference token")
        try:
            content = binascii.unhexlify(text[len(PREFIX) :]).decode("ascii")
        except ValueError as error:
            raise TokenError("not hexadecimal") from error
        match = CONTENT.fullmatch(content)
        if match is None or not 0 < int(match[3]) < 65536:
            raise TokenError("not a session and a node")
        return cls(match[1], bare(match[2]), int(match[3]))

    def __str__(self) -> str:
        return PREFIX + f"{self.session_id}@{host_port(self.host, self.port)}".encode("ascii").hex()
