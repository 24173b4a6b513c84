"""Messages for the tests, written to be read and turned into wire form."""

from softphone.sip.message.message import Request
from softphone.sip.message.parser import parse
from softphone.sip.transport.hop import Hop

ALICE = Hop("udp", "192.0.2.1", 5060)
BOB = Hop("udp", "192.0.2.2", 5060)


def wire(text: str, body: bytes = b"") -> bytes:
    """Text with plain line ends as a message; the body follows an empty line."""
    return text.strip("\n").replace("\n", "\r\n").encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def invite_bytes(**changes: str) -> bytes:
    """An INVITE from Alice; `changes` replace header values, or take a header out when empty."""
    headers = {
        "Via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-a1;rport",
        "From": "<sip:alice@example.com>;tag=a",
        "To": "<sip:bob@example.com>",
        "Call-ID": "c1@example.com",
        "CSeq": "1 INVITE",
        "Max-Forwards": "70",
        "Contact": "<sip:alice@192.0.2.1>",
    }
    headers |= {name.replace("_", "-"): value for name, value in changes.items() if name not in ("method", "uri")}
    start = f"{changes.get('method', 'INVITE')} {changes.get('uri', 'sip:bob@example.com')} SIP/2.0"
    return wire("\n".join([start, *(f"{name}: {value}" for name, value in headers.items() if value)]))


def invite(**changes: str) -> Request:
    """The same, read."""
    message = parse(invite_bytes(**changes))
    assert isinstance(message, Request)
    return message
